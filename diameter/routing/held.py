"""Requests that wait their turn, highest priority first (RFC 7944 section 8): a bounded queue gives way from below."""

from __future__ import annotations

from collections import deque
from typing import Final, Generic, TypeVar

T = TypeVar("T")
HIGHEST: Final = 0
LOWEST: Final = 15
DEFAULT: Final = 10
"""What a message without DRMP has (RFC 7944 section 9.1)."""


class Held(Generic[T]):
    """Items by priority, 0 (first) to 15; among equals the oldest is first."""

    __slots__ = ("_queues", "_size")

    def __init__(self) -> None:
        self._queues: dict[int, deque[T]] = {}
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def push(self, item: T, priority: int = DEFAULT) -> None:
        """Append an item; a priority that does not exist counts as the default."""
        if not HIGHEST <= priority <= LOWEST:
            priority = DEFAULT
        queue = self._queues.get(priority)
        if queue is None:
            queue = self._queues[priority] = deque()
        queue.append(item)
        self._size += 1

    def pop(self) -> T:
        """Take the oldest item of the highest priority.  Raises IndexError when nothing is held."""
        if not self._size:
            raise IndexError("nothing is held")
        return self._take(min(self._queues), oldest=True)

    def shed(self, priority: int) -> T | None:
        """Take the youngest item of the lowest priority, if that is lower than `priority`; else None."""
        lowest = max(self._queues, default=HIGHEST)
        return self._take(lowest, oldest=False) if lowest > priority else None

    def drain(self) -> list[T]:
        """Take everything, in the order of `pop`."""
        return [self.pop() for _ in range(self._size)]

    def _take(self, priority: int, *, oldest: bool) -> T:
        queue = self._queues[priority]
        item = queue.popleft() if oldest else queue.pop()
        if not queue:
            del self._queues[priority]
        self._size -= 1
        return item
