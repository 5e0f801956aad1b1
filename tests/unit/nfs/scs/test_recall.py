"""Recall and replace as an SCS asks for them (TS 29.368 clauses 5.7, 5.8 and 6.4.13)."""

from __future__ import annotations

from typing import Any

import pytest

from diameter import Dictionary, Message
from diameter.testing import FakeRequester, run
from nfs.common.tsp import RequestStatus
from nfs.scs.api import Report, Scs, Stage, TriggerRequest
from nfs.scs.form import request_from, request_to

DICTIONARY = Dictionary.load()
DEVICE = "meter-1@customer.example"
WAKE = TriggerRequest(payload=b"wake", reference=7, external_identifier=DEVICE)
RECALL = TriggerRequest(payload=b"", reference=8, recall=7, external_identifier=DEVICE)
REPLACE = TriggerRequest(payload=b"sleep", port=8000, validity_s=60, reference=9, replace=7, external_identifier=DEVICE)


class Rig:
    """An SCS whose MTC-IWF answers with `statuses` in turn, success after them; `recallable` as it says then."""

    def __init__(self) -> None:
        self.statuses: list[int] = []
        self.recallable = True
        self.asked: list[Message] = []
        self.scs = Scs(number="15550000100", realm="example.org", mtc_iwf="iwf.example.org", clock=lambda: 0.0)
        self.fake = FakeRequester(self.scs.tsp, DICTIONARY, {"Device-Action-Request": self._answer})

    def _answer(self, request: Message) -> Message:
        assert request.faults == ()
        self.asked.append(request)
        action = request["Device-Action"]
        notification = {
            "Reference-Number": action["Reference-Number"],
            "Action-Type": action["Action-Type"],
            "Request-Status": self.statuses.pop(0) if self.statuses else 0,
        }
        avps: dict[str, Any] = {"Device-Notification": notification}
        if self.recallable:
            avps["Feature-Supported-In-Final-Target"] = 1
        return request.answer(2001, avps)

    def submit(self, request: TriggerRequest) -> Report:
        return run(self.scs.submit(request))

    def notify(self, reference: int) -> None:
        notification = {"Reference-Number": reference, "Action-Type": 2, "Delivery-Outcome": 0}
        self.fake.deliver("Device-Notification", {"Device-Notification": notification, "Destination-Host": "scs"})

    def stages(self) -> dict[int, Stage]:
        known = [*self.scs.ledger.open, *self.scs.ledger.finished]
        return {reference: self.scs.progress(reference).stage for reference in known}


def test_what_a_recall_says() -> None:
    rig = Rig()
    rig.submit(RECALL)
    (sent,) = rig.asked
    action = sent["Device-Action"]
    assert (action["Action-Type"], action["Reference-Number"], action["Old-Reference-Number"]) == (3, 8, 7)
    assert "Trigger-Data" not in action
    assert sent["Supported-Features"]["Feature-List"] & 1


def test_what_a_replace_says() -> None:
    rig = Rig()
    rig.submit(REPLACE)
    action = rig.asked[0]["Device-Action"]
    assert (action["Action-Type"], action["Reference-Number"], action["Old-Reference-Number"]) == (4, 9, 7)
    assert (action["Trigger-Data"]["Payload"], action["Validity-Time"]) == (b"sleep", 60)


def test_a_recall_ends_both_and_whoever_waits_hears_it() -> None:
    rig = Rig()
    rig.submit(WAKE)
    ended: list[Report] = []
    rig.scs.wait(7).then(lambda: ended.append(rig.scs.progress(7)))
    report = rig.submit(RECALL)
    assert (report.stage, report.delivered) == (Stage.RECALLED, False)
    assert [each.stage for each in ended] == [Stage.RECALLED]
    assert rig.stages() == {7: Stage.RECALLED, 8: Stage.RECALLED}
    rig.notify(7)
    assert rig.scs.ledger.duplicates == 1


def test_a_replace_ends_the_old_trigger_and_waits_for_the_new_one() -> None:
    rig = Rig()
    rig.submit(WAKE)
    assert rig.submit(REPLACE).stage is Stage.ACCEPTED
    assert rig.stages() == {9: Stage.ACCEPTED, 7: Stage.REPLACED}
    rig.notify(9)
    assert rig.stages()[9] is Stage.REPORTED


def test_a_replace_that_came_too_late_is_reported_all_the_same() -> None:
    rig = Rig()
    rig.submit(WAKE)
    rig.statuses = [RequestStatus.ORIGINALMESSAGESENT]
    report = rig.submit(REPLACE)
    assert (report.stage, report.status) == (Stage.ACCEPTED, RequestStatus.ORIGINALMESSAGESENT)
    rig.notify(9)
    rig.notify(7)
    assert rig.stages() == {7: Stage.REPORTED, 9: Stage.REPORTED}


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (RECALL, RequestStatus.ORIGINALMESSAGESENT),
        (RECALL, RequestStatus.RECALLFAIL),
        (REPLACE, RequestStatus.REPLACEFAIL),
    ],
)
def test_what_was_not_done_leaves_the_old_trigger(request_: TriggerRequest, status: RequestStatus) -> None:
    rig = Rig()
    rig.submit(WAKE)
    rig.statuses = [status]
    report = rig.submit(request_)
    assert (report.stage, report.status) == (Stage.REFUSED, status)
    assert rig.stages()[7] is Stage.ACCEPTED


def test_what_cannot_be_recalled_is_not_asked_for() -> None:
    """Feature-Supported-In-Final-Target did not say so: no recall, and a replace is a trigger of its own (6.4.13)."""
    rig = Rig()
    rig.recallable = False
    rig.submit(WAKE)
    with pytest.raises(ValueError, match="reference 7 cannot be recalled"):
        rig.submit(RECALL)
    rig.submit(REPLACE)
    action = rig.asked[1]["Device-Action"]
    assert (action["Action-Type"], "Old-Reference-Number" in action) == (1, False)
    assert rig.stages() == {7: Stage.ACCEPTED, 9: Stage.ACCEPTED}


def test_one_of_the_two() -> None:
    with pytest.raises(ValueError, match="recalled or replaced"):
        Rig().submit(TriggerRequest(payload=b"", recall=1, replace=2, external_identifier=DEVICE))


@pytest.mark.parametrize("request_", [RECALL, REPLACE])
def test_as_json_and_back(request_: TriggerRequest) -> None:
    assert request_from(request_to(request_)) == request_
    with pytest.raises(ValueError, match="recall: 0 to"):
        request_from({**request_to(request_), "recall": -1})
