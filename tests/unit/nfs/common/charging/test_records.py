"""Every record, member by member, against a reader of BER that knows nothing of its text."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest

from helpers.ber import walk
from nfs.common.charging.asn1 import RecordError, compiled, decode, encode, encode_as, length_of
from nfs.common.charging.events import Event, Group, Indicator, Interface, Kind, MessageType, from_text, to_text
from nfs.common.charging.records import GROUP_EXTENSION, Maker
from nfs.common.nodes import NodeKind, ServingNode

AT = 1767323045.0  # 2026-01-02 03:04:05 UTC
EXAMPLE = bytes.fromhex(
    "bf6e7780016e8107915155210300f082092601020304052b0000a40a800800010100000000f1850101a646a01581136d"
    "74632d6977662e6578616d706c652e6f726781021267a21e830f6d6d652e6578616d706c652e6f7267840b6578616d70"
    "6c652e6f726783020e1084010085021f40a704870207d1890101"
)
"""A worked example of SCDVTT4Record, made by another compiler from the same definitions."""
MME = ServingNode(kind=NodeKind.MME, number="15550000300", name="mme.example.org", realm="example.org")
TRIGGER = Event(
    kind=Kind.TRIGGER,
    at=AT,
    imsi="001010000000001",
    msisdn="15551000001",
    external_id="meter-1@customer.example",
    originator="15550000100",
    originator_interface=Interface.DEVICE_TRIGGER,
    indicator=Indicator.REPLACE,
    iwf="iwf.example.org",
    reference=4711,
    serving=MME,
    validity_s=3600,
    priority=True,
    port=8000,
    result=5533,
)
MESSAGE = Event(
    kind=Kind.MO,
    at=AT,
    imsi="001010000000001",
    msisdn="15551000001",
    originator="Utility",
    originator_type=5,
    originator_id="utility",
    originator_interface=Interface.APPLICATION_ORIGINATING,
    message_reference=b"\x01\x02",
    size=160,
    dcs=0,
    pid=0x41,
    header=b"\x05\x00\x03\x01\x02\x01",
    report=True,
    message_type=MessageType.SUBMISSION,
    parts=2,
)
NUMBER = "15551230000"
ISDN = bytes.fromhex("915155210300f0")
TIME = bytes.fromhex("2601020304052b0000")
IMSI = bytes.fromhex("00010100000000f1")


def members(event: Event, number: int = 7) -> dict[int, Any]:
    ((tag, found),) = walk(encode(Maker(NUMBER).record(event, number)))
    assert tag == {Kind.TRIGGER: 110, Kind.MO: 93, Kind.MO_T4: 111, Kind.MT: 94}[event.kind]
    assert [each for each, _ in found] == sorted(each for each, _ in found)
    return dict(found)


def test_the_worked_example_is_read_and_made_again() -> None:
    kind, found = decode(EXAMPLE)
    assert (kind, found["recordType"], found["sMSNodeAddress"]) == ("sCDVTT4Record", 110, ISDN)
    assert found["sMDeviceTriggerInformation"]["sMDTReferenceNumber"] == 4711
    assert encode((kind, found)) == EXAMPLE


def test_a_trigger_over_t4_is_record_110() -> None:
    assert members(TRIGGER) == {
        0: b"\x6e",
        1: ISDN,
        2: TIME,
        3: [(4, [(0, b"\x01"), (1, b"15550000100")]), (5, [(3, b"\x05")])],
        4: [
            (0, IMSI),
            (1, bytes.fromhex("915155010000f1")),
            (2, [(0, b"\x09"), (1, b"meter-1@customer.example")]),
        ],
        5: b"\x02",
        6: [
            (0, [(1, b"iwf.example.org")]),  # a CHOICE keeps its own tag inside
            (1, (4711).to_bytes(2)),
            (2, [(3, b"mme.example.org"), (4, b"example.org"), (5, bytes.fromhex("915155000003f0"))]),
            (3, (3600).to_bytes(2)),
            (4, b"\x01"),
            (5, (8000).to_bytes(2)),
        ],
        7: [(7, (5533).to_bytes(2))],
        9: b"\x07",
    }


@pytest.mark.requirement("R-GRP-47")
def test_the_record_of_a_group_says_how_many_members_it_reached() -> None:
    group = Group(
        identifier="fleet@customer.example", reference=9, number="15550000100", members=3, reached=2, closed=True
    )
    found = members(Event(kind=Kind.TRIGGER, at=AT, indicator=Indicator.REQUEST, reference=9, group=group))
    ((_, extension),) = found[10]
    arc = int(GROUP_EXTENSION.removeprefix("2.25."))
    septets = [arc >> 7 * at & 0x7F for at in range((arc.bit_length() + 6) // 7)][::-1]
    assert extension[0] == (6, bytes([2 * 40 + 25, *(each | 0x80 for each in septets[:-1]), septets[-1]]))
    assert extension[1] == (
        2,
        [
            (
                16,
                [
                    (0, b"fleet@customer.example"),
                    (1, b"\x09"),
                    (2, bytes.fromhex("915155000001f0")),
                    (3, b"\x03"),
                    (4, b"\x02"),
                    (5, b"\xff"),
                ],
            )
        ],
    )


def test_a_submitted_message_is_record_93() -> None:
    assert members(MESSAGE) == {
        0: b"\x5d",
        1: ISDN,
        2: [
            (4, [(0, b"\x05"), (1, b"Utility")]),
            (5, [(0, b"utility"), (3, b"\x03")]),
            (6, b"\x41"),
        ],
        3: [(16, [(0, IMSI), (1, bytes.fromhex("915155010000f1"))])],
        5: TIME,
        6: b"\x01\x02",
        7: b"\x02",
        9: b"\x00\xa0",
        11: b"\xff",
        12: b"\x00",
        13: b"\x00",
        15: b"\x05\x00\x03\x01\x02\x01",
        22: b"\x07",
    }


def test_a_message_of_a_device_without_a_number_is_record_111() -> None:
    event = Event(
        kind=Kind.MO_T4,
        at=AT,
        imsi="001010000000001",
        recipient="15550000100",
        originator_interface=Interface.MOBILE_ORIGINATING,
        iwf="iwf.example.org",
        port=16000,
        message_reference=b"\x2a",
        size=4,
        pid=0,
        dcs=4,
        report=False,
        message_type=MessageType.SUBMISSION,
        result=5555,
    )
    assert members(event) == {
        0: b"\x6f",
        1: ISDN,
        2: [(0, IMSI), (5, [(3, b"\x01")]), (6, b"\x00")],
        3: [(4, [(0, b"\x01"), (1, b"15550000100")])],
        5: TIME,
        6: b"\x2a",
        9: b"\x04",
        11: b"\x00",
        12: b"\x04",
        13: b"\x00",
        19: [(7, (5555).to_bytes(2))],
        20: [(1, b"iwf.example.org")],
        21: (16000).to_bytes(2),
        23: b"\x07",
    }


def test_a_delivery_is_record_94() -> None:
    event = replace(
        MESSAGE, kind=Kind.MT, submitted_at=AT - 1, priority=True, message_type=MessageType.DELIVERY, result=5550
    )
    assert members(event) == {
        0: b"\x5e",
        1: ISDN,
        2: [(0, IMSI), (1, bytes.fromhex("915155010000f1")), (6, b"\x41")],
        3: [(4, [(0, b"\x05"), (1, b"Utility")]), (5, [(0, b"utility"), (3, b"\x03")])],
        5: bytes.fromhex("2601020304042b0000"),
        6: TIME,
        7: b"\x02",
        8: b"\x01\x02",
        9: b"\x02",
        11: b"\x00\xa0",
        13: b"\xff",
        14: b"\x00",
        15: b"\x03",
        17: b"\x05\x00\x03\x01\x02\x01",
        23: [(7, (5550).to_bytes(2))],
        26: b"\x07",
    }


def test_the_delivery_of_a_trigger_has_what_t4_said() -> None:
    event = replace(
        TRIGGER, kind=Kind.MT, indicator=Indicator.REQUEST, message_type=MessageType.SM_DEVICE_TRIGGER, result=None
    )
    found = members(event)
    assert found[15] == b"\x05"
    assert found[25] == members(TRIGGER)[6]
    assert 23 not in found


@pytest.mark.parametrize(
    ("kind", "members"),
    [
        (NodeKind.SGSN, {0: b"a.example.org", 1: b"example.org", 2: bytes.fromhex("915155000003f0")}),
        (NodeKind.MSC, {3: b"a.example.org", 4: b"example.org", 6: bytes.fromhex("915155000003f0")}),
        (NodeKind.IP_SM_GW, {7: bytes.fromhex("915155000003f0"), 8: b"a.example.org"}),
        (NodeKind.SMSF_3GPP, None),
    ],
)
def test_serving_nodes_of_every_kind(kind: NodeKind, members: dict[int, bytes] | None) -> None:
    node = ServingNode(kind=kind, number="15550000300", name="a.example.org", realm="example.org")
    ((_, found),) = walk(encode(Maker(NUMBER).record(replace(TRIGGER, serving=node), 1)))
    information = dict(dict(found)[6])
    assert (dict(information[2]) if 2 in information else None) == members


def test_records_that_only_others_write_are_read() -> None:
    common = {"sMSNodeAddress": ("domainName", "gw.example.org"), "eventtimestamp": TIME, "messageReference": b"\1"}
    pdp = ("iPAddress", ("iPBinaryAddress", ("iPBinV4Address", bytes(4))))
    others: list[tuple[str, int, dict[str, Any]]] = [
        ("iSMSMORecord", 112, {"session-Id": "gw;1;1", "pDPAddress": pdp}),
        ("iSMSMTRecord", 113, {"sMSStatus": b"\0", "sMDischargeTime": TIME, "carrierSelectRouting": b"x"}),
    ]
    for name, number, more in others:
        record: tuple[str, dict[str, Any]] = (name, {"recordType": number, **common, **more})
        octets = encode(record)
        assert octets[:2] == bytes((0xBF, number))
        assert decode(octets) == record


def test_tag_111_is_read_as_published_too() -> None:
    as_94 = encode(Maker(NUMBER).record(replace(MESSAGE, kind=Kind.MT), 1))
    kind, found = decode(b"\xbf\x6f" + as_94[2:])
    assert (kind, found["eventtimestamp"]) == ("sCSMTRecord", TIME)


@pytest.mark.parametrize(
    ("octets", "words"),
    [
        (b"", "offset 0: the octets end"),
        (b"\xbf", "offset 1: the octets end"),
        (EXAMPLE[:50], "122 octets announced, 50 there"),
        (EXAMPLE + b"\0", "122 octets announced, 123 there"),
        (b"\xbf\x6e\x80\0\0", "offset 2: no definite length"),
        (b"\xbf\x6e\x03\x80\x01\x6e", "sMSNodeAddress"),
        (b"\x30\x00", "offset"),
    ],
)
def test_what_is_no_record_is_said_with_its_offset(octets: bytes, words: str) -> None:
    with pytest.raises(RecordError, match=words):
        decode(octets)


def test_lengths_of_every_form() -> None:
    assert [length_of(each) for each in (b"\x04\x01\0", b"\x04\x81\x80", b"\x04\x82\x01\x00", b"\xbf\x81\x00\x02")] == [
        3,
        131,
        260,
        6,
    ]


def test_values_that_make_no_record_are_refused() -> None:
    with pytest.raises(RecordError):
        encode(("sCDVTT4Record", {"recordType": "x"}))
    with pytest.raises(RecordError):
        encode_as("GroupInformation", {"groupIdentifier": "x"})
    assert compiled() is compiled()


@pytest.mark.parametrize(
    "event", [TRIGGER, MESSAGE, replace(TRIGGER, group=Group(identifier="g", reference=1, number="15550000100"))]
)
def test_an_event_comes_back_whole_from_a_store(event: Event) -> None:
    assert from_text(to_text(event)) == event


def test_a_function_that_charges_nothing_does_without_the_compiler() -> None:
    program = "import sys, nfs.mtc_iwf.config, nfs.sms_sc.config; sys.exit('asn1tools' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True, timeout=300)
