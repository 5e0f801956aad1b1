"""Steps on octets that have one meaning in Python and another in C: what `_typed` modules are written with.

Compiled, these functions are replaced by those of the same name in `_octets.pxd`, inlined.  This module says what they
mean, and serves where a `_typed` module runs as plain Python.  None of them checks a limit: the caller has.
"""

from __future__ import annotations

from typing import Any, Final

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


def graph(octets: bytes, start: int, end: int) -> bool:
    """True when there is an octet above 127 or a space: no identity."""
    text = octets[start:end]
    return not text.isascii() or b" " in text


def ascii(octets: bytes, start: int, end: int) -> bool:
    """True when no octet is above 127."""
    return octets[start:end].isascii()


def zeros(octets: bytes, start: int, end: int) -> bool:
    """True when all octets, three at most, are zero."""
    return not any(octets[start:end])


def text(octets: bytes, start: int, end: int) -> str:
    """UTF-8 as text; UnicodeDecodeError."""
    return octets[start:end].decode()


def cut(octets: bytes, start: int, end: int) -> bytes:
    """The octets themselves."""
    return octets[start:end]


def plain_text(octets: bytes, start: int, end: int) -> str:
    """ASCII as text; UnicodeDecodeError."""
    return octets[start:end].decode("ascii")


def same(octets: bytes, at: int, other: bytes) -> bool:
    """True when `other` stands at `at`."""
    return octets.startswith(other, at)


def new(kind: Any) -> Any:
    """An instance on which no `__init__` was called."""
    return kind.__new__(kind)
