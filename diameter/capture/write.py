"""What a node sends and receives, written as pcapng while it runs.

Clear links on port 3868 are written as TCP over raw IP, because every Wireshark looks for Diameter there by itself.
Everything else (TLS, SCTP, DTLS, other ports) is written as exported PDUs with the real addresses and ports: a default
tshark then reads every message, though TLS hid it on the wire.  Both in one file, each with its own interface.  Each
packet carries its direction and a comment `tls, peer mtc-iwf.example, received`; link events are kept as comments of
their own that Wireshark does not list as packets.

The file always ends with a complete block, unless the disk refuses to shorten it: blocks gather in memory and go out
by one write when 64 KiB are there, when half a second has passed since the last write, on `flush` and on `close`.  A
node killed in the middle of a burst loses at most those 64 KiB of its capture, never the file.  A disk that is full
ends the capture with one line; the node goes on.  The file is readable by its owner only: it holds subscriber data.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final, Protocol

from diameter._version import VERSION
from diameter.capture import blocks
from diameter.capture.exported import tags
from diameter.capture.records import Captured, CaptureError, Endpoint, LinkEvent, endpoint_text
from diameter.capture.tcpframes import TcpStream

CLEAR_PORT: Final = 3868
FLUSH_OCTETS: Final = 1 << 16
FLUSH_AFTER_NS: Final = 500_000_000
MAX_PACKET: Final = 262_144
"""Wireshark refuses a file with a longer packet, so a longer message is cut there, with its real length beside it."""
MAX_LANES: Final = 4096
"""Directions of links remembered at once; beyond it the oldest is forgotten, and starts anew if it speaks again."""
LOST: Final = frozenset({"LINK_LOST"})
"""Names of events after which nothing more comes on that link."""

NOWHERE: Final[Endpoint] = ("", 0)
_PDU: Final = 0
_IP: Final = 1


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


class _Lane:
    """One direction of one link: everything about its packets that does not change from message to message."""

    __slots__ = ("options", "prefix", "side", "stream")

    def __init__(self, prefix: bytes, options: bytes, stream: TcpStream | None, side: int) -> None:
        self.prefix = prefix
        self.options = options
        self.stream = stream
        self.side = side


class CaptureWriter:
    """A tap for a node: `message` and `event` append to the file at `path`, which is replaced.

    `complain`: takes the one line that is said when writing fails; stderr if not given.  Raises CaptureError when the
    file cannot be made; afterwards nothing raises.
    """

    def __init__(self, path: str | Path, *, complain: Callable[[str], None] | None = None) -> None:
        self.path = Path(path)
        self.messages = 0
        """Messages written so far."""
        self.lost = 0
        """Messages that did not get into the file after it failed."""
        self._complain = complain or _to_stderr
        self._lanes: dict[tuple[str, Endpoint, Endpoint, bool], _Lane] = {}
        self._streams: dict[tuple[Endpoint, Endpoint], TcpStream] = {}
        self._held: list[bytes] = []
        self._held_octets = 0
        self._flushed_ns = 0
        self._size = 0
        try:
            self._file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise CaptureError(f"cannot write the capture {self.path}: {error.strerror}") from error
        self._hold(blocks.section(f"mtc-diameter {VERSION}"))
        self._hold(blocks.interface(blocks.LINK_EXPORTED_PDU, "messages", "Diameter messages of the node's own links"))
        self._hold(blocks.interface(blocks.LINK_RAW_IP, "clear", f"Clear TCP links on port {CLEAR_PORT}"))
        self.flush()

    # ---- the tap -----------------------------------------------------------------------------------------------------

    def message(self, time: float, outgoing: bool, link: Link, octets: bytes) -> None:
        """One whole message.  `time`: seconds since 1970.  `outgoing`: we sent it."""
        if self._file < 0:
            self.lost += 1
            return
        lane = self._lanes.get((link.transport, link.local, link.remote, outgoing))
        if lane is None:
            lane = self._open_lane(link.transport, link.local, link.remote, outgoing, _comment(link, outgoing))
        self._put(_nanoseconds(time), lane, octets)

    def event(self, time: float, link: Link | None, name: str, text: str) -> None:
        """Something that happened to `link` (None: to the node); a name in LOST also ends its TCP connection here."""
        transport, local, remote = ("", NOWHERE, NOWHERE) if link is None else (link.transport, link.local, link.remote)
        self.record_event(LinkEvent(_nanoseconds(time), name, text, transport, local, remote))

    def record(self, captured: Captured) -> None:
        """One message that was read from another capture, with the transport, direction and comment it has there."""
        if self._file < 0:
            self.lost += 1
            return
        outgoing = captured.outgoing is not False
        local, remote = captured.source, captured.destination
        if not outgoing:
            local, remote = remote, local
        lane = self._lanes.get((captured.transport, local, remote, outgoing))
        if lane is None:
            lane = self._open_lane(captured.transport, local, remote, outgoing, _stated(captured))
        self._put(captured.time_ns, lane, captured.octets)

    def record_event(self, event: LinkEvent) -> None:
        """One event that was read from another capture."""
        if self._file < 0:
            return
        where = "-"
        if event.transport:
            where = f"{event.transport} {endpoint_text(event.local)} {endpoint_text(event.remote)}"
            if event.name in LOST:
                self._forget(event)
        self._hold(blocks.note(_PDU, event.time_ns, f"event {event.name}, {where}: {event.text}"))
        self._pace(event.time_ns)

    def flush(self) -> None:
        """Hand everything held to the operating system."""
        if self._held and self._file >= 0:
            data = b"".join(self._held)
            self._held.clear()
            self._held_octets = 0
            self._write(data)

    def close(self) -> None:
        """Flush and close; a second call does nothing."""
        self.flush()
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def __enter__(self) -> CaptureWriter:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    # ---- lanes and packets -------------------------------------------------------------------------------------------

    def _open_lane(self, transport: str, local: Endpoint, remote: Endpoint, outgoing: bool, comment: str) -> _Lane:
        source, destination = (local, remote) if outgoing else (remote, local)
        options = blocks.packet_options(blocks.OUTBOUND if outgoing else blocks.INBOUND, comment)
        if transport == "tcp" and CLEAR_PORT in (local[1], remote[1]):
            client, server = (source, destination) if destination[1] == CLEAR_PORT else (destination, source)
            stream = self._streams.get((client, server))
            if stream is None:
                stream = self._streams[client, server] = TcpStream(client, server)
            lane = _Lane(b"", options, stream, int(source != client))
        else:
            lane = _Lane(tags(transport, source, destination), options, None, 0)
        if len(self._lanes) >= MAX_LANES:
            oldest = next(iter(self._lanes))
            del self._lanes[oldest]
            self._drop_stream(oldest[1], oldest[2])
        self._lanes[transport, local, remote, outgoing] = lane
        return lane

    def _put(self, time_ns: int, lane: _Lane, octets: bytes) -> None:
        self.messages += 1
        stream = lane.stream
        if stream is None:
            data = lane.prefix + octets
            if len(data) > MAX_PACKET:
                self._hold(blocks.packet(_PDU, time_ns, data[:MAX_PACKET], lane.options, len(data)))
            else:
                self._hold(blocks.packet(_PDU, time_ns, data, lane.options))
        else:
            if not stream.opened:
                for packet in stream.handshake():
                    self._hold(blocks.packet(_IP, time_ns, packet, b""))
            for packet in stream.data(lane.side, octets):
                self._hold(blocks.packet(_IP, time_ns, packet, lane.options))
        self._pace(time_ns)

    def _forget(self, event: LinkEvent) -> None:
        local, remote = event.local, event.remote
        for outgoing in (False, True):
            lane = self._lanes.pop((event.transport, local, remote, outgoing), None)
            if lane is not None and lane.stream is not None and lane.stream.opened:
                side = lane.side if outgoing else 1 - lane.side
                for packet in lane.stream.close(side):
                    self._hold(blocks.packet(_IP, event.time_ns, packet, b""))
        self._drop_stream(local, remote)

    def _drop_stream(self, one: Endpoint, other: Endpoint) -> None:
        self._streams.pop((one, other), None)
        self._streams.pop((other, one), None)

    # ---- the file ----------------------------------------------------------------------------------------------------

    def _hold(self, block: bytes) -> None:
        self._held.append(block)
        self._held_octets += len(block)

    def _pace(self, time_ns: int) -> None:
        if self._held_octets >= FLUSH_OCTETS or not 0 <= time_ns - self._flushed_ns < FLUSH_AFTER_NS:
            self._flushed_ns = time_ns
            self.flush()

    def _write(self, data: bytes) -> None:
        """All of `data` or none of it: a block that is half there would end the file for every reader."""
        at, view = 0, memoryview(data)
        try:
            while at < len(data):
                at += os.write(self._file, view[at:])
        except OSError as error:
            with suppress(OSError):
                os.ftruncate(self._file, self._size)
            os.close(self._file)
            self._file = -1
            self._complain(f"the capture {self.path} ends here, the node goes on: {error.strerror}")
            return
        self._size += len(data)


def _comment(link: Link, outgoing: bool) -> str:
    peer = f", peer {link.peer_names[0]}" if link.peer_names else ""
    return f"{link.transport}{peer}, {'sent' if outgoing else 'received'}"


def _stated(captured: Captured) -> str:
    """The comment, which must say the transport: an exported PDU has no other place for it."""
    comment, transport = captured.comment, captured.transport
    return (
        comment if comment.partition(",")[0] == transport else ", ".join(part for part in (transport, comment) if part)
    )


def _to_stderr(line: str) -> None:
    sys.stderr.write(line + "\n")


def _nanoseconds(time: float) -> int:
    """Whole microseconds, because a float of this size holds no more than a quarter of one."""
    return round(time * 1e6) * 1000
