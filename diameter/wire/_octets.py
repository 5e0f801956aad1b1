"""Steps on octets that have one meaning in Python and another in C: what `_typed` modules are written with.

Compiled, these functions are replaced by those of the same name in `_octets.pxd`, inlined.  This module says what they
mean, and serves where a `_typed` module runs as plain Python.  None of them checks a limit: the caller has.
"""

from __future__ import annotations

from typing import Any, Final

from diameter.wire._core import GRAPHIC

Octets = bytes | bytearray
_ONES64: Final = (1 << 64) - 1


def word(octets: bytes, at: int) -> int:
    """Four octets at `at`, most significant first."""
    return int.from_bytes(octets[at : at + 4])


def shifted(octets: bytes, at: int) -> int:
    """Four octets at `at` as the upper half of a key: the Vendor-Id."""
    return int.from_bytes(octets[at : at + 4]) << 32


def long_word(octets: bytes, at: int) -> int:
    """Eight octets at `at`, most significant first."""
    return int.from_bytes(octets[at : at + 8])


def signed(octets: bytes, at: int) -> int:
    """Four octets at `at` as a number with a sign."""
    return int.from_bytes(octets[at : at + 4], signed=True)


def long_signed(octets: bytes, at: int) -> int:
    """Eight octets at `at` as a number with a sign."""
    return int.from_bytes(octets[at : at + 8], signed=True)


def spread(key: int) -> int:
    """A number from a key, whose low bits differ where keys do."""
    return ((key * 0x9E3779B97F4A7C15) & _ONES64) >> 44


def graph(octets: Octets, start: int, end: int) -> bool:
    """True when there is an octet that does not print, or a space: no identity."""
    return bool(octets[start:end].translate(None, GRAPHIC))


def ascii(octets: bytes, start: int, end: int) -> bool:
    """True when no octet is above 127."""
    return octets[start:end].isascii()


def zeros(octets: bytes, start: int, end: int) -> bool:
    """True when all octets, three at most, are zero."""
    return not any(octets[start:end])


def text(octets: bytes, start: int, end: int) -> str:
    """UTF-8 as text; UnicodeDecodeError."""
    return octets[start:end].decode()


def cut(octets: Octets, start: int, end: int) -> bytes:
    """The octets themselves."""
    return bytes(octets[start:end])


def plain_text(octets: bytes, start: int, end: int) -> str:
    """ASCII as text; UnicodeDecodeError."""
    return octets[start:end].decode("ascii")


def same(octets: bytes, at: int, other: bytes) -> bool:
    """True when `other` stands at `at`."""
    return octets.startswith(other, at)


def new(kind: Any) -> Any:
    """An instance on which no `__init__` was called."""
    return kind.__new__(kind)


def is_bytes(value: Any) -> bool:
    """True for bytes, and no subclass of it."""
    return value.__class__ is bytes


def is_dict(value: Any) -> bool:
    """True for a dict, and no subclass of it."""
    return value.__class__ is dict


def is_several(value: Any) -> bool:
    """True for a list or a tuple, and no subclass of them."""
    return value.__class__ is list or value.__class__ is tuple


def is_short(value: Any) -> bool:
    """True for an int, and no subclass of it, that fits into 64 bits with a sign."""
    return value.__class__ is int and -(1 << 63) <= value < 1 << 63


def utf8_size(value: Any) -> int:
    """Octets of a str, and no subclass of it, in UTF-8; -1 of anything else."""
    if value.__class__ is not str:
        return -1
    try:
        return len(value.encode())
    except UnicodeEncodeError:
        return -1


def room(size: int) -> bytearray:
    """Room for `size` octets, whatever stands in it."""
    return bytearray(size)


def put_utf8(place: bytearray, at: int, value: str, size: int) -> None:
    """Write a str, of `size` octets by `utf8_size`, at `at`."""
    place[at : at + size] = value.encode()


def put(place: bytearray, at: int, octets: bytes, size: int) -> None:
    """Write `size` octets at `at`."""
    place[at : at + size] = octets


def put_word(place: bytearray, at: int, value: int) -> None:
    """Write the low 32 bits of a number at `at`, most significant first."""
    place[at : at + 4] = (value & 0xFFFFFFFF).to_bytes(4)


def put_long(place: bytearray, at: int, value: int) -> None:
    """Write the low 64 bits of a number at `at`, most significant first."""
    place[at : at + 8] = (value & _ONES64).to_bytes(8)


def pieces(octets: bytes, a: int, b: int, c: int, d: int, e: int, f: int, g: int, h: int) -> bytes:
    """Four pieces, each from one offset to the next, joined."""
    return octets[a:b] + octets[c:d] + octets[e:f] + octets[g:h]
