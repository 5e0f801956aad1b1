"""Messages filled up to a few lengths."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diameter import Dictionary, decode
from diameter.routing.padding import filled

SIZES = (256, 512, 1024)


@pytest.fixture(scope="module")
def dictionary() -> Dictionary:
    return Dictionary.load()


def message(length: int) -> bytes:
    """A header and one AVP without meaning of so many octets in all."""
    body = length - 20
    avp = (60_000).to_bytes(4) + body.to_bytes(4) + bytes(body - 8) if body else b""
    return bytes([1]) + length.to_bytes(3) + bytes([0x80]) + (280).to_bytes(3) + bytes(12) + avp


@given(st.integers(7, 1000).map(lambda words: words * 4))
def test_every_length_becomes_one_of_a_few(length: int) -> None:
    octets = filled(message(length), SIZES, vendor=32473, code=1)
    assert len(octets) in SIZES or (len(octets) % 1024 == 0 and length > 1012)
    assert int.from_bytes(octets[1:4]) == len(octets) >= length
    assert octets[4:length] == message(length)[4:]


@pytest.mark.requirement("T-TSP-05")
def test_a_report_and_a_watchdog_are_of_one_length_and_mean_what_they_meant(dictionary: Dictionary) -> None:
    own = {"Origin-Host": "a.example", "Origin-Realm": "example"}
    short = dictionary.request("Device-Watchdog", own)
    longer = dictionary.request("Disconnect-Peer", {**own, "Disconnect-Cause": 0})
    padded = [decode(filled(each.octets, SIZES, vendor=32473, code=1), dictionary) for each in (short, longer)]
    assert [len(each.octets) for each in padded] == [256, 256]
    assert [each.command for each in padded] == [short.command, longer.command]
    assert [each.faults for each in padded] == [(), ()]


def test_what_has_the_size_already_and_what_is_no_message_stays() -> None:
    for octets in (message(512), message(300)[:-4], b"", b"\x01"):
        assert filled(octets, SIZES, vendor=32473, code=1) == octets
    assert len(filled(message(248), SIZES, vendor=32473, code=1)) == 512  # no room for an AVP in 8 octets
    assert len(filled(message(1016), SIZES, vendor=32473, code=1)) == 2048
    assert len(filled(message(300), SIZES, 32473, 1, 400)) == 300  # the link takes no more
