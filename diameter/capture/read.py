"""Messages of a capture: what tcpdump saw, what Wireshark exported, what our nodes write.

    for message in CaptureReader("trigger.pcapng"):
        print(message.time_ns, message.source, message.destination, message.octets[4:8].hex())

One pass, bounded, so that a file may be larger than memory or never end.  What carries no Diameter is counted in
`other` and passed over.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, Final

from diameter.capture import links
from diameter.capture.blocks import LINK_EXPORTED_PDU
from diameter.capture.exported import DISSECTOR, unwrap
from diameter.capture.ip import NOTHING, SCTP, TCP, UDP, Datagrams
from diameter.capture.keylog import KeyLog
from diameter.capture.packets import DIRECTION, Packet, PacketReader
from diameter.capture.records import TRANSPORTS, Captured, CaptureError, Endpoint, LinkEvent, Record, endpoint_of
from diameter.capture.sctp import plausible
from diameter.capture.sctpflows import SctpFlows
from diameter.capture.shape import PORTS
from diameter.capture.tables import SWEEP_PACKETS, Link, Seen
from diameter.capture.tcpflows import TcpFlows

_EVENT: Final = re.compile(r"event (?P<name>[^,\s]+), (?:-|(?P<link>\w+ \S+ \S+)): (?P<text>.*)", re.DOTALL)
_SCTP_OVER_UDP: Final = (9899).to_bytes(2)
_PDU_LINKS: Final = 16_384
_PROTOCOLS: Final = {1: "ICMP", 2: "IGMP", 47: "GRE", 50: "ESP", 51: "AH", 58: "ICMPv6", 89: "OSPF", 112: "VRRP"}


class CaptureReader:
    """Iterates the messages of one file, in file order.

    `source`: a path, or a binary stream, which may be a pipe that is still written to.  `ports`: where Diameter is
    expected; elsewhere it is recognised by PPID and shape.  `key_log`: a file in NSS format that opens TLS and DTLS;
    key logs inside a pcapng are used as well.

    While iterating, `events` grows by the link events that nodes noted in the file.  Afterwards `other` counts packets
    without Diameter by what they were, and `truncated` says where the file broke off, if it did.  Raises CaptureError:
    cannot be opened, is no capture, is damaged (with the offset); what was read before the damage has been given out
    by then.
    """

    def __init__(
        self, source: str | Path | BinaryIO, *, ports: Iterable[int] = PORTS, key_log: str | Path | None = None
    ) -> None:
        self._source = source
        self.name = str(source) if isinstance(source, str | Path) else str(getattr(source, "name", "capture"))
        self.events: list[LinkEvent] = []
        self.other: Counter[str] = Counter()
        self.truncated = ""
        self.packets = 0
        """Packets read so far."""
        self._keys = KeyLog(key_log)
        self._ports = ports

    def __iter__(self) -> Iterator[Captured]:
        for record in self.records():
            if record.__class__ is Captured:
                yield record

    def records(self) -> Iterator[Record]:
        """Messages and link events, those of nodes and those seen on the wire, in file order."""
        if not isinstance(self._source, str | Path):
            yield from self._records(self._source)
            return
        try:
            stream = open(self._source, "rb", buffering=0)  # noqa: SIM115  (closed below; opening and reading fail differently)
        except OSError as error:
            raise CaptureError(f"{self.name}: {error.strerror}") from error
        with stream:
            yield from self._records(stream)

    def no_diameter(self) -> str:
        """`no Diameter found: saw 3 x TCP, port 443; 1 x ARP`, for when nothing came out."""
        seen = "; ".join(f"{count} x {kind}" for kind, count in self.other.most_common(8))
        packets = f"{self.packets} packet{'' if self.packets == 1 else 's'}"
        return f"no Diameter found: saw {seen or packets if self.packets else 'no packets'}"

    def _records(self, stream: BinaryIO) -> Iterator[Record]:
        packets = PacketReader(stream, self.name, self._keys.add)
        walk = Walk(Seen(self._ports, self._keys, self.other), self.events)
        take = walk.packet
        sweep_at = SWEEP_PACKETS
        last = Packet(0, 0, b"", 0, 0, "", 0)
        try:
            for packet in packets:
                yield from take(packet)
                if packet[3]:  # what follows the last packet, statistics say, has other times
                    last = packet
                if packet[3] >= sweep_at:
                    sweep_at = packet[3] + SWEEP_PACKETS
                    self.packets = packet[3]
                    yield from walk.sweep(packet)
        except OSError as error:
            raise CaptureError(f"{self.name}: {error.strerror}") from error
        self.packets = max(self.packets, last[3])
        yield from walk.finish(last)
        self.truncated = packets.truncated


class Walk:
    """From packets to records, with everything that must be remembered on the way."""

    def __init__(self, seen: Seen, events: list[LinkEvent]) -> None:
        self._seen = seen
        self._events = events
        self._datagrams = Datagrams()
        self._tcp = TcpFlows(seen)
        self._sctp = SctpFlows(seen)
        self._pdus: dict[tuple[Endpoint, Endpoint], Link] = {}

    def packet(self, packet: Packet) -> list[Record]:
        """The records that one packet completes."""
        link_type, data = packet[1], packet[2]
        if packet[3] == 0:
            return self._note(packet)
        if link_type == LINK_EXPORTED_PDU:
            return self._exported(packet)
        at = links.ip_offset(link_type, data)
        if at < 0:
            data = links.unusual(link_type, data)
            if not data:
                self._seen.count(links.name(link_type, packet[2]))
                return []
            at = 0
        protocol, hosts, data, start, end = self._datagrams.carried(data, at)
        if protocol == TCP:
            return self._tcp.packet(hosts, data, start, end, packet)
        if protocol == SCTP:
            return self._sctp.packet(hosts, data, start, end, packet)
        if protocol == UDP and end - start > 8:
            ports = data[start : start + 4]
            if _SCTP_OVER_UDP in (ports[:2], ports[2:]) or plausible(data, start + 8, end):
                return self._sctp.packet(hosts, data, start + 8, end, packet)
            lower = min(int.from_bytes(ports[:2]), int.from_bytes(ports[2:]))
            self._seen.count(f"UDP, port {lower}")
        elif protocol >= 0:
            self._seen.count(_PROTOCOLS.get(protocol, f"IP protocol {protocol}"))
        elif protocol == NOTHING[0]:
            self._seen.count("damaged IP packet")
        return []

    def sweep(self, packet: Packet) -> list[Record]:
        """Forget what has long been silent."""
        if len(self._pdus) > _PDU_LINKS:
            self._pdus.clear()
        return self._tcp.sweep(packet) + self._sctp.sweep(packet)

    def finish(self, packet: Packet) -> list[Record]:
        """The file has ended."""
        if incomplete := self._datagrams.incomplete:
            self._seen.count("IP fragment of an incomplete packet", incomplete)
        return self._tcp.finish(packet) + self._sctp.finish(packet)

    def _exported(self, packet: Packet) -> list[Record]:
        pdu = unwrap(packet.data)
        if pdu is None or not pdu.dissector.startswith(DISSECTOR):
            self._seen.count(f"exported PDU for {pdu.dissector}" if pdu else "damaged exported PDU")
            return []
        stated = packet.comment.partition(",")[0]
        transport = stated if stated in TRANSPORTS else pdu.transport
        link = self._pdus.get((pdu.source, pdu.destination))
        if link is None:
            link = self._seen.link()
            self._pdus[pdu.source, pdu.destination] = self._pdus[pdu.destination, pdu.source] = link
        time_ns, _, _, number, way, comment, _ = packet
        return [
            Captured(
                time_ns, pdu.source, pdu.destination, pdu.payload, transport, DIRECTION.get(way), number, comment,
                -1, -1, link.number,
            )
        ]  # fmt: skip

    def _note(self, packet: Packet) -> list[Record]:
        found = _EVENT.fullmatch(packet.comment)
        if found is None:
            return []
        transport, local, remote = found["link"].split() if found["link"] else ("", "", "")
        local_end, remote_end = endpoint_of(local), endpoint_of(remote)
        event = LinkEvent(packet.time_ns, found["name"], found["text"], transport, local_end, remote_end)
        self._events.append(event)
        return [event]
