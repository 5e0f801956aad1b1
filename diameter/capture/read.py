"""Messages of a capture: what our nodes write, and plain pcap or pcapng with Diameter over TCP.

    for message in CaptureReader("trigger.pcapng"):
        print(message.time_ns, message.source, message.destination, message.octets[4:8].hex())

Packet by packet and bounded, so that a file may be larger than memory.  What carries no Diameter is counted in
`other` and passed over.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

from diameter.capture.blocks import INBOUND, LINK_EXPORTED_PDU, OUTBOUND
from diameter.capture.exported import DISSECTOR, unwrap
from diameter.capture.layers import LINKS, segment
from diameter.capture.packets import Packet, PacketReader
from diameter.capture.reassembly import TcpReassembly
from diameter.capture.records import TRANSPORTS, Captured, CaptureError, LinkEvent, Record, endpoint_of

_DIRECTION: Final = {INBOUND: False, OUTBOUND: True}
_EVENT: Final = re.compile(r"event (?P<name>[^,\s]+), (?:-|(?P<link>\w+ \S+ \S+)): (?P<text>.*)", re.DOTALL)


class CaptureReader:
    """Iterates the messages of one file, in file order.

    `source`: a path, or a binary stream.  While iterating, `events` grows by the link events that nodes noted in the
    file, and `other` counts packets without Diameter by what they were.  Afterwards `truncated` says where the file
    broke off, if it did.  Raises CaptureError: cannot be opened, is no capture, is damaged (with the offset); what was
    read before the damage has been given out by then.
    """

    def __init__(self, source: str | Path | BinaryIO) -> None:
        self._source = source
        self.name = str(source) if isinstance(source, str | Path) else str(getattr(source, "name", "capture"))
        self.events: list[LinkEvent] = []
        self.other: Counter[str] = Counter()
        self.truncated = ""

    def __iter__(self) -> Iterator[Captured]:
        for record in self.records():
            if record.__class__ is Captured:
                yield record

    def records(self) -> Iterator[Record]:
        """Messages and link events, those of nodes and those seen on the wire, in file order."""
        if not isinstance(self._source, str | Path):
            yield from self._messages(self._source)
            return
        try:
            stream = open(self._source, "rb")  # noqa: SIM115  (closed below; opening and reading fail differently)
        except OSError as error:
            raise CaptureError(f"{self.name}: {error.strerror}") from error
        with stream:
            yield from self._messages(stream)

    def _messages(self, stream: BinaryIO) -> Iterator[Record]:
        packets = PacketReader(stream, self.name)
        streams = TcpReassembly()
        try:
            for packet in packets:
                if packet.number == 0:
                    yield from self._note(packet)
                elif packet.link_type == LINK_EXPORTED_PDU:
                    yield from self._exported(packet)
                else:
                    yield from self._segment(packet, streams)
        except OSError as error:
            raise CaptureError(f"{self.name}: {error.strerror}") from error
        self.truncated = packets.truncated

    def _exported(self, packet: Packet) -> Iterator[Captured]:
        pdu = unwrap(packet.data)
        if pdu is None or not pdu.dissector.startswith(DISSECTOR):
            self.other[f"exported PDU for {pdu.dissector}" if pdu else "damaged exported PDU"] += 1
            return
        stated = packet.comment.partition(",")[0]
        transport = stated if stated in TRANSPORTS else pdu.transport
        yield Captured(
            packet.time_ns,
            pdu.source,
            pdu.destination,
            pdu.payload,
            transport,
            _DIRECTION.get(packet.direction),
            packet.number,
            packet.comment,
        )

    def _segment(self, packet: Packet, streams: TcpReassembly) -> Iterator[Captured]:
        found = segment(packet.link_type, packet.data)
        if found is None:
            known = packet.link_type in LINKS
            self.other["packet without TCP" if known else f"packet of link type {packet.link_type}"] += 1
            return
        messages = streams.feed(found)
        if found.payload and not messages:
            self.other["TCP segment without a whole message"] += 1
        direction = _DIRECTION.get(packet.direction)
        for octets in messages:
            yield Captured(
                packet.time_ns, found.source, found.destination, octets, "tcp", direction, packet.number, packet.comment
            )

    def _note(self, packet: Packet) -> Iterator[LinkEvent]:
        found = _EVENT.fullmatch(packet.comment)
        if found is None:
            return
        transport, local, remote = found["link"].split() if found["link"] else ("", "", "")
        local_end, remote_end = endpoint_of(local), endpoint_of(remote)
        event = LinkEvent(packet.time_ns, found["name"], found["text"], transport, local_end, remote_end)
        self.events.append(event)
        yield event
