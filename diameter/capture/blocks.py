"""pcapng blocks, as octets (draft-ietf-opsawg-pcapng); `packets.py` walks them.

Why not dpkt.pcapng, which the project uses for link layers and IP: its Reader knows one interface, so exported PDUs
beside IP packets (two link types in one file) come out wrong; it takes block lengths on trust (a length of 4 reads
the whole file, a length of 4 GB asks for it) and drops comments and direction flags.  Its Writer rounds to
microseconds and writes interface 0; with hand-made block objects it does the rest, at 13 us a packet where a struct
needs 0.3.  The format is four fixed headers, so the walk is written out here, bounded, with an offset in every
complaint.
"""

from __future__ import annotations

import struct
from typing import Final

LINK_RAW_IP: Final = 101
LINK_EXPORTED_PDU: Final = 252

SECTION: Final = 0x0A0D0D0A
INTERFACE: Final = 1
OBSOLETE_PACKET: Final = 2
SIMPLE_PACKET: Final = 3
STATISTICS: Final = 5
PACKET: Final = 6
SECRETS: Final = 10
BYTE_ORDER: Final = 0x1A2B3C4D
OPT_END: Final = 0
OPT_COMMENT: Final = 1
OPT_FLAGS: Final = 2
_OPT_NAME: Final = 2
_OPT_DESCRIPTION: Final = 3
_OPT_APPLICATION: Final = 4
OPT_RESOLUTION: Final = 9
OPT_OFFSET: Final = 14

INBOUND: Final = 1
OUTBOUND: Final = 2

_PACKET_HEAD: Final = struct.Struct("<IIIIIII")
_LENGTH: Final = struct.Struct("<I")


def option(code: int, value: bytes) -> bytes:
    """One option: code, length, value, padded to 4 octets."""
    value = value[:0xFFFF]
    return struct.pack("<HH", code, len(value)) + value + bytes(-len(value) % 4)


def _block(kind: int, body: bytes) -> bytes:
    length = 12 + len(body)
    return struct.pack("<II", kind, length) + body + _LENGTH.pack(length)


def section(application: str) -> bytes:
    """Section header: every file starts with one.  `application`: shown by Wireshark as the capture application."""
    body = struct.pack("<IHHq", BYTE_ORDER, 1, 0, -1)
    return _block(SECTION, body + option(_OPT_APPLICATION, application.encode()) + option(OPT_END, b""))


def interface(link_type: int, name: str, description: str) -> bytes:
    """Interface description with nanosecond timestamps; packets name interfaces by order of description, from 0."""
    options = option(_OPT_NAME, name.encode()) + option(_OPT_DESCRIPTION, description.encode())
    options += option(OPT_RESOLUTION, b"\x09") + option(OPT_END, b"")
    return _block(INTERFACE, struct.pack("<HHI", link_type, 0, 0) + options)


def packet_options(direction: int, comment: str) -> bytes:
    """What follows a packet's octets; made once per link and direction, because it does not change."""
    options = option(OPT_FLAGS, _LENGTH.pack(direction)) if direction else b""
    if comment:
        options += option(OPT_COMMENT, comment.encode())
    return options + option(OPT_END, b"") if options else b""


def packet(interface_id: int, time_ns: int, data: bytes, options: bytes, original_length: int = 0) -> bytes:
    """Enhanced packet block.  `options`: of packet_options.  `original_length`: octets, where `data` was cut."""
    size = len(data)
    padding = -size % 4
    length = 32 + size + padding + len(options)
    head = _PACKET_HEAD.pack(
        PACKET, length, interface_id, (time_ns >> 32) & 0xFFFFFFFF, time_ns & 0xFFFFFFFF, size, original_length or size
    )
    return b"".join((head, data, bytes(padding), options, _LENGTH.pack(length)))


def note(interface_id: int, time_ns: int, comment: str) -> bytes:
    """A comment with a time and no packet: an interface statistics block that holds only a comment."""
    body = struct.pack("<III", interface_id, (time_ns >> 32) & 0xFFFFFFFF, time_ns & 0xFFFFFFFF)
    return _block(STATISTICS, body + option(OPT_COMMENT, comment.encode()) + option(OPT_END, b""))
