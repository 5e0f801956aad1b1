"""The packets of a pcap or pcapng file, with their comments, one at a time and bounded.

Formats: draft-ietf-opsawg-pcapng and libpcap's savefile(5); both byte orders, microseconds and nanoseconds, several
interfaces.  Why this is no library's reader is told in `blocks.py`.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping
from typing import BinaryIO, Final, NamedTuple

from diameter.capture.blocks import (
    INBOUND,
    INTERFACE,
    OBSOLETE_PACKET,
    OPT_COMMENT,
    OPT_END,
    OPT_FLAGS,
    OPT_OFFSET,
    OPT_RESOLUTION,
    OUTBOUND,
    PACKET,
    SECRETS,
    SECTION,
    SIMPLE_PACKET,
    STATISTICS,
)
from diameter.capture.records import CaptureError, NoDiameter

_MAX_BLOCK: Final = 1 << 26
"""64 MiB: no packet is that long; a longer block is a wrong length, and must not become an allocation."""
_CHUNK: Final = 1 << 18
_PCAP_MAGIC: Final = {0xA1B2C3D4: 1000, 0xA1B23C4D: 1}
_PACKED: Final = ((b"\x1f\x8b", "gzip"), (b"\x28\xb5\x2f\xfd", "zstd"), (b"BZh", "bzip2"), (b"\xfd7zX", "xz"))
_TLS_KEY_LOG: Final = 0x544C534B
_OPTIONS: Final = 4096
"""Different sets of options remembered; a node writes the same few again and again."""
DIRECTION: Final[Mapping[int, bool]] = {INBOUND: False, OUTBOUND: True}
"""`Packet.direction` as `Captured.outgoing` says it."""
_make = tuple.__new__


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
    offset_ns: int
    snap_length: int
    factor: int
    """Nanoseconds of a unit where that is a whole number, else 0."""


class PacketReader:
    """Iterates the packets of one pcap or pcapng stream, in file order, holding one block at a time.

    `secrets`: takes the text of key logs that stand in the file.  `truncated`: after iteration, where and how the file
    broke off ("" when it did not): a file that is still being written ends like that, so it is no error.  Raises
    NoDiameter for what is no capture at all, CaptureError with an offset where one is damaged.
    """

    def __init__(self, stream: BinaryIO, name: str, secrets: Callable[[str], None] | None = None) -> None:
        self.name = name
        self.truncated = ""
        self._secrets = secrets
        self._read: Callable[[int], bytes] = getattr(stream, "read1", stream.read)
        self._data = b""
        self._at = 0
        self._base = 0
        self._number = 0
        self._order = "<"
        self._interfaces: list[_Interface] = []
        self._known: dict[bytes, tuple[int, str]] = {}

    def __iter__(self) -> Iterator[Packet]:
        self._more(4)
        head = self._data[:4]
        if len(head) < 4:
            raise self._foreign(f"{len(head)} octets long")
        if head == b"\x0a\x0d\x0d\x0a":
            yield from self._pcapng()
        elif (order := _pcap_order(head)) is not None:
            self._order = order
            yield from self._pcap()
        else:
            packed = next((name for magic, name in _PACKED if head.startswith(magic)), "")
            unpack = f"; packed by {packed}: {packed} -dc FILE | mtc pcap ... -" if packed else ""
            raise self._foreign(f"it starts with {head.hex()}, neither pcapng nor pcap{unpack}")

    def _more(self, wanted: int) -> bool:
        """Have `wanted` octets from the position on, reading what there is; False at the end of the file."""
        missing = wanted - (len(self._data) - self._at)
        if missing <= 0:
            return True
        parts = [self._data[self._at :]]
        self._base += self._at
        self._at = 0
        while missing > 0:
            read = self._read(max(_CHUNK, missing))
            if not read:
                break
            parts.append(read)
            missing -= len(read)
        self._data = b"".join(parts)
        return missing <= 0

    def _foreign(self, text: str) -> NoDiameter:
        return NoDiameter(f"{self.name}: no Diameter found: saw what is not a capture: {text}")

    def _fail(self, offset: int, text: str) -> CaptureError:
        return CaptureError(f"{self.name}: at offset {offset}: {text}")

    def _cut(self, wanted: int) -> None:
        """Note that the file breaks off inside the record at the position."""
        offset, got = self._base + self._at, len(self._data) - self._at
        if got:
            self.truncated = (
                f"{self.name}: ends inside the record at offset {offset} ({got} of {wanted} octets are there)"
            )

    # -- pcap --

    def _pcap(self) -> Iterator[Packet]:
        if not self._more(24):
            raise self._fail(4, f"the file header has {len(self._data) - 4} of 20 octets")
        order = self._order
        nanoseconds = _PCAP_MAGIC[struct.unpack_from(order + "I", self._data)[0]]
        link_type = struct.unpack_from(order + "I", self._data, 20)[0] & 0x0FFFFFFF
        self._at = 24
        header = struct.Struct(order + "IIII").unpack_from
        data, at, size = self._data, self._at, len(self._data)
        while True:
            if at + 16 > size:
                self._at = at
                if not self._more(16):
                    return self._cut(16)
                data, at, size = self._data, self._at, len(self._data)
            seconds, fraction, captured, _ = header(data, at)
            after = at + 16 + captured
            if after > size:
                if captured > _MAX_BLOCK:
                    raise self._fail(self._base + at, f"a packet of {captured} octets cannot be")
                self._at = at
                if not self._more(16 + captured):
                    return self._cut(16 + captured)
                data, at, size = self._data, self._at, len(self._data)
                after = at + 16 + captured
            self._number = number = self._number + 1
            time_ns = seconds * 1_000_000_000 + fraction * nanoseconds
            yield _make(Packet, (time_ns, link_type, data[at + 16 : after], number, 0, "", self._base + at))
            at = after

    # -- pcapng --

    def _pcapng(self) -> Iterator[Packet]:
        order = self._order
        head = struct.Struct(order + "II").unpack_from
        packet = struct.Struct(order + "IIIII").unpack_from
        while True:
            if not self._more(12):
                return self._cut(8)
            at = self._at
            kind, length = head(self._data, at)
            if kind == SECTION:
                self._section_order()
                order = self._order
                head = struct.Struct(order + "II").unpack_from
                packet = struct.Struct(order + "IIIII").unpack_from
                kind, length = head(self._data, at)
            if length < 12 or length & 3 or length > _MAX_BLOCK:
                raise self._fail(self._base + at, f"a block length of {length} octets cannot be")
            if len(self._data) - at < length:
                if not self._more(length):
                    return self._cut(length)
                at = self._at
            data, end, offset = self._data, at + length - 4, self._base + at
            if head(data, end - 4)[1] != length:
                raise self._fail(offset, "the two lengths of the block differ")
            self._at = end + 4
            if kind == PACKET and length >= 32:
                where, high, low, captured, _ = packet(data, at + 8)
                stop = at + 28 + captured
                if stop > end:
                    raise self._fail(offset, f"a packet of {captured} octets in a block with room for {length - 32}")
                link = self._known_interface(where, offset)
                ticks = high << 32 | low
                time_ns = link.offset_ns + (ticks * link.factor or ticks * 1_000_000_000 // link.units_per_second)
                direction, comment = 0, ""
                if stop + 4 <= end:
                    options = data[stop + (-captured & 3) : end]
                    direction, comment = self._known.get(options) or self._packet_options(options, offset)
                self._number = number = self._number + 1
                octets = data[at + 28 : stop]
                yield _make(Packet, (time_ns, link.link_type, octets, number, direction, comment, offset))
            else:
                found = self._take_block(kind, data[at + 8 : end], offset)
                if found is not None:
                    yield found

    def _section_order(self) -> None:
        """The byte-order magic of a section header; the section may differ from the one before."""
        magic = self._data[self._at + 8 : self._at + 12]
        if magic == b"\x4d\x3c\x2b\x1a":
            self._order = "<"
        elif magic == b"\x1a\x2b\x3c\x4d":
            self._order = ">"
        else:
            raise self._fail(
                self._base + self._at, f"the section header's byte-order magic is {magic.hex() or 'missing'}"
            )
        self._interfaces.clear()
        self._known.clear()

    def _take_block(self, kind: int, body: bytes, at: int) -> Packet | None:
        if kind in (PACKET, OBSOLETE_PACKET):
            return self._packet(kind, body, at)
        if kind == SIMPLE_PACKET:
            return self._simple_packet(body, at)
        if kind == STATISTICS:
            return self._note(body, at)
        if kind == INTERFACE:
            self._interface(body, at)
        elif kind == SECRETS and self._secrets is not None and len(body) >= 8:
            what, length = struct.unpack_from(self._order + "II", body)
            if what == _TLS_KEY_LOG:
                self._secrets(body[8 : 8 + length].decode("ascii", "replace"))
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
        factor = 1_000_000_000 // units if 1_000_000_000 % units == 0 else 0
        self._interfaces.append(_Interface(link_type, units, offset_s * 1_000_000_000, snap_length, factor))

    def _packet(self, kind: int, body: bytes, at: int) -> Packet:
        if len(body) < 20:
            raise self._fail(at, "a packet block shorter than its fixed part")
        where, high, low, captured, _ = struct.unpack_from(self._order + "IIIII", body)
        if kind == OBSOLETE_PACKET:
            where = struct.unpack_from(self._order + "H", body)[0]
        if 20 + captured > len(body):
            raise self._fail(at, f"a packet of {captured} octets in a block with room for {len(body) - 20}")
        link = self._known_interface(where, at)
        direction, comment = self._packet_options(body[20 + captured + (-captured % 4) :], at)
        self._number += 1
        time_ns = _nanoseconds(link, high << 32 | low)
        return Packet(time_ns, link.link_type, body[20 : 20 + captured], self._number, direction, comment, at)

    def _packet_options(self, options: bytes, at: int) -> tuple[int, str]:
        """Direction and comments of a packet."""
        direction, comments = 0, []
        for code, value in self._options(options, 0, at):
            if code == OPT_COMMENT:
                comments.append(value.decode("utf-8", "replace"))
            elif code == OPT_FLAGS and len(value) == 4:
                direction = struct.unpack(self._order + "I", value)[0] & 3
        if len(self._known) >= _OPTIONS:
            self._known.clear()
        found = direction, "\n".join(comments)
        if len(options) < 512:
            self._known[options] = found
        return found

    def _simple_packet(self, body: bytes, at: int) -> Packet:
        if len(body) < 4:
            raise self._fail(at, "a simple packet block without its length")
        link = self._known_interface(0, at)
        length = min(struct.unpack_from(self._order + "I", body)[0], len(body) - 4)
        if link.snap_length:
            length = min(length, link.snap_length)
        self._number += 1
        return Packet(0, link.link_type, body[4 : 4 + length], self._number, 0, "", at)

    def _note(self, body: bytes, at: int) -> Packet | None:
        if len(body) < 12:
            raise self._fail(at, "an interface statistics block shorter than its fixed part")
        where, high, low = struct.unpack_from(self._order + "III", body)
        link = self._known_interface(where, at)
        comments = [value.decode("utf-8", "replace") for code, value in self._options(body, 12, at) if code == 1]
        if not comments:
            return None
        return Packet(_nanoseconds(link, high << 32 | low), link.link_type, b"", 0, 0, "\n".join(comments), at)

    def _known_interface(self, number: int, at: int) -> _Interface:
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
    return link.offset_ns + ticks * 1_000_000_000 // link.units_per_second
