"""Answers of S6m and S6n: what is read of them, and what of them is wrong (TS 29.336 5.2.1.2, 6.4.8)."""

from __future__ import annotations

from typing import Any

import pytest

from diameter import Dictionary, Message, decode, encode
from nfs.common.identities import encode_number
from nfs.common.user_id import UserId
from nfs.mtc_iwf.informed import Asked, Told, checks, names, read, short_message, trigger

IMSI, NUMBER = "001010000000001", encode_number("15560000001")
NAME = "meter-1@customer.example"
MME = {"MME-Name": "mme.example", "MME-Realm": "example", "MME-Number-for-MT-SMS": encode_number("15559001")}
SGSN = {"SGSN-Number": encode_number("15559002")}


@pytest.fixture(scope="module")
def dictionary() -> Dictionary:
    return Dictionary.load()


def asked_of(dictionary: Dictionary, avps: dict[str, Any]) -> Message:
    top = {"Session-Id": "a;1;1", "Auth-Session-State": 1, "Origin-Host": "iwf.example", "Origin-Realm": "example"}
    built = dictionary.request("Subscriber-Information", top | {"Destination-Realm": "example"} | avps)
    return decode(encode(built), dictionary)


def answered(dictionary: Dictionary, code: int, avps: dict[str, Any], *, vendor: int = 0) -> Message:
    origin = {"Origin-Host": "hss.example", "Origin-Realm": "example"}
    answer = asked_of(dictionary, names(IMSI)).answer(code, origin | avps, vendor=vendor)
    return decode(encode(answer), dictionary)


def t4(cause: int, **nodes: Any) -> dict[str, Any]:
    return {"T4-Data": {"HSS-Cause": cause, **{name.replace("_", "-"): value for name, value in nodes.items()}}}


def wrong(asked: Asked, answer: Message) -> list[str]:
    return [check.what for check in checks(asked, answer, IMSI) if check.verdict == "wrong"]


def test_the_questions_have_what_their_clause_has(dictionary: Dictionary) -> None:
    """5.2.1.1: on S6n the IMSI and bit 0 clear, and nothing else of S6m."""
    of_aaa = asked_of(dictionary, names(IMSI))
    assert (of_aaa["SIR-Flags"], of_aaa["User-Identifier"]["User-Name"]) == (0, IMSI)
    assert not {"Service-ID", "SCS-Identity", "Service-Parameters"} & {avp.name for avp in of_aaa.avps}
    of_iwf = asked_of(dictionary, trigger({"MSISDN": NUMBER}, scs="15550001", priority=True))
    assert (of_iwf["SIR-Flags"], of_iwf["Service-ID"]) == (1, 0)
    assert of_iwf["Service-Parameters"]["T4-Parameters"]["Priority-Indication"] == 1
    for port in (None, 16000):
        of_mo = asked_of(dictionary, short_message({"User-Name": IMSI}, scs="15550001", port=port))
        assert (of_mo["Service-ID"], "Service-Parameters" in of_mo) == (1, port is not None)
    assert of_iwf.faults == of_aaa.faults == of_mo.faults == ()


@pytest.mark.parametrize(
    ("users", "faults"),
    [
        ([{"External-Identifier": NAME}, {"MSISDN": NUMBER}], []),
        ([{"User-Name": IMSI}], []),
        ([], ["User-Identifier"]),
        ([{"External-Identifier": NAME, "MSISDN": NUMBER}], ["one name in each User-Identifier"]),
        ([{"External-Identifier": NAME}] * 2, ["no name twice"]),
        ([{"User-Name": "001010000000002"}], ["a device without names is its IMSI"]),
        ([{"User-Name": IMSI}, {"External-Identifier": NAME}], []),  # a note
        ([{"External-Identifier": "bare"}], ["identities and nodes can be read", "a device without names is its IMSI"]),
    ],
)
def test_names(dictionary: Dictionary, users: list[Any], faults: list[str]) -> None:
    answer = answered(dictionary, 2001, {"User-Identifier": users})
    assert wrong(Asked.NAMES, answer) == faults


def test_the_imsi_beside_names_is_a_note(dictionary: Dictionary) -> None:
    answer = answered(dictionary, 2001, {"User-Identifier": [{"User-Name": IMSI}, {"External-Identifier": NAME}]})
    assert [check.what for check in checks(Asked.NAMES, answer, IMSI) if check.verdict == "note"] == ["User-Name"]


@pytest.mark.parametrize(
    ("user", "service", "faults"),
    [
        ({"User-Name": IMSI}, t4(0, Serving_Node=MME, Additional_Serving_Node=SGSN), []),
        ({"User-Name": IMSI}, t4(1), []),
        ({"User-Name": IMSI}, t4(4), []),
        ({"MSISDN": NUMBER}, t4(0, Serving_Node=MME), ["IMSI"]),
        ({"User-Name": IMSI}, None, ["T4-Data"]),
        ({"User-Name": IMSI}, t4(0), ["serving nodes"]),
        ({"User-Name": IMSI}, t4(1, Serving_Node=MME), ["no nodes of an absent subscriber"]),
        ({"User-Name": IMSI}, t4(0, Additional_Serving_Node=SGSN), ["Additional-Serving-Node"]),
        ({"User-Name": IMSI}, t4(0, Serving_Node={"MME-Name": "x.example"}),
         ["identities and nodes can be read", "serving nodes"]),
    ],
)  # fmt: skip
def test_a_trigger(dictionary: Dictionary, user: Any, service: Any, faults: list[str]) -> None:
    avps = {"User-Identifier": user} if service is None else {"User-Identifier": user, "Service-Data": service}
    assert wrong(Asked.TRIGGER, answered(dictionary, 2001, avps)) == faults


def test_a_short_message_has_one_external_identifier(dictionary: Dictionary) -> None:
    good = answered(dictionary, 2001, {"User-Identifier": {"External-Identifier": NAME}})
    assert wrong(Asked.SMS_MO, good) == []
    for users in ([], [{"User-Name": IMSI}], [{"External-Identifier": NAME}] * 2):
        answer = answered(dictionary, 2001, {"User-Identifier": users, "Service-Data": t4(0)})
        assert wrong(Asked.SMS_MO, answer) == ["no Service-Data", "the External Identifier of the application"]


def test_a_refusal_names_nobody(dictionary: Dictionary) -> None:
    assert wrong(Asked.NAMES, answered(dictionary, 5001, {}, vendor=10415)) == ["result"]
    told = answered(dictionary, 5001, {"User-Identifier": {"User-Name": IMSI}}, vendor=10415)
    assert wrong(Asked.NAMES, told) == ["result", "no User-Identifier beside a refusal"]


def test_what_is_read(dictionary: Dictionary) -> None:
    avps = {"User-Identifier": {"User-Name": IMSI, "MSISDN": NUMBER}, "Service-Data": t4(0, Serving_Node=MME)}
    told = read(answered(dictionary, 2001, avps))
    assert told.users == (UserId(imsi=IMSI, msisdn="15560000001"),)
    assert told.form()["nodes"] == [{"kind": "mme", "number": "15559001", "name": "mme.example", "realm": "example"}]
    assert (told.form()["causes"], Told().form()["causes"], Told(cause=5).causes) == (
        [], None, ("Absent-Subscriber", "Call-Barred"),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("before", "after", "what"),
    [
        (IMSI.encode(), b"\xff" * len(IMSI), "User-Name"),
        (b"mme.example", b"\xff" * 11, "Serving-Node"),
        (bytes.fromhex("00000c25c0000010"), bytes.fromhex("00000c25c000000f"), "HSS-Cause"),
    ],
)
def test_octets_that_are_no_values_are_unread_and_no_crash(
    dictionary: Dictionary, before: bytes, after: bytes, what: str
) -> None:
    avps = {"User-Identifier": {"User-Name": IMSI}, "Service-Data": t4(0, Serving_Node=MME)}
    octets = encode(answered(dictionary, 2001, avps))
    assert before in octets
    answer = decode(octets.replace(before, after), dictionary)
    assert [each.partition(":")[0] for each in read(answer).unread] == [what]
    assert "ABNF" in wrong(Asked.TRIGGER, answer)
    read(answer).form()
