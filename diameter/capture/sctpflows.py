"""SCTP packets to messages: associations over all their paths, DTLS within, Diameter told by PPID, port or shape.

A direction of an association is known by its ports and verification tag, so a second path between other addresses
belongs to it; its messages carry the addresses of the first path, because it is one link between two ends.
"""

from __future__ import annotations

from struct import Struct
from typing import Final

from diameter.capture import sctp, tls
from diameter.capture.packets import DIRECTION, Packet
from diameter.capture.records import (
    CUT,
    GAP_BEFORE,
    OUT_OF_ORDER,
    SCTP_ABORT,
    SCTP_ERROR,
    SCTP_INIT,
    SCTP_INIT_ACK,
    SCTP_RETRANSMISSION,
    SCTP_SHUTDOWN,
    TLS_ALERT,
    Captured,
    Endpoint,
    LinkEvent,
    Record,
)
from diameter.capture.sctp import DIAMETER, DIAMETER_DTLS, Chunk, SctpLane
from diameter.capture.sctpframes import wire_of
from diameter.capture.shape import LIKELY_LIMIT, NO, shaped
from diameter.capture.tables import FLOWS, HELD, IDLE_NS, IDLE_OTHER_NS, Link, Seen, endpoints, service, swapped
from diameter.wire.core import frames

_chunk = Struct(">BBH").unpack_from
_NONE: Final[list[Record]] = []
_PATHS: Final = 4 * FLOWS
_INITS: Final = 4096


class SctpFlow:
    """One direction of an association.  `hosts`: addresses that its INIT listed or used, empty when not captured."""

    __slots__ = (
        "destination", "direction", "frame", "hosts", "lane", "link", "other", "source", "time_ns", "transport",
    )  # fmt: skip

    def __init__(self, source: Endpoint, destination: Endpoint, link: Link, direction: int, first: int) -> None:
        self.source, self.destination = source, destination
        self.link = link
        self.direction = direction
        self.lane = SctpLane(first)
        self.hosts: frozenset[bytes] = frozenset()
        self.transport = "sctp"
        self.other = 0
        self.time_ns = self.frame = 0


class _Init:
    """An INIT that waits for its INIT ACK."""

    __slots__ = ("first", "hosts", "link")

    def __init__(self, link: Link, first: int, hosts: frozenset[bytes]) -> None:
        self.link, self.first, self.hosts = link, first, hosts


class SctpFlows:
    """All SCTP associations of a capture."""

    def __init__(self, seen: Seen) -> None:
        self._seen = seen
        self._paths: dict[bytes, SctpFlow] = {}
        """By addresses, ports and tag."""
        self._tags: dict[bytes, SctpFlow] = {}
        """By ports and tag."""
        self._links: dict[bytes, Link] = {}
        """By addresses and ports of either direction: for a capture that begins in the middle."""
        self._inits: dict[bytes, _Init] = {}
        """By ports and tag of the direction that answers."""

    def packet(self, hosts: bytes, data: bytes, start: int, end: int, packet: Packet) -> list[Record]:
        """The records of one SCTP packet, which stands in data[start:end]."""
        if end - start < 16:
            return _NONE
        name = data[start : start + 8]
        flow = self._paths.get(hosts + name)
        out: list[Record] = []
        at = start + 12
        while at + 4 <= end:
            kind, flags, length = _chunk(data, at)
            if length < 4:
                break
            after = min(at + length, end)
            if kind == sctp.INIT:
                self._init(hosts, name, data, at + 4, after, packet, out)
                return out
            if kind == sctp.INIT_ACK:
                flow = self._init_ack(hosts, name, data, at + 4, after, packet, out) or flow
            if flow is None:
                flow = self._path(hosts, name)
            flow.time_ns, flow.frame = packet[0], packet[3]
            if kind == sctp.DATA:
                found = flow.lane.data(data, at + 4, after, flags)
                self._message(flow, found, packet, at + length > end, out)
            elif kind == sctp.I_DATA:
                found = flow.lane.i_data(data, at + 4, after, flags)
                self._message(flow, found, packet, at + length > end, out)
            elif kind in (sctp.ABORT, sctp.ERROR):
                name_of = SCTP_ABORT if kind == sctp.ABORT else SCTP_ERROR
                self._event(flow, name_of, sctp.cause(data, at + 4, after), packet, out)
            elif kind == sctp.SHUTDOWN:
                self._event(flow, SCTP_SHUTDOWN, "", packet, out)
            at += length + (-length & 3)
        return out

    # ---- messages ----------------------------------------------------------------------------------------------------

    def _message(self, flow: SctpFlow, found: Chunk | None, packet: Packet, cut: bool, out: list[Record]) -> None:
        lane = flow.lane
        if found is None:
            if lane.again:
                self._event(flow, SCTP_RETRANSMISSION, f"{lane.again} octets again", packet, out)
                lane.again = 0
            return
        octets, stream, ppid, _ = found
        transport = "sctp"
        if octets[:1] in (b"\x14", b"\x15", b"\x16", b"\x17") and tls.begins_dtls(octets):
            octets, transport = self._opened(flow, octets, packet, out), "dtls"
            if not octets:
                return
        link = flow.link
        if not link.diameter:
            if not self._is_diameter(flow, octets, ppid):
                flow.other += 1
                return
            self._seen.reveal(link, out)
        flow.transport = transport
        notes = []
        if lane.gap or lane.late or cut:
            notes = [note for note, on in ((GAP_BEFORE, lane.gap), (OUT_OF_ORDER, lane.late), (CUT, cut)) if on]
            lane.gap = lane.late = False
        time_ns, _, _, number, way, comment, _ = packet
        if comment and (said := wire_of(comment)) is not None:  # a node wrote this: it knows more than its frames show
            transport, ppid = said
            flow.transport = transport
        for one in _split(octets):
            out.append(
                Captured(
                    time_ns, flow.source, flow.destination, one, transport, DIRECTION.get(way), number, comment,
                    stream, ppid, link.number, tuple(notes),
                )
            )  # fmt: skip
            notes.clear()

    def _is_diameter(self, flow: SctpFlow, octets: bytes, ppid: int) -> bool:
        """By PPID, by port, by shape; what a PPID or port says is believed when the version is right."""
        if ppid in (DIAMETER, DIAMETER_DTLS):
            return len(octets) >= 4
        known = not self._seen.ports.isdisjoint((flow.source[1], flow.destination[1]))
        return shaped(octets, strict=not known) != NO and len(octets) >= 20

    def _opened(self, flow: SctpFlow, octets: bytes, packet: Packet, out: list[Record]) -> bytes:
        session = self._seen.session(flow.link)
        flow.transport = "dtls"
        clear = session.records(flow.direction, octets)
        for text in session.alerts:
            self._event(flow, TLS_ALERT, text, packet, out)
        session.alerts.clear()
        if not clear:
            flow.other += 1
        return clear

    # ---- associations ------------------------------------------------------------------------------------------------

    def _event(self, flow: SctpFlow, name: str, text: str, packet: Packet, out: list[Record]) -> None:
        number, link = packet[3], flow.link
        event = LinkEvent(packet[0], name, text, flow.transport, flow.source, flow.destination, number, link.number)
        self._seen.event(link, event, out)

    def _init(
        self, hosts: bytes, name: bytes, data: bytes, at: int, end: int, packet: Packet, out: list[Record]
    ) -> None:
        if end - at < 16:
            return
        source, destination = endpoints(hosts, name)
        back_hosts, back_ports = swapped(hosts, name)
        key = back_ports + data[at : at + 4]
        known = self._inits.get(key)
        if known is None:
            link = self._seen.link()
            first = int.from_bytes(data[at + 12 : at + 16])
            listed = frozenset((hosts[: len(hosts) // 2], *sctp.addresses(data, at, end)))
            if len(self._inits) >= _INITS:
                del self._inits[next(iter(self._inits))]
            known = self._inits[key] = _Init(link, first, listed)
            link.diameter = not self._seen.ports.isdisjoint((source[1], destination[1]))
            self._links.pop(hosts + name[:4], None)
            self._links.pop(back_hosts + back_ports, None)
            text = f"{len(listed)} addresses" if len(listed) > 1 else ""
        else:
            text = "again"
        link = known.link
        event = LinkEvent(packet[0], SCTP_INIT, text, "sctp", source, destination, packet[3], link.number)
        self._seen.event(link, event, out)

    def _init_ack(
        self, hosts: bytes, name: bytes, data: bytes, at: int, end: int, packet: Packet, out: list[Record]
    ) -> SctpFlow | None:
        """Both directions of an association whose INIT was captured; the one that answers."""
        asked, known = self._inits.get(name), self._tags.get(name)
        if asked is None or end - at < 16 or (known is not None and known.link is asked.link):
            return None
        source, destination = endpoints(hosts, name)
        back_hosts, back_ports = swapped(hosts, name)
        tag = data[at : at + 4]
        listed = frozenset((hosts[: len(hosts) // 2], *sctp.addresses(data, at, end))) | asked.hosts
        forth = SctpFlow(destination, source, asked.link, 0, asked.first)
        back = SctpFlow(source, destination, asked.link, 1, int.from_bytes(data[at + 12 : at + 16]))
        forth.hosts = back.hosts = listed
        self._tags[back_ports + tag] = self._paths[back_hosts + back_ports + tag] = forth
        self._tags[name] = self._paths[hosts + name] = back
        self._links[hosts + name[:4]] = self._links[back_hosts + back_ports] = asked.link
        self._event(back, SCTP_INIT_ACK, "", packet, out)
        return back

    def _path(self, hosts: bytes, name: bytes) -> SctpFlow:
        """The direction that a packet on a new path belongs to; without INIT only a tag that was drawn tells."""
        flow = self._tags.get(name)
        half = len(hosts) // 2
        if flow is not None and (
            hosts[:half] in flow.hosts or hosts[half:] in flow.hosts or (not flow.hosts and name[4:6] != b"\0\0")
        ):
            self._paths[hosts + name] = flow
            return flow
        link = self._links.get(hosts + name[:4])
        direction = 0 if link is None else 1
        if link is None:
            link = self._seen.link()
            back_hosts, back_ports = swapped(hosts, name)
            self._links[back_hosts + back_ports] = link
        flow = SctpFlow(*endpoints(hosts, name), link, direction, -1)
        self._paths[hosts + name] = self._tags[name] = flow
        return flow

    # ---- limits ------------------------------------------------------------------------------------------------------

    def sweep(self, packet: Packet) -> list[Record]:
        """Forget what has long been silent, and more until the limits are kept."""
        flows = {id(flow): flow for flow in self._tags.values()}
        gone = {
            key
            for key, flow in flows.items()
            if abs(packet[0] - flow.time_ns) > (IDLE_NS if flow.link.diameter else IDLE_OTHER_NS)
        }
        if len(flows) - len(gone) > FLOWS:
            gone.update(sorted(flows, key=lambda one: flows[one].frame)[: len(flows) - FLOWS // 2])
        held = sum(flow.lane.held for flow in flows.values())
        for key in sorted(flows, key=lambda one: -flows[one].lane.held) if held > HELD else ():
            gone.add(key)
            held -= flows[key].lane.held
            if held <= HELD:
                break
        if gone:
            for flow in map(flows.__getitem__, gone):
                self._leave(flow)
            self._tags = {key: flow for key, flow in self._tags.items() if id(flow) not in gone}
            self._paths = {key: flow for key, flow in self._paths.items() if id(flow) not in gone}
            kept = {flow.link.number for flow in self._tags.values()}
            self._links = {key: link for key, link in self._links.items() if link.number in kept}
        if len(self._paths) > _PATHS:
            self._paths.clear()
        return []

    def finish(self, packet: Packet) -> list[Record]:
        """The capture has ended."""
        for flow in {id(flow): flow for flow in self._tags.values()}.values():
            self._leave(flow)
        return []

    def _leave(self, flow: SctpFlow) -> None:
        if flow.other and not flow.link.diameter:
            session = flow.link.session
            kind = "DTLS over SCTP" if session is not None else "SCTP"
            why = f" ({session.why})" if session is not None and session.why else ""
            self._seen.count(f"{kind}, port {service(flow.source, flow.destination)}{why}", flow.other)


def _split(octets: bytes) -> list[bytes]:
    """One message as a rule; several where a sender took SCTP for a stream of octets."""
    if len(octets) < 40 or octets[0] != 1 or int.from_bytes(octets[1:4]) + 20 > len(octets):
        return [octets]
    found: list[bytes] = []
    if frames(octets, LIKELY_LIMIT, found) != len(octets):
        return [octets]
    return found
