"""Turns of the epoll reactor, without turning one: a poller that says what a test put there."""

from __future__ import annotations

from select import EPOLLHUP, EPOLLIN, EPOLLOUT
from typing import Any

import pytest
from twisted.internet.epollreactor import EPollReactor
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.logger import LogEvent, globalLogPublisher

from diameter.transport.turns import FAILED, GONE, Turns, quicken


class Descriptor:
    """Reads; `number`: what it says its descriptor is."""

    def __init__(self, number: int = 7, outcome: object = None) -> None:
        self.number = number
        self.outcome = outcome
        self.reads = 0

    def fileno(self) -> int:
        return self.number

    def doRead(self) -> object:
        self.reads += 1
        if isinstance(self.outcome, ZeroDivisionError):
            raise self.outcome
        return self.outcome


class Reactor:
    """The parts of Twisted's that a turn uses.  `events`: what each poll finds, nothing when they are used up."""

    def __init__(self, *events: list[tuple[int, int]], **selectables: Descriptor) -> None:
        self._poller = self
        self._selectables = {int(name[1:]): one for name, one in selectables.items()}
        self.events = list(events)
        self.waits: list[float] = []
        self.ended: list[tuple[object, object, bool]] = []
        self.passed: list[int] = []

    def poll(self, wait_s: float, most: int) -> list[tuple[int, int]]:
        self.waits.append(wait_s)
        return self.events.pop(0) if self.events else []

    def _disconnectSelectable(self, one: object, why: object, read: bool) -> None:
        self.ended.append((one, why, read))

    def _doReadOrWrite(self, one: object, descriptor: int, event: int) -> None:
        self.passed.append(event)


def test_what_can_be_read_is_read_and_other_events_go_twisteds_way() -> None:
    one = Descriptor()
    reactor = Reactor([(7, EPOLLIN), (8, EPOLLIN), (7, EPOLLIN | EPOLLHUP), (7, EPOLLOUT)], d7=one)
    Turns(reactor)(1.5)
    assert (one.reads, reactor.passed, reactor.ended) == (1, [EPOLLIN | EPOLLHUP, EPOLLOUT], [])
    assert reactor.waits == [1.5]


def test_for_ever_and_not_at_all() -> None:
    reactor = Reactor()
    for wait_s in (None, 0, False):
        Turns(reactor)(wait_s)
    assert reactor.waits == [-1, 0, 0]


DONE = ConnectionDone()


@pytest.mark.parametrize(("outcome", "why"), [(DONE, DONE), (ZeroDivisionError(), FAILED)])
def test_a_descriptor_that_ends_or_fails_is_disconnected(outcome: Exception, why: Exception) -> None:
    one, logged = Descriptor(outcome=outcome), list[LogEvent]()
    reactor = Reactor([(7, EPOLLIN)], d7=one)
    globalLogPublisher.addObserver(logged.append)  # type: ignore[arg-type]  # a function is enough
    Turns(reactor)(0)
    globalLogPublisher.removeObserver(logged.append)  # type: ignore[arg-type]  # a function is enough
    assert reactor.ended == [(one, why, True)]
    assert len(logged) == (why is FAILED)


def test_a_descriptor_without_a_number_is_disconnected_unread() -> None:
    one = Descriptor(-1)
    reactor = Reactor([(7, EPOLLIN)], d7=one)
    Turns(reactor)(0)
    assert (one.reads, reactor.ended) == (0, [(one, GONE, True)])


def test_polling_looks_again_and_then_sleeps() -> None:
    one = Descriptor()
    reactor = Reactor([], [], [(7, EPOLLIN)], d7=one)
    turns = Turns(reactor)
    turns.want("a", 30.0)
    turns(5.0)
    assert (reactor.waits, one.reads) == ([0, 0, 0], 1)  # found while looking: no sleep
    turns.want("a", 1e-9)
    turns(5.0)
    assert (reactor.waits[3], reactor.waits[-1]) == (0, 5.0)
    turns(None)
    assert reactor.waits[-1] == -1
    before = len(reactor.waits)
    turns(0)
    assert reactor.waits[before:] == [0]  # what is due at once is not kept waiting
    reactor.events.append([(7, EPOLLIN)])
    turns(5.0)
    assert (reactor.waits[-1], one.reads) == (0, 2)


def test_the_most_that_a_node_of_the_process_wants_counts() -> None:
    turns = Turns(Reactor())
    for who, poll_s, now_s in (("a", 0.0, 0.0), ("b", 2e-5, 2e-5), ("a", 1e-5, 2e-5), ("b", 0.0, 1e-5)):
        turns.want(who, poll_s)
        assert turns.poll_s == now_s


def test_only_twisteds_own_epoll_reactor_is_quickened() -> None:
    class Other(EPollReactor):
        """A reactor that somebody has changed."""

    assert not quicken(Clock(), "a", 0)
    assert not quicken(object.__new__(Other), "a", 0)
    plain: Any = object.__new__(EPollReactor)
    assert quicken(plain, "a", 10)
    first = plain.doIteration
    assert isinstance(first, Turns)
    assert quicken(plain, "b", 20)
    assert (plain.doIteration is first, first.poll_s) == (True, 2e-5)
    plain.doIteration = print  # somebody else's
    assert quicken(plain, "c", 30)
    assert plain.doIteration is print
