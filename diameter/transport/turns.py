"""Turns of Twisted's epoll reactor with less around each event, and, where asked for, polling before sleep.

One at a time, a message costs little beside what lies around it: after a sleep the processor's caches are cold, and
each call of the reactor's own counts two or three times.  So an event that is nothing but something to read goes
straight to its descriptor, without the context of Twisted's older log, which nobody here reads; every other event goes
Twisted's way.  Measured: p50 of a pair at window 1 110 microseconds instead of 120 (docs/performance.md).

Polling: to sleep and to be woken takes most of a round trip.  With `poll_s` above 0 a turn that finds nothing looks
again for so long before it sleeps; the other threads may run meanwhile.  That costs processor time, at most `poll_s`
for each wake-up and none while the node is idle.

Set on the one reactor a process has, by the object and not by a class of our own: whoever wrote the program has chosen
and installed it.  Another kind of reactor stays as it is.
"""

from __future__ import annotations

from select import EPOLLIN
from time import perf_counter
from typing import Any, Final

from twisted.internet.epollreactor import EPollReactor
from twisted.logger import Logger

FAILED: Final = ValueError("reading failed, see the log")
GONE: Final = ValueError("the descriptor was closed by somebody else")
_handler: Final = Logger().failureHandler("while reading")


class Turns:
    """What the reactor calls for each turn.  `poll_s`: seconds to look again before sleeping, 0 for none."""

    __slots__ = ("_reactor", "_wanted", "poll_s")

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._wanted: dict[str, float] = {}
        self.poll_s = 0.0

    def want(self, who: str, poll_s: float) -> None:
        """This node wants so much; of several in one process the most counts."""
        self._wanted[who] = poll_s
        self.poll_s = max(self._wanted.values())

    def __call__(self, timeout: float | None) -> None:
        """Wait `timeout` seconds at most (None: for ever) for events, and hand each on."""
        reactor = self._reactor
        selectables = reactor._selectables
        most = len(selectables)
        wait_s = -1 if timeout is None else timeout
        if self.poll_s and wait_s:
            found = self._look(reactor._poller.poll, wait_s, most)
        else:
            found = reactor._poller.poll(wait_s, most)
        for descriptor, event in found:
            one = selectables.get(descriptor)
            if one is None:
                continue  # closed by an event before it
            if event == EPOLLIN:
                why = self._read(one)
                if why:
                    reactor._disconnectSelectable(one, why, True)
            else:
                reactor._doReadOrWrite(one, descriptor, event)

    def _look(self, poll: Any, wait_s: float, most: int) -> Any:
        """Look again and again for `poll_s`, then sleep."""
        found = poll(0, most)
        if found:
            return found
        now = perf_counter()
        until = now + (self.poll_s if wait_s < 0 else min(self.poll_s, wait_s))
        while now < until:
            found = poll(0, most)
            if found:
                return found
            now = perf_counter()
        return poll(wait_s, most)

    @staticmethod
    def _read(one: Any) -> object:
        """Let a descriptor read; why it is to be disconnected, or nothing.  An exception is logged and ends it."""
        outcome: list[object] = [FAILED]
        with _handler:
            outcome[0] = one.doRead() if one.fileno() != -1 else GONE
        return outcome[0]


def quicken(reactor: object, who: str, poll_us: int) -> bool:
    """Give the turns of this reactor to `Turns`; node `who` wants `poll_us`.  False for any reactor but epoll's."""
    if type(reactor) is not EPollReactor:
        return False
    turns = vars(reactor).setdefault("doIteration", Turns(reactor))
    if isinstance(turns, Turns):
        turns.want(who, poll_us / 1e6)
    return True
