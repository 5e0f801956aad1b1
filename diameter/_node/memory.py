"""A link in memory: two ends that hand octets to each other by the clock.  Used by `diameter.testing`."""

from __future__ import annotations

from itertools import count
from typing import ClassVar, Final

from diameter._node.core import Clock, DelayedCall
from diameter.errors import NotOpen
from diameter.routing.discovery import LookupFailed, Record
from diameter.transport.link import Address, Link, LinkOwner

_ids: Final = count(1)


class Wire:
    """What all links of a test have in common; tests turn its knobs.

    `delay_s`: time octets take.  `chunk`: octets delivered at once, 0 for all.  `deaf`: nothing arrives any more, and
    nobody is told (a peer that hangs, a cut cable).  `refuse`: dialling fails with this reason.  `links`: every end
    made, dialled ones first of each pair.
    `names`: what name servers say, by kind and name; `hosts`: the address of a name that is dialled.
    `passed`: (dialled end speaks, octets) of everything delivered; `placed`: (address that was dialled, octets).
    """

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.delay_s = 0.001
        self.chunk = 0
        self.deaf = False
        self.refuse = ""
        self.links: list[MemoryLink] = []
        self.passed: list[tuple[bool, bytes]] = []
        self.placed: list[tuple[str, bytes]] = []
        self.listeners: dict[tuple[str, int], LinkOwner] = {}
        self.hosts: dict[str, str] = {}
        self.names: dict[tuple[str, str], tuple[Record, ...] | LookupFailed] = {}

    def join(self, dialler: LinkOwner, host: str, port: int, name: str, limit: int) -> MemoryLink | None:
        """Two ends; both owners are told.  None when nobody listens there."""
        host = self.hosts.get(host, host)
        owner = self.listeners.get((host, port))
        if owner is None or self.refuse:
            return None
        number = next(_ids)
        here, there = Address("127.0.0.1", 40_000 + number % 20_000), Address(host, port)
        near, far = MemoryLink(self, dialler, here, there, limit), MemoryLink(self, owner, there, here, limit)
        near.dialled = name
        near.other, far.other = far, near
        self.links += [near, far]
        owner.link_up(far)
        dialler.link_up(near)
        return near


class MemoryLink(Link):
    """One end.  What it is given waits in `_queue` until the other end takes it."""

    __slots__ = ("_congested", "_delivery", "_ending", "_limit", "_owner", "_paused", "_queue", "_wire", "other")
    transport: ClassVar[str] = "tcp"

    def __init__(self, wire: Wire, owner: LinkOwner, local: Address, remote: Address, limit: int) -> None:
        super().__init__(next(_ids), local, remote)
        self._wire = wire
        self._owner = owner
        self._limit = limit
        self._queue = bytearray()
        self._paused = self._congested = False
        self._delivery: DelayedCall | None = None
        self._ending: str | None = None
        self.other: MemoryLink

    @property
    def buffered(self) -> int:
        """Octets the other end has not taken."""
        return len(self._queue)

    @property
    def congested(self) -> bool:
        """True from a quarter of the limit up, until an eighth is left."""
        return self._congested

    def write(self, data: bytes, *, ordered: bool = True, stream: int | None = None, after_all: bool = False) -> None:
        """Take octets.  Raises NotOpen."""
        if self._ending is not None:
            raise NotOpen(f"link {self.id} is closed")
        self._queue += data
        self.writes += 1
        self.octets_out += len(data)
        self.peak_buffered = max(self.peak_buffered, len(self._queue))
        if len(self._queue) > self._limit // 4 and not self._congested:
            self._congested = True
            self._wire.clock.callLater(0, self._owner.link_congested, self)
        if len(self._queue) > self._limit:
            self.abort("send_limit")
        self._schedule()

    def _schedule(self) -> None:
        if self._delivery is None and not self.other._paused and not self._wire.deaf:
            self._delivery = self._wire.clock.callLater(self._wire.delay_s, self._deliver)

    def _deliver(self) -> None:
        self._delivery = None
        other = self.other
        if self._wire.deaf or other._paused:
            return
        size = self._wire.chunk or len(self._queue)
        data = bytes(self._queue[:size])
        del self._queue[:size]
        if data and other._ending is None:
            self._wire.passed.append((bool(self.dialled), data))
            self._wire.placed.append(((self.remote if self.dialled else self.local).host, data))
            other.octets_in += len(data)
            other._owner.link_received(other, data)
        if self._congested and len(self._queue) < self._limit // 8:
            self._congested = False
            self._owner.link_drained(self)
        if self._queue:
            self._schedule()
        elif self._ending is not None:
            self._end()

    def pause(self) -> None:
        """Take nothing more of the other end."""
        self._paused = True
        self.pauses += 1

    def resume(self) -> None:
        """Take again."""
        self._paused = False
        self.other._schedule()

    def close(self) -> None:
        """Close behind what was written."""
        if self._ending is None:
            self._ending = ""
            self._schedule()
            if not self._queue and self._delivery is None:
                self._wire.clock.callLater(0, self._end)

    def abort(self, reason: str = "aborted") -> None:
        """Close at once."""
        if self._ending is None:
            self._queue.clear()
            self._ending = reason
            self._wire.clock.callLater(0, self._end)

    def _end(self) -> None:
        """Both ends are gone, each told once."""
        for end in (self, self.other):
            if end in self._wire.links:
                self._wire.links.remove(end)
                if end._delivery is not None:
                    end._delivery.cancel()
                    end._delivery = None
                reason, end._ending = end._ending, end._ending or "gone"
                end._owner.link_lost(end, reason or "")
