"""The AVP header (RFC 6733 section 4.1): one AVP built from its fields, or read at an offset."""

from __future__ import annotations

from struct import Struct
from typing import Final

FLAG_V: Final = 0x80
FLAG_M: Final = 0x40
FLAG_P: Final = 0x20
RESERVED: Final = 0x1F

_two = Struct(">II")
_three = Struct(">III")
unpack_two = _two.unpack_from
unpack_three = _three.unpack_from
pack_two = _two.pack
pack_three = _three.pack
PAD: Final = (b"", b"\0\0\0", b"\0\0", b"\0")
"""Padding by length & 3."""


def build(code: int, vendor: int, flags: int, data: bytes) -> bytes:
    """One AVP with zero padding; `flags` decides by its V bit whether Vendor-Id is written."""
    if flags & FLAG_V:
        length = len(data) + 12
        return pack_three(code, (flags << 24) | length, vendor) + data + PAD[length & 3]
    length = len(data) + 8
    return pack_two(code, (flags << 24) | length) + data + PAD[length & 3]


def span(wire: bytes, head: int) -> tuple[int, int]:
    """(data start, data end) of the well-formed AVP whose header is at `head`."""
    rest: int = unpack_two(wire, head)[1]
    return (head + 12 if rest & 0x80000000 else head + 8), head + (rest & 0xFFFFFF)
