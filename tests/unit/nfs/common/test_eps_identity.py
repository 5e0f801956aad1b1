"""EPS mobile identity: octets written by hand from TS 24.301 9.9.3.12, and whatever else may come."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nfs.common.eps_identity import Guti, decode_identity, encode_imsi, gummei
from nfs.common.nas_messages import Kind, accepted, challenged, content, message, sized, unsized
from nfs.common.nas_security import NasError

GUTI = Guti(gummei("00101", 0x8001, 0x02), 0xC0FFEE07)


@pytest.mark.parametrize(
    ("octets", "identity"),
    [
        ("f600f110800102c0ffee07", GUTI),
        ("0910101032547698", "001010123456789"),
        ("0110103254f6", "0010123456"),
    ],
)
def test_written_by_hand(octets: str, identity: Guti | str) -> None:
    assert decode_identity(bytes.fromhex(octets)) == identity
    assert (identity.encode() if isinstance(identity, Guti) else encode_imsi(identity)).hex() == octets


def test_the_s_tmsi_is_the_end_of_the_guti() -> None:
    assert GUTI.s_tmsi.hex() == "02c0ffee07"


@pytest.mark.parametrize(
    "octets", ["", "f6", "e600f110800102c0ffee07", "0a10", "09101010325476a8", "0910", "f110103254f6"]
)
def test_what_is_none_is_refused(octets: str) -> None:
    with pytest.raises(NasError):
        decode_identity(bytes.fromhex(octets))


@settings(max_examples=50)
@given(st.binary(max_size=12))
def test_any_octets_are_an_identity_or_refused(octets: bytes) -> None:
    try:
        found = decode_identity(octets)
    except NasError:
        return
    assert (found.encode() if isinstance(found, Guti) else encode_imsi(found)) == octets


@pytest.mark.parametrize(
    ("read", "octets"),
    [
        (lambda octets: content(Kind.ATTACH_ACCEPT, octets), b"\x07\x41"),
        (lambda octets: content(Kind.ATTACH_ACCEPT, octets), b"\x07"),
        (unsized, b""),
        (unsized, b"\2a"),
        (accepted, b"\1\x13" + sized(GUTI.encode())),
        (accepted, b"\1\x50" + sized(encode_imsi("001010123456789"))),
        (challenged, bytes(20)),
    ],
)
def test_a_message_that_is_cut_or_another_is_refused(read: object, octets: bytes) -> None:
    with pytest.raises(NasError):
        read(octets)  # type: ignore[operator]


def test_a_message_is_read_as_it_was_written() -> None:
    told = message(Kind.ATTACH_ACCEPT, b"\1\x50", sized(GUTI.encode()))
    assert accepted(content(Kind.ATTACH_ACCEPT, told)) == GUTI
