"""Somebody in the middle of every link of a network in memory: sees, changes, drops and repeats messages at will."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from diameter._node.core import Clock
from diameter._node.memory import MemoryLink, Wire
from diameter.transport.link import Address, Link, LinkOwner
from helpers.network import Form

TSP, INNER, S6M, T4, SGD = "Tsp", "Tsp inside", "S6m", "T4", "SGd"
"""Reference points; Tsp has two sides where the gateway is a process of its own, and `TSP` is the outer one."""
CORE: Final = {"127.0.0.3": S6M, "127.0.0.4": T4, "127.0.0.6": SGD}
LINKS: Final[Mapping[Form, Mapping[str, str]]] = {
    "embedded": {"127.0.0.2": TSP, **CORE},
    "separate": {"127.0.0.5": TSP, "127.0.0.2": INNER, **CORE},
}
"""For each form of the gateway, the reference point of a link by the address that was dialled."""

Change = Callable[[bytes], Iterable[bytes]]


class Middle:
    """Somebody in the middle of a reference point.

    `change`: what goes on of each message; `seen`: (towards the end that was dialled, octets) of all that came by.
    """

    def __init__(self) -> None:
        self.change: Change = lambda octets: (octets,)
        self.seen: list[tuple[bool, bytes]] = []
        self.ends: dict[str, MemoryLink] = {}
        """By the Origin-Host of who dialled, its end of the link."""

    def inject(self, *octets: bytes, by: str) -> None:
        """Put octets on the wire as if the dialling end had sent them."""
        for one in octets:
            self.ends[by].write(one)

    def answered(self, *octets: bytes, to: str) -> None:
        """Put octets on the wire as if the dialled end had sent them."""
        for one in octets:
            self.ends[to].other.write(one)


class _Ear:
    """Stands where the owner of a link stood; hands on what somebody in the middle lets by."""

    def __init__(self, owner: LinkOwner, middle: Middle, at_dialled: bool) -> None:
        self._owner, self._middle, self._at_dialled = owner, middle, at_dialled

    def __getattr__(self, name: str) -> Any:
        return getattr(self._owner, name)

    def link_received(self, link: MemoryLink, data: bytes) -> None:
        """One message at a time, as far as they can be told apart."""
        for message in _cut(data):
            self._middle.seen.append((self._at_dialled, message))
            for octets in self._middle.change(message):
                if link._ending is None:
                    self._owner.link_received(link, octets)


def _cut(data: bytes) -> Iterator[bytes]:
    while data:
        size = int.from_bytes(data[1:4]) if len(data) >= 20 else len(data)
        size = size if 20 <= size <= len(data) else len(data)
        yield data[:size]
        data = data[size:]


class Tapped(Wire):
    """All links of the network, with somebody in the middle of each: `middles` by the reference point.

    `points`: which one a link is of, by the address that was dialled.
    """

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.points: Mapping[str, str] = LINKS["embedded"]
        self.middles = {point: Middle() for point in (TSP, INNER, S6M, T4, SGD)}
        self.owners: dict[int, str] = {}
        """Origin-Host of the node behind each owner of links."""

    def address_of(self, point: str) -> str:
        """Where the dialled end of a reference point listens."""
        return next(address for address, each in self.points.items() if each == point)

    def join(self, dialler: LinkOwner, host: str, port: int, name: str, limit: int) -> MemoryLink | None:
        near = super().join(dialler, host, port, name, limit)
        if near is not None:
            middle = self.middles[self.points[host]]
            middle.ends[self.owners[id(dialler)]] = near
            for end in (near, near.other):
                end._owner = _Ear(end._owner, middle, end is near.other)  # type: ignore[assignment]  # as good as one
        return near


class Nobody:
    """Owns a link and does nothing with it."""

    def link_up(self, link: Link) -> None: ...

    def link_received(self, link: Link, data: bytes) -> None: ...

    def link_lost(self, link: Link, reason: str) -> None: ...

    def link_congested(self, link: Link) -> None: ...

    def link_drained(self, link: Link) -> None: ...

    def link_messages(self, link: Link, messages: Sequence[bytes]) -> None: ...

    def link_note(self, link: Link, text: str) -> None: ...

    def link_unsent(self, link: Link, messages: Sequence[bytes]) -> None: ...

    def link_worn(self, link: Link) -> None: ...

    def link_refused(self, transport: str, remote: Address, reason: str) -> None: ...
