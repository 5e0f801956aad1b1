"""The library's driver: who is woken when, and when the clock beats, with a library that does nothing."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.task import Clock

from diameter.transport import usrsctp_library
from diameter.transport.usrsctp_library import BUSY_S, IDLE_S, LINGER_S, Library


class Nothing:
    """Every function of the library, and how often each was called."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []

    def __getattr__(self, name: str) -> Callable[..., int]:
        def call(*arguments: Any) -> int:
            self.calls.append((name, *arguments))
            return 0

        return call

    def times(self) -> list[int]:
        """Milliseconds that passed, as it was told."""
        return [call[1] for call in self.calls if call[0] == "usrsctp_handle_timers"]


class Plain:
    """An `FFI` of nothing."""

    NULL = None

    def callback(self, _kind: str, function: Any) -> Any:
        return function

    def new(self, *_: Any) -> None:
        return None

    def from_buffer(self, *_: Any, **__: Any) -> None:
        return None


class Sleeper:
    def __init__(self, found: list[str], name: str, then: Callable[[], None] = lambda: None) -> None:
        self.found, self.name, self.then = found, name, then

    def woken(self) -> None:
        self.found.append(self.name)
        self.then()


class End:
    def carry(self, packet: Any, size: int) -> None:
        return None


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> Library:
    monkeypatch.setattr(usrsctp_library, "_load", lambda: (Plain(), Nothing()))
    return Library()


def test_who_was_marked_is_woken_once_and_from_the_reactor(library: Library) -> None:
    clock, found = Clock(), list[str]()
    library.start(clock)
    first, second = library.enlist(Sleeper(found, "a")), library.enlist(Sleeper(found, "b"))
    library.mark(None, first, 0)
    library.mark(None, first, 0)
    library.look(second)
    assert found == []
    clock.advance(0)
    assert found == ["a", "b"]
    library.strike(first)
    library.look(first)
    clock.advance(0)
    assert found == ["a", "b"]


def test_who_asks_again_waits_for_the_next_turn(library: Library) -> None:
    clock, found = Clock(), list[str]()
    library.start(clock)
    number = library.enlist(Sleeper(found, "a"))
    library.replace(number, Sleeper(found, "b", lambda: library.look(number) if len(found) < 3 else None))
    library.settle()
    assert found == ["b"]
    assert len(clock.getDelayedCalls()) == 1
    clock.advance(0)
    assert found == ["b"] * 3


def test_packets_are_settled_at_once(library: Library) -> None:
    clock, found = Clock(), list[str]()
    library.start(clock)
    number = library.enlist(Sleeper(found, "a"))
    library.busy()
    library.mark(None, number, 0)
    assert clock.getDelayedCalls() == []
    library.settle()
    assert found == ["a"]


def test_the_clock_beats_fast_then_slowly_then_not(library: Library) -> None:
    clock = Clock()
    library.start(clock)
    assert clock.getDelayedCalls() == []
    library.hold()
    library.hold()
    clock.pump([BUSY_S / 8] * int(16 * LINGER_S / BUSY_S))
    beats = library.lib.times()
    fast, slow = LINGER_S / BUSY_S, LINGER_S / IDLE_S
    assert fast * 0.9 < len(beats) < fast + slow + 3
    clock.pump([IDLE_S / 4] * 40)
    assert 9 <= len(library.lib.times()) - len(beats) <= 11
    assert abs(sum(library.lib.times()) - clock.seconds() * 1000) <= IDLE_S * 1000 + 1
    before = len(library.lib.times())
    library.active()
    clock.pump([BUSY_S / 8] * 80)
    assert len(library.lib.times()) - before >= 8
    library.release()
    library.release()
    assert clock.getDelayedCalls() == []


def test_an_end_is_used_again(library: Library) -> None:
    library.start(Clock())
    ends = [library.plug(End()) for _ in range(3)]
    library.unplug(ends[1])
    assert library.plug(End()) == ends[1]
    assert [call[1] for call in library.lib.calls if call[0] == "usrsctp_register_address"] == ends


def test_one_reactor_at_a_time_and_never_after_a_fork(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    first = Clock()
    library.start(first)
    library.start(first)
    library.hold()
    with pytest.raises(RuntimeError, match="another reactor"):
        library.start(Clock())
    library.release()
    library.start(Clock())
    monkeypatch.setattr(os, "getpid", lambda: 1)
    with pytest.raises(RuntimeError, match="fork"):
        library.start(first)


def test_what_is_missing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    class Without:
        def cdef(self, _text: str) -> None:
            return None

        def dlopen(self, name: str) -> None:
            raise OSError(f"no {name}")

    monkeypatch.setattr(usrsctp_library, "FFI", Without)
    with pytest.raises(OSError, match="apt-get install libusrsctp2"):
        Library()
    monkeypatch.setattr(usrsctp_library, "FFI", None)
    with pytest.raises(ImportError, match=r"mtc-diameter\[usrsctp\]"):
        Library()
