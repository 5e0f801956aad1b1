"""The message flows of TS 29.368 annex A, one after the other: every message of every node, in the annex's order.

The annex shows Tsp, S6m and T4; what the SMS-SC does with the device on SGd stands beside it here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from diameter import Dictionary, Message
from diameter.capture.text import short_name
from helpers.vector_lab import HSS, IWF, MME, SCS, SHORT_CODE, SMS_SC, VectorLab
from helpers.vector_scenes import laboratory
from nfs.common.identities import encode_number
from nfs.common.tsp import ActionType, DeliveryOutcome, RequestStatus

AWAY = "meter-w@customer.example"
HERE = "meter-1@customer.example"


@pytest.fixture(scope="module")
def dictionary() -> Dictionary:
    return Dictionary.load()


@pytest.fixture
def lab(dictionary: Dictionary) -> Iterator[VectorLab]:
    with laboratory(dictionary) as lab:
        yield lab


class Flow:
    """What the nodes say from now on."""

    def __init__(self, lab: VectorLab) -> None:
        self._lab = lab
        self._begin = len(lab.said)

    @property
    def messages(self) -> list[Message]:
        said = self._lab.said[self._begin :]
        return [one.message(self._lab.dictionary) for one in said if int.from_bytes(one.octets[8:12])]

    @property
    def annex(self) -> list[str]:
        """The messages that the annex shows, each with its sender."""
        names = {SCS: "SCS", IWF: "MTC-IWF", HSS: "HSS", SMS_SC: "SMS-SC", MME: "MME"}
        return [
            f"{names[each.text('Origin-Host')]} {short_name(each)}"
            for each in self.messages
            if each.application != "SGd"
        ]

    def notifications(self, command: str) -> list[tuple[int, int, int | None, int | None]]:
        """Action-Type, Reference-Number, Request-Status and Delivery-Outcome of each `command`."""
        groups = [each["Device-Notification"] for each in self.messages if each.command == command]
        return [
            (one["Action-Type"], one["Reference-Number"], one.get("Request-Status"), one.get("Delivery-Outcome"))
            for one in groups
        ]


SUBMITTED = ["SCS DAR", "MTC-IWF SIR", "HSS SIA", "MTC-IWF DTR", "SMS-SC DTA", "MTC-IWF DAA"]
REPORTED = ["SMS-SC DRR", "MTC-IWF DNR", "SCS DNA", "MTC-IWF DRA"]
TRIGGER, REPORT = int(ActionType.TRIGGER), int(ActionType.REPORT)
DAA, DNR = "Device-Action-Answer", "Device-Notification-Request"


def test_a_2_submission_and_successful_delivery(lab: VectorLab) -> None:
    flow = Flow(lab)
    number = lab.trigger(HERE).reference
    assert flow.annex == [*SUBMITTED, *REPORTED]
    assert flow.notifications(DAA) == [(TRIGGER, number, RequestStatus.SUCCESS, None)]
    assert flow.notifications(DNR) == [(REPORT, number, None, DeliveryOutcome.SUCCESS)]
    for each in flow.messages:  # every message about the transaction repeats its number (5.2)
        if each.command in ("Device-Trigger-Request", "Delivery-Report-Request"):
            assert each["Reference-Number"] == number


@pytest.mark.parametrize(
    ("device", "more", "said", "status"),
    [
        ("meter-1@other.example", {}, ["SCS DAR", "MTC-IWF DAA"], RequestStatus.INVEXTID),
        (HERE, {"validity_s": 700_000}, ["SCS DAR", "MTC-IWF DAA"], RequestStatus.INVPERIOD),
        (HERE, {"payload": bytes(2000)}, ["SCS DAR", "MTC-IWF DAA"], RequestStatus.INVPAYLOAD),
        ("meter-3@customer.example", {}, ["SCS DAR", "MTC-IWF SIR", "HSS SIA", "MTC-IWF DAA"],
         RequestStatus.SERVICEUNAVAILABLE),
        ("nobody@customer.example", {}, ["SCS DAR", "MTC-IWF SIR", "HSS SIA", "MTC-IWF DAA"], RequestStatus.INVEXTID),
    ],
    ids=["gateway", "period", "payload", "service", "unknown"],
)  # fmt: skip
def test_a_3_submission_that_is_rejected(
    lab: VectorLab, device: str, more: dict[str, Any], said: list[str], status: RequestStatus
) -> None:
    flow = Flow(lab)
    number = lab.trigger(device, settle_s=60, **more).reference
    assert flow.annex == said  # and no report ever
    assert flow.notifications(DAA) == [(TRIGGER, number, status, None)]


def test_a_3_submission_that_the_sms_sc_rejects(lab: VectorLab) -> None:
    flow = Flow(lab)
    report = lab.trigger("meter-1@third.example", host="scs.third.example", settle_s=60)
    assert [each.partition(" ")[2] for each in [f"x {short_name(one)}" for one in flow.messages]] == [
        "DAR", "SIR", "SIA", "DTR", "DTA", "DAA",
    ]  # fmt: skip
    assert flow.notifications(DAA) == [(TRIGGER, report.reference, RequestStatus.PERMANENTERROR, None)]


@pytest.mark.parametrize(
    ("device", "more", "outcome"),
    [
        ("meter-9@customer.example", {"validity_s": 0}, DeliveryOutcome.UNDELIVERABLE),
        ("meter-9@customer.example", {"validity_s": 30}, DeliveryOutcome.EXPIRED),
        ("meter-n@customer.example", {}, DeliveryOutcome.UNDELIVERABLE),
    ],
    ids=["once", "expired", "unknown"],
)
def test_a_4_submission_and_delivery_that_fails(
    lab: VectorLab, device: str, more: dict[str, Any], outcome: DeliveryOutcome
) -> None:
    flow = Flow(lab)
    number = lab.trigger(device, settle_s=60, **more).reference
    assert flow.annex == [*SUBMITTED, *REPORTED]
    assert flow.notifications(DAA) == [(TRIGGER, number, RequestStatus.SUCCESS, None)]
    assert flow.notifications(DNR) == [(REPORT, number, None, outcome)]


def test_a_5_recall(lab: VectorLab) -> None:
    old = lab.trigger(AWAY, validity_s=600).reference
    flow = Flow(lab)
    number = lab.trigger(AWAY, settle_s=700, recall=old, payload=b"", port=None).reference
    assert flow.annex == SUBMITTED  # its answer is the end of the other transaction too: no report follows
    assert flow.notifications(DAA) == [(ActionType.RECALL, number, RequestStatus.SUCCESS, None)]
    asked = next(each for each in flow.messages if each.command == "Device-Trigger-Request")
    assert (asked["Trigger-Action"], asked["Old-Reference-Number"]) == (1, old)


def test_a_5_recall_of_a_trigger_that_was_sent(lab: VectorLab) -> None:
    old = lab.trigger(HERE).reference
    flow = Flow(lab)
    number = lab.trigger(HERE, recall=old, payload=b"", port=None).reference
    assert flow.notifications(DAA) == [(ActionType.RECALL, number, RequestStatus.ORIGINALMESSAGESENT, None)]
    assert flow.notifications(DNR) == []


def test_a_6_replace(lab: VectorLab) -> None:
    old = lab.trigger(AWAY, validity_s=600).reference
    flow = Flow(lab)
    number = lab.trigger(AWAY, settle_s=700, replace=old, payload=b"sleep", validity_s=30).reference
    assert flow.annex == [*SUBMITTED, *REPORTED]
    assert flow.notifications(DAA) == [(ActionType.REPLACE, number, RequestStatus.SUCCESS, None)]
    assert flow.notifications(DNR) == [(REPORT, number, None, DeliveryOutcome.EXPIRED)]  # of the new one alone
    asked = next(each for each in flow.messages if each.command == "Device-Trigger-Request")
    assert (asked["Trigger-Action"], asked["Old-Reference-Number"], asked["Reference-Number"]) == (2, old, number)


def test_a_7_short_message_of_a_device_without_msisdn(lab: VectorLab) -> None:
    lab.scs[SCS].tsp.messages.limit = 1
    flow = Flow(lab)
    lab.send(SHORT_CODE)
    assert flow.annex == ["MTC-IWF SIR", "HSS SIA", "MTC-IWF DNR", "SCS DNA"]
    between = [short_name(each) for each in flow.messages if each.application == "SGd"]
    assert between == ["OFR", "OFA", "OFR", "OFA", "TFR", "TFA"]
    (inside,) = [each["Device-Notification"] for each in flow.messages if each.command == DNR]
    assert (inside["Action-Type"], inside["External-Identifier"]) == (ActionType.MO_SMS, HERE)
    assert inside["SCS-Identity"] == encode_number("15550000100")
    asked = next(each for each in flow.messages if each.command == "Subscriber-Information-Request")
    assert (asked["Service-ID"], asked["Service-Parameters"]["Application-Port-Identifier"]) == (1, 16000)
