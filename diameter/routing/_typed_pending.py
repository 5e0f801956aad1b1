"""The hop-by-hop table, written for C types: the twin of `routing._core_pending`, built as `_ccore_pending`.

Plain Python that imports no cython, see `wire._typed`.  Identifiers, ticks and times stay Python objects, which makes
both tables the same for whatever they are given; what is gained is that no call, slot or look-up is the interpreter's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

NEVER = 1 << 62
ROUNDING_S = 1e-3


class Pending:
    """One request on its way, see `_core_pending.Pending`."""

    __slots__ = (
        "avoid", "counted", "destination", "earlier", "end_to_end", "hop_by_hop", "host", "link", "octets", "sent_at",
        "tick", "transmissions", "waiter",
    )  # fmt: skip

    def __init__(
        self,
        hop_by_hop: Any,
        end_to_end: Any,
        link: Any,
        host: Any,
        octets: Any,
        destination: Any,
        waiter: Any,
        avoid: Any = (),
    ) -> None:
        self.avoid = avoid
        self.hop_by_hop = hop_by_hop
        self.end_to_end = end_to_end
        self.link = link
        self.host = host
        self.octets = octets
        self.destination = destination
        self.waiter = waiter
        self.transmissions = 0
        self.counted = 0
        self.earlier: Any = ()
        self.sent_at = 0.0
        self.tick: Any = 0

    @classmethod
    def __class_getitem__(cls, item: object) -> type[Pending]:
        """For annotations that say who waits."""
        return cls


class PendingTable:
    """Every request of the node that waits, see `_core_pending.PendingTable`."""

    __slots__ = ("_buckets", "_by_hop", "_next_tick", "_ticks_per_s")

    def __init__(self, ticks_per_s: int = 4) -> None:
        self._ticks_per_s = ticks_per_s
        self._by_hop: dict[Any, Any] = {}
        self._buckets: dict[Any, Any] = {}
        self._next_tick: Any = NEVER

    @classmethod
    def __class_getitem__(cls, item: object) -> type[PendingTable]:
        """For annotations that say who waits."""
        return cls

    def __len__(self) -> int:
        return len(self._by_hop)

    def __contains__(self, hop_by_hop: object) -> bool:
        return hop_by_hop in self._by_hop

    def __iter__(self) -> Iterator[Any]:
        return iter(self._by_hop.values())

    def add(self, entry: Pending, now: float, timeout_s: float) -> None:
        """Keep `entry` until its answer or until `timeout_s` from `now`; the identifier must not wait already."""
        tick = int((now + timeout_s) * self._ticks_per_s) + 1
        entry.sent_at = now
        entry.tick = tick
        self._by_hop[entry.hop_by_hop] = entry
        bucket = self._buckets.get(tick)
        if bucket is None:
            bucket = {}
            self._buckets[tick] = bucket
            if tick < self._next_tick:
                self._next_tick = tick
        bucket[entry.hop_by_hop] = entry

    def left_s(self, entry: Pending, now: float) -> Any:
        """The time that `entry` has, or would have if it still waited, as `add` takes it: to wait on as long."""
        return (entry.tick - 1) / self._ticks_per_s - now + ROUNDING_S

    def take(self, hop_by_hop: Any, end_to_end: Any, link: Any) -> Any:
        """The request that an answer with these identifiers, come over `link`, answers, or None for a stray."""
        found = self._by_hop.get(hop_by_hop)
        if found is None:
            return None
        entry = found
        if entry.end_to_end != end_to_end or (entry.link != link and link not in entry.earlier):
            return None
        self._remove(entry)
        return entry

    def remove(self, entry: Pending) -> None:
        """Forget a request that waits."""
        self._remove(entry)

    def _remove(self, entry: Pending) -> None:
        del self._by_hop[entry.hop_by_hop]
        bucket = self._buckets[entry.tick]
        del bucket[entry.hop_by_hop]

    def get(self, hop_by_hop: Any) -> Any:
        """The request that waits under this identifier, or None."""
        return self._by_hop.get(hop_by_hop)

    def on_link(self, link: Any) -> list[Any]:
        """Every request that waits for its answer over `link`, oldest first; they go on waiting (section 5.5.4)."""
        return [entry for entry in self._by_hop.values() if entry.link == link]

    def take_all(self, fits: Callable[[Any], bool] | None = None) -> list[Any]:
        """Every waiting request that `fits`, oldest first; they wait no longer (stopping)."""
        found = [entry for entry in self._by_hop.values() if fits is None or fits(entry)]
        for entry in found:
            self._remove(entry)
        return found

    def deadline(self) -> float | None:
        """When to call `expire` next, or None while nothing waits."""
        next_tick = self._next_tick
        return None if next_tick == NEVER else next_tick / self._ticks_per_s

    def expire(self, now: float) -> list[Any]:
        """The requests whose time is over, which wait no longer."""
        reached = int(now * self._ticks_per_s)
        expired: list[Any] = []
        for tick in sorted([t for t in self._buckets if t <= reached]):
            expired.extend(self._buckets.pop(tick).values())
        for entry in expired:
            del self._by_hop[entry.hop_by_hop]
        for tick in [t for t, bucket in self._buckets.items() if not bucket]:
            del self._buckets[tick]
        self._next_tick = min(self._buckets, default=NEVER)
        return expired
