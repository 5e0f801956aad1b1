"""The packets of a pcap or pcapng file, with their comments, one at a time and bounded.

Formats: draft-ietf-opsawg-pcapng and libpcap's savefile(5); both byte orders, microseconds and nanoseconds, several
interfaces.  Why this is no library's reader is told in `blocks.py`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO, Final, NamedTuple

from diameter.capture.blocks import (
    INTERFACE,
    OBSOLETE_PACKET,
    OPT_COMMENT,
    OPT_END,
    OPT_FLAGS,
    OPT_OFFSET,
    OPT_RESOLUTION,
    PACKET,
    SECTION,
    SIMPLE_PACKET,
    STATISTICS,
)
from diameter.capture.records import CaptureError

_MAX_BLOCK: Final = 1 << 26
"""64 MiB: no packet is that long; a longer block is a wrong length, and must not become an allocation."""
_PCAP_MAGIC: Final = {0xA1B2C3D4: 1000, 0xA1B23C4D: 1}


class Packet(NamedTuple):
    """One packet of a file.  `direction`: INBOUND, OUTBOUND or 0.  `offset`: of its block, in octets.

    A comment without a packet (an interface statistics block, which is how a node notes link events) has number 0.
    """

    time_ns: int
    link_type: int
    data: bytes
    number: int
    direction: int
    comment: str
    offset: int


class _Interface(NamedTuple):
    link_type: int
    units_per_second: int
    offset_s: int
    snap_length: int


class PacketReader:
    """Iterates the packets of one pcap or pcapng stream, in file order, holding one block at a time.

    `truncated`: after iteration, where and how the file broke off ("" when it did not): a file that is still being
    written ends like that, so it is no error.  Raises CaptureError with an offset for octets that cannot be a capture.
    """

    def __init__(self, stream: BinaryIO, name: str) -> None:
        self.name = name
        self.truncated = ""
        self._stream = stream
        self._offset = 0
        self._number = 0
        self._order = "<"
        self._interfaces: list[_Interface] = []

    def __iter__(self) -> Iterator[Packet]:
        head = self._take(4)
        if len(head) < 4:
            raise CaptureError(f"{self.name}: not a capture: {len(head)} octets long")
        if head == b"\x0a\x0d\x0d\x0a":
            yield from self._pcapng(head)
        elif (order := _pcap_order(head)) is not None:
            self._order = order
            yield from self._pcap(head)
        else:
            raise CaptureError(f"{self.name}: not a capture: it starts with {head.hex()}, neither pcapng nor pcap")

    def _take(self, count: int) -> bytes:
        data = self._stream.read(count)
        self._offset += len(data)
        return data

    def _fail(self, offset: int, text: str) -> CaptureError:
        return CaptureError(f"{self.name}: at offset {offset}: {text}")

    def _cut(self, offset: int, wanted: int, got: int) -> None:
        self.truncated = f"{self.name}: ends inside the record at offset {offset} ({got} of {wanted} octets are there)"

    # -- pcap --

    def _pcap(self, magic: bytes) -> Iterator[Packet]:
        rest = self._take(20)
        if len(rest) < 20:
            raise self._fail(4, f"the file header has {len(rest)} of 20 octets")
        nanoseconds = _PCAP_MAGIC[struct.unpack(self._order + "I", magic)[0]]
        link_type = struct.unpack_from(self._order + "I", rest, 16)[0] & 0x0FFFFFFF
        while head := self._take(16):
            at = self._offset - len(head)
            if len(head) < 16:
                return self._cut(at, 16, len(head))
            seconds, fraction, captured, _ = struct.unpack(self._order + "IIII", head)
            if captured > _MAX_BLOCK:
                raise self._fail(at, f"a packet of {captured} octets cannot be")
            data = self._take(captured)
            if len(data) < captured:
                return self._cut(at, 16 + captured, 16 + len(data))
            self._number += 1
            time_ns = seconds * 1_000_000_000 + fraction * nanoseconds
            yield Packet(time_ns, link_type, data, self._number, 0, "", at)
        return None

    # -- pcapng --

    def _pcapng(self, head: bytes) -> Iterator[Packet]:
        at = 0
        head += self._take(4)
        while head:
            if len(head) < 8:
                return self._cut(at, 8, len(head))
            kind = struct.unpack(self._order + "I", head[:4])[0]
            if kind == SECTION:
                head += self._section_order(at)
            length = struct.unpack_from(self._order + "I", head, 4)[0]
            if length < 12 or length % 4 or length > _MAX_BLOCK:
                raise self._fail(at, f"a block length of {length} octets cannot be")
            block = head + self._take(length - len(head))
            if len(block) < length:
                return self._cut(at, length, len(block))
            if struct.unpack_from(self._order + "I", block, length - 4)[0] != length:
                raise self._fail(at, "the two lengths of the block differ")
            found = self._take_block(kind, block[8:-4], at)
            if found is not None:
                yield found
            at = self._offset
            head = self._take(8)
        return None

    def _section_order(self, at: int) -> bytes:
        """The byte-order magic of a section header; the section may differ from the one before."""
        magic = self._take(4)
        if magic == b"\x4d\x3c\x2b\x1a":
            self._order = "<"
        elif magic == b"\x1a\x2b\x3c\x4d":
            self._order = ">"
        else:
            raise self._fail(at, f"the section header's byte-order magic is {magic.hex() or 'missing'}")
        self._interfaces.clear()
        return magic

    def _take_block(self, kind: int, body: bytes, at: int) -> Packet | None:
        if kind in (PACKET, OBSOLETE_PACKET):
            return self._packet(kind, body, at)
        if kind == SIMPLE_PACKET:
            return self._simple_packet(body, at)
        if kind == STATISTICS:
            return self._note(body, at)
        if kind == INTERFACE:
            self._interface(body, at)
        return None

    def _interface(self, body: bytes, at: int) -> None:
        if len(body) < 8:
            raise self._fail(at, "an interface description shorter than its fixed part")
        link_type, _, snap_length = struct.unpack_from(self._order + "HHI", body)
        units, offset_s = 1_000_000, 0
        for code, value in self._options(body, 8, at):
            if code == OPT_RESOLUTION and value:
                units = 2 ** (value[0] & 0x7F) if value[0] & 0x80 else 10 ** (value[0] & 0x7F)
            elif code == OPT_OFFSET and len(value) == 8:
                offset_s = struct.unpack(self._order + "q", value)[0]
        self._interfaces.append(_Interface(link_type, units, offset_s, snap_length))

    def _packet(self, kind: int, body: bytes, at: int) -> Packet:
        if len(body) < 20:
            raise self._fail(at, "a packet block shorter than its fixed part")
        where, high, low, captured, _ = struct.unpack_from(self._order + "IIIII", body)
        if kind == OBSOLETE_PACKET:
            where = struct.unpack_from(self._order + "H", body)[0]
        if 20 + captured > len(body):
            raise self._fail(at, f"a packet of {captured} octets in a block with room for {len(body) - 20}")
        link = self._known(where, at)
        direction, comments = 0, []
        for code, value in self._options(body, 20 + captured + (-captured % 4), at):
            if code == OPT_COMMENT:
                comments.append(value.decode("utf-8", "replace"))
            elif code == OPT_FLAGS and len(value) == 4:
                direction = struct.unpack(self._order + "I", value)[0] & 3
        self._number += 1
        time_ns = _nanoseconds(link, high << 32 | low)
        comment = "\n".join(comments)
        return Packet(time_ns, link.link_type, body[20 : 20 + captured], self._number, direction, comment, at)

    def _simple_packet(self, body: bytes, at: int) -> Packet:
        if len(body) < 4:
            raise self._fail(at, "a simple packet block without its length")
        link = self._known(0, at)
        length = min(struct.unpack_from(self._order + "I", body)[0], len(body) - 4)
        if link.snap_length:
            length = min(length, link.snap_length)
        self._number += 1
        return Packet(0, link.link_type, body[4 : 4 + length], self._number, 0, "", at)

    def _note(self, body: bytes, at: int) -> Packet | None:
        if len(body) < 12:
            raise self._fail(at, "an interface statistics block shorter than its fixed part")
        where, high, low = struct.unpack_from(self._order + "III", body)
        link = self._known(where, at)
        comments = [value.decode("utf-8", "replace") for code, value in self._options(body, 12, at) if code == 1]
        if not comments:
            return None
        return Packet(_nanoseconds(link, high << 32 | low), link.link_type, b"", 0, 0, "\n".join(comments), at)

    def _known(self, number: int, at: int) -> _Interface:
        if number >= len(self._interfaces):
            raise self._fail(at, f"interface {number} was not described")
        return self._interfaces[number]

    def _options(self, body: bytes, start: int, at: int) -> Iterator[tuple[int, bytes]]:
        end = len(body)
        while start + 4 <= end:
            code, length = struct.unpack_from(self._order + "HH", body, start)
            if code == OPT_END:
                return
            if start + 4 + length > end:
                raise self._fail(at, f"an option of {length} octets in a block with room for {end - start - 4}")
            yield code, body[start + 4 : start + 4 + length]
            start += 4 + length + (-length % 4)


def _pcap_order(magic: bytes) -> str | None:
    for order in "<>":
        if struct.unpack(order + "I", magic)[0] in _PCAP_MAGIC:
            return order
    return None


def _nanoseconds(link: _Interface, ticks: int) -> int:
    return link.offset_s * 1_000_000_000 + ticks * 1_000_000_000 // link.units_per_second
