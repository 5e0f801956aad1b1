"""When to look at which trigger again: a heap whose size follows what waits, and not what ever passed."""

from __future__ import annotations

import heapq
from collections.abc import Container
from typing import Final

FEW: Final = 1000


class Timers:
    """(Time, key) pairs.  `waiting`: the keys that still mean something; times of others go when they are half of all.

    A trigger is over long before its validity is, so that without this each would stay in memory until then.
    """

    def __init__(self, waiting: Container[str]) -> None:
        self._waiting = waiting
        self._heap: list[tuple[float, str]] = []
        self._most = FEW

    def add(self, at: float, key: str) -> None:
        """Look at `key` then."""
        heapq.heappush(self._heap, (at, key))
        if len(self._heap) > self._most:
            self._heap = [each for each in self._heap if each[1] in self._waiting]
            heapq.heapify(self._heap)
            self._most = max(FEW, 2 * len(self._heap))

    @property
    def first(self) -> float | None:
        """The earliest time."""
        return self._heap[0][0] if self._heap else None

    def due(self, now: float) -> str | None:
        """Take out the next key whose time has come."""
        return heapq.heappop(self._heap)[1] if self._heap and self._heap[0][0] <= now else None

    def __len__(self) -> int:
        return len(self._heap)
