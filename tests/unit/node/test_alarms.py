"""Many times on one timer: none early, none lost, none kept for ever."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from types import SimpleNamespace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock

from diameter._node.alarms import FEW, Alarms


class Bench:
    """Alarms on a clock, and who rang when."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.core = SimpleNamespace(clock=self.clock, now=0.0)
        core: Any = self.core
        self.rung: list[tuple[float, Hashable]] = []
        self.ring: Callable[[Hashable], None] = lambda key: None
        self.alarms = Alarms(core, self._wake, self._ring)

    def _wake(self, call: Callable[[], None]) -> None:
        self.core.now = self.clock.seconds()
        call()

    def _ring(self, key: Hashable) -> None:
        self.rung.append((self.clock.seconds(), key))
        self.ring(key)


def test_one_timer_serves_all_in_order() -> None:
    bench = Bench()
    for key, at in (("c", 3.0), ("a", 1.0), ("b", 2.0)):
        bench.alarms.set(key, at)
    assert len(bench.clock.getDelayedCalls()) == 1
    for _ in range(8):
        bench.clock.advance(0.5)
    assert bench.rung == [(1.0, "a"), (2.0, "b"), (3.0, "c")]
    assert (len(bench.alarms), bench.clock.getDelayedCalls()) == (0, [])


def test_a_time_that_is_moved_or_taken_back_does_not_ring() -> None:
    bench = Bench()
    bench.alarms.set("moved", 1.0)
    bench.alarms.set("moved", 4.0)
    bench.alarms.set("moved", 4.0)
    bench.alarms.set("gone", 1.0)
    bench.alarms.set("gone", None)
    bench.alarms.set("never there", None)
    bench.clock.advance(3.9)
    assert bench.rung == []
    bench.clock.advance(0.1)
    assert bench.rung == [(4.0, "moved")]


def test_a_key_may_have_a_call_of_its_own_and_set_itself_anew() -> None:
    bench = Bench()
    bench.ring = lambda key: bench.alarms.set(key, bench.clock.seconds() + 2.0)
    own: list[float] = []
    bench.alarms.set("own", 1.0, lambda: own.append(bench.clock.seconds()))
    bench.alarms.set("again", 1.0)
    bench.clock.advance(1.0)
    bench.clock.advance(2.0)
    assert own == [1.0]
    assert bench.rung == [(1.0, "again"), (3.0, "again")]
    bench.alarms.clear()
    assert bench.clock.getDelayedCalls() == []


def test_the_first_to_ring_may_take_back_the_second() -> None:
    bench = Bench()
    bench.ring = lambda key: bench.alarms.set("second", None)
    bench.alarms.set("first", 1.0)
    bench.alarms.set("second", 1.0)
    bench.clock.advance(1.0)
    assert bench.rung == [(1.0, "first")]


def test_what_is_long_past_rings_soon() -> None:
    bench = Bench()
    bench.clock.advance(10.0)
    bench.alarms.set("late", 1.0)
    bench.clock.advance(0.001)
    assert [key for _, key in bench.rung] == ["late"]


def test_rows_that_count_no_longer_are_thrown_away() -> None:
    bench = Bench()
    for at in range(1, 1000):
        bench.alarms.set("restless", float(at))
    assert len(bench.alarms._heap) <= FEW + 1


@given(st.lists(st.tuples(st.integers(0, 5), st.none() | st.integers(1, 40)), max_size=60))
def test_every_key_rings_at_the_last_time_it_was_given(sets: list[tuple[int, int | None]]) -> None:
    bench, wanted = Bench(), dict[int, int]()
    for key, at in sets:
        bench.alarms.set(key, None if at is None else float(at))
        if at is None:
            wanted.pop(key, None)
        else:
            wanted[key] = at
    for _ in range(41):
        bench.clock.advance(1.0)
    assert sorted(bench.rung) == sorted((float(at), key) for key, at in wanted.items())
