"""RFC 6733 sections 4.2 and 4.3: every data format, its limits, and octets that are none of its values."""

import contextlib
import math
from datetime import UTC, datetime, timedelta, timezone
from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diameter.wire.types import TYPES, DiameterUri, OtherAddress, parse_uri

VECTORS = [
    ("OctetString", b"\0\xff", "00ff"),
    ("OctetString", b"", ""),
    ("Integer32", -1, "ffffffff"),
    ("Integer32", -(1 << 31), "80000000"),
    ("Integer64", -2, "fffffffffffffffe"),
    ("Unsigned32", 4294967295, "ffffffff"),
    ("Unsigned64", 1 << 63, "8000000000000000"),
    ("Float32", 1.5, "3fc00000"),
    ("Float64", -2.25, "c002000000000000"),
    ("Enumerated", -1, "ffffffff"),
    ("UTF8String", "Zürich", "5ac3bc72696368"),
    ("DiameterIdentity", "host.example.com", b"host.example.com".hex()),
    ("DiameterURI", "aaa://host.example.com:6666;transport=tcp", b"aaa://host.example.com:6666;transport=tcp".hex()),
    ("Address", IPv4Address("192.0.2.1"), "0001c0000201"),
    ("Address", IPv6Address("2001:db8::1"), "000220010db8000000000000000000000001"),
    ("Address", OtherAddress(8, b"15551234567"), "0008" + b"15551234567".hex()),
    ("Address", OtherAddress(16, b"ab"), "00106162"),
    ("Time", datetime(1968, 1, 20, 3, 14, 8, tzinfo=UTC), "80000000"),
    ("Time", datetime(2036, 2, 7, 6, 28, 15, tzinfo=UTC), "ffffffff"),
    ("Time", datetime(2036, 2, 7, 6, 28, 16, tzinfo=UTC), "00000000"),
    ("Time", datetime(2104, 2, 26, 9, 42, 23, tzinfo=UTC), "7fffffff"),
    ("IPFilterRule", "permit out ip from 192.0.2.10/24 to any", b"permit out ip from 192.0.2.10/24 to any".hex()),
    ("IPFilterRule", "deny in ip from !assigned to any", b"deny in ip from !assigned to any".hex()),
    (
        "IPFilterRule",
        "permit in 6 from any 80,8000-8080 to any 1-2 established",
        b"permit in 6 from any 80,8000-8080 to any 1-2 established".hex(),
    ),
]


@pytest.mark.parametrize(("name", "value", "octets"), VECTORS)
def test_value_and_octets(name: str, value: object, octets: str) -> None:
    assert TYPES[name].encode(value).hex() == octets
    assert TYPES[name].decode(bytes.fromhex(octets)) == value


@pytest.mark.parametrize(
    ("name", "octets"),
    [
        ("Unsigned32", "000001"),
        ("Unsigned64", "00000001"),
        ("Integer32", ""),
        ("Float64", "00000000"),
        ("Time", "0000000000"),
        ("Enumerated", "0000000000"),
        ("UTF8String", "c328"),
        ("UTF8String", "eda080"),
        ("DiameterIdentity", ""),
        ("DiameterIdentity", "c3bc"),
        ("DiameterIdentity", b"a b".hex()),
        ("DiameterIdentity", b"a\nb".hex()),
        ("DiameterIdentity", b"a\x00".hex()),
        ("DiameterIdentity", b"a\x7fb".hex()),
        ("DiameterURI", b"http://host".hex()),
        ("DiameterURI", b"aaa://host;transport=udp".hex()),
        ("DiameterURI", b"aaa://host:0".hex()),
        ("DiameterURI", b"aaa://host:70000".hex()),
        ("DiameterURI", "c3bc"),
        ("Address", "00"),
        ("Address", "0001c00002"),
        ("Address", "00022001"),
        ("Address", "0000c0000201"),
        ("Address", "ffffc0000201"),
        ("Address", "0008" + b"not digits".hex()),
        ("IPFilterRule", b"permit sideways ip from any to any".hex()),
        ("IPFilterRule", "c3bc"),
    ],
)
def test_octets_that_are_no_value(name: str, octets: str) -> None:
    with pytest.raises(ValueError, match="."):
        TYPES[name].decode(bytes.fromhex(octets))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Unsigned32", -1),
        ("Unsigned32", 1 << 32),
        ("Unsigned32", "1"),
        ("Integer32", 1 << 31),
        ("Unsigned64", 1 << 64),
        ("Float32", "x"),
        ("Float32", 1e300),
        ("OctetString", "text"),
        ("UTF8String", b"octets"),
        ("UTF8String", "\ud800"),
        ("DiameterIdentity", "übung.example"),
        ("DiameterIdentity", "host.example\n"),
        ("DiameterIdentity", ""),
        ("DiameterURI", "host"),
        ("Address", 1),
        ("Address", "localhost"),
        ("Address", "fe80::1%eth0"),
        ("Address", OtherAddress(1, b"123")),
        ("Address", OtherAddress(65535, b"")),
        ("Address", OtherAddress(8, b"x")),
        ("Time", datetime(2026, 1, 1)),
        ("Time", datetime(1960, 1, 1, tzinfo=UTC)),
        ("Time", datetime(2110, 1, 1, tzinfo=UTC)),
        ("Time", 0),
        ("IPFilterRule", "permit ip from any to any"),
        ("IPFilterRule", "permit in ip from any to ü"),
        ("QoSFilterRule", 1),
    ],
)
def test_values_that_cannot_be_encoded(name: str, value: object) -> None:
    with pytest.raises((ValueError, TypeError), match="."):
        TYPES[name].encode(value)


def test_time_in_another_zone_is_the_same_instant() -> None:
    there = datetime(2026, 1, 2, 5, 4, 5, tzinfo=timezone(timedelta(hours=2)))
    assert TYPES["Time"].decode(TYPES["Time"].encode(there)) == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def test_address_takes_text() -> None:
    assert TYPES["Address"].encode("192.0.2.1") == TYPES["Address"].encode(IPv4Address("192.0.2.1"))
    assert TYPES["Address"].encode("::1") == TYPES["Address"].encode(IPv6Address("::1"))
    assert str(OtherAddress(8, b"1555")) == "e164:1555"
    assert str(OtherAddress(7, b"\1")) == "7:01"


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("aaa://host.example.com", ("aaa", "host.example.com", 3868, "tcp", "diameter")),
        ("aaas://host.example.com", ("aaas", "host.example.com", 5868, "tcp", "diameter")),
        ("aaa://host.example.com;transport=sctp", ("aaa", "host.example.com", 3868, "sctp", "diameter")),
        (
            "aaa://host.example.com:6666;transport=tcp;protocol=diameter",
            ("aaa", "host.example.com", 6666, "tcp", "diameter"),
        ),
        (
            "aaa://host.example.com:1813;transport=udp;protocol=radius",
            ("aaa", "host.example.com", 1813, "udp", "radius"),
        ),
    ],
)
def test_uri_parts_and_default_ports(text: str, parts: tuple[str, str, int, str, str]) -> None:
    assert parse_uri(text) == parts
    again = TYPES["DiameterURI"].encode(DiameterUri(*parts)).decode()
    assert parse_uri(again) == parts


def test_float_specials_survive() -> None:
    for name in ("Float32", "Float64"):
        assert math.isnan(TYPES[name].decode(TYPES[name].encode(math.nan)))
        assert TYPES[name].decode(TYPES[name].encode(-math.inf)) == -math.inf


@given(st.sampled_from(sorted(TYPES)), st.binary(max_size=24))
def test_any_octets_give_a_value_or_a_value_error(name: str, octets: bytes) -> None:
    with contextlib.suppress(ValueError):
        TYPES[name].decode(octets)
