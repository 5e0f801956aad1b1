"""A device's short message through UE, MME, SMS-SC, MTC-IWF, HSS and SCS, all nodes in memory (TS 23.682 5.15)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from diameter import Dictionary, Message
from helpers.schemas import assert_fits
from helpers.vector_lab import (
    ADDRESSES,
    ISDN,
    IWF,
    IWF_NUMBER,
    REALM,
    SCS,
    SCS2,
    SGW,
    SHORT_CODE,
    SMS_SC,
    SMS_SC_NUMBER,
    VectorLab,
)
from helpers.vector_scenes import laboratory
from nfs.common.identities import encode_number
from nfs.common.sm_failure import TGPP, FailureCause
from nfs.common.sms import Submit, split
from nfs.common.sms_layout import SmsAddress
from nfs.common.sms_reports import Failed, Status
from nfs.mme.mo_sms import Heard
from nfs.scs.mo_sms import ShortMessage

IMSI = "001010000000001"


@pytest.fixture(scope="module")
def dictionary() -> Dictionary:
    return Dictionary.load()


@pytest.fixture
def lab(dictionary: Dictionary) -> Iterator[VectorLab]:
    with laboratory(dictionary) as lab:
        lab.scs[SCS].tsp.messages.limit = 2
        yield lab


def said(lab: VectorLab, begin: int) -> list[Message]:
    return [one.message(lab.dictionary) for one in lab.said[begin:] if int.from_bytes(one.octets[8:12])]


def events(heard: list[Heard]) -> list[tuple[str, int | None]]:
    for each in heard:
        assert_fits("heard", {"schema": 1, **each.form()})
    found = [(each.event, each.failure_cause if each.event == "refused" else each.status) for each in heard]
    return sorted(found, key=lambda each: each[0])  # what comes at once has no order


def audit(lab: VectorLab) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (lab.folder / "iwf.audit").read_text().splitlines()]


def test_a_message_arrives_and_the_device_hears_of_it(lab: VectorLab) -> None:
    begin = len(lab.said)
    assert events(lab.send(SHORT_CODE)) == [("confirmed", None), ("report", Status.RECEIVED)]
    assert lab.sender.outboxes[IMSI].waiting == {}
    (message,) = lab.scs[SCS].tsp.messages.after(0)
    assert message == ShortMessage(
        number=1,
        external_identifier="meter-1@customer.example",
        to=SHORT_CODE,
        payload=b"21.5 C",
        port=16000,
        coding=4,
        reference=message.reference,
    )
    notification = next(one for one in said(lab, begin) if one.command == "Device-Notification-Request")
    inside = notification["Device-Notification"]
    assert (inside["Action-Type"], inside["Application-Port-Identifier"]) == (5, 16000)
    assert inside["SCS-Identity"] == encode_number(ISDN[SCS])
    assert IMSI.encode() not in notification.octets
    answer = next(one for one in said(lab, begin) if one.command.startswith("MO-") and one.get("External-Identifier"))
    assert answer["External-Identifier"] == "meter-1@customer.example"  # for charging, TS 29.338 6.2.1
    assert audit(lab) == []


def test_a_long_message_is_joined_and_a_repeat_dropped(lab: VectorLab) -> None:
    assert events(lab.send(SHORT_CODE, payload=bytes(range(256)), report=False)) == [("confirmed", None)] * 2
    messages = lab.scs[SCS].tsp.messages
    (message,) = messages.after(0)
    assert message.payload == bytes(range(256))
    tpdu = lab.sender.outboxes[IMSI].write(SHORT_CODE, b"x", international=False)[0].tpdu
    for _ in range(2):
        messages.take(IWF, "meter-1@customer.example", 1, tpdu)
    assert (len(messages.after(1)), messages.duplicates) == (1, 1)


@pytest.mark.requirement("R-TSP-17", "T-TSP-06")
def test_a_device_reaches_no_scs_but_its_subscribers(lab: VectorLab) -> None:
    begin = len(lab.said)
    heard = lab.send(ISDN[SCS2], report=False)
    assert events(heard) == [("refused", Failed.NO_SUBSCRIPTION)]
    assert heard[0].result == (TGPP, 5555)
    assert not [one for one in said(lab, begin) if one.application == "Tsp"]
    (line,) = audit(lab)
    assert (line["check"], line["profile"], line["result"]) == ("mo-sms", SCS2, "USER_NOT_SC_USER")
    assert IMSI not in json.dumps(line)


@pytest.mark.parametrize(
    ("more", "result", "failed", "status"),
    [
        ({"to": "9999"}, (TGPP, 5555), Failed.INVALID_SME_ADDRESS, None),
        ({"to": SHORT_CODE, "port": 77}, (TGPP, 5552), None, Status.NO_INTERWORKING),
        ({"to": SHORT_CODE, "port": None}, (TGPP, 5555), Failed.SC_FAILURE, Status.REMOTE_PROCEDURE_ERROR),
        ({"to": SHORT_CODE, "imsi": "001010000000002"}, (TGPP, 5555), Failed.NO_SUBSCRIPTION,
         Status.CONNECTION_REJECTED),
        ({"to": SHORT_CODE, "imsi": "001010000000003"}, (TGPP, 5552), None, Status.NO_INTERWORKING),
        ({"to": SHORT_CODE, "imsi": "001019999999999"}, (TGPP, 5555), Failed.NO_SUBSCRIPTION,
         Status.CONNECTION_REJECTED),
        ({"to": SHORT_CODE, "imsi": "262010000000001"}, (TGPP, 5555), Failed.NO_SUBSCRIPTION, None),
        ({"to": ISDN[SCS2]}, (TGPP, 5555), Failed.NO_SUBSCRIPTION, Status.CONNECTION_REJECTED),
    ],
    ids=["address", "port", "no-port", "not-entitled", "no-service", "unknown", "foreign", "other-scs"],
)  # fmt: skip
def test_what_is_refused_is_told_with_its_reason(
    lab: VectorLab, more: dict[str, Any], result: tuple[int, int], failed: Failed | None, status: Status | None
) -> None:
    (refused,) = lab.send(**more, report=False)
    assert (refused.event, refused.result, refused.failure_cause) == ("refused", result, failed)
    expected = [("refused", failed)] if status is None else [("confirmed", None), ("report", status)]
    assert events(lab.send(**more)) == expected


def test_an_scs_that_is_full_takes_none_or_is_away(lab: VectorLab) -> None:
    for _ in range(2):
        lab.send(SHORT_CODE, report=False)
    assert events(lab.send(SHORT_CODE)) == [("confirmed", None), ("report", Status.CONGESTION)]
    lab.scs[SCS].tsp.messages.limit = 0
    assert events(lab.send(SHORT_CODE)) == [("confirmed", None), ("report", Status.NO_INTERWORKING)]
    lab.wait(lab.nodes.pop(SCS).stop())
    assert events(lab.send(SHORT_CODE, settle_s=10)) == [("confirmed", None), ("report", Status.NO_RESPONSE)]


def test_without_hss_or_mtc_iwf_the_device_hears_that_too(lab: VectorLab) -> None:
    lab.wait(lab.nodes.pop("hss.operator.example").stop())
    assert events(lab.send(SHORT_CODE, settle_s=10)) == [("confirmed", None), ("report", Status.REMOTE_PROCEDURE_ERROR)]
    lab.wait(lab.nodes.pop(IWF).stop())
    assert events(lab.send(SHORT_CODE, settle_s=10)) == [("confirmed", None), ("report", Status.NO_RESPONSE)]
    assert events(lab.send(SHORT_CODE, report=False)) == [("refused", Failed.SC_BUSY)]


def forward(lab: VectorLab, who: str, to: str, **changed: Any) -> Message:
    """An OFR of node `who` to node `to`; the answer."""
    (data,) = split(b"x", port=16000, reference=1)
    submit = Submit(reference=1, destination=SmsAddress(digits=SHORT_CODE, ton=0), user_data=data)
    avps = {
        "SC-Address": encode_number(IWF_NUMBER if to == IWF else SMS_SC_NUMBER),
        "User-Identifier": {"User-Name": IMSI},
        "SM-RP-UI": submit.encode(),
    }
    application = next(each for each in lab.functions[who].applications if each.dictionary == "ts29338_sgd")
    asked = application.request("MO-Forward-Short-Message", avps | changed, to=to, realm=REALM)
    answer: Message = lab.wait(asked)
    return answer


def cause(answer: Message) -> int:
    assert answer.result == (TGPP, 5555)
    number: int = answer["SM-Delivery-Failure-Cause"]["SM-Enumerated-Delivery-Failure-Cause"]
    return number


def test_what_another_sms_sc_might_send(lab: VectorLab) -> None:
    def ask(**changed: Any) -> Message:
        return forward(lab, SMS_SC, IWF, **{name.replace("_", "-"): value for name, value in changed.items()})

    assert ask().result == (0, 2001)
    assert cause(ask(SC_Address=encode_number("15559999999"))) == FailureCause.UNKNOWN_SERVICE_CENTRE
    assert cause(ask(SC_Address=b"\xff")) == FailureCause.UNKNOWN_SERVICE_CENTRE
    assert cause(ask(SM_RP_UI=b"\x00")) == FailureCause.EQUIPMENT_PROTOCOL_ERROR
    assert cause(ask(User_Identifier={"MSISDN": encode_number("15560000001")})) == FailureCause.EQUIPMENT_PROTOCOL_ERROR
    assert ask(User_Identifier={"External-Identifier": "meter-1@customer.example"}).result == (0, 5005)
    assert ask(User_Identifier={"User-Name": "no imsi"}).result == (0, 5004)


def test_what_another_mme_might_send(lab: VectorLab) -> None:
    mme = "mme.operator.example"
    assert forward(lab, mme, SMS_SC).result == (0, 2001)
    assert cause(forward(lab, mme, SMS_SC, **{"SC-Address": b"\xff"})) == FailureCause.UNKNOWN_SERVICE_CENTRE
    assert forward(lab, mme, SMS_SC, **{"User-Identifier": {"User-Name": "no imsi"}}).result == (TGPP, 5001)
    no_imsi = {"User-Identifier": {"MSISDN": encode_number("15560000001")}}
    assert forward(lab, mme, SMS_SC, **no_imsi).result == (0, 5005)


def test_a_message_with_an_imsi_in_it_does_not_leave(lab: VectorLab) -> None:
    assert events(lab.send(SHORT_CODE, payload=IMSI.encode())) == [("confirmed", None), ("report", Status.NO_RESPONSE)]
    (line,) = audit(lab)
    assert (line["check"], line["alarm"]) == ("outbound-imsi", True)
    assert lab.scs[SCS].tsp.messages.after(0) == ()


@pytest.mark.requirement("C-GEN-02", "R-TSP-17", "T-TSP-06")
def test_through_a_gateway_of_its_own(dictionary: Dictionary) -> None:
    """The same message, its report and its refusal where the gateway is a node in front of the MTC-IWF."""
    with laboratory(dictionary, gateway=True) as lab:
        lab.scs[SCS].tsp.messages.limit = 1
        begin = len(lab.said)
        assert events(lab.send(SHORT_CODE)) == [("confirmed", None), ("report", Status.RECEIVED)]
        (message,) = lab.scs[SCS].tsp.messages.after(0)
        assert (message.external_identifier, message.payload) == ("meter-1@customer.example", b"21.5 C")
        outside = [one for one in lab.said[begin:] if ADDRESSES[SCS] in (one.source[0], one.destination[0])]
        seen = b"".join(one.octets for one in outside).lower()
        assert seen
        assert not [name for name in (IMSI, IWF, SMS_SC) if name.encode() in seen]
        assert events(lab.send(SHORT_CODE)) == [("confirmed", None), ("report", Status.CONGESTION)]
        assert events(lab.send(SHORT_CODE, payload=IMSI.encode())) == [
            ("confirmed", None),
            ("report", Status.NO_RESPONSE),
        ]
        assert [line["check"] for line in audit(lab)] == ["mo-sms", "outbound-imsi"]
        assert events(lab.send(ISDN[SCS2], report=False)) == [("refused", Failed.NO_SUBSCRIPTION)]
        lab.trigger("meter-1@customer.example")
        services = {
            one.group(inside).get("Action-Type")
            for each in lab.said
            if ADDRESSES[SCS] in (each.source[0], each.destination[0])
            for one in [each.message(lab.dictionary)]
            for inside in ("Device-Action", "Device-Notification")
            if one.request and inside in one
        }
        assert services == {1, 2, 5}  # a trigger, the report on it, a short message of the device
        dialled = [end for end in lab.wire.links if end.dialled and end.remote.host == ADDRESSES[SGW]]
        assert len(dialled) == len(lab.scs)
