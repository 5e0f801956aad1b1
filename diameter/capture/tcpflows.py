"""TCP packets to messages: connections, their lanes, TLS within, framing."""

from __future__ import annotations

from struct import Struct
from typing import Final

from diameter.capture import tls
from diameter.capture.packets import DIRECTION, Packet
from diameter.capture.reassembly import ACK, FIN, RST, SYN, TcpLane
from diameter.capture.records import (
    GAP_BEFORE,
    OUT_OF_ORDER,
    STRAY_BEFORE,
    TCP_FIN,
    TCP_RETRANSMISSION,
    TCP_RST,
    TCP_SYN,
    TLS_ALERT,
    Captured,
    LinkEvent,
    Record,
)
from diameter.capture.shape import Frames
from diameter.capture.tables import (
    FLOWS,
    HELD,
    IDLE_NS,
    IDLE_OTHER_NS,
    Link,
    Seen,
    endpoints,
    service,
    swapped,
)

_header = Struct(">IIH").unpack_from
_NONE: Final[list[Record]] = []
_make = tuple.__new__


class TcpFlow:
    """One direction of a connection.  `first`: sequence number of its SYN, -1 when that was not captured."""

    __slots__ = (
        "closed",
        "destination",
        "direction",
        "first",
        "frame",
        "frames",
        "lane",
        "link",
        "notes",
        "other",
        "peer",
        "prefix",
        "source",
        "time_ns",
        "tls",
        "transport",
    )  # fmt: skip

    def __init__(
        self, hosts: bytes, ports: bytes, link: Link, direction: int, sequence: int, known: bool, syn: bool
    ) -> None:
        self.source, self.destination = endpoints(hosts, ports)
        self.link = link
        self.direction = direction
        self.lane = TcpLane(sequence)
        self.frames = Frames(known=known, begun=syn)
        self.transport = "tcp"
        self.tls = self.closed = False
        self.first = -1
        self.peer: TcpFlow | None = None
        """The other direction, once it has been seen."""
        self.prefix = b""
        self.notes: tuple[str, ...] = ()
        self.other = 0
        """Segments in which no Diameter was found."""
        self.time_ns = self.frame = 0


class TcpFlows:
    """All TCP connections of a capture."""

    def __init__(self, seen: Seen) -> None:
        self._seen = seen
        self._flows: dict[bytes, TcpFlow] = {}

    def packet(self, hosts: bytes, data: bytes, start: int, end: int, packet: Packet) -> list[Record]:
        """The records of one segment, which stands in data[start:end]."""
        if end - start < 20:
            return _NONE
        key = hosts + data[start : start + 4]
        flow = self._flows.get(key)
        sequence, acknowledged, word = _header(data, start + 4)
        out = _NONE
        if flow is None or word & (SYN | FIN | RST):
            out = []
            flow = self._opened(flow, key, sequence, word, packet, out)
            sequence += word >> 1 & 1
        payload = data[start + (word >> 12) * 4 : end]
        flow.time_ns = packet[0]
        flow.frame = packet[3]
        if payload:
            lane = flow.lane
            if sequence == lane.next and not lane.waiting:
                lane.next = (sequence + len(payload)) & 0xFFFFFFFF
                run = payload
            else:
                run = lane.feed(sequence & 0xFFFFFFFF, payload, packet[0])
                if lane.again:
                    out = self._again(flow, lane, packet, out)
            if run:
                out = self._run(flow, run, packet, out)
        peer = flow.peer
        if peer is not None and peer.lane.waiting and word & ACK:
            run = peer.lane.acknowledged(acknowledged, packet[0])
            if run:
                out = self._run(peer, run, packet, out)
        if word & (FIN | RST):
            out = self._closed(flow, word, packet, _own(out))
        return out

    # ---- octets to messages ------------------------------------------------------------------------------------------

    def _run(self, flow: TcpFlow, run: bytes, packet: Packet, out: list[Record]) -> list[Record]:
        """The messages that a run of octets completes, behind what `out` holds already."""
        lane, frames = flow.lane, flow.frames
        if lane.gap or lane.late:
            self._disturbed(flow)
        if flow.tls or 19 < run[0] < 24 or flow.prefix:
            run = self._clear(flow, run, packet, out := _own(out))
            if not run:
                return out
        messages = frames.feed(run)
        if not messages:
            if not frames.synchronised:
                flow.other += 1
            return out
        out = _own(out)
        if not flow.link.diameter:
            self._seen.reveal(flow.link, out)
        if frames.stray:
            frames.stray = False
            flow.notes += (STRAY_BEFORE,)
        time_ns, _, _, number, way, comment, _ = packet
        direction, link = DIRECTION.get(way), flow.link.number
        source, destination, transport, notes = flow.source, flow.destination, flow.transport, flow.notes
        for octets in messages:
            out.append(
                _make(
                    Captured,
                    (
                        time_ns, source, destination, octets, transport, direction, number, comment,
                        -1, -1, link, notes,
                    ),
                )
            )  # fmt: skip
            if notes:
                notes = flow.notes = ()
        return out

    def _disturbed(self, flow: TcpFlow) -> None:
        lane = flow.lane
        notes = set(flow.notes)
        if lane.gap:
            if flow.link.session is not None and flow.tls:
                flow.link.session.lose(flow.direction)
            flow.frames.lose()
            flow.prefix = b""
            notes.add(GAP_BEFORE)
        if lane.late:
            notes.add(OUT_OF_ORDER)
        lane.gap = lane.late = False
        flow.notes = tuple(sorted(notes))

    def _clear(self, flow: TcpFlow, run: bytes, packet: Packet, out: list[Record]) -> bytes:
        """The octets to frame: those inside TLS where that is spoken, else `run` itself."""
        if flow.prefix:
            run, flow.prefix = flow.prefix + run, b""
        if not flow.tls:
            if flow.frames.held or not 19 < run[0] < 24:
                return run
            if len(run) < 5:
                flow.prefix = run
                return b""
            if not tls.begins(run):
                return run
            flow.tls = True
            flow.transport = "tls"
            flow.frames.lose()
        session = self._seen.session(flow.link)
        clear = session.feed(flow.direction, run)
        if session.alerts:
            for text in session.alerts:
                self._event(flow, TLS_ALERT, text, packet, out)
            session.alerts.clear()
        if not clear:
            flow.other += 1
        return clear

    # ---- connections -------------------------------------------------------------------------------------------------

    def _event(self, flow: TcpFlow, name: str, text: str, packet: Packet, out: list[Record]) -> None:
        event = LinkEvent(
            packet[0], name, text, flow.transport, flow.source, flow.destination, packet[3], flow.link.number
        )
        self._seen.event(flow.link, event, out)

    def _again(self, flow: TcpFlow, lane: TcpLane, packet: Packet, out: list[Record]) -> list[Record]:
        octets, lane.again = lane.again, 0
        if octets == 1:  # a keep-alive
            return out
        self._event(flow, TCP_RETRANSMISSION, f"{octets} octets again", packet, out := _own(out))
        return out

    def _opened(
        self, flow: TcpFlow | None, key: bytes, sequence: int, word: int, packet: Packet, out: list[Record]
    ) -> TcpFlow:
        """The flow of a packet that is its first, or that has SYN, FIN or RST."""
        if flow is not None and (not word & SYN or flow.first == sequence):
            if word & SYN:
                self._event(flow, TCP_RETRANSMISSION, "SYN again", packet, out)
            return flow
        if flow is not None:
            self._drop(key, flow, packet, out)
        hosts, ports = key[:-4], key[-4:]
        back_hosts, back_ports = swapped(hosts, ports)
        peer = self._flows.get(back_hosts + back_ports)
        if peer is not None and (word & (SYN | ACK) == SYN or peer.peer is not None):
            if word & (SYN | ACK) == SYN:
                self._drop(back_hosts + back_ports, peer, packet, out)
            peer = None
        link = self._seen.link() if peer is None else peer.link
        known = not self._seen.ports.isdisjoint((int.from_bytes(ports[:2]), int.from_bytes(ports[2:])))
        syn = bool(word & SYN)
        made = TcpFlow(hosts, ports, link, 1 if peer is not None else 0, (sequence + syn) & 0xFFFFFFFF, known, syn)
        if peer is not None:
            peer.peer, made.peer = made, peer
        if syn:
            made.first = sequence
            link.diameter = link.diameter or known
            self._event(made, TCP_SYN, "SYN-ACK" if word & ACK else "SYN", packet, out)
        self._flows[key] = made
        return made

    def _closed(self, flow: TcpFlow, word: int, packet: Packet, out: list[Record]) -> list[Record]:
        if flow.closed and not word & RST:
            return out
        flow.closed = True
        if word & RST:
            out = self._rest(flow, packet, out)
            self._event(flow, TCP_RST, "RST", packet, out)
        else:
            self._event(flow, TCP_FIN, "FIN", packet, out)
        return out

    def _rest(self, flow: TcpFlow, packet: Packet, out: list[Record]) -> list[Record]:
        """What still waits in the lane, behind its gaps."""
        while flow.lane.waiting:
            run = flow.lane.finish()
            if run:
                out = self._run(flow, run, packet, out)
        return out

    def _drop(self, key: bytes, flow: TcpFlow, packet: Packet, out: list[Record]) -> None:
        self._flows.pop(key, None)
        self._rest(flow, packet, out)
        if flow.peer is not None:
            flow.peer.peer = None
            flow.peer = None
        if flow.other and not flow.frames.joined:
            session = flow.link.session
            kind = f"TLS, port {service(flow.source, flow.destination)}" if flow.tls else ""
            if kind and session is not None and session.why:
                kind += f" ({session.why})"
            kind = kind or f"TCP, port {service(flow.source, flow.destination)}"
            self._seen.count(kind, flow.other)

    # ---- limits ------------------------------------------------------------------------------------------------------

    def sweep(self, packet: Packet) -> list[Record]:
        """Forget what has long been silent, and more until the limits are kept; the records that still came of it."""
        out: list[Record] = []
        now_ns = packet[0]
        for key, flow in list(self._flows.items()):
            limit = IDLE_NS if flow.link.diameter else IDLE_OTHER_NS
            if abs(now_ns - flow.time_ns) > limit:
                self._drop(key, flow, packet, out)
        if len(self._flows) > FLOWS:
            oldest = sorted(self._flows.items(), key=lambda item: item[1].frame)
            for key, flow in oldest[: len(oldest) - FLOWS // 2]:
                self._drop(key, flow, packet, out)
        held = sum(_held(flow) for flow in self._flows.values())
        if held > HELD:
            for key, flow in sorted(self._flows.items(), key=lambda item: -_held(item[1])):
                held -= _held(flow)
                self._drop(key, flow, packet, out)
                if held <= HELD:
                    break
        return out

    def finish(self, packet: Packet) -> list[Record]:
        """The capture has ended: what still comes out."""
        out: list[Record] = []
        for key, flow in list(self._flows.items()):
            self._drop(key, flow, packet, out)
        return out


def _own(out: list[Record]) -> list[Record]:
    """A list that may be added to."""
    return [] if out is _NONE else out


def _held(flow: TcpFlow) -> int:
    return flow.lane.waiting + flow.frames.held
