"""The part of CBOR (RFC 8949) that an envelope of `nfs.common.cose` is made of: integers, octets, text, arrays, maps.

All of definite length and in their shortest form, maps in the order of their keys, so that there is one way to write a
value; whatever else comes is none.  A map has integers as keys, and a tag stands for itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple, TypeAlias

from diameter.errors import LocalError

DEEPEST: Final = 6
_UNSIGNED, _NEGATIVE, _OCTETS, _TEXT, _ARRAY, _MAP, _TAG = range(7)
_WIDTHS: Final = {24: 1, 25: 2, 26: 4, 27: 8}

Value: TypeAlias = "int | bytes | str | Sequence[Value] | Mapping[int, Value] | Tagged"


class Tagged(NamedTuple):
    """A value with a tag before it."""

    tag: int
    value: Value


class CborError(LocalError):
    """These octets are no value, or not the only way to write it."""


def encode(value: Value) -> bytes:
    """The octets of a value."""
    if isinstance(value, Tagged):
        return _head(_TAG, value.tag) + encode(value.value)
    if isinstance(value, int):
        return _head(_UNSIGNED, value) if value >= 0 else _head(_NEGATIVE, -1 - value)
    if isinstance(value, bytes):
        return _head(_OCTETS, len(value)) + value
    if isinstance(value, str):
        octets = value.encode()
        return _head(_TEXT, len(octets)) + octets
    if isinstance(value, Mapping):
        pairs = sorted((encode(key), encode(each)) for key, each in value.items())
        return _head(_MAP, len(pairs)) + b"".join(key + each for key, each in pairs)
    return _head(_ARRAY, len(value)) + b"".join(map(encode, value))


def _head(major: int, number: int) -> bytes:
    if number < 24:
        return bytes((major << 5 | number,))
    for code, width in _WIDTHS.items():
        if number < 1 << 8 * width:
            return bytes((major << 5 | code,)) + number.to_bytes(width)
    raise CborError("CBOR: a number of more than 64 bits")


def decode(octets: bytes) -> Value:
    """The value that all of `octets` are.  Raises CborError."""
    value, end = _value(octets, 0, DEEPEST)
    if end != len(octets):
        raise CborError("CBOR: octets behind the value")
    return value


def _value(octets: bytes, at: int, depth: int) -> tuple[Value, int]:
    if not depth:
        raise CborError("CBOR: too deep")
    major, number, at = _read(octets, at)
    if major == _UNSIGNED:
        return number, at
    if major == _NEGATIVE:
        return -1 - number, at
    if major in (_OCTETS, _TEXT):
        return _string(octets, at, number, text=major == _TEXT)
    if major == _TAG:
        value, at = _value(octets, at, depth - 1)
        return Tagged(number, value), at
    if number > len(octets):
        raise CborError("CBOR: more items than octets")
    if major == _ARRAY:
        items: list[Value] = []
        for _ in range(number):
            value, at = _value(octets, at, depth - 1)
            items.append(value)
        return items, at
    return _map(octets, at, number, depth)


def _map(octets: bytes, at: int, number: int, depth: int) -> tuple[Value, int]:
    found: dict[int, Value] = {}
    before = b""
    for _ in range(number):
        start = at
        key, at = _value(octets, at, depth - 1)
        if not isinstance(key, int) or octets[start:at] <= before:
            raise CborError("CBOR: keys of a map are integers in their order, each once")
        before = octets[start:at]
        found[key], at = _value(octets, at, depth - 1)
    return found, at


def _string(octets: bytes, at: int, length: int, *, text: bool) -> tuple[Value, int]:
    end = at + length
    if end > len(octets):
        raise CborError("CBOR: ends in a string")
    if not text:
        return octets[at:end], end
    try:
        return octets[at:end].decode(), end
    except UnicodeDecodeError:
        raise CborError("CBOR: text that is no UTF-8") from None


def _read(octets: bytes, at: int) -> tuple[int, int, int]:
    """Major type, argument and where it ends."""
    if at >= len(octets):
        raise CborError("CBOR: ends too early")
    major, code = octets[at] >> 5, octets[at] & 0x1F
    if major > _TAG:
        raise CborError("CBOR: neither floats nor simple values")
    if code < 24:
        return major, code, at + 1
    width = _WIDTHS.get(code, 0)
    end = at + 1 + width
    number = int.from_bytes(octets[at + 1 : end])
    if not width or end > len(octets) or number < 24 or (width > 1 and number < 1 << 4 * width):
        raise CborError("CBOR: a length that is not in its shortest form, or open")
    return major, number, end
