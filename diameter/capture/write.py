"""What a node sends and receives, written as pcapng while it runs.

Clear links on port 3868 are written as TCP over raw IP, because every Wireshark looks for Diameter there by itself.
Associations, in clear or under DTLS, are written as SCTP with PPID 46.  Everything else (TLS, other ports) is written
as exported PDUs with the real addresses and ports.  A default tshark then reads every message, though TLS hid it on
the wire.  All in one file, each form with its own interface.  Each packet carries its direction and a comment
`tls, peer mtc-iwf.example, received`: how it went over the wire, the neighbour, and where in the node it was met, which
is behind what an injected fault made of what is sent, and before what it makes of what is received.  Of an association
it also has the PPID of the wire.  Link events are comments of their own that Wireshark does not list as packets.

The file always ends with a complete block, unless the disk refuses to shorten it: blocks gather in memory and go out
by one write when 64 KiB are there, when half a second has passed since the last write, on `flush` and on `close`.  A
node killed in the middle of a burst loses at most those 64 KiB of its capture, never the file.

The capture never stands in the node's way for longer than one write.  A disk that is full, and one whose write takes
longer than SLOW_S, make it rest: messages are counted in `lost` meanwhile, one line says so, and another that it goes
on; the gap is noted in the file.  A slow disk so takes a twentieth of the node's time at most.
"""

from __future__ import annotations

import sys
import time as clock
from collections.abc import Callable
from pathlib import Path
from typing import Final

from diameter._version import VERSION
from diameter.capture import blocks
from diameter.capture.choice import Choice
from diameter.capture.lanes import CLEAR_PORT, Lane, Lanes, Link, comment_of, stated
from diameter.capture.records import Captured, Endpoint, LinkEvent, endpoint_text
from diameter.capture.ring import Output, Ring
from diameter.capture.tcpframes import TcpStream

FLUSH_OCTETS: Final = 1 << 16
FLUSH_AFTER_NS: Final = 500_000_000
MAX_PACKET: Final = 262_144
"""Wireshark refuses a file with a longer packet, so a longer message is cut there, with its real length beside it."""
SLOW_S: Final = 0.2
"""Seconds that a write may take; after a longer one the capture rests for REST_FACTOR times as long."""
REST_FACTOR: Final = 20
RETRY_S: Final = 60.0
"""Seconds until a capture that could not be written tries again."""
LOST: Final = frozenset({"LINK_LOST"})
"""Names of events after which nothing more comes on that link."""

NOWHERE: Final[Endpoint] = ("", 0)
_PDU: Final = 0
_IP: Final = 1


class CaptureWriter:
    """A tap for a node: `message` and `event` append to the file at `path`, which is replaced.

    `complain`: takes the lines that are said when writing fails, and when it goes on; stderr if not given.  `ring`:
    how much is kept, one file without end if not given; what an earlier process left is then kept as well.  `choice`:
    which messages of a tap are written.  Raises CaptureError when the file cannot be made; afterwards nothing raises.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        complain: Callable[[str], None] | None = None,
        ring: Ring | None = None,
        choice: Choice | None = None,
        timer: Callable[[], float] = clock.perf_counter,
    ) -> None:
        self.path = Path(path)
        self.messages = 0
        """Messages written so far."""
        self.lost = 0
        """Messages that did not get into the file because it could not be written, or was too slow."""
        self.rests = 0
        """Times that writing had to stop."""
        self._complain = complain or _to_stderr
        self._choice = choice
        self._timer = timer
        self._lanes = Lanes()
        self._known = self._lanes.known
        self._held: list[bytes] = []
        self._held_octets = self._held_messages = 0
        self._flushed_ns = 0
        self._closed = False
        self._why = ""
        self._rest_from = self._rest_s = 0.0
        self._missing = 0
        head = blocks.section(f"mtc-diameter {VERSION}")
        head += blocks.interface(blocks.LINK_EXPORTED_PDU, "messages", "Diameter messages of the node's own links")
        head += blocks.interface(blocks.LINK_RAW_IP, "clear", f"Clear TCP links on port {CLEAR_PORT}, and SCTP")
        self._output = Output(self.path, head, ring)

    @property
    def resting(self) -> str:
        """Why nothing is written at present; "" when all is well."""
        return self._why

    # ---- the tap -----------------------------------------------------------------------------------------------------

    def message(self, time: float, outgoing: bool, link: Link, octets: bytes, peer: str = "") -> None:
        """One whole message.  `time`: seconds since 1970.  `outgoing`: we sent it.  `peer`: the neighbour's identity,
        where it is known.
        """
        if self._choice is not None and not self._choice.wants(octets, peer):
            return
        if (self._why or self._closed) and not self._awake():
            self._lose(1)
            return
        key = (link.transport, link.local, link.remote, outgoing, peer)
        lane = self._known.get(key) or self._lanes.open(key, comment_of(link, outgoing, peer))
        self._put(_nanoseconds(time), lane, octets)

    def event(self, time: float, link: Link | None, name: str, text: str) -> None:
        """Something that happened to `link` (None: to the node); a name in LOST also ends its TCP connection here."""
        transport, local, remote = ("", NOWHERE, NOWHERE) if link is None else (link.transport, link.local, link.remote)
        self.record_event(LinkEvent(_nanoseconds(time), name, text, transport, local, remote))

    def record(self, captured: Captured) -> None:
        """One message that was read from another capture, with the transport, direction and comment it has there."""
        if (self._why or self._closed) and not self._awake():
            self._lose(1)
            return
        outgoing = captured.outgoing is not False
        local, remote = captured.source, captured.destination
        if not outgoing:
            local, remote = remote, local
        key = (captured.transport, local, remote, outgoing, captured.comment)
        lane = self._known.get(key) or self._lanes.open(key, stated(captured))
        self._put(captured.time_ns, lane, captured.octets)

    def record_event(self, event: LinkEvent) -> None:
        """One event that was read from another capture."""
        where = "-"
        if event.transport:
            where = f"{event.transport} {endpoint_text(event.local)} {endpoint_text(event.remote)}"
            if event.name in LOST:
                for packet in self._lanes.close(event):
                    self._hold_unless_resting(blocks.packet(_IP, event.time_ns, packet, b""))
        self._hold_unless_resting(blocks.note(_PDU, event.time_ns, f"event {event.name}, {where}: {event.text}"))
        self._pace(event.time_ns)

    def flush(self) -> None:
        """Hand everything held to the operating system."""
        if not self._held or self._closed or (self._why and not self._awake()):
            return
        data, messages = b"".join(self._held), self._held_messages
        self._held.clear()
        self._held_octets = self._held_messages = 0
        began = self._timer()
        try:
            self._output.write(data)
        except OSError as error:
            self.messages -= messages
            self._lose(messages)
            self._rest(RETRY_S, error.strerror or str(error), "stops here, the node goes on")
            return
        if self._why:
            self._complain(f"the capture {self.path} goes on; {self._missing} messages are missing")
            self._why, self._missing = "", 0
        took_s = self._timer() - began
        if took_s > SLOW_S:
            rest_s = took_s * REST_FACTOR
            self._rest(rest_s, f"a write took {took_s:.1f} s", f"rests for {rest_s:.0f} s, the node goes on")

    def renew(self) -> None:
        """Begin the file anew where somebody moved it away, and try again at once where it could not be written."""
        self._rest_s = 0.0
        if not self._why or self._awake():
            self.flush()
        try:
            self._output.renew()
        except OSError as error:
            self._rest(RETRY_S, error.strerror or str(error), "stops here, the node goes on")

    def close(self) -> None:
        """Flush and close; a second call does nothing."""
        self._rest_s = 0.0
        self.flush()
        self._closed = True
        self._output.close()

    def __enter__(self) -> CaptureWriter:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    # ---- rests -------------------------------------------------------------------------------------------------------

    def _rest(self, seconds: float, why: str, what: str) -> None:
        if not self._why:
            self.rests += 1
            self._complain(f"the capture {self.path} {what}: {why}")
        self._why, self._rest_from, self._rest_s = why, self._timer(), seconds

    def _awake(self) -> bool:
        """True once the rest is over; what was missed is noted in front of what comes now."""
        if self._closed or self._timer() - self._rest_from < self._rest_s:
            return False
        if self._why and not self._held:
            text = f"event CAPTURE_GAP, -: {self._missing} messages are missing: {self._why}"
            self._hold(blocks.note(_PDU, clock.time_ns(), text))
            self._flushed_ns = 0
        return True

    def _lose(self, messages: int) -> None:
        self.lost += messages
        self._missing += messages

    def _hold_unless_resting(self, block: bytes) -> None:
        if not self._closed and (not self._why or self._awake()):
            self._hold(block)

    # ---- packets -----------------------------------------------------------------------------------------------------

    def _put(self, time_ns: int, lane: Lane, octets: bytes) -> None:
        self.messages += 1
        self._held_messages += 1
        stream = lane.stream
        if stream is None:
            data = lane.prefix + octets
            if len(data) > MAX_PACKET:
                self._hold(blocks.packet(_PDU, time_ns, data[:MAX_PACKET], lane.options, len(data)))
            else:
                self._hold(blocks.packet(_PDU, time_ns, data, lane.options))
        else:
            if stream.__class__ is TcpStream and not stream.opened:
                for packet in stream.handshake():
                    self._hold(blocks.packet(_IP, time_ns, packet, b""))
            for packet in stream.data(lane.side, octets):
                self._hold(blocks.packet(_IP, time_ns, packet, lane.options))
        self._pace(time_ns)

    # ---- the file ----------------------------------------------------------------------------------------------------

    def _hold(self, block: bytes) -> None:
        self._held.append(block)
        self._held_octets += len(block)

    def _pace(self, time_ns: int) -> None:
        if self._held_octets >= FLUSH_OCTETS or not 0 <= time_ns - self._flushed_ns < FLUSH_AFTER_NS:
            self._flushed_ns = time_ns
            self.flush()


def _to_stderr(line: str) -> None:
    sys.stderr.write(line + "\n")


def _nanoseconds(time: float) -> int:
    """Whole microseconds, because a float of this size holds no more than a quarter of one."""
    return round(time * 1e6) * 1000
