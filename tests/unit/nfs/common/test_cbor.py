"""The part of CBOR that envelopes are made of: one way to write a value, everything else refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nfs.common.cbor import DEEPEST, CborError, Tagged, Value, decode, encode

NUMBERS = st.integers(-(1 << 64), (1 << 64) - 1)
VALUES = st.recursive(
    NUMBERS | st.binary(max_size=30) | st.text(max_size=10),
    lambda each: st.lists(each, max_size=3) | st.dictionaries(NUMBERS, each, max_size=3),
    max_leaves=6,
)


@pytest.mark.parametrize(
    ("text", "value"),
    [  # RFC 8949 appendix A
        ("00", 0),
        ("17", 23),
        ("1818", 24),
        ("1903e8", 1000),
        ("1b000000e8d4a51000", 10**12),
        ("1bffffffffffffffff", (1 << 64) - 1),
        ("20", -1),
        ("3903e7", -1000),
        ("4401020304", b"\x01\x02\x03\x04"),
        ("6449455446", "IETF"),
        ("62c3bc", "\u00fc"),
        ("8301820203820405", [1, [2, 3], [4, 5]]),
        ("a201020304", {1: 2, 3: 4}),
        ("c11a514b67b0", Tagged(1, 1363896240)),
    ],
)
def test_values_of_the_specification(text: str, value: Value) -> None:
    assert encode(value) == bytes.fromhex(text)
    assert decode(bytes.fromhex(text)) == value


@pytest.mark.parametrize(
    "text",
    [
        "", "18", "1817", "190017", "1a0000ffff", "5f", "1c", "f5", "fb3ff199999999999a", "0000", "4401", "61ff",
        "83010203ff", "9bffffffffffffffff", "a20102", "a201020102", "a203040102", "a1410102",
        "81" * (DEEPEST + 1) + "00",
    ],
)  # fmt: skip
def test_what_is_not_written_so(text: str) -> None:
    with pytest.raises(CborError):
        decode(bytes.fromhex(text))


def test_a_number_of_more_than_64_bits() -> None:
    with pytest.raises(CborError):
        encode(1 << 64)


@given(VALUES)
def test_back_and_forth(value: Value) -> None:
    try:
        found = decode(encode(value))
    except CborError:  # deeper than envelopes are
        return
    assert found == value


@given(st.binary(max_size=40))
def test_any_octets_are_a_value_written_the_one_way_or_none(octets: bytes) -> None:
    try:
        value = decode(octets)
    except CborError:
        return
    assert encode(value) == octets
