"""PDUs of SMPP 3.4: octets of other codecs, round trips, what is no PDU, and a stream in any pieces."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nfs.sms_sc.smpp.pdu import (
    GENERIC_NACK,
    Bind,
    BindAnswer,
    Command,
    Empty,
    Pdu,
    PduError,
    Reader,
    Sms,
    SmsAnswer,
    Status,
    Tag,
    decode,
)

# written by smpplib 2.2.4; the second one by smpp34 1.5.0 too, octet for octet
BIND = bytes.fromhex("000000230000000900000000000000076d657465727300736563726574000034000000")
SUBMIT = bytes.fromhex(
    "0000004f000000040000000000000002000101313535353030303100010131353535303130303030310000000100303030303031"
    "3030303030303030305200010004000568656c6c6f020b00023e80"
)
# written by smpp34 1.5.0
DELIVER = bytes.fromhex(
    "000000500000000500000000000000030001013135353530313030303031000101313535353030303100040000000000000000"
    "1169643a3120737461743a44454c49565244001e000231000427000102"
)
VALUES = {
    BIND: Pdu(command=9, sequence=7, body=Bind(system_id=b"meters", password=b"secret")),
    SUBMIT: Pdu(
        command=4,
        sequence=2,
        body=Sms(
            source=b"15550001",
            destination=b"15550100001",
            priority=1,
            validity=b"000001000000000R",
            registered=1,
            coding=4,
            text=b"hello",
            tlvs=((Tag.DESTINATION_PORT, b"\x3e\x80"),),
        ),
    ),
    DELIVER: Pdu(
        command=5,
        sequence=3,
        body=Sms(
            source=b"15550100001",
            destination=b"15550001",
            esm_class=4,
            text=b"id:1 stat:DELIVRD",
            tlvs=((Tag.RECEIPTED_MESSAGE_ID, b"1\0"), (Tag.MESSAGE_STATE, b"\2")),
        ),
    ),
}


@pytest.mark.parametrize("octets", VALUES)
def test_octets_of_other_codecs(octets: bytes) -> None:
    assert decode(octets) == VALUES[octets]
    assert VALUES[octets].encode() == octets


@pytest.mark.parametrize(
    "pdu",
    [
        Pdu(command=0x8000_0009, sequence=1, body=BindAnswer(system_id=b"sms-sc", tlvs=((0x0210, b"\x34"),))),
        Pdu(command=0x8000_0009, sequence=1, status=0x0E),
        Pdu(command=0x8000_0004, sequence=1, body=SmsAnswer(message_id=b"0123456789abcdef")),
        Pdu(command=0x8000_0004, sequence=1, status=0x58),
        Pdu(command=Command.ENQUIRE_LINK, sequence=0x7FFF_FFFF),
        Pdu(command=0x8000_0006, sequence=3),
        Pdu(command=GENERIC_NACK, sequence=0, status=2, body=Empty()),
    ],
)
def test_round_trips(pdu: Pdu) -> None:
    assert decode(pdu.encode()) == pdu


@pytest.mark.parametrize(
    ("octets", "status", "sequence", "fatal"),
    [
        (b"", Status.INVALID_COMMAND_LENGTH, 0, True),
        (SUBMIT[:-1], Status.INVALID_COMMAND_LENGTH, 2, True),
        (bytes.fromhex("00000010000001030000000000000009"), Status.INVALID_COMMAND, 9, False),
        (bytes.fromhex("00000011000000150000000000000009ff"), Status.INVALID_COMMAND_LENGTH, 9, False),
        (bytes.fromhex("00000010000000040000000000000009"), Status.INVALID_COMMAND_LENGTH, 9, False),
        (BIND[:16] + b"x" * 16 + b"\0\0\0", Status.INVALID_COMMAND_LENGTH, 7, False),
        (BIND[:16] + b"\xff" + BIND[17:], Status.INVALID_COMMAND_LENGTH, 7, False),
        (b"\0\0\0\x50" + SUBMIT[4:] + b"\1", Status.INVALID_COMMAND_LENGTH, 2, False),
    ],
)
def test_what_is_no_pdu(octets: bytes, status: Status, sequence: int, fatal: bool) -> None:
    with pytest.raises(PduError) as error:
        decode(octets)
    assert (error.value.status, error.value.sequence, error.value.fatal) == (status, sequence, fatal)


@pytest.mark.parametrize(
    "body", [Sms(source=b"1" * 21), Sms(text=bytes(256)), Sms(source=b"1\x002"), Sms(priority=256)]
)
def test_what_fits_no_field(body: Sms) -> None:
    with pytest.raises(PduError):
        Pdu(command=4, sequence=1, body=body).encode()


@given(st.binary(max_size=120), st.sampled_from([int(each) for each in Command]), st.booleans())
def test_any_body_is_a_pdu_or_an_error(body: bytes, command: int, answer: bool) -> None:
    head = (16 + len(body)).to_bytes(4, "big") + (command | 0x8000_0000 * answer).to_bytes(4, "big") + bytes(8)
    try:
        pdu = decode(head + body)
    except PduError:
        return
    assert pdu.encode() == head + body


@given(st.lists(st.integers(1, 40), max_size=20))
def test_a_stream_in_any_pieces(cuts: list[int]) -> None:
    reader, stream, found = Reader(), BIND + SUBMIT + DELIVER, []
    for cut in [*cuts, len(stream)]:
        reader.feed(stream[:cut])
        stream = stream[cut:]
        while (whole := reader.next()) is not None:
            found.append(whole)
    assert found == [BIND, SUBMIT, DELIVER]


@pytest.mark.parametrize("length", [0, 15, 1000])
def test_a_length_that_cannot_be(length: int) -> None:
    reader = Reader(999)
    reader.feed(length.to_bytes(4, "big") + bytes(12))
    with pytest.raises(PduError) as error:
        reader.next()
    assert error.value.fatal
