"""What is remembered of the connections and associations of a capture, and when it is forgotten.

A capture may be larger than memory and hold more connections than anyone wants to remember: every `SWEEP_PACKETS`
packets what has long been silent goes, then what has been silent longest, until the limits are kept.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final

from diameter.capture.exported import host_text
from diameter.capture.keylog import KeyLog
from diameter.capture.records import Captured, Endpoint, LinkEvent
from diameter.capture.tls import Session

SWEEP_PACKETS: Final = 8192
FLOWS: Final = 16_384
"""Directions remembered."""
HELD: Final = 32 << 20
"""Octets that wait in all of them together."""
IDLE_NS: Final = 3_600_000_000_000
"""After an hour of silence a link is forgotten; a Diameter link says something every 30 s (RFC 3539)."""
IDLE_OTHER_NS: Final = 60_000_000_000
"""The same for what has shown no Diameter."""
_PENDING: Final = 8
KINDS: Final = 64
"""Kinds of other traffic told apart."""


class Link:
    """One connection or association.  `pending`: its events before it has shown that it carries Diameter."""

    __slots__ = ("diameter", "number", "pending", "session")

    def __init__(self, number: int) -> None:
        self.number = number
        self.diameter = False
        self.session: Session | None = None
        self.pending: list[LinkEvent] = []


class Seen:
    """What the tables of all transports share: the numbers of links, the key log, and what was no Diameter."""

    __slots__ = ("_count", "keys", "other", "ports")

    def __init__(self, ports: Iterable[int], keys: KeyLog, other: Counter[str]) -> None:
        self._count = 0
        self.ports = frozenset(ports)
        self.keys = keys
        self.other = other

    def link(self) -> Link:
        """A new one."""
        self._count += 1
        return Link(self._count)

    def session(self, link: Link) -> Session:
        """TLS or DTLS on this link."""
        if link.session is None:
            link.session = Session(self.keys)
        return link.session

    def count(self, kind: str, number: int = 1) -> None:
        """Note packets without Diameter; beyond KINDS kinds they are all one."""
        other = self.other
        if kind not in other and len(other) >= KINDS:
            kind = "of other kinds"
        other[kind] += number

    @staticmethod
    def event(link: Link, event: LinkEvent, out: list[Captured | LinkEvent]) -> None:
        """Give an event out, or keep it until the link has shown that it carries Diameter."""
        if link.diameter:
            out.append(event)
        elif len(link.pending) < _PENDING:
            link.pending.append(event)

    @staticmethod
    def reveal(link: Link, out: list[Captured | LinkEvent]) -> None:
        """The link carries Diameter: its events count."""
        link.diameter = True
        out += link.pending
        link.pending.clear()


def endpoints(hosts: bytes, ports: bytes) -> tuple[Endpoint, Endpoint]:
    """Source and destination from addresses and ports as they stand in the headers."""
    half = len(hosts) // 2
    source = host_text(hosts[:half]), int.from_bytes(ports[:2])
    return source, (host_text(hosts[half:]), int.from_bytes(ports[2:4]))


def swapped(hosts: bytes, ports: bytes) -> tuple[bytes, bytes]:
    """The same of the other direction."""
    half = len(hosts) // 2
    return hosts[half:] + hosts[:half], ports[2:4] + ports[:2]


def service(source: Endpoint, destination: Endpoint) -> int:
    """The port that says what is spoken: the lower one, as a rule."""
    return min(source[1], destination[1]) or max(source[1], destination[1])
