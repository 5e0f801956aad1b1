"""A mapping of bounded size: what was looked at longest ago makes room for what is new."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Bounded(Generic[K, V]):
    """At most `capacity` entries; `evicted` counts those that had to go for others."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.evicted = 0
        self._entries: OrderedDict[K, V] = OrderedDict()

    def get(self, key: K) -> V | None:
        """What stands under `key`; it counts as looked at."""
        value = self._entries.get(key)
        if value is not None:
            self._entries.move_to_end(key)
        return value

    def put(self, key: K, value: V) -> None:
        """Have `value` stand under `key`."""
        self._entries[key] = value
        self._entries.move_to_end(key)
        while len(self._entries) > self.capacity:
            self._entries.popitem(last=False)
            self.evicted += 1

    def drop(self, key: K) -> bool:
        """Forget `key`; whether there was something."""
        return self._entries.pop(key, None) is not None

    def clear(self) -> None:
        """Forget everything."""
        self._entries.clear()

    def items(self) -> list[tuple[K, V]]:
        """All entries, the one looked at longest ago first."""
        return list(self._entries.items())

    def __len__(self) -> int:
        return len(self._entries)
