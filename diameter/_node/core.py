"""What the parts of one node share: identity, tables, counters, links with what is queued on them, and how to tell the
world.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Final, Protocol

from diameter._node.book import Book
from diameter._node.stats import Stats
from diameter._node.tally import Tally
from diameter._node.transit import Transit
from diameter.app import Later, Neighbour
from diameter.config import NodeConfig, PeerConfig
from diameter.errors import NotOpen, ResultCode
from diameter.message import Dictionary, Message
from diameter.peer.connection import Connection
from diameter.routing.held import Held
from diameter.routing.overload import priority_of
from diameter.routing.padding import filled
from diameter.routing.pending import Pending
from diameter.routing.refusal import Refused, refuse, session_of
from diameter.routing.table import PeerEntry, RoutingTable
from diameter.trace import Drop, Observer, Point
from diameter.transport.link import Link
from diameter.wire import header

if TYPE_CHECKING:
    from diameter._node.faults import Faults
    from diameter.peer.peer import Peer

NONE: Final[frozenset[bytes]] = frozenset()
FLUSH_OCTETS: Final = 65_536
"""Queued on one link before it is written within a wake-up, so that the link can say in time that it is congested."""

FAR: Final = "worker"
"""The transport of a line that leads to another process of this node (`diameter._node.crossing`)."""
DISCONNECT_PEER: Final = (282).to_bytes(3)
"""Command code of DPR and DPA, which must not overtake anything."""

Waiter = Later[Message] | Transit
"""Who wants an answer: somebody here, or the node that a request in transit came from."""
Request = Pending[Waiter]


class DelayedCall(Protocol):
    """What `callLater` returns."""

    def cancel(self) -> None: ...

    def active(self) -> bool: ...


class Clock(Protocol):
    """The time: Twisted's reactor, or its `task.Clock` in tests."""

    def seconds(self) -> float: ...

    def callLater(self, delay: float, callable: Callable[..., object], *args: object) -> DelayedCall: ...


class Tap(Protocol):
    """Sees every message and event of the links (a capture)."""

    def message(self, time: float, outgoing: bool, link: Any, octets: bytes, peer: str) -> None: ...

    def event(self, time: float, link: Any, name: str, text: str) -> None: ...


class Line:
    """One link as the node sees it.

    `peer`, `entry`, `neighbour`: whose it is, once known; `is_open`: application messages may pass.  `allowed`:
    application ids this peer may use, None for all; `known`: origins and destinations of requests found in order.
    `own_answers`: the peer may bring no answers of other hosts.  `out`: messages queued in this wake-up.  `held`:
    requests of ours that wait for a congested link or for one of the `outstanding` ones to be answered.  `in_work`:
    requests of the peer whose handlers wait.  `given`, `got`: where answers to the peer, and of it, are counted.
    `largest`: octets of the longest message the link takes.  `renewing`: nothing more is sent, another link follows.
    """

    __slots__ = (
        "allowed", "config", "connection", "entry", "given", "gone", "got", "held", "in_work", "is_open", "known",
        "largest", "link", "neighbour", "out", "out_octets", "outstanding", "own_answers", "peer", "renewing",
    )  # fmt: skip

    def __init__(self, link: Link, connection: Connection) -> None:
        self.link = link
        self.largest = link.largest or sys.maxsize
        self.connection = connection
        self.peer: Peer | None = None
        self.entry: PeerEntry | None = None
        self.config: PeerConfig | None = None
        self.neighbour: Neighbour | None = None
        self.allowed: frozenset[int] | None = None
        self.known: set[bytes] | frozenset[bytes] = NONE
        self.is_open = self.gone = self.own_answers = self.renewing = False
        self.out: list[bytes] = []
        self.out_octets = self.outstanding = self.in_work = 0
        self.held: Held[Request] = Held()
        self.given: Book | None = None
        self.got: Book | None = None

    @property
    def whose(self) -> str:
        """The peer's identity, or the far address while nobody has said who it is."""
        return self.entry.host if self.entry is not None else str(self.link.remote)


class Core:
    """Shared by `Peering`, `Serving` and `Requests`; one for each node."""

    __slots__ = (
        "audit", "clock", "config", "dictionary", "dirty", "draining", "faults", "lines", "now", "observe", "origin",
        "renewing", "stats", "table", "tally", "tap",
    )  # fmt: skip

    def __init__(
        self,
        config: NodeConfig,
        dictionary: Dictionary,
        table: RoutingTable,
        clock: Clock,
        *,
        origin: bytes,
        observe: Observer,
        audit: Callable[[Refused], None] | None,
        tap: Tap | None,
    ) -> None:
        self.config = config
        self.dictionary = dictionary
        self.table = table
        self.clock = clock
        self.origin = origin
        self.observe = observe
        self.audit = audit
        self.tap = tap
        self.stats = Stats()
        self.tally = Tally()
        self.lines: dict[int, Line] = {}
        self.renewing: dict[str, Line] = {}
        self.dirty: list[Line] = []
        self.now = clock.seconds()
        self.draining = False
        self.faults: Faults | None = None

    def parked(self, application: int, host: str | None, realm: str | None, avoid: Iterable[str]) -> Line | None:
        """The line that is being renewed on which a request waits for the next one."""
        if not self.renewing:
            return None
        shunned = {one.lower() for one in avoid}
        for entry in self.table.candidates(application, host, realm):
            line = self.renewing.get(entry.host.lower())
            if line is not None and entry.host.lower() not in shunned and entry.offers(application):
                return line
        return None

    def say(self, point: Point, **fields: object) -> None:
        """Report a trace point."""
        self.observe(point, fields)

    def say_link(self, point: Point, link: Link, **fields: object) -> None:
        """Report a trace point of a link, to the tap as well."""
        self.observe(point, {"link": link.id, "transport": link.transport, "remote": str(link.remote), **fields})
        if self.tap is not None:
            self.tap.event(self.clock.seconds(), link, point.name, point.text.format(
                **{"link": link.id, "transport": link.transport, "remote": link.remote, **fields}
            ))  # fmt: skip

    def priority(self, request: Request) -> int:
        """DRMP of a request of ours, 0 (highest) to 15 (RFC 7944)."""
        return priority_of(Message(request.octets, self.dictionary))

    def write(self, line: Line, octets: bytes) -> None:
        """Queue one message; it leaves at the end of the wake-up, or once FLUSH_OCTETS are queued."""
        if self.faults is not None:
            octets = self.faults.outgoing(line, octets)
            if not octets:
                return
        if not line.out:
            self.dirty.append(line)
        line.out.append(octets)
        line.out_octets += len(octets)
        if line.out_octets > FLUSH_OCTETS:
            self.flush_line(line)

    def answered(self, line: Line, octets: bytes) -> None:
        """Count an answer of ours and queue it; the last step of each request."""
        self.stats.answers_out += 1
        (line.given or self.given(line)).count(octets)
        if self.faults is not None:
            self.write(line, octets)
            return
        if not line.out:
            self.dirty.append(line)
        line.out.append(octets)
        line.out_octets += len(octets)
        if line.out_octets > FLUSH_OCTETS:
            self.flush_line(line)

    def given(self, line: Line) -> Book:
        """Where answers to the peer of a line are counted."""
        line.given = Book(self.tally, line.whose, True)
        return line.given

    def got(self, line: Line) -> Book:
        """Where answers of the peer of a line are counted."""
        line.got = Book(self.tally, line.whose, False)
        return line.got

    def fitting(self, line: Line, request: Message, octets: bytes) -> bytes:
        """An answer with 5012 in place of one to `request` that is longer than its link takes."""
        text = f"an answer of {len(octets)} octets, and the link takes {line.largest}"
        self.refused(line, request, "size", ResultCode.UNABLE_TO_COMPLY, 0, text, text)
        return refuse(request, ResultCode.UNABLE_TO_COMPLY, text).octets

    def flush(self) -> None:
        """Write everything queued: one write a link."""
        dirty, self.dirty = self.dirty, []
        for line in dirty:
            if line.out:
                self.flush_line(line)

    def flush_line(self, line: Line) -> None:
        """Write what is queued on one link."""
        out, line.out, line.out_octets = line.out, [], 0
        link, stats = line.link, self.stats
        if line.config is not None and (padding := line.config.padding) is not None:
            by = (padding.sizes, padding.vendor, padding.code, line.largest)
            out = [filled(octets, *by) for octets in out]
        if self.tap is not None:
            peer = line.entry.host if line.entry is not None else ""
            for octets in out:
                self.tap.message(self.now, True, link, octets, peer)
        try:
            if link.message_oriented:
                ordered, by_session = line.connection.ordered, link.by_session
                for octets in out:
                    stream = header.session_number(octets) if by_session else None
                    link.write(octets, ordered=ordered, stream=stream, after_all=octets[5:8] == DISCONNECT_PEER)
            else:
                link.write(out[0] if len(out) == 1 else b"".join(out))
        except NotOpen:
            stats.dropped[Drop.LINK_GONE] += len(out)
            self.say(Point.DROPPED, command=f"{len(out)} messages", peer=line.whose, reason=Drop.LINK_GONE.value)
            return
        stats.writes += 1
        stats.octets_out += sum(map(len, out))

    def drop(self, line: Line, message: Message, why: Drop, detail: str = "") -> None:
        """Count and report a message thrown away."""
        self.stats.dropped[why] += 1
        self.say(
            Point.DROPPED,
            command=message.command,
            application=message.application,
            hop_by_hop=message.hop_by_hop,
            peer=line.whose,
            reason=f"{why.value}: {detail}" if detail else why.value,
        )

    def refused(
        self, line: Line, request: Message, stage: str, code: int, vendor: int, text: str, logged: str = ""
    ) -> None:
        """Count, report and audit a refusal; `text` may quote the request and goes to the audit, `logged` to the
        log.
        """
        self.stats.refused[f"{vendor}:{code}" if vendor else str(code)] += 1
        session = session_of(request)
        peer = line.whose
        self.say(
            Point.REFUSED,
            command=request.command,
            application=request.application,
            peer=peer,
            hop_by_hop=request.hop_by_hop,
            session_id=session,
            result_code=code,
            reason=logged or stage,
        )
        if self.audit is not None:
            self.audit(
                Refused(
                    stage=stage, peer=peer, application=request.application, command=request.command,
                    code=code, vendor=vendor, text=text, session_id=session,
                )
            )  # fmt: skip
