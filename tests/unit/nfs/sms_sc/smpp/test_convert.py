"""submit_sm to short messages, segments with their octets, and receipts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from nfs.common.sms import Deliver, decode_deliver
from nfs.common.sms_layout import TpduError
from nfs.sms_sc.outcomes import Outcome
from nfs.sms_sc.sme import OCTETS, SEPTETS, UCS2, Receipt, ShortMessage
from nfs.sms_sc.smpp.convert import Rejected, read, receipt
from nfs.sms_sc.smpp.pdu import Sms, Status, Tag

NOW = 1_767_323_045.0  # 2026-01-02 03:04:05
SUBMIT = Sms(source=b"15550001", destination=b"15550100001", text=b"hello")
UDH = bytes.fromhex("0605043e800000")


def test_what_a_plain_submission_asks_for() -> None:
    wanted = read(SUBMIT, NOW)
    assert (wanted.msisdn, wanted.source, wanted.pid, wanted.dcs, wanted.payload) == (
        "15550100001", "15550001", 0, SEPTETS, b"hello",
    )  # fmt: skip
    assert (wanted.priority, wanted.validity_s, wanted.receipt, wanted.ports) == (False, None, Receipt.NEVER, (None,))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"priority": 1}, {"priority": True}),
        ({"registered": 2}, {"receipt": Receipt.ON_FAILURE}),
        ({"esm_class": 1}, {"validity_s": 0}),
        ({"validity": b"000001000000000R"}, {"validity_s": 86_400}),
        ({"validity": b"260102030505000+"}, {"validity_s": 60}),
        ({"validity": b"260102040505004+"}, {"validity_s": 60}),
        ({"validity": b"260102020505004-"}, {"validity_s": 60}),
        ({"coding": 1, "text": b"@a"}, {"dcs": SEPTETS, "payload": b"\0a"}),
        ({"coding": 3, "text": "é".encode("latin-1")}, {"dcs": SEPTETS, "payload": b"\x05"}),
        ({"coding": 3, "text": "©".encode("latin-1")}, {"dcs": UCS2, "payload": b"\0\xa9"}),
        ({"coding": 4}, {"dcs": OCTETS}),
        ({"coding": 8, "text": b"\0a"}, {"dcs": UCS2}),
        ({"text": b"", "tlvs": ((Tag.MESSAGE_PAYLOAD, b"long"),)}, {"payload": b"long"}),
        ({"tlvs": ((Tag.DESTINATION_PORT, b"\x3e\x80"),)}, {"port": 16000, "ports": (16000,)}),
        ({"coding": 4, "esm_class": 0x40, "text": UDH + b"x"}, {"payload": b"x", "ports": (None, 16000)}),
        ({"coding": 4, "esm_class": 0x40, "text": b"\x05\x05\x03\x3e\x80\0x"}, {"ports": (None, 16000)}),
        (
            {"tlvs": ((Tag.SAR_REFERENCE, b"\1\2"), (Tag.SAR_TOTAL, b"\3"), (Tag.SAR_NUMBER, b"\2"))},
            {"elements": ((8, b"\1\2\3\2"),)},
        ),
    ],
)
def test_what_it_may_ask_for(changes: dict[str, Any], expected: dict[str, Any]) -> None:
    wanted = read(replace(SUBMIT, **changes), NOW)
    assert {name: getattr(wanted, name) for name in expected} == expected


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"esm_class": 2}, Status.INVALID_ESM_CLASS),
        ({"esm_class": 4}, Status.INVALID_ESM_CLASS),
        ({"esm_class": 0x80}, Status.INVALID_ESM_CLASS),
        ({"esm_class": 0x40, "text": b"\x09"}, Status.INVALID_ESM_CLASS),
        ({"priority": 4}, Status.INVALID_PRIORITY),
        ({"registered": 3}, Status.INVALID_REGISTERED_DELIVERY),
        ({"schedule": b"000001000000000R"}, Status.INVALID_SCHEDULE),
        ({"replace": 1}, Status.INVALID_REPLACE_FLAG),
        ({"default_message": 1}, Status.INVALID_DEFAULT_MESSAGE),
        ({"destination": b"x"}, Status.INVALID_DESTINATION),
        ({"destination": b""}, Status.INVALID_DESTINATION),
        ({"destination_ton": 5}, Status.INVALID_DESTINATION),
        ({"destination_npi": 8}, Status.INVALID_DESTINATION),
        ({"validity": b"tomorrow"}, Status.INVALID_VALIDITY),
        ({"validity": b"269902030505000+"}, Status.INVALID_VALIDITY),
        ({"validity": b"250102030505000+"}, Status.INVALID_VALIDITY),
        ({"coding": 9}, Status.SUBMIT_FAILED),
        ({"coding": 0, "text": b"\xff"}, Status.SUBMIT_FAILED),
        ({"coding": 1, "text": b"\xff"}, Status.SUBMIT_FAILED),
        ({"coding": 8}, Status.SUBMIT_FAILED),
        ({"tlvs": ((Tag.MESSAGE_PAYLOAD, b"x"),)}, Status.TLV_NOT_ALLOWED),
        ({"esm_class": 0x40, "text": UDH, "tlvs": ((Tag.DESTINATION_PORT, b"\0\1"),)}, Status.TLV_NOT_ALLOWED),
        ({"tlvs": ((Tag.DESTINATION_PORT, b"\1"),)}, Status.INVALID_TLV_VALUE),
        ({"tlvs": ((Tag.SAR_TOTAL, b"\1"),)}, Status.INVALID_TLV_VALUE),
        (
            {"tlvs": ((Tag.SAR_REFERENCE, b"\1\2"), (Tag.SAR_TOTAL, b"\3"), (Tag.SAR_NUMBER, b"\4"))},
            Status.INVALID_TLV_VALUE,
        ),
    ],
)
def test_what_is_rejected(changes: dict[str, Any], status: Status) -> None:
    with pytest.raises(Rejected) as error:
        read(replace(SUBMIT, **changes), NOW)
    assert error.value.status is status


def message(**changes: Any) -> ShortMessage:
    given: dict[str, Any] = {
        "scs": "sme:meters", "reference": None, "imsi": "001010000000001", "external_identifier": None,
        "msisdn": "15550100001", "payload": b"hello", "port": None, "priority": False, "validity_s": None,
        "serving": None, "iwf_host": "", "iwf_realm": "", "submission": "00ff", "sme": "meters",
        "originator": "15550001", "accepted_at": NOW, "concatenation": 42,
    }  # fmt: skip
    return ShortMessage(**(given | changes))


def octets(one: ShortMessage) -> list[bytes]:
    from datetime import UTC, datetime

    at = datetime.fromtimestamp(NOW, UTC)
    return [
        Deliver(originator=one.origin, scts=at, user_data=data, pid=one.pid, dcs=one.dcs).encode()
        for data in one.segments()
    ]


def test_septets_are_packed() -> None:
    (tpdu,) = octets(message())
    assert tpdu.hex() == "040891515500100000621020304050000" + "5e8329bfd06"  # "hello" of TS 23.038 6.1.2.1
    assert decode_deliver(tpdu).user_data.septets == 5


@pytest.mark.parametrize(
    ("dcs", "port", "length", "parts"),
    [
        (SEPTETS, None, 160, 1), (SEPTETS, None, 161, 2), (SEPTETS, None, 306, 2), (SEPTETS, None, 307, 3),
        (SEPTETS, 16000, 152, 1), (SEPTETS, 16000, 153, 2), (OCTETS, None, 140, 1), (OCTETS, None, 141, 2),
        (OCTETS, None, 268, 2), (OCTETS, 16000, 133, 1), (OCTETS, 16000, 134, 2), (UCS2, None, 140, 1),
        (UCS2, None, 142, 2), (UCS2, None, 270, 3),
    ],
)  # fmt: skip
def test_segments(dcs: int, port: int | None, length: int, parts: int) -> None:
    text = bytes(at % 100 for at in range(length))
    one = message(payload=text, dcs=dcs, port=port)
    found = [decode_deliver(each).user_data for each in octets(one)]
    assert len(found) == parts
    assert all(data.port == port for data in found)
    if parts > 1:
        numbers = [data.part for data in found]
        assert [(part.reference, part.total, part.number) for part in numbers if part] == [
            (42, parts, number) for number in range(1, parts + 1)
        ]
    read_back = b""
    for data in found:
        if dcs != SEPTETS:
            read_back += data.data
            continue
        assert data.septets is not None
        header = 1 + sum(2 + len(each.data) for each in data.header) if data.header else 0
        fill = -header * 8 % 7
        bits = int.from_bytes(data.data, "little") >> fill
        count = data.septets - (header * 8 + fill) // 7
        read_back += bytes(bits >> 7 * at & 0x7F for at in range(count))
    assert read_back == text


def test_a_header_of_the_sme_is_not_cut() -> None:
    one = message(payload=bytes(133), dcs=OCTETS, elements=((5, bytes.fromhex("3e800000")),))
    assert len(one.segments()) == 1
    with pytest.raises(TpduError):
        replace(one, payload=bytes(134)).segments()
    with pytest.raises(TpduError):
        message(payload=bytes(255 * 134 + 1), dcs=OCTETS).segments()


@pytest.mark.parametrize(
    ("outcome", "state", "word"),
    [
        (Outcome.SUCCESSFUL_TRANSFER, 2, "DELIVRD"),
        (Outcome.VALIDITY_TIME_EXPIRED, 3, "EXPIRED"),
        (Outcome.ABSENT_SUBSCRIBER, 5, "UNDELIV"),
        (Outcome.UE_MEMORY_CAPACITY_EXCEEDED, 5, "UNDELIV"),
    ],
)
def test_receipts(outcome: Outcome, state: int, word: str) -> None:
    told = receipt(message(), outcome, NOW + 60)
    assert (told.esm_class, told.source, told.destination) == (4, b"15550100001", b"15550001")
    assert (told.tlv(Tag.RECEIPTED_MESSAGE_ID), told.tlv(Tag.MESSAGE_STATE)) == (b"00ff\0", bytes((state,)))
    assert told.text.decode().startswith("id:00ff sub:001 dlvrd:")
    assert f"submit date:2601020304 done date:2601020305 stat:{word} err:" in told.text.decode()
