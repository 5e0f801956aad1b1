"""Charging at the MTC-IWF: a record for each thing that went over T4, once, and one for a group that has ended."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, select, update
from sqlalchemy.pool import StaticPool

from diameter.testing import run
from helpers.inline import InlineReactor, InlineThreads
from nfs.common.charging import tables
from nfs.common.charging.config import ChargingTable
from nfs.common.charging.events import Event, Group, Indicator, Interface, Kind, from_text
from nfs.common.charging.service import Charging
from nfs.common.nodes import NodeKind, ServingNode
from nfs.common.store import Store, StoreError
from nfs.common.t4 import TriggerAction
from nfs.common.tsp import DeliveryOutcome
from nfs.mtc_iwf.charged import ChargedT4, sweep
from nfs.mtc_iwf.groups.keep import GroupKeep
from nfs.mtc_iwf.groups.ports import GroupTrigger, Member, Progress
from nfs.mtc_iwf.groups.tables import GROUP
from nfs.mtc_iwf.ports import Device, Sender, Submission, Taken, Trigger, Unavailable
from nfs.mtc_iwf.statuses import Result
from nfs.mtc_iwf.triggers import METADATA, Triggers

HOST = "iwf.example.org"
SCS = "15550000100"
NOW = 1_795_316_640.0
SENDER = Sender(host="scs.example.org", realm="example.org", session_id="scs;1;1", end_to_end=7)
DEVICE = Device(external_id="meter-1@customer.example", msisdn="15551000001")
MME = ServingNode(kind=NodeKind.MME, number="15550000300", name="mme.example.org", realm="example.org")
SUBMISSION = Submission(
    scs=SCS,
    reference=1,
    imsi="001010000000001",
    device=DEVICE,
    payload=b"wake",
    port=16000,
    priority=True,
    validity_s=60,
    nodes=(MME,),
)
REQUEST = Event(
    kind=Kind.TRIGGER,
    at=NOW,
    imsi="001010000000001",
    msisdn="15551000001",
    external_id="meter-1@customer.example",
    originator=SCS,
    originator_interface=Interface.DEVICE_TRIGGER,
    indicator=Indicator.REQUEST,
    iwf=HOST,
    reference=1,
    serving=MME,
    validity_s=60,
    priority=True,
    port=16000,
)


class SmsSc:
    """Answers as told, None: not at all."""

    def __init__(self) -> None:
        self.result: Result | None = (0, 2001)
        self.asked: list[Submission] = []
        self.silent = False

    async def submit(self, submission: Submission) -> Taken:
        self.asked.append(submission)
        if self.silent:
            raise Unavailable("SMS-SC: no answer")
        return Taken(result=self.result, sms_sc="smssc.example.org")


class Rig:
    def __init__(self, folder: Path) -> None:
        self.clock = InlineReactor()
        self.clock.rightNow = NOW
        self.engine = create_engine("sqlite://", poolclass=StaticPool)
        for metadata in (METADATA, tables.METADATA):
            metadata.create_all(self.engine)
        self.store = Store(self.engine, self.clock, InlineThreads())
        table = ChargingTable.model_validate({"folder": folder, "number": "15550000200"})
        self.charging = Charging(table, HOST, "15550000200", self.store, clock=self.clock, say=lambda _: None)
        self.sms_sc = SmsSc()
        self.t4 = ChargedT4(self.sms_sc, self.charging, HOST)
        self.members = ChargedT4(self.sms_sc, self.charging, HOST, members=True)
        self.ledger = Triggers(self.store, self.clock.seconds)
        self.groups = GroupKeep(self.store, self.clock.seconds, HOST)

    def set(self, **table: Any) -> None:
        self.charging.renew(self.charging.table.model_copy(update=table))

    def begin(self, reference: int = 1) -> None:
        trigger = Trigger(
            scs=SCS,
            reference=reference,
            device=DEVICE,
            imsi="001010000000001",
            sender=SENDER,
            fingerprint="f",
            validity_s=60,
        )
        run(self.ledger.begin(trigger), self.clock)

    def submit(self, submission: Submission = SUBMISSION) -> Taken:
        return run(self.t4.submit(submission), self.clock)

    def group(self, count: int = 3) -> None:
        group = GroupTrigger(
            scs=SCS,
            reference=9,
            group="fleet@customer.example",
            sender=SENDER,
            fingerprint="g",
            payload=b"wake",
            port=16000,
            priority=False,
            validity_s=600,
            lasts_s=600,
            accepted_at=NOW,
        )
        members = tuple(Member(imsi=f"00101000000000{n}", external_id=f"m-{n}@customer.example") for n in range(count))
        run(self.groups.begin(group, members), self.clock)

    def end(self, number: int, outcome: DeliveryOutcome) -> None:
        entry = run(self.groups.find(SCS, 9, f"00101000000000{number}", None), self.clock)
        assert entry is not None
        assert run(self.groups.end(entry, Progress.REPORTED, outcome), self.clock)

    def sweep(self) -> None:
        with self.engine.begin() as connection:
            sweep(self.charging, HOST, connection)

    def events(self) -> list[Event]:
        with self.engine.connect() as connection:
            return [from_text(text) for text in connection.execute(select(tables.RECORD.c.event)).scalars()]


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(tmp_path)
    yield rig
    _ = rig.store.close()


def member(number: int) -> Submission:
    device = Device(external_id=f"m-{number}@customer.example")
    return replace(SUBMISSION, reference=9, imsi=f"00101000000000{number}", device=device, nodes=())


def test_a_trigger_is_charged_when_the_sms_sc_has_it(rig: Rig) -> None:
    rig.begin()
    assert rig.submit().sms_sc == "smssc.example.org"
    assert rig.events() == [REQUEST]


def test_a_repeat_is_charged_once_and_a_new_trigger_under_the_same_number_again(rig: Rig) -> None:
    rig.begin()
    rig.submit()
    rig.begin()  # the same request, after a kill
    rig.submit()
    assert len(rig.events()) == 1
    run(rig.ledger.close(SCS, 1, DeliveryOutcome.SUCCESS), rig.clock)
    with rig.engine.begin() as connection:  # another request later
        connection.execute(update(METADATA.tables["trigger"]).values(session_id="scs;1;2"))
    rig.begin()
    rig.submit()
    assert len(rig.events()) == 2


def test_recall_and_replace_have_records_of_their_own(rig: Rig) -> None:
    rig.begin()
    rig.submit()
    recall = replace(SUBMISSION, reference=2, action=TriggerAction.RECALL, old_reference=1, nodes=(), port=None)
    rig.submit(recall)
    rig.submit(recall)  # its answer was lost
    rig.begin(3)
    rig.submit(replace(SUBMISSION, reference=3, action=TriggerAction.REPLACE, old_reference=1))
    found = [(event.indicator, event.reference) for event in rig.events()]
    assert found == [(Indicator.REQUEST, 1), (Indicator.RECALL, 2), (Indicator.REPLACE, 3)]


def test_a_replacement_that_came_too_late_stands_and_is_charged_once(rig: Rig) -> None:
    rig.begin(3)
    rig.sms_sc.result = (10415, 5535)
    rig.set(refused=False)
    for _ in range(2):
        rig.submit(replace(SUBMISSION, reference=3, action=TriggerAction.REPLACE, old_reference=1))
    (event,) = rig.events()
    assert (event.indicator, event.result) == (Indicator.REPLACE, 5535)


def test_a_refusal_is_recorded_with_its_result_or_not_at_all(rig: Rig) -> None:
    rig.begin()
    for result in ((10415, 5531), None):
        rig.sms_sc.result = result
        rig.submit()
    assert [event.result for event in rig.events()] == [5531, 0]
    rig.set(refused=False)
    rig.submit()
    assert len(rig.events()) == 2
    rig.sms_sc.silent = True
    with pytest.raises(Unavailable, match="no answer"):
        rig.submit()
    assert len(rig.events()) == 2


def test_nothing_is_handed_over_while_charging_is_full_and_refuses(rig: Rig) -> None:
    rig.set(waiting=1, full="refuse")
    for reference in (1, 2):
        rig.begin(reference)
    rig.submit()
    with pytest.raises(Unavailable, match="wait to be recorded"):
        rig.submit(replace(SUBMISSION, reference=2))
    assert len(rig.sms_sc.asked) == 1


def test_what_cannot_be_written_down_is_not_called_accepted(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    def failed(*_: object) -> None:
        raise StoreError("database: disk full")

    rig.begin()
    monkeypatch.setattr(rig.charging, "enter", failed)
    with pytest.raises(Unavailable, match="disk full"):
        rig.submit()
    monkeypatch.undo()
    rig.submit()
    assert len(rig.events()) == 1


@pytest.mark.requirement("R-GRP-47", "R-GRP-08")
@pytest.mark.parametrize(("setting", "members", "groups"), [("members", 3, 0), ("group", 0, 1), ("both", 3, 1)])
def test_a_group_has_one_record_beside_or_instead_of_one_for_each_member(
    rig: Rig, setting: str, members: int, groups: int
) -> None:
    rig.set(groups=setting)
    rig.group()
    for number in range(3):
        run(rig.members.submit(member(number)), rig.clock)
    run(rig.members.submit(member(0)), rig.clock)  # handed over again after a kill
    rig.sweep()
    found = rig.events()
    assert len(found) == members
    reference = Group(identifier="fleet@customer.example", reference=9, number=SCS)
    assert all(event.group == reference for event in found)
    for number, outcome in enumerate((DeliveryOutcome.SUCCESS, DeliveryOutcome.EXPIRED, DeliveryOutcome.SUCCESS)):
        rig.sweep()
        rig.end(number, outcome)
    rig.sweep()
    rig.sweep()
    of_groups = rig.events()[members:]
    whole = replace(reference, members=3, reached=2, closed=True)
    assert [(event.group, event.external_id, event.imsi) for event in of_groups] == [
        (whole, "fleet@customer.example", None)
    ] * groups


@pytest.mark.requirement("R-GRP-47")
def test_a_group_whose_time_is_over_is_charged_with_what_is_known(rig: Rig) -> None:
    rig.group()
    rig.end(0, DeliveryOutcome.SUCCESS)
    rig.clock.rightNow = NOW + 600 + 3600
    rig.sweep()
    (event,) = rig.events()
    assert event.group is not None
    assert (event.group.members, event.group.reached, event.group.closed) == (3, 1, False)


def test_a_refused_member_has_a_record_and_stays_uncharged(rig: Rig) -> None:
    rig.group()
    rig.sms_sc.result = (10415, 5531)
    run(rig.members.submit(member(0)), rig.clock)
    rig.sms_sc.result = (0, 2001)
    run(rig.members.submit(member(0)), rig.clock)
    assert [(event.result, event.group is not None) for event in rig.events()] == [(5531, True), (None, True)]
    with rig.engine.connect() as connection:
        assert connection.execute(select(GROUP.c.charged)).scalar_one() == 0
