"""Requests waiting for their answer: the hop-by-hop table and its timer wheel (RFC 6733 sections 6.1.2, 6.2.1, 5.5.4).

One coarse wheel for all requests instead of one reactor timer each: a request lies in the bucket of the tick in which
it expires, so that adding and removing are two dict operations and expiring touches only what expires.  A request never
expires early, and at most one tick late.  The entry keeps what failover needs: the octets sent, and to whom.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, Generic, TypeVar

from diameter.routing.identifiers import EndToEnd, HopByHop

T = TypeVar("T")
NEVER: Final = 1 << 62
ROUNDING_S: Final = 1e-3


class Pending(Generic[T]):
    """One request on its way.

    `link`: id of the connection it went out on, where its answer comes from.  `host`: the peer behind it.
    `octets`: the request as sent; `destination`: (application id, Destination-Host or None, Destination-Realm) to
    choose another peer by, and `avoid`: hosts it must never go to (it came from there, section 6.1.7; they failed it);
    `transmissions`: how often it was sent, above 1 with the T flag; `counted`: 1 while it is one of the outstanding
    requests of its link, 0 while it is held back.  `earlier`: ids of links on which it went out before and may still be
    answered.  `waiter`: whoever wants the answer.
    """

    __slots__ = (
        "avoid",
        "counted",
        "destination",
        "earlier",
        "end_to_end",
        "hop_by_hop",
        "host",
        "link",
        "octets",
        "sent_at",
        "tick",
        "transmissions",
        "waiter",
    )

    def __init__(
        self,
        hop_by_hop: HopByHop,
        end_to_end: EndToEnd,
        link: int,
        host: str,
        octets: bytes,
        destination: tuple[int, str | None, str],
        waiter: T,
        avoid: tuple[str, ...] = (),
    ) -> None:
        self.avoid = avoid
        self.hop_by_hop = hop_by_hop
        self.end_to_end = end_to_end
        self.link = link
        self.host = host
        self.octets = octets
        self.destination = destination
        self.waiter = waiter
        self.transmissions = self.counted = 0
        self.earlier: tuple[int, ...] = ()
        self.sent_at = 0.0
        self.tick = 0


class PendingTable(Generic[T]):
    """Every request of the node that waits, by Hop-by-Hop Identifier, and when it expires."""

    __slots__ = ("_buckets", "_by_hop", "_next_tick", "_ticks_per_s")

    def __init__(self, ticks_per_s: int = 4) -> None:
        """`ticks_per_s`: how fine the wheel is."""
        self._ticks_per_s = ticks_per_s
        self._by_hop: dict[int, Pending[T]] = {}
        self._buckets: dict[int, dict[int, Pending[T]]] = {}
        self._next_tick = NEVER

    def __len__(self) -> int:
        return len(self._by_hop)

    def __contains__(self, hop_by_hop: object) -> bool:
        return hop_by_hop in self._by_hop

    def __iter__(self) -> Iterator[Pending[T]]:
        """Every request that waits, for those who look; none may come or go meanwhile."""
        return iter(self._by_hop.values())

    def add(self, entry: Pending[T], now: float, timeout_s: float) -> None:
        """Keep `entry` until its answer or until `timeout_s` from `now`; the identifier must not wait already."""
        tick = int((now + timeout_s) * self._ticks_per_s) + 1
        entry.sent_at = now
        entry.tick = tick
        self._by_hop[entry.hop_by_hop] = entry
        bucket = self._buckets.get(tick)
        if bucket is None:
            bucket = self._buckets[tick] = {}
            if tick < self._next_tick:
                self._next_tick = tick
        bucket[entry.hop_by_hop] = entry

    def left_s(self, entry: Pending[T], now: float) -> float:
        """The time that `entry` has, or would have if it still waited, as `add` takes it: to wait on as long."""
        return (entry.tick - 1) / self._ticks_per_s - now + ROUNDING_S

    def take(self, hop_by_hop: int, end_to_end: int, link: int) -> Pending[T] | None:
        """The request that an answer with these identifiers, come over `link`, answers; it waits no longer.

        None for a stray: unknown or expired identifier, another End-to-End Identifier, or a connection that the request
        did not go out on.  A stray leaves the request waiting for its own answer.  Of a request sent to several peers
        the first answer counts, whoever gives it.
        """
        entry = self._by_hop.get(hop_by_hop)
        if entry is None or entry.end_to_end != end_to_end or (entry.link != link and link not in entry.earlier):
            return None
        self.remove(entry)
        return entry

    def remove(self, entry: Pending[T]) -> None:
        """Forget a request that waits."""
        del self._by_hop[entry.hop_by_hop]
        del self._buckets[entry.tick][entry.hop_by_hop]

    def get(self, hop_by_hop: int) -> Pending[T] | None:
        """The request that waits under this identifier, or None."""
        return self._by_hop.get(hop_by_hop)

    def on_link(self, link: int) -> list[Pending[T]]:
        """Every request that waits for its answer over `link`, oldest first; they go on waiting (section 5.5.4)."""
        return [entry for entry in self._by_hop.values() if entry.link == link]

    def take_all(self, fits: Callable[[Pending[T]], bool] = lambda entry: True) -> list[Pending[T]]:
        """Every waiting request that `fits`, oldest first; they wait no longer (stopping)."""
        found = [entry for entry in self._by_hop.values() if fits(entry)]
        for entry in found:
            self.remove(entry)
        return found

    def deadline(self) -> float | None:
        """When to call `expire` next, or None while nothing waits."""
        return None if self._next_tick == NEVER else self._next_tick / self._ticks_per_s

    def expire(self, now: float) -> list[Pending[T]]:
        """The requests whose time is over, which wait no longer."""
        reached = int(now * self._ticks_per_s)
        expired: list[Pending[T]] = []
        for tick in sorted(t for t in self._buckets if t <= reached):
            expired.extend(self._buckets.pop(tick).values())
        for entry in expired:
            del self._by_hop[entry.hop_by_hop]
        for tick in [t for t, bucket in self._buckets.items() if not bucket]:
            del self._buckets[tick]
        self._next_tick = min(self._buckets, default=NEVER)
        return expired
