"""Groups at an SCS that remembers: who was reported is on disk before the MTC-IWF is told, and told once."""

from __future__ import annotations

from collections.abc import Coroutine, Iterator
from typing import Any

import pytest
from sqlalchemy import text
from twisted.internet.defer import Deferred

from diameter import Dictionary, Message, RequestTimeout
from diameter.app import Later
from diameter.testing import FakeRequester, run
from helpers.inline import InlineReactor
from helpers.schemas import assert_fits
from helpers.scs_runs import TOKEN, Run, Runs, Web
from nfs.cli._submit import ViaHttp
from nfs.cli._trigger_group import lines
from nfs.common.tsp import ActionType, DeliveryOutcome, RequestStatus
from nfs.scs.api import Scs, Stage, TriggerRequest
from nfs.scs.group_memory import GroupMemory
from nfs.scs.groups import GroupReport, GroupTriggers
from nfs.scs.http import Http
from nfs.scs.logic import Ledger
from nfs.scs.memory import KEEP_S, OPEN_S, Memory

DICTIONARY = Dictionary.load()
FLEET = "fleet@customer.example"


class Process(Run):
    """One run of an SCS."""

    def __init__(self, database: str, clock: InlineReactor) -> None:
        super().__init__(database, clock)
        self.status: int | Exception = int(RequestStatus.SUCCESS)
        memory = Memory(self.store)
        self.scs = Scs(
            number="15550000100",
            realm="operator.example",
            clock=clock.seconds,
            ledger=Ledger(first_reference=7),
            memory=memory,
        )
        self.groups = GroupTriggers(self.scs, memory, GroupMemory(self.store))
        self.asked: list[Message] = []
        self.fake = FakeRequester(self.scs.tsp, DICTIONARY, {"Device-Action-Request": [self._answer] * 9}, clock=clock)

    def _answer(self, request: Message) -> Message:
        self.asked.append(request)
        if isinstance(self.status, Exception):
            raise self.status
        reference = request["Device-Action"]["Reference-Number"]
        told = {"Reference-Number": reference, "Action-Type": 1, "Request-Status": self.status}
        return request.answer(2001, {"Device-Notification": told})

    def submit(self, **more: Any) -> GroupReport:
        request = TriggerRequest(payload=b"wake", external_identifier=FLEET, group=True, **more)
        return run(self.groups.submit(request), self.clock)

    def notify(self, reference: int, member: str, outcome: int = DeliveryOutcome.SUCCESS, **more: Any) -> int:
        told = {"External_Identifier": member, "Reference_Number": reference, "Action_Type": 2}
        return self.tell(**told, Delivery_Outcome=int(outcome), **more)

    def report(self, reference: int) -> GroupReport:
        return run(self.groups.report(reference), self.clock)

    def ends(self) -> list[tuple[int, int, str, Stage]]:
        found = run(self.scs.reports(0, 100), self.clock)
        return [(each.seq, each.report.reference, each.member, each.report.stage) for each in found]


Rig = Runs[Process]


@pytest.fixture
def rig(database: str) -> Iterator[Rig]:
    rig = Rig(database, Process)
    yield rig
    rig.close()


def test_what_was_acknowledged_is_there_after_a_kill(rig: Rig) -> None:
    first = rig.start().remember()
    assert first.submit().stage is Stage.ACCEPTED
    assert first.notify(7, "a@b.example") == 2001
    second = rig.start()
    assert second.notify(7, "c@b.example") == 3004  # not before everything is remembered
    second.remember()
    assert (second.report(7).stage, second.report(7).members) == (Stage.ACCEPTED, {"a@b.example": 0})
    assert second.notify(7, "a@b.example", DeliveryOutcome.EXPIRED) == 2001
    assert second.notify(7, "c@b.example", DeliveryOutcome.EXPIRED) == 2001
    third = rig.start().remember()
    assert third.report(7).members == {"a@b.example": 0, "c@b.example": DeliveryOutcome.EXPIRED}
    assert third.ends() == [(1, 7, "a@b.example", Stage.REPORTED), (2, 7, "c@b.example", Stage.REPORTED)]
    assert (second.groups.duplicates, third.scs.ledger.unknown) == (1, 0)
    assert third.submit().reference == 8


def test_a_kill_before_the_answer(rig: Rig) -> None:
    first = rig.start().remember()
    first.status = RequestTimeout("no answer")
    assert first.submit().stage is Stage.FAILED
    second = rig.start().remember()
    assert second.notify(7, "a@b.example") == 2001
    assert (second.report(7).stage, second.report(7).members) == (Stage.FAILED, {"a@b.example": 0})
    assert second.ends() == [(1, 7, "", Stage.FAILED), (2, 7, "a@b.example", Stage.REPORTED)]


def test_asking_again_after_no_answer_loses_nothing(rig: Rig) -> None:
    """The network had it the first time, and reports no member twice."""
    process = rig.start().remember()
    process.status = RequestTimeout("no answer")
    assert process.submit(reference=7).stage is Stage.FAILED
    assert process.notify(7, "a@b.example") == 2001
    process.status = int(RequestStatus.SUCCESS)
    assert process.submit(reference=7).members == {"a@b.example": 0}
    assert process.notify(7, "c@b.example") == 2001
    assert list(rig.start().remember().report(7).members) == ["a@b.example", "c@b.example"]


def test_a_report_that_cannot_be_kept_is_not_acknowledged(rig: Rig) -> None:
    process = rig.start().remember()
    process.submit()
    with process.engine.begin() as connection:
        connection.execute(text("ALTER TABLE scs_group_member RENAME TO away"))
    assert process.notify(7, "a@b.example") == 3004
    assert process.report(7).members == {}
    with process.engine.begin() as connection:
        connection.execute(text("ALTER TABLE away RENAME TO scs_group_member"))
    assert process.notify(7, "a@b.example") == 2001
    assert process.report(7).delivered == 1


def test_groups_beyond_those_in_memory_are_reported_all_the_same(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nfs.scs.groups.REMEMBERED", 1)
    process = rig.start().remember()
    process.submit()
    process.submit()
    assert process.notify(7, "a@b.example") == 2001
    assert process.notify(7, "a@b.example") == 2001
    assert (process.report(7).members, process.groups.duplicates) == ({"a@b.example": 0}, 1)


def test_what_is_old_is_forgotten_with_its_members(rig: Rig) -> None:
    process = rig.start().remember()
    process.submit(reference=7)
    process.notify(7, "a@b.example")
    rig.clock.advance(KEEP_S + 10)
    again = rig.start().remember()
    again.notify(7, "c@b.example")
    assert len(again.ends()) == 2
    again.submit(reference=8)
    rig.clock.advance(OPEN_S - KEEP_S)
    last = rig.start().remember()
    assert last.ends() == []
    assert set(last.scs.ledger.open) == {8}
    with pytest.raises(KeyError):
        last.report(7)


def test_a_refused_group_leaves_its_number_to_others(rig: Rig) -> None:
    process = rig.start().remember()
    process.status = int(RequestStatus.INVEXTID)
    assert process.submit(reference=7).stage is Stage.REFUSED
    process.status = int(RequestStatus.SUCCESS)
    device = TriggerRequest(payload=b"wake", external_identifier="meter-1@customer.example", reference=7)
    assert run(process.scs.submit(device), rig.clock).stage is Stage.ACCEPTED
    assert process.notify(7, "meter-1@customer.example") == 2001
    assert process.scs.progress(7).delivered


def test_a_recall_is_told_member_by_member(rig: Rig) -> None:
    process = rig.start().remember()
    process.submit()
    report = process.submit(recall=7)
    action = process.asked[-1]["Device-Action"]
    assert (action["Action-Type"], action["Old-Reference-Number"]) == (ActionType.RECALL, 7)
    assert "Trigger-Data" not in action
    for member, status in (("a@b.example", RequestStatus.SUCCESS), ("c@b.example", RequestStatus.ORIGINALMESSAGESENT)):
        told = {"External_Identifier": member, "Reference_Number": 8, "Action_Type": 3}
        assert process.tell(**told, Request_Status=int(status)) == 2001
    report = rig.start().remember().report(report.reference)
    assert (report.recalls, report.recalled, report.delivered) == (7, 1, 0)
    assert process.ends()[1:] == [(2, 8, "c@b.example", Stage.REFUSED)]
    assert process.ends()[0][3] is Stage.RECALLED
    assert process.tell(Reference_Number=99, Action_Type=3, Request_Status=0) == 5012


class GroupWeb(Web):
    """The HTTP interface of a process, and `mtc trigger --via` with it."""

    def __init__(self, process: Process) -> None:
        process.fake.spawn = _at_once  # type: ignore[method-assign]
        super().__init__(Http(process.scs, TOKEN, 30.0, process.clock, process.groups), process.clock)

    def fits(self, method: str, path: str, form: object = None, schema: str = "scs-group-answer") -> tuple[int, Any]:
        """Ask; status and document, which fits its schema."""
        status, document = self.ask(path, form, method=method)
        assert_fits(schema, document)
        return status, document


def _at_once(coroutine: Coroutine[Any, Any, Any]) -> Later[Any]:
    """As a node does: what has to wait goes on when that is there."""
    later: Later[Any] = Later()
    _ = Deferred.fromCoroutine(coroutine).addCallbacks(later.resolve, lambda failure: later.fail(failure.value))
    return later


def test_groups_by_http(rig: Rig) -> None:
    process = rig.start().remember()
    web = GroupWeb(process)
    form = {"external_identifier": FLEET, "payload": "77", "reference": 7}
    status, document = web.fits("POST", "groups", form)
    assert (status, document["stage"], document["members"]) == (202, "accepted", [])
    process.notify(7, "a@b.example")
    status, document = web.fits("GET", "groups/7?wait_s=20&members=1")
    assert (status, document["reported"], document["delivered"]) == (200, 1, 1)
    assert [web.fits("GET", f"groups/{number}")[0] for number in (8, 1 << 64)] == [404, 404]
    assert web.fits("GET", "groups/7?members=x")[0] == 400
    several: tuple[object, ...] = ({**form, "msisdn": "15550001"}, {**form, "replace": 7}, {"payload": ""}, [])
    for wrong in several:
        assert web.fits("POST", "groups", wrong)[0] == 400
    status, document = web.fits("GET", "reports", schema="scs-reports")
    assert [each["member"] for each in document["reports"]] == ["a@b.example"]
    process.status = int(RequestStatus.INVEXTID)
    assert web.fits("POST", "groups", {**form, "reference": 9})[0] == 409
    process.status = RequestTimeout("no answer")
    assert web.fits("POST", "groups", {**form, "reference": 10})[0] == 502


def test_who_has_waited_for_members_waits_no_more(rig: Rig) -> None:
    process = rig.start().remember()
    web = GroupWeb(process)
    assert web.fits("POST", "groups", {"external_identifier": FLEET, "payload": "77", "reference": 7})[0] == 202
    found = web.begin("groups/7?wait_s=5&members=9")
    assert (found, len(process.groups._waiting)) == ([], 1)
    process.clock.advance(6)
    web.treq.flush()
    assert (found[0].code, process.groups._waiting) == (200, [])


def test_a_group_by_a_running_scs(rig: Rig) -> None:
    """`mtc trigger --group --via`: asked once, then looked at until all who are expected were reported."""
    process = rig.start().remember()
    via: Any = ViaHttp("http://scs", TOKEN.decode(), rig.clock)
    via._client = GroupWeb(process).treq
    request = TriggerRequest(payload=b"wake", external_identifier=FLEET, group=True)
    found: list[Any] = []

    async def trigger() -> None:
        found.append(await via.trigger_group(request, 20.0, 2))

    _ = Deferred.fromCoroutine(trigger())
    for member in ("a@b.example", "c@b.example"):
        for _ in range(4):
            rig.clock.advance(0.01)
            via._client.flush()
        assert found == []
        assert process.notify(7, member) == 2001
    for _ in range(4):
        rig.clock.advance(0.01)
        via._client.flush()
    (form,) = found
    assert_fits("trigger-group", form)
    assert lines(form)[-1] == "accepted, reference 7, 2 reported, 2 delivered"
