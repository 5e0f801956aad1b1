"""What does not change from message to message of one direction of a link: how its packets begin, and its comment."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Protocol

from diameter.capture import blocks
from diameter.capture.exported import tags
from diameter.capture.records import Captured, Endpoint, LinkEvent
from diameter.capture.sctpframes import SctpStream
from diameter.capture.tcpframes import TcpStream

CLEAR_PORT: Final = 3868
MAX_LANES: Final = 16_384
"""Directions of links remembered at once; beyond it the oldest is forgotten, and starts anew if it speaks again."""
ASSOCIATIONS: Final = frozenset({"sctp", "dtls"})
_DTLS: Final = 47
"""PPID of DTLS records (RFC 6733 section 11.5): what the node sees of them is clear."""
Key = tuple[str, Endpoint, Endpoint, bool, str]
"""Transport, our end, the other end, whether we speak, and what the comment depends on."""


class Link(Protocol):
    """What the writer needs to know of a link; `diameter.transport.link.Link` has it."""

    @property
    def transport(self) -> str: ...
    @property
    def local(self) -> Endpoint: ...
    @property
    def remote(self) -> Endpoint: ...
    @property
    def peer_names(self) -> tuple[str, ...]: ...


_TAGS: Final = 0x7FFF
"""Associations until tags repeat; small ones, which no peer draws, so that readers do not join paths by them."""


class Lane:
    """One direction of one link: everything about its packets that does not change from message to message."""

    __slots__ = ("options", "prefix", "side", "stream")

    def __init__(self, prefix: bytes, options: bytes, stream: TcpStream | SctpStream | None, side: int) -> None:
        self.prefix = prefix
        self.options = options
        self.stream = stream
        self.side = side


class Lanes:
    """The lanes of one capture, and the made-up connections that some of them share."""

    __slots__ = ("_associations", "_streams", "known")

    def __init__(self) -> None:
        self.known: dict[Key, Lane] = {}
        self._associations = 0
        self._streams: dict[tuple[bool, Endpoint, Endpoint], TcpStream | SctpStream] = {}
        """By whether it is TCP, and both ends: an association may have the ports of a connection."""

    def open(self, key: Key, comment: str) -> Lane:
        """A lane that was not known yet."""
        transport, local, remote, outgoing, _ = key
        source, destination = (local, remote) if outgoing else (remote, local)
        options = blocks.packet_options(blocks.OUTBOUND if outgoing else blocks.INBOUND, comment)
        if transport in ASSOCIATIONS or (transport == "tcp" and CLEAR_PORT in (local[1], remote[1])):
            tcp = transport == "tcp"
            one, other = self._sides(transport, source, destination)
            stream = self._streams.get((tcp, one, other))
            if stream is None:
                stream = TcpStream(one, other) if tcp else self._association(one, other)
                self._streams[tcp, one, other] = stream
            lane = Lane(b"", options, stream, int(source != one))
        else:
            lane = Lane(tags(transport, source, destination), options, None, 0)
        if len(self.known) >= MAX_LANES:
            oldest = next(iter(self.known))
            del self.known[oldest]
            self._drop(*oldest[:3])
        self.known[key] = lane
        return lane

    def _association(self, one: Endpoint, other: Endpoint) -> SctpStream:
        self._associations = self._associations % _TAGS + 1
        return SctpStream(one, other, self._associations)

    def close(self, event: LinkEvent) -> Iterator[bytes]:
        """Forget a link that is gone; the packets that end its TCP connection."""
        ends = {(event.local, event.remote), (event.remote, event.local)}
        for key in [key for key in self.known if key[1:3] in ends and key[0] == event.transport]:
            lane, outgoing = self.known.pop(key), key[3]
            if isinstance(lane.stream, TcpStream) and lane.stream.opened:
                yield from lane.stream.close(lane.side if outgoing else 1 - lane.side)
        self._drop(event.transport, event.local, event.remote)

    def _sides(self, transport: str, source: Endpoint, destination: Endpoint) -> tuple[Endpoint, Endpoint]:
        """Both ends in the order in which their stream knows them; of TCP the client comes first."""
        if transport == "tcp":
            return (source, destination) if destination[1] == CLEAR_PORT else (destination, source)
        return (destination, source) if (False, destination, source) in self._streams else (source, destination)

    def _drop(self, transport: str, one: Endpoint, other: Endpoint) -> None:
        tcp = transport == "tcp"
        self._streams.pop((tcp, one, other), None)
        self._streams.pop((tcp, other, one), None)


def comment_of(link: Link, outgoing: bool, peer: str) -> str:
    """`sctp, peer hss.example, sent, PPID 46`."""
    name = peer or next(iter(link.peer_names), "")
    words = [link.transport, *([f"peer {name}"] if name else []), "sent" if outgoing else "received"]
    ppid = _DTLS if link.transport == "dtls" else getattr(link, "ppid_out" if outgoing else "ppid_in", -1)
    if ppid >= 0:
        words.append(f"PPID {ppid}")
    return ", ".join(words)


def stated(captured: Captured) -> str:
    """The comment, which must say the transport: an exported PDU has no other place for it."""
    comment, transport = captured.comment, captured.transport
    return (
        comment if comment.partition(",")[0] == transport else ", ".join(part for part in (transport, comment) if part)
    )
