"""Triggers for groups at the SCS: one answer, a report for each member, each seen once."""

from __future__ import annotations

from typing import Any

import pytest

from diameter import Dictionary, Message, RequestTimeout
from diameter.testing import FakeRequester, run
from nfs.cli._trigger_group import lines
from nfs.common.tsp import DeliveryOutcome, RequestStatus
from nfs.scs.api import Scs, Stage, TriggerRequest
from nfs.scs.groups import GroupReport, GroupTriggers, report_to
from nfs.scs.logic import Ledger

DICTIONARY = Dictionary.load()
FLEET = TriggerRequest(payload=b"wake", external_identifier="fleet@customer.example", group=True)
SUCCESS = DeliveryOutcome.SUCCESS


def answered(status: RequestStatus, error: str = "") -> Any:
    def answer(request: Message) -> Message:
        action = request["Device-Action"]
        assert (action["External-Identifier"], action["Type-Of-External-Identifier"]) == (FLEET.external_identifier, 1)
        told = {"Reference-Number": action["Reference-Number"], "Action-Type": 1, "Request-Status": int(status)}
        return request.answer(2001, {"Device-Notification": told} | ({"Error-Message": error} if error else {}))

    return answer


class Rig:
    def __init__(self, *answers: Any) -> None:
        self.now = 100.0
        self.scs = Scs(
            number="15550000100",
            realm="operator.example",
            mtc_iwf="iwf.operator.example",
            clock=lambda: self.now,
            ledger=Ledger(first_reference=7),
        )
        self.fake = FakeRequester(self.scs.tsp, DICTIONARY, {"Device-Action": list(answers)})
        self.groups = GroupTriggers(self.scs)

    def submit(self, request: TriggerRequest = FLEET) -> GroupReport:
        return run(self.groups.submit(request))

    def report(self, member: str, outcome: int = SUCCESS, reference: int = 7) -> None:
        told: dict[str, Any] = {"External-Identifier": member, "Reference-Number": reference}
        told |= {"Action-Type": 2, "Delivery-Outcome": outcome}
        assert self.fake.deliver(
            "Device-Notification", {"Destination-Host": "scs.example", "Device-Notification": told}
        ).result == (0, 2001)


def test_each_member_is_reported_once() -> None:
    rig = Rig(answered(RequestStatus.SUCCESS))
    assert rig.submit().stage is Stage.ACCEPTED
    waiting = rig.groups.wait(7, members=2)
    rig.report("a@b.example")
    rig.report("a@b.example", DeliveryOutcome.EXPIRED)
    assert not waiting.done
    rig.now += 2
    rig.report("c@b.example", DeliveryOutcome.UNDELIVERABLE)
    report = waiting.result()
    assert report.members == {"a@b.example": SUCCESS, "c@b.example": DeliveryOutcome.UNDELIVERABLE}
    assert (report.delivered, report.took_s, rig.groups.duplicates) == (1, 2.0, 1)
    form = report_to(report)
    assert (form["reported"], form["delivered"], form["error"]) == (2, 1, None)
    assert [line.split() for line in lines(form)] == [
        ["a@b.example", "SUCCESS"],
        ["c@b.example", "UNDELIVERABLE"],
        ["accepted,", "reference", "7,", "2", "reported,", "1", "delivered"],
    ]


def test_who_gives_up_sees_who_was_reported() -> None:
    rig = Rig(answered(RequestStatus.SUCCESS))
    rig.submit()
    waiting = rig.groups.wait(7, members=3)
    rig.report("a@b.example")
    rig.groups.give_up(7, "not all 3 members within 1 s")
    report = waiting.result()
    assert (len(report.members), report.error) == (1, "not all 3 members within 1 s")


def test_a_refusal_says_why() -> None:
    why = "the HSS does not know groups"
    report = Rig(answered(RequestStatus.SERVICEUNAVAILABLE, why)).submit()
    assert (report.stage, report.error) == (Stage.REFUSED, why)
    assert lines(report_to(report)) == [f"refused SERVICEUNAVAILABLE, reference 7: {why}"]


def test_no_answer() -> None:
    report = Rig(RequestTimeout("no answer within 10 s")).submit()
    assert (report.stage, report.error) == (Stage.FAILED, "no answer within 10 s")


def test_a_device_and_a_group_do_not_share_a_number() -> None:
    rig = Rig(answered(RequestStatus.SUCCESS), answered(RequestStatus.SUCCESS))
    assert [rig.submit().reference, rig.submit().reference] == [7, 8]
    rig.report("a@b.example", reference=9)
    assert rig.scs.ledger.unknown == 1
    rig.groups.close(7)
    rig.report("a@b.example")
    assert rig.scs.ledger.unknown == 2
    with pytest.raises(KeyError):
        _ = rig.groups.wait(7, 1)


def test_the_oldest_of_many_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nfs.scs.groups.REMEMBERED", 1)
    rig = Rig(answered(RequestStatus.SUCCESS), answered(RequestStatus.SUCCESS))
    rig.submit()
    rig.submit()
    with pytest.raises(KeyError):
        _ = rig.groups.wait(7, 1)
