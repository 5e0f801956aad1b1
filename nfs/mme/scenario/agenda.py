"""What is to happen when, with one timer for all of it."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from heapq import heappop, heappush
from typing import Final, Protocol

MOST_AT_ONCE: Final = 200
"""Entries in one wake-up of the timer; then others have their turn."""


class Timer(Protocol):
    """What `callLater` returns."""

    def cancel(self) -> None:
        """Never call."""


class Clock(Protocol):
    """The reactor's time, or that of a test."""

    def seconds(self) -> float:
        """Now."""

    def callLater(self, delay: float, callable: Callable[..., object], /, *arguments: object) -> Timer:
        """Call later."""


class Sweep:
    """The same thing for many UEs, each at its time: two columns in the order of time, and how far one is."""

    __slots__ = ("_at", "_order", "_times", "_work")

    def __init__(self, places: array[int], times: array[float], work: Callable[[int], None]) -> None:
        order = sorted(range(len(places)), key=times.__getitem__)
        self._order = array("L", (places[index] for index in order))
        self._times = array("d", (times[index] for index in order))
        self._work = work
        self._at = 0

    @property
    def next(self) -> float | None:
        """When the next one is due; None after the last."""
        return self._times[self._at] if self._at < len(self._times) else None

    def step(self) -> None:
        """The next one."""
        place = self._order[self._at]
        self._at += 1
        self._work(place)


class Agenda:
    """Entries by time."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._heap: list[tuple[float, int, Sweep | Callable[[], None]]] = []
        self._number = 0
        self._timer: Timer | None = None
        self._due = 0.0
        self._stopped = False

    def at(self, when: float, work: Sweep | Callable[[], None]) -> None:
        """Do `work` at a time of the clock."""
        self._push(when, work)
        self._arm()

    def _push(self, when: float, work: Sweep | Callable[[], None]) -> None:
        if not self._stopped:
            self._number += 1
            heappush(self._heap, (when, self._number, work))

    def sweep(self, sweep: Sweep) -> None:
        """Do a sweep, each of its parts at its time."""
        if sweep.next is not None:
            self.at(sweep.next, sweep)

    def stop(self) -> None:
        """Nothing any more."""
        self._stopped = True
        self._heap.clear()
        self._disarm()

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self) -> None:
        if not self._heap or (self._timer is not None and self._due <= self._heap[0][0]):
            return
        self._disarm()
        self._due = self._heap[0][0]
        self._timer = self._clock.callLater(max(0.0, self._due - self._clock.seconds()), self._run)

    def _run(self) -> None:
        self._timer = None
        now, left = self._clock.seconds(), MOST_AT_ONCE
        while self._heap and self._heap[0][0] <= now + 1e-9 and left and not self._stopped:
            left -= 1
            _, _, work = heappop(self._heap)
            if isinstance(work, Sweep):
                work.step()
                if work.next is not None:
                    self._push(work.next, work)
            else:
                work()
        self._arm()
