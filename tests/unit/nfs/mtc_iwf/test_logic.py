"""The device trigger procedure with everybody around it scripted: each step, each failure, each mapping."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from diameter.errors import ResultCode
from diameter.testing import run
from nfs.common.nodes import NodeKind, ServingNode
from nfs.common.tsp import ActionType, DeliveryOutcome, RequestStatus
from nfs.mtc_iwf import statuses
from nfs.mtc_iwf.logic import Decision, DeviceAction, Limits, MtcIwf, Report
from nfs.mtc_iwf.ports import (
    Device,
    Found,
    HssRefused,
    Notice,
    Sender,
    Standing,
    State,
    Submission,
    Taken,
    Trigger,
    Unavailable,
)
from nfs.mtc_iwf.statuses import Result
from nfs.mtc_sgw.logic import ScsProfile

IMSI = "001010000000001"
NAMED = Device(external_id="meter-1@customer.example")
NODE = ServingNode(kind=NodeKind.MME, number="15559001", name="mme1.example", realm="example")
FOUND = Found(imsi=IMSI, msisdn="15550100001", nodes=(NODE,))
SENDER = Sender(host="scs1.customer.example", realm="customer.example", session_id="scs1;1;1", end_to_end=1)
ACTION = DeviceAction(device=NAMED, reference=7, action=ActionType.TRIGGER, payload=b"wake", port=8000, validity_s=60)
PROFILE = ScsProfile(
    name="customer",
    hosts=frozenset({SENDER.host}),
    isdn="15550001",
    domains=frozenset({"customer.example"}),
    commands=frozenset({ActionType.TRIGGER}),
)
REPORT = Report(scs="15550001", reference=7, outcome=2, imsi=IMSI, device=NAMED)


class World:
    """HSS, SMS-SC, SCS and ledger in one; what a test sets is what they say, an exception is raised."""

    def __init__(self) -> None:
        self.found: Found | Exception = FOUND
        self.taken: Taken | Exception = Taken(result=statuses.DONE, sms_sc="smssc.example")
        self.noticed: Result | Exception | None = statuses.DONE
        self.broken: set[str] = set()
        self.log: list[Any] = []
        self.triggers: dict[tuple[str, int], Trigger] = {}
        self.standing = Standing.NEW
        self.remembers = False
        self.forgotten: list[tuple[Device, str]] = []
        self.iwf = MtcIwf(hss=self, sms_sc=self, scs=self, ledger=self, limits=Limits(), sms_sc_host="smssc.example")

    def _say(self, value: Any) -> Any:
        if isinstance(value, Exception):
            raise value
        return value

    def _store(self, name: str) -> None:
        self.log.append(name)
        if name in self.broken:
            raise Unavailable("database: disk full")

    async def ask(self, device: Device, *, scs: str, priority: bool) -> Found:
        self.log.append(("ask", device, scs, priority))
        found: Found = self._say(self.found)
        return found

    def forget(self, device: Device, *, scs: str) -> None:
        self.forgotten.append((device, scs))

    async def submit(self, submission: Submission) -> Taken:
        self.log.append(submission)
        taken: Taken = self._say(self.taken)
        return taken

    async def notify(self, notice: Notice, outcome: DeliveryOutcome) -> Result | None:
        self.log.append((notice, outcome))
        result: Result | None = self._say(self.noticed)
        return result

    async def begin(self, trigger: Trigger) -> Standing:
        self._store("begin")
        if self.standing is not Standing.TAKEN and not self.remembers:
            self.triggers[trigger.scs, trigger.reference] = trigger
        return self.standing

    async def accept(self, scs: str, reference: int, sms_sc: str, member: str = "") -> None:
        self._store("accept")
        self.triggers[scs, reference] = replace(self.triggers[scs, reference], sms_sc=sms_sc)

    async def refuse(self, trigger: Trigger) -> None:
        self._store("refuse")
        scs, reference = trigger.scs, trigger.reference
        self.triggers[scs, reference] = replace(self.triggers[scs, reference], state=State.REFUSED)

    async def find(self, scs: str, reference: int, member: str = "") -> Trigger | None:
        self._store("find")
        return self.triggers.get((scs, reference))

    async def close(self, scs: str, reference: int, outcome: DeliveryOutcome, member: str = "") -> None:
        self._store("close")
        self.triggers[scs, reference] = replace(self.triggers[scs, reference], state=State.REPORTED)

    async def withdraw(self, scs: str, reference: int, state: State) -> None:
        self._store("withdraw")
        self.triggers[scs, reference] = replace(self.triggers[scs, reference], state=state)

    def act(self, profile: ScsProfile = PROFILE, **changed: Any) -> Decision:
        return run(self.iwf.act(replace(ACTION, **changed), profile, SENDER))

    def report(self, **changed: Any) -> Result:
        return run(self.iwf.report(replace(REPORT, **changed)))

    @property
    def submitted(self) -> list[Submission]:
        return [each for each in self.log if isinstance(each, Submission)]


@pytest.fixture
def world() -> World:
    return World()


def test_an_accepted_trigger_is_in_the_ledger_before_it_leaves(world: World) -> None:
    assert world.act() == Decision(status=RequestStatus.SUCCESS)
    ask, begin, submission = world.log
    assert ask == ("ask", NAMED, "15550001", False)
    assert begin == "begin"
    assert submission == Submission(
        scs="15550001",
        reference=7,
        imsi=IMSI,
        device=NAMED,
        payload=b"wake",
        port=8000,
        priority=False,
        validity_s=60,
        nodes=(NODE,),
    )
    kept = world.triggers["15550001", 7]
    assert (kept.sender, kept.imsi, kept.state, kept.validity_s) == (SENDER, IMSI, State.OPEN, 60)


def test_a_device_named_by_msisdn_and_one_without_validity(world: World) -> None:
    assert world.act(device=Device(msisdn="15550100001"), validity_s=None, priority=True).status == 0
    assert world.submitted[0].device == Device(msisdn="15550100001")
    assert world.submitted[0].validity_s is None
    assert world.triggers["15550001", 7].validity_s == Limits().default_validity_s
    assert world.log[0][3] is True


def test_which_sms_sc_took_it_is_remembered_when_it_is_another_one(world: World) -> None:
    world.taken = Taken(result=statuses.DONE, sms_sc="smssc2.example")
    assert world.act().status == RequestStatus.SUCCESS
    assert world.triggers["15550001", 7].sms_sc == "smssc2.example"


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"action": ActionType.REPLACE, "old_reference": 6, "validity_s": 0}, RequestStatus.INVPERIOD),
        ({"payload": b"x" * 1025}, RequestStatus.INVPAYLOAD),
        ({"port": 65536}, RequestStatus.INVPAYLOAD),
        ({"validity_s": 604_801}, RequestStatus.INVPERIOD),
    ],
)
def test_limits_cost_no_question(world: World, changed: dict[str, Any], expected: RequestStatus) -> None:
    assert world.act(**changed).status is expected
    assert world.log == []


def test_a_trigger_without_data_misses_it(world: World) -> None:
    decision = world.act(payload=None)
    assert (decision.result, decision.failed, decision.status) == (ResultCode.MISSING_AVP, "Trigger-Data", None)


@pytest.mark.parametrize("action", [ActionType.RECALL, ActionType.REPLACE])
def test_a_recall_and_a_replace_miss_what_they_are_about(world: World, action: ActionType) -> None:
    decision = world.act(action=action)
    assert (decision.result, decision.failed, decision.status) == (ResultCode.MISSING_AVP, "Old-Reference-Number", None)


@pytest.mark.requirement("R-TSP-15", "R-TRIG-12", "R-TRIG-14")
@pytest.mark.parametrize(
    ("answer", "outside", "inside"),
    [
        (HssRefused(5001), RequestStatus.INVEXTID, RequestStatus.INVEXTID),
        (HssRefused(5510), RequestStatus.INVEXTID, RequestStatus.NOTAUTHORIZED),
        (HssRefused(5511), RequestStatus.SERVICEUNAVAILABLE, RequestStatus.SERVICEUNAVAILABLE),
        (Unavailable("HSS: no answer"), RequestStatus.TEMPORARYERROR, RequestStatus.TEMPORARYERROR),
    ],
)
def test_what_the_hss_refuses_goes_no_further(
    world: World, answer: Exception, outside: RequestStatus, inside: RequestStatus
) -> None:
    world.found = answer
    assert world.act().status is outside
    assert world.act(replace(PROFILE, hides=False)).status is inside
    assert [each[0] for each in world.log] == ["ask", "ask"]


@pytest.mark.parametrize(
    ("found", "changed", "expected"),
    [
        (replace(FOUND, not_provisioned=True), {}, RequestStatus.SERVICEUNAVAILABLE),
        (replace(FOUND, barred=True), {}, RequestStatus.SERVICEUNAVAILABLE),
        (replace(FOUND, absent=True, nodes=()), {"validity_s": 0}, RequestStatus.TEMPORARYERROR),
        (replace(FOUND, absent=True, nodes=()), {"validity_s": 1}, RequestStatus.SUCCESS),
        (replace(FOUND, absent=True, nodes=()), {"validity_s": None}, RequestStatus.SUCCESS),
        (FOUND, {"validity_s": 0}, RequestStatus.SUCCESS),
        (FOUND, {"device": replace(NAMED, msisdn="15550100001")}, RequestStatus.SUCCESS),
        (FOUND, {"device": replace(NAMED, msisdn="15550100002")}, RequestStatus.INVEXTID),
    ],
)
def test_what_the_hss_says_decides(
    world: World, found: Found, changed: dict[str, Any], expected: RequestStatus
) -> None:
    world.found = found
    assert world.act(**changed).status is expected
    assert len(world.submitted) == (expected is RequestStatus.SUCCESS)


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        ((0, 2002), RequestStatus.SUCCESS),
        ((10415, 5001), RequestStatus.PERMANENTERROR),
        ((10415, 5530), RequestStatus.PERMANENTERROR),
        ((10415, 5531), RequestStatus.PERMANENTERROR),
        ((10415, 5532), RequestStatus.PERMANENTERROR),
        ((10415, 5533), RequestStatus.REPLACEFAIL),
        ((10415, 5534), RequestStatus.RECALLFAIL),
        ((10415, 5535), RequestStatus.ORIGINALMESSAGESENT),
        ((10415, 5999), RequestStatus.PERMANENTERROR),
        ((10415, 4001), RequestStatus.TEMPORARYERROR),
        ((0, 3002), RequestStatus.TEMPORARYERROR),
        ((0, 4002), RequestStatus.TEMPORARYERROR),
        ((0, 5012), RequestStatus.PERMANENTERROR),
        ((0, 5533), RequestStatus.PERMANENTERROR),
        (None, RequestStatus.TEMPORARYERROR),
    ],
)
def test_every_result_of_the_sms_sc_has_a_status(world: World, result: Result | None, expected: RequestStatus) -> None:
    world.taken = Taken(result=result, sms_sc="smssc.example")
    assert world.act().status is expected
    state = State.OPEN if expected is RequestStatus.SUCCESS else State.REFUSED
    assert world.triggers["15550001", 7].state is state


def test_an_sms_sc_that_does_not_answer_is_a_temporary_error(world: World) -> None:
    world.taken = Unavailable("SMS-SC: no answer")
    assert world.act().status is RequestStatus.TEMPORARYERROR
    assert world.triggers["15550001", 7].state is State.REFUSED


def test_a_reference_of_another_open_trigger_is_refused(world: World) -> None:
    world.standing = Standing.TAKEN
    decision = world.act()
    assert (decision.status, decision.check) == (RequestStatus.PERMANENTERROR, "reference")
    assert world.submitted == []


def test_a_repeat_is_handed_over_again(world: World) -> None:
    world.standing = Standing.REPEAT
    assert world.act().status is RequestStatus.SUCCESS
    assert len(world.submitted) == 1


def test_a_repeat_goes_to_the_sms_sc_that_has_the_first(world: World) -> None:
    world.taken = Taken(result=statuses.DONE, sms_sc="second.example")
    world.act()
    world.standing, world.remembers = Standing.REPEAT, True
    assert world.act().status is RequestStatus.SUCCESS
    assert [each.to for each in world.submitted] == ["", "second.example"]
    assert world.triggers["15550001", 7].sms_sc == "second.example"


@pytest.mark.parametrize("hides", [True, False])
def test_two_identities_of_two_devices_are_told_when_a_foreign_device_is(world: World, hides: bool) -> None:
    """Else the time would tell whether somebody owns the second one, and does not list this SCS."""
    decision = world.act(replace(PROFILE, hides=hides), device=replace(NAMED, msisdn="15550100002"))
    assert (decision.status, decision.hidden) == (RequestStatus.INVEXTID, hides)


@pytest.mark.parametrize("taken", [Unavailable("SMS-SC: no answer"), Taken(result=(10415, 5531), sms_sc="")])
def test_a_repeat_that_fails_takes_nothing_back(world: World, taken: Taken | Exception) -> None:
    assert world.act().status is RequestStatus.SUCCESS
    world.standing = Standing.REPEAT
    world.taken = taken
    assert world.act().status is not RequestStatus.SUCCESS
    assert world.report() == statuses.DONE
    assert world.triggers["15550001", 7].state is State.REPORTED


@pytest.mark.parametrize("step", ["begin", "accept", "refuse"])
def test_nothing_is_called_accepted_that_the_store_did_not_keep(world: World, step: str) -> None:
    world.broken = {step}
    world.taken = Taken(result=(0, 5012) if step == "refuse" else statuses.DONE, sms_sc="other.example")
    assert world.act().status is RequestStatus.TEMPORARYERROR


@pytest.mark.parametrize(
    ("t4", "tsp"),
    [
        (0, DeliveryOutcome.UNDELIVERABLE),
        (1, DeliveryOutcome.UNDELIVERABLE),
        (2, DeliveryOutcome.SUCCESS),
        (3, DeliveryOutcome.EXPIRED),
        (4, DeliveryOutcome.UNCONFIRMED),
    ],
)
def test_every_outcome_is_told_in_the_words_of_tsp(world: World, t4: int, tsp: DeliveryOutcome) -> None:
    world.act()
    assert world.report(outcome=t4) == statuses.DONE
    notice, outcome = world.log[-2]
    assert outcome is tsp
    assert notice == Notice(sender=SENDER, scs="15550001", reference=7, device=NAMED)
    assert world.triggers["15550001", 7].state is State.REPORTED


def test_a_second_report_is_answered_and_not_sent_on(world: World) -> None:
    world.act()
    world.report()
    del world.log[:]
    assert world.report() == statuses.DONE
    assert world.log == ["find"]


@pytest.mark.parametrize(
    "changed",
    [
        {"reference": None},
        {"reference": 8},
        {"scs": "15550002"},
        {"imsi": "001010000000002"},
        {"imsi": None, "device": Device(external_id="other@customer.example")},
        {"imsi": None, "device": Device(msisdn="15550199999")},
        {"imsi": None, "device": Device()},
    ],
)
def test_a_report_about_nobody_known(world: World, changed: dict[str, Any]) -> None:
    world.act()
    assert world.report(**changed) == statuses.USER_UNKNOWN


@pytest.mark.parametrize("device", [NAMED, Device(msisdn="15550100001")])
def test_a_report_may_name_the_device_as_the_scs_did(world: World, device: Device) -> None:
    world.act(device=device)
    assert world.report(imsi=None, device=device) == statuses.DONE


@pytest.mark.parametrize("noticed", [Unavailable("SCS: no answer"), None, (0, 3002), (0, 4002), (10415, 4001)])
def test_a_report_that_the_scs_cannot_take_now_stays_with_the_sms_sc(
    world: World, noticed: Result | Exception | None
) -> None:
    world.act()
    world.noticed = noticed
    assert world.report() == statuses.LATER
    assert world.triggers["15550001", 7].state is State.OPEN
    world.noticed = statuses.DONE
    assert world.report() == statuses.DONE


def test_a_report_that_the_scs_refuses_for_good_is_over(world: World) -> None:
    world.act()
    world.noticed = (0, 5012)
    assert world.report() == statuses.DONE
    assert world.triggers["15550001", 7].state is State.REPORTED


@pytest.mark.parametrize("step", ["find", "close"])
def test_a_report_waits_for_the_store(world: World, step: str) -> None:
    world.act()
    world.broken = {step}
    assert world.report() == statuses.LATER


def test_the_fingerprint_tells_triggers_apart_and_repeats_together() -> None:
    same = replace(ACTION, reference=8)
    others = [
        replace(ACTION, payload=b"other"),
        replace(ACTION, port=None),
        replace(ACTION, priority=True),
        replace(ACTION, validity_s=None),
        replace(ACTION, device=Device(msisdn="15550100001")),
        replace(ACTION, payload=None),
    ]
    assert same.fingerprint() == ACTION.fingerprint()
    assert len({each.fingerprint() for each in (ACTION, *others)}) == 7
    assert b"wake".hex() not in ACTION.fingerprint()
