"""Data formats (RFC 6733 sections 4.2 and 4.3): one row a type, from octets to a Python value and back.

| type | Python value |
| --- | --- |
| OctetString | bytes |
| Integer32, Integer64, Unsigned32, Unsigned64, Enumerated | int |
| Float32, Float64 | float |
| UTF8String, DiameterIdentity, DiameterURI, IPFilterRule, QoSFilterRule | str |
| Address | IPv4Address, IPv6Address, or OtherAddress for every family but 1 and 2 |
| Time | datetime with timezone UTC, whole seconds, 1968-01-20 to 2104-02-26 |
| Grouped | bytes here; the message layer makes it a Grouped |

`decode` and `encode` raise ValueError (or TypeError for a value of the wrong Python type) and nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address, IPv6Address
from operator import index
from struct import Struct
from struct import error as struct_error
from typing import Any, Final, NamedTuple

from diameter.wire import _core

Value = Any
"""One of the Python values of the table above; the type of the AVP decides which."""


class AvpType(NamedTuple):
    """One data format.  `size`: octets of a fixed-size format, else None; `kind`: how the core checks it."""

    name: str
    size: int | None
    kind: int
    decode: Callable[[bytes], Value]
    encode: Callable[[Value], bytes]
    unpack: Callable[[bytes, int], tuple[Value]] | None = None
    """For a number: `unpack(wire, offset)[0]`, when the size is known to be right."""


class OtherAddress(NamedTuple):
    """An Address of a family other than IPv4 and IPv6: IANA address family number and octets (E.164 is family 8)."""

    family: int
    data: bytes

    def __str__(self) -> str:
        if self.family == E164 and self.data.isascii():
            return f"e164:{self.data.decode()}"
        return f"{self.family}:{self.data.hex()}"


class DiameterUri(NamedTuple):
    """A DiameterURI in parts, defaults filled in (RFC 6733 section 4.3.1; 5868 for aaas by erratum 3997)."""

    scheme: str
    fqdn: str
    port: int
    transport: str
    protocol: str


E164: Final = 8
_EPOCH_1900: Final = 2_208_988_800
"""Seconds from 1900-01-01 to 1970-01-01 (RFC 5905, era 0)."""
_ERA: Final = 1 << 32


def _fixed(layout: str) -> tuple[Callable[..., Value], Callable[[Value], bytes], Callable[..., tuple[Value]]]:
    """decode, encode and unpack of one struct format; struct's own error becomes ValueError."""
    packer = Struct(layout)
    pack, unpack, size = packer.pack, packer.unpack, packer.size

    def decode(data: bytes) -> Value:
        if len(data) != size:
            raise ValueError(f"{len(data)} octets where {size} belong")
        return unpack(data)[0]

    def encode(value: Value) -> bytes:
        try:
            return pack(value)
        except (struct_error, OverflowError) as error:
            raise ValueError(f"{value!r}: {error}") from None

    return decode, encode, packer.unpack_from


def _octets(value: Value) -> bytes:
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value)
    raise TypeError(f"octets wanted, not {type(value).__name__}")


def _text_encode(value: Value) -> bytes:
    if isinstance(value, str):
        return value.encode()
    raise TypeError(f"text wanted, not {type(value).__name__}")


def _identity_decode(data: bytes) -> str:
    if not data or data.translate(None, _core.GRAPHIC):
        raise ValueError("not a DiameterIdentity: printable ASCII without spaces")
    return data.decode()


def _identity_encode(value: Value) -> bytes:
    data = _text_encode(value)
    if not data or data.translate(None, _core.GRAPHIC):
        raise ValueError(f"{value!r} is not a DiameterIdentity: printable ASCII without spaces")
    return data


def _address_decode(data: bytes) -> IPv4Address | IPv6Address | OtherAddress:
    if len(data) < 2:
        raise ValueError("an Address has at least the two octets of its family")
    family, rest = int.from_bytes(data[:2]), data[2:]
    if family == 1 or family == 2:
        size = 4 if family == 1 else 16
        if len(rest) != size:
            raise ValueError(f"{len(rest)} octets in an address of family {family}, {size} belong")
        return IPv4Address(rest) if family == 1 else IPv6Address(rest)
    if family in (0, 65535):
        raise ValueError(f"address family {family} is reserved")
    if family == E164 and not _E164.fullmatch(rest):
        raise ValueError("an E.164 address is 1 to 15 digits as text")
    return OtherAddress(family, rest)


_E164 = re.compile(rb"\+?[0-9]{1,15}")


def _address_encode(value: Value) -> bytes:
    if isinstance(value, str):
        try:
            value = IPv4Address(value)
        except ValueError:
            value = IPv6Address(value)
    if isinstance(value, IPv4Address):
        return b"\0\1" + value.packed
    if isinstance(value, IPv6Address):
        if value.scope_id is not None:
            raise ValueError(f"{value}: a scoped address has no place in an Address")
        return b"\0\2" + value.packed
    if isinstance(value, OtherAddress):
        if not 0 < value.family < 65535:
            raise ValueError(f"address family {value.family} is reserved or out of range")
        data = index(value.family).to_bytes(2) + value.data
        _address_decode(data)
        return data
    raise TypeError(f"an IP address, text or OtherAddress wanted, not {type(value).__name__}")


def _time_decode(data: bytes) -> datetime:
    """Era by the highest bit: set is 1968 to 2036, clear is 2036 to 2104 (RFC 6733 section 4.3.1, RFC 5905)."""
    if len(data) != 4:
        raise ValueError(f"{len(data)} octets where 4 belong")
    seconds = int.from_bytes(data)
    if seconds < _ERA >> 1:
        seconds += _ERA
    return _UNIX_EPOCH + timedelta(seconds=seconds - _EPOCH_1900)


_UNIX_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def _time_encode(value: Value) -> bytes:
    if not isinstance(value, datetime):
        raise TypeError(f"a datetime wanted, not {type(value).__name__}")
    if value.tzinfo is None:
        raise ValueError("a Time wants a datetime with a timezone")
    seconds = (value - _UNIX_EPOCH) // timedelta(seconds=1) + _EPOCH_1900
    if not _ERA >> 1 <= seconds < _ERA + (_ERA >> 1):
        raise ValueError(f"{value} is outside 1968-01-20 to 2104-02-26")
    return (seconds % _ERA).to_bytes(4)


_URI = re.compile(
    r"(?P<scheme>aaas?)://(?P<fqdn>[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*\.?)(?::(?P<port>[0-9]{1,5}))?"
    r"(?:;transport=(?P<transport>tcp|sctp|udp))?(?:;protocol=(?P<protocol>diameter|radius|tacacs\+))?",
    re.IGNORECASE,
)


def parse_uri(text: str) -> DiameterUri:
    """`aaa://host[:port][;transport=..][;protocol=..]` in parts; ValueError says what does not fit."""
    match = _URI.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a DiameterURI: aaa[s]://host[:port][;transport=..][;protocol=..]")
    scheme = match["scheme"].lower()
    port = int(match["port"]) if match["port"] else (5868 if scheme == "aaas" else 3868)
    if not 0 < port < 65536:
        raise ValueError(f"{text!r}: port {port} is out of range")
    transport = (match["transport"] or "tcp").lower()
    protocol = (match["protocol"] or "diameter").lower()
    if transport == "udp" and protocol == "diameter":
        raise ValueError(f"{text!r}: Diameter does not run over UDP")
    return DiameterUri(scheme, match["fqdn"], port, transport, protocol)


def _uri_decode(data: bytes) -> str:
    text = data.decode("ascii")
    parse_uri(text)
    return text


def _uri_encode(value: Value) -> bytes:
    if isinstance(value, DiameterUri):
        value = f"{value.scheme}://{value.fqdn}:{value.port};transport={value.transport};protocol={value.protocol}"
    data = _text_encode(value)
    parse_uri(value)
    return data


_FILTER = re.compile(
    r"(?:permit|deny) +(?:in|out) +(?:ip|[0-9]{1,3}|[a-z0-9-]+) +from +!?[^ ]+(?: +[0-9][0-9,-]*)?"
    r" +to +!?[^ ]+(?: +[0-9][0-9,-]*)?(?: +[^ ].*)?"
)


def check_filter_rule(text: str) -> None:
    """`action dir proto from src to dst [options]` (RFC 6733 section 4.3.1); ValueError when the frame is not kept."""
    if not _FILTER.fullmatch(text.strip(" \0")):
        raise ValueError(f"{text!r} is not an IPFilterRule: action dir proto from src to dst [options]")


def _filter_decode(data: bytes) -> str:
    text = data.decode("ascii")
    check_filter_rule(text)
    return text


def _filter_encode(value: Value) -> bytes:
    data = _text_encode(value)
    if not data.isascii():
        raise ValueError(f"{value!r} is not an IPFilterRule: ASCII only")
    check_filter_rule(value)
    return data


TYPES: Final[Mapping[str, AvpType]] = {
    row.name: row
    for row in (
        AvpType("OctetString", None, _core.OCTETS, bytes, _octets),
        AvpType("Integer32", 4, _core.FIXED, *_fixed(">i")),
        AvpType("Integer64", 8, _core.FIXED, *_fixed(">q")),
        AvpType("Unsigned32", 4, _core.FIXED, *_fixed(">I")),
        AvpType("Unsigned64", 8, _core.FIXED, *_fixed(">Q")),
        AvpType("Float32", 4, _core.FIXED, *_fixed(">f")),
        AvpType("Float64", 8, _core.FIXED, *_fixed(">d")),
        AvpType("Grouped", None, _core.GROUPED, bytes, _octets),
        AvpType("Address", None, _core.ASK, _address_decode, _address_encode),
        AvpType("Time", 4, _core.FIXED, _time_decode, _time_encode),
        AvpType("UTF8String", None, _core.TEXT, bytes.decode, _text_encode),
        AvpType("DiameterIdentity", None, _core.IDENTITY, _identity_decode, _identity_encode),
        AvpType("DiameterURI", None, _core.ASK, _uri_decode, _uri_encode),
        AvpType("Enumerated", 4, _core.ENUMERATED, *_fixed(">i")),
        AvpType("IPFilterRule", None, _core.ASK, _filter_decode, _filter_encode),
        AvpType("QoSFilterRule", None, _core.OCTETS, lambda data: data.decode("ascii", "replace"), _text_encode),
    )
}
