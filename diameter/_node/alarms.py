"""Times at which something is to be looked at, all on one timer of the reactor.

A timer of the reactor for each peer costs 700 octets; a row here a third of that.  A row that is moved or taken
back stays in the heap until its time comes or until such rows are the greater part.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from heapq import heapify, heappop, heappush
from itertools import count
from typing import Final

from diameter._node.core import Core, DelayedCall
from diameter._node.wakeups import MINIMUM_WAIT_S

Row = tuple[float, int, Hashable]
FEW: Final = 64
"""Rows that are not worth looking through."""


class Alarms:
    """One time for each key; what is due is looked at in one wake-up, in order of time."""

    __slots__ = ("_at", "_call", "_call_at", "_calls", "_core", "_heap", "_number", "_ring", "_wake")

    def __init__(
        self, core: Core, wake: Callable[[Callable[[], None]], None], ring: Callable[[Hashable], None]
    ) -> None:
        """`ring`: called with a key whose time has come, unless the key has a call of its own."""
        self._core = core
        self._wake = wake
        self._ring = ring
        self._at: dict[Hashable, Row] = {}
        self._calls: dict[Hashable, Callable[[], None]] = {}
        self._heap: list[Row] = []
        self._number = count()
        self._call: DelayedCall | None = None
        self._call_at = 0.0

    def __len__(self) -> int:
        return len(self._at)

    def set(self, key: Hashable, deadline: float | None, call: Callable[[], None] | None = None) -> None:
        """Look at `key` at `deadline` and not before; None: not at all."""
        old = self._at.get(key)
        if deadline is None:
            if old is not None:
                self._forget(key)
            return
        if call is not None:
            self._calls[key] = call
        if old is not None and old[0] == deadline:
            return
        row = self._at[key] = (deadline, next(self._number), key)
        heappush(self._heap, row)
        if len(self._heap) > FEW and len(self._heap) > 2 * len(self._at):
            self._heap = list(self._at.values())
            heapify(self._heap)
        self._arm()

    def clear(self) -> None:
        """Forget everything."""
        self._at.clear()
        self._calls.clear()
        self._heap.clear()
        self._arm()

    def _forget(self, key: Hashable) -> None:
        del self._at[key]
        self._calls.pop(key, None)
        self._arm()

    def _arm(self) -> None:
        """Let the reactor's timer be the first row's."""
        heap, at = self._heap, self._at
        while heap and at.get(heap[0][2]) is not heap[0]:
            heappop(heap)
        if self._call is not None:
            if heap and self._call_at == heap[0][0]:
                return
            self._call.cancel()
            self._call = None
        if heap:
            self._call_at = heap[0][0]
            wait_s = max(self._call_at - self._core.clock.seconds(), MINIMUM_WAIT_S)
            self._call = self._core.clock.callLater(wait_s, self._fire)

    def _fire(self) -> None:
        self._call = None
        self._wake(self._look)

    def _look(self) -> None:
        """Everything that is due now; what that sets anew waits for its own time."""
        now, due = self._core.now, []
        while self._heap and self._heap[0][0] <= now:
            row = heappop(self._heap)
            if self._at.get(row[2]) is row:
                due.append(row)
        for row in due:
            key = row[2]
            if self._at.get(key) is row:  # unless the one before has moved it
                del self._at[key]
                call = self._calls.pop(key, None)
                if call is None:
                    self._ring(key)
                else:
                    call()
        self._arm()
