"""Identities: readers, encoders, masks."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nfs.common import identities
from nfs.common.identities import Address, ExternalIdentifier, IdentityError

HOME = frozenset({"00101"})


@pytest.mark.parametrize(
    "text", ["", "12345", "1234567890123456", "00101000000000a", "٠٠١٠١٠٠٠٠٠٠٠٠٠١", "001010000000001\n"]
)
def test_what_is_no_imsi_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(IdentityError, match=r"^IMSI: 6 to 15 decimal digits expected$"):
        identities.imsi(text)


def test_an_imsi_keeps_its_leading_zeros() -> None:
    assert identities.imsi("001010000000001") == "001010000000001"


def test_e164_takes_off_the_plus() -> None:
    assert identities.e164("+15551234567") == "15551234567"
    with pytest.raises(IdentityError, match="SCS-Identity: international"):
        identities.e164("++1555", "SCS-Identity")


@pytest.mark.parametrize(("text", "octets"), [("00101", "00f110"), ("310150", "130051"), ("26201", "62f210")])
def test_plmn_octets(text: str, octets: str) -> None:
    assert identities.encode_plmn(text).hex() == octets
    assert identities.decode_plmn(bytes.fromhex(octets)) == text


@pytest.mark.parametrize("octets", ["", "00f1", "00f11000", "0a0110", "ffffff"])
def test_bad_plmn_octets(octets: str) -> None:
    with pytest.raises(IdentityError):
        identities.decode_plmn(bytes.fromhex(octets))


def test_an_external_identifier_has_two_parts_and_a_domain_without_case() -> None:
    parsed = ExternalIdentifier.parse("Meter-1.a@Customer.EXAMPLE.")
    assert (parsed.local, parsed.domain, str(parsed)) == (
        "Meter-1.a",
        "customer.example",
        "Meter-1.a@customer.example",
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "meter",
        "@customer.example",
        "meter@",
        "meter@localhost",
        "a@b@customer.example",
        "me ter@customer.example",
        ".m@customer.example",
        "m..n@customer.example",
        "m@-a.example",
        "m@a..example",
        "mé@customer.example",
        "m@cüstomer.example",
        "m" * 250 + "@a.example",
        "m@customer.example\n",
    ],
)
def test_bad_external_identifiers(text: str) -> None:
    with pytest.raises(IdentityError) as caught:
        ExternalIdentifier.parse(text)
    assert not text or text not in str(caught.value)


@pytest.mark.parametrize(
    ("digits", "octets"),
    [("15551234567", "5155214365f7"), ("1234", "2143"), ("", ""), ("*#abc", "badcfe")],
)
def test_tbcd(digits: str, octets: str) -> None:
    assert identities.encode_tbcd(digits).hex() == octets
    assert identities.decode_tbcd(bytes.fromhex(octets)) == digits


@given(st.text(alphabet="0123456789*#abc", max_size=40))
def test_tbcd_there_and_back(digits: str) -> None:
    assert identities.decode_tbcd(identities.encode_tbcd(digits)) == digits


@given(st.binary(max_size=24))
def test_any_octets_give_digits_or_an_identity_error(octets: bytes) -> None:
    for read in (identities.decode_tbcd, identities.decode_number, identities.decode_plmn, Address.decode):
        try:
            found = read(octets)
        except IdentityError:
            continue
        if read is Address.decode:
            assert isinstance(found, Address)
            assert (found.digits, found.ton, found.npi) == (lambda a: (a.digits, a.ton, a.npi))(
                Address.decode(found.encode())
            )


@pytest.mark.parametrize("octets", ["f121", "1ff2", "ff"])
def test_a_filler_before_the_end_is_no_tbcd(octets: str) -> None:
    with pytest.raises(IdentityError, match="filler before the end"):
        identities.decode_tbcd(bytes.fromhex(octets + "21"))


def test_tbcd_of_other_letters() -> None:
    with pytest.raises(IdentityError, match="TBCD: digits"):
        identities.encode_tbcd("12d4")


def test_a_number_is_tbcd_without_nature_and_plan() -> None:
    assert identities.encode_number("+491701234567").hex() == "947110325476"
    assert identities.decode_number(bytes.fromhex("947110325476")) == "491701234567"
    with pytest.raises(IdentityError, match=r"^SCS-Identity: TBCD of"):
        identities.decode_number(bytes.fromhex("b1"), "SCS-Identity")


def test_an_address_field_counts_semi_octets() -> None:
    assert Address("15551234567").encode().hex() == "0b915155214365f7"
    assert Address.decode(bytes.fromhex("0b915155214365f7")) == Address("15551234567", 1, 1)
    assert Address.decode(bytes.fromhex("0b915155214365f7")).international() == "15551234567"


@pytest.mark.parametrize(
    ("octets", "what"),
    [
        ("", "2 octets at least"),
        ("0b91", "11 semi-octets announced"),
        ("0b915155214365f700", "11 semi-octets announced"),
        ("0b115155214365f7", "extension bit"),
        ("0bd15155214365f7", "alphanumeric"),
        ("0c915155214365f7", "filler and length disagree"),
        ("ff91", "255 semi-octets announced"),
    ],
)
def test_bad_address_fields(octets: str, what: str) -> None:
    with pytest.raises(IdentityError, match=what):
        Address.decode(bytes.fromhex(octets))


@pytest.mark.parametrize("address", [Address("12", 5), Address("12", 8), Address("1" * 21), Address("1", 1, 16)])
def test_addresses_that_cannot_be_written(address: Address) -> None:
    with pytest.raises(IdentityError):
        address.encode()


def test_only_an_international_isdn_number_is_one() -> None:
    with pytest.raises(IdentityError, match="SM-RP-SMEA: an international"):
        Address("1234567", 2, 1).international()


@pytest.mark.parametrize(
    ("digits", "found"),
    [
        ("001010000000001", True),
        ("00101000000001", True),
        ("0001010000000001", True),
        ("9001010000000001", False),
        ("001020000000001", False),
        ("0010100000001", False),
        ("00101000000000x", False),
        ("٠٠١٠١٠٠٠٠٠٠٠٠٠١", False),
    ],
)
def test_what_looks_like_an_imsi_of_the_home_network(digits: str, found: bool) -> None:
    assert identities.is_imsi_like(digits, HOME) is found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("subscriber 001010000000001 is absent", True),
        ("0001010000000001@nai.epc.mnc001.mcc001.3gppnetwork.org", True),
        ("user@ims.mnc001.mcc001.3gppnetwork.org", True),
        ("hss.epc.mnc001.mcc001.3gppnetwork.org", False),
        ("9001010000000001999", False),
        ("scs1.example;1234567890;1", False),
    ],
)
def test_a_text_that_holds_an_imsi(text: str, found: bool) -> None:
    assert identities.holds_imsi(text, HOME) is found


@pytest.mark.parametrize(
    ("identity", "shown"),
    [("001010000000001", "***01"), ("meter-1@customer.example", "m***@customer.example"), ("1234", "***"), ("", "***")],
)
def test_a_mask_hides_the_subscriber(identity: str, shown: str) -> None:
    assert identities.mask(identity) == shown
    assert not re.search(r"\d{3}", shown)
