"""The Diameter header (RFC 6733 section 3): fields read from, and written into, whole messages.

A relay needs no more than these functions on octets; nothing here looks at AVPs.
"""

from __future__ import annotations

from struct import Struct
from typing import Final
from zlib import crc32

LENGTH: Final = 20
"""Octets of the header."""
VERSION: Final = 1
FLAG_R: Final = 0x80
FLAG_P: Final = 0x40
FLAG_E: Final = 0x20
FLAG_T: Final = 0x10
RESERVED: Final = 0x0F

SESSION_ID: Final = (263).to_bytes(4)
"""AVP Code of Session-Id."""

Fields = tuple[int, int, int, int, int]
"""version << 24 | length, flags << 24 | command code, application id, hop-by-hop, end-to-end."""

_fields = Struct(">IIIII")
_word = Struct(">I")
_pair = Struct(">II")
unpack = _fields.unpack_from
pack = _fields.pack


def is_request(octets: bytes) -> bool:
    """True when the R bit is set."""
    return octets[4] >= FLAG_R


def command_code(octets: bytes) -> int:
    """Command Code, 24 bits."""
    code: int = _word.unpack_from(octets, 4)[0]
    return code & 0xFFFFFF


def hop_by_hop(octets: bytes) -> int:
    """Hop-by-Hop Identifier, 32 bits."""
    value: int = _word.unpack_from(octets, 12)[0]
    return value


def session_number(octets: bytes) -> int:
    """A number that messages of one session share: of the Session-Id where it stands first, as it must (section 8.8),
    else 0.
    """
    if octets[20:24] != SESSION_ID:
        return 0
    return crc32(octets[28 : 20 + int.from_bytes(octets[25:28])])


def build(flags_octet: int, command: int, application: int, hop: int, end: int, avps: bytes) -> bytes:
    """A whole message: header with the right length, then `avps`."""
    return pack((VERSION << 24) | (LENGTH + len(avps)), (flags_octet << 24) | command, application, hop, end) + avps


def with_identifiers(octets: bytes, hop: int, end: int) -> bytes:
    """The same message under other identifiers."""
    return octets[:12] + _pair.pack(hop, end) + octets[20:]


def with_flags(octets: bytes, value: int) -> bytes:
    """The same message with another flags octet (a relay sets T on what it sends again)."""
    return octets[:4] + bytes((value,)) + octets[5:]
