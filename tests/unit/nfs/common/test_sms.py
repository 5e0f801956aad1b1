"""SMS TPDUs: the worked examples of TS 23.040 clause 9, segmentation, and the readers' answer to any octets."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nfs.common.identities import Address
from nfs.common.sms import (
    Deliver,
    DeliverReport,
    Element,
    Part,
    Submit,
    UserData,
    decode_deliver,
    decode_report,
    decode_submit,
    relative_validity,
    split,
)
from nfs.common.sms_layout import SmsAddress, TpduError

SME = SmsAddress(digits="15551234567")
SENT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
PORT_8000 = Element(iei=5, data=bytes.fromhex("1f400000"))

# Made by hand from the octets of clause 9.2, checked with another TPDU codec.
DELIVERS = [
    (
        "440b915155214365f74804621020304050000c0605041f40000068656c6c6f",
        Deliver(originator=SME, scts=SENT, user_data=UserData(data=b"hello", header=(PORT_8000,))),
    ),
    (
        "400b915155214365f7480462102030405000110b05041f40000000032a030168656c6c6f",
        Deliver(
            originator=SME,
            scts=SENT,
            user_data=UserData(data=b"hello", header=(PORT_8000, Element(iei=0, data=bytes((42, 3, 1))))),
            more_messages=True,
        ),
    ),
]
SUBMIT = "51010b915155214365f74804a70c0605041f40000068656c6c6f"


@pytest.mark.parametrize(("octets", "value"), DELIVERS)
def test_deliver_as_worked_out_in_the_standard(octets: str, value: Deliver) -> None:
    assert decode_deliver(bytes.fromhex(octets)) == value
    assert value.encode().hex() == octets


def test_submit_as_worked_out() -> None:
    value = Submit(
        reference=1,
        destination=SME,
        user_data=UserData(data=b"hello", header=(PORT_8000,)),
        validity=167,
        pid=0x48,
    )
    assert decode_submit(bytes.fromhex(SUBMIT)) == value
    assert value.encode().hex() == SUBMIT
    assert relative_validity(167) == timedelta(days=1)


def test_port_and_part_are_read_from_the_header() -> None:
    data = decode_deliver(bytes.fromhex(DELIVERS[1][0])).user_data
    assert (data.port, data.part) == (8000, Part(reference=42, total=3, number=1))
    assert UserData(data=b"").port is None
    assert UserData(data=b"", header=(Element(iei=4, data=b"\x50\x51"),)).port == 0x50
    wide = UserData(data=b"", header=(Element(iei=8, data=b"\x12\x34\x02\x01"),))
    assert wide.part == Part(reference=0x1234, total=2, number=1)
    assert wide.port is None


@pytest.mark.parametrize(
    ("octet", "meaning"),
    [
        (0, timedelta(minutes=5)),
        (143, timedelta(hours=12)),
        (144, timedelta(hours=12, minutes=30)),
        (168, timedelta(days=2)),
        (196, timedelta(days=30)),
        (197, timedelta(weeks=5)),
        (255, timedelta(weeks=63)),
    ],
)
def test_relative_validity(octet: int, meaning: timedelta) -> None:
    assert relative_validity(octet) == meaning


@pytest.mark.parametrize("validity", [None, 0, 255, b"\x01\x02\x03\x04\x05\x06\x07", SENT])
def test_every_form_of_validity_comes_back(validity: int | bytes | datetime | None) -> None:
    value = Submit(reference=255, destination=SME, user_data=UserData(data=b""), validity=validity)
    assert decode_submit(value.encode()) == value


REPORTS = [
    ("0000", DeliverReport(), False),
    ("00d300", DeliverReport(failure_cause=0xD3), True),
    ("00034804", DeliverReport(pid=0x48, dcs=4), False),
    ("00ff060402abcd", DeliverReport(failure_cause=0xFF, dcs=4, user_data=UserData(data=b"\xab\xcd")), True),
    ("000404d4f29c0e", DeliverReport(user_data=UserData(data=bytes.fromhex("d4f29c0e"), septets=4)), False),
]


@pytest.mark.parametrize(("octets", "value", "error"), REPORTS)
def test_deliver_reports(octets: str, value: DeliverReport, error: bool) -> None:
    assert decode_report(bytes.fromhex(octets), error=error) == value
    assert value.encode().hex() == octets


@pytest.mark.parametrize("minutes", [0, 15, 330, -300, -12 * 60, 14 * 60])
def test_time_zones(minutes: int) -> None:
    zone = timezone(timedelta(minutes=minutes)) if minutes else UTC
    value = Deliver(originator=SME, scts=SENT.replace(tzinfo=zone), user_data=UserData(data=b""))
    assert decode_deliver(value.encode()) == value


@pytest.mark.parametrize(
    ("octets", "address"),
    [
        ("0b915155214365f7", SME),
        ("00a1", SmsAddress(digits="", ton=2)),
        ("0481a1cb", SmsAddress(digits="1*#a", ton=0)),
        ("09d0e8329bfd06", SmsAddress(digits="hello", ton=5, npi=0)),
    ],
)
def test_addresses(octets: str, address: SmsAddress) -> None:
    assert SmsAddress.decode(bytes.fromhex(octets)) == address
    assert address.encode().hex() == octets


def test_both_writers_of_an_address_field_agree() -> None:
    assert Address("15551234567").encode() == SME.encode()


@pytest.mark.parametrize(
    "octets",
    [
        "",
        "0b",
        "0b915155214365",
        "0b915155214365f700",  # something behind it
        "0b115155214365f7",  # extension bit of the type clear
        "0b91515521436507",  # no filler
        "0b9151f5214365f7",  # filler in the middle
        "1591" + "11" * 11,  # more than twenty digits
    ],
)
def test_octets_that_are_no_address(octets: str) -> None:
    with pytest.raises(TpduError):
        SmsAddress.decode(bytes.fromhex(octets))


@pytest.mark.parametrize(
    "address",
    [
        SmsAddress(digits="1" * 21),
        SmsAddress(digits="12+"),
        SmsAddress(digits="1", ton=8),
        SmsAddress(digits="1", npi=16),
        SmsAddress(digits="\u4e2d", ton=5),
        SmsAddress(digits="twelve chars", ton=5),
    ],
)
def test_addresses_without_an_encoding(address: SmsAddress) -> None:
    with pytest.raises(TpduError):
        address.encode()


@pytest.mark.parametrize(
    "octets",
    [
        "",
        "44",
        "450b915155214365f74804621020304050000c0605041f40000068656c6c6f",  # TP-MTI of another TPDU
        "440b915155214365f74804621320304050000c0605041f40000068656c6c6f",  # month 31
        "440b915155214365f748046a1020304050000c0605041f40000068656c6c6f",  # year digit above 9
        "440b915155214365f74804621020304050000d0605041f40000068656c6c6f",  # TP-UDL one too many
        "440b915155214365f74804621020304050000b0605041f40000068656c6c6f",  # and one too few
        "440b915155214365f74804621020304050000c0505041f40000068656c6c6f",  # header ends inside its element
        "440b915155214365f74804621020304050000c0605031f400000" + "68656c6c6f",  # port element of three octets
        "440b915155214365f748046210203040500001" + "00",  # header announced, none there
        "400b915155214365f7480462102030405000110b05041f40000000032a030468656c6c6f",  # part 4 of 3
        "400b915155214365f7480462102030405000110b05041f40000000032a000068656c6c6f",  # part 0 of 0
        "040b915155214365f7480462102030405000" + "8d" + "00" * 141,  # more than 140 octets
    ],
)
def test_octets_that_are_no_deliver(octets: str) -> None:
    with pytest.raises(TpduError):
        decode_deliver(bytes.fromhex(octets))


def test_octets_behind_a_report_are_an_error() -> None:
    with pytest.raises(TpduError, match="after the report"):
        decode_report(b"\x00\x00\x01", error=False)


@pytest.mark.parametrize(
    ("dcs", "septets"),
    [(0x00, True), (0x04, False), (0x08, False), (0x0C, True), (0x20, False), (0x40, True), (0x84, True), (0xC0, True),
     (0xD0, True), (0xE0, False), (0xF0, True), (0xF1, True), (0xF5, False), (0xF6, False)],
)  # fmt: skip
def test_which_codings_count_septets(dcs: int, septets: bool) -> None:
    data = UserData(data=b"\x31" * 7, septets=8 if septets else None)
    value = Deliver(originator=SME, scts=SENT, user_data=data, dcs=dcs)
    assert decode_deliver(value.encode()) == value
    wrong = UserData(data=b"\x31" * 7, septets=None if septets else 8)
    with pytest.raises(TpduError):
        Deliver(originator=SME, scts=SENT, user_data=wrong, dcs=dcs).encode()


@pytest.mark.parametrize(
    "value",
    [
        Deliver(originator=SME, scts=SENT, user_data=UserData(data=b"x" * 141)),
        Deliver(originator=SME, scts=SENT, user_data=UserData(data=b"xx", septets=9), dcs=0),
        Deliver(originator=SME, scts=SENT.replace(tzinfo=None), user_data=UserData(data=b"")),
        Deliver(originator=SME, scts=SENT.replace(year=2100), user_data=UserData(data=b"")),
        Deliver(originator=SME, scts=SENT.replace(tzinfo=timezone(timedelta(minutes=7))), user_data=UserData(data=b"")),
        Deliver(originator=SME, scts=SENT.replace(tzinfo=timezone(timedelta(hours=23))), user_data=UserData(data=b"")),
        Deliver(originator=SME, scts=SENT, user_data=UserData(data=b""), pid=256),
        Deliver(originator=SME, scts=SENT, user_data=UserData(data=b"", header=(Element(iei=256, data=b""),))),
        Deliver(originator=SME, scts=SENT, user_data=UserData(data=b"", header=(Element(iei=9, data=b"x" * 300),))),
        Submit(reference=1, destination=SME, user_data=UserData(data=b""), validity=256),
        Submit(reference=1, destination=SME, user_data=UserData(data=b""), validity=b"short"),
    ],
)
def test_values_without_an_encoding(value: Deliver | Submit) -> None:
    with pytest.raises(TpduError):
        value.encode()


@pytest.mark.parametrize(
    ("length", "port", "wide", "sizes"),
    [
        (0, 1, False, [0]),
        (133, 1, False, [133]),
        (134, 1, False, [128, 6]),
        (256, 1, False, [128, 128]),
        (134, 1, True, [127, 7]),
        (140, None, False, [140]),
        (141, None, False, [134, 7]),
        (128 * 255, 1, False, [128] * 255),
    ],
)
def test_segments_have_the_room_that_the_header_leaves(
    length: int, port: int | None, wide: bool, sizes: list[int]
) -> None:
    parts = split(bytes(length), port=port, reference=0x12345, wide=wide)
    assert [len(part.data) for part in parts] == sizes
    assert all(part.port == port for part in parts)
    if len(parts) > 1:
        reference = 0x2345 if wide else 0x45
        assert [part.part for part in parts] == [
            Part(reference=reference, total=len(parts), number=number) for number in range(1, len(parts) + 1)
        ]
        assert all(len(part.encode()) <= 140 for part in parts)


@pytest.mark.parametrize(("length", "port"), [(128 * 255 + 1, 1), (0, 65536), (0, -1)])
def test_what_no_message_can_carry(length: int, port: int) -> None:
    with pytest.raises(TpduError):
        split(bytes(length), port=port, reference=1)


@given(
    payload=st.binary(max_size=2000), port=st.integers(0, 0xFFFF), reference=st.integers(0, 2**32), wide=st.booleans()
)
def test_segments_joined_are_the_payload(payload: bytes, port: int, reference: int, wide: bool) -> None:
    parts = split(payload, port=port, reference=reference, wide=wide)
    back = [decode_deliver(Deliver(originator=SME, scts=SENT, user_data=part).encode()).user_data for part in parts]
    assert b"".join(part.data for part in back) == payload
    assert {part.port for part in back} == {port}


@given(octets=st.binary(max_size=200))
def test_any_octets_are_a_value_or_the_declared_error(octets: bytes) -> None:
    for read in (
        decode_deliver,
        decode_submit,
        SmsAddress.decode,
        lambda o: decode_report(o, error=False),
        lambda o: decode_report(o, error=True),
    ):
        try:
            value = read(octets)
        except TpduError:
            continue
        again = value.encode()
        assert read(again) == value  # what was read can be written, and means the same


@given(
    flags=st.integers(0, 255), head=st.binary(min_size=2, max_size=2),
    scts=st.binary(min_size=7, max_size=7), data=st.binary(max_size=150),
)  # fmt: skip
def test_deliver_with_any_inside(flags: int, head: bytes, scts: bytes, data: bytes) -> None:
    octets = bytes((flags & 0xFC,)) + SME.encode() + head + scts + bytes((len(data),)) + data
    try:
        value = decode_deliver(octets)
    except TpduError:
        return
    assert decode_deliver(value.encode()) == value
