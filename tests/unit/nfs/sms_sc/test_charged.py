"""Charging at the SMS-SC: what is submitted and how it ends has a record each, once."""

from __future__ import annotations

from collections.abc import Awaitable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, select
from sqlalchemy.pool import StaticPool

from diameter.errors import LocalError
from diameter.testing import run
from helpers.inline import InlineReactor, InlineThreads
from nfs.common.charging import tables
from nfs.common.charging.config import ChargingTable
from nfs.common.charging.events import Event, Indicator, Interface, Kind, MessageType, from_text
from nfs.common.charging.service import Charging, ChargingFull
from nfs.common.nodes import NodeKind, ServingNode
from nfs.common.sm_failure import Verdict
from nfs.common.sms import IEI_PORT_16, Element, Submit, UserData
from nfs.common.sms_layout import SmsAddress
from nfs.common.store import Store, StoreError
from nfs.sms_sc.answers import Acceptance
from nfs.sms_sc.charged import ChargedKeep, ChargedSharedKeep, MoCharge
from nfs.sms_sc.charges import ended, submitted
from nfs.sms_sc.keep import METADATA
from nfs.sms_sc.logic import Trigger
from nfs.sms_sc.mo_sms import Route, Submission
from nfs.sms_sc.outcomes import Outcome
from nfs.sms_sc.sme import Receipt, ShortMessage

NOW = 1_795_316_640.0
MME = ServingNode(kind=NodeKind.MME, number="15550000300", name="mme.example.org", realm="example.org")
TRIGGER = Trigger(
    scs="15550000100",
    reference=4711,
    imsi="001010000000001",
    external_identifier="meter-1@customer.example",
    msisdn="15551000001",
    payload=b"wake",
    port=16000,
    priority=True,
    validity_s=60,
    serving=MME,
    iwf_host="iwf.example.org",
    iwf_realm="example.org",
    submission="iwf.example.org;1;1",
    accepted_at=NOW,
    expires_at=NOW + 60,
    scts=int(NOW),
)
MESSAGE = ShortMessage(
    scs="sme:utility",
    reference=None,
    imsi="001010000000001",
    external_identifier=None,
    msisdn="15551000001",
    payload=b"\x41" * 200,
    port=None,
    priority=False,
    validity_s=60,
    serving=None,
    iwf_host="",
    iwf_realm="",
    submission="00ff00ff00ff00ff",
    accepted_at=NOW,
    expires_at=NOW + 60,
    scts=int(NOW),
    sme="utility",
    originator="Utility",
    originator_ton=5,
    originator_npi=0,
    pid=0,
    dcs=0,
    elements=(),
    receipt=Receipt.ALWAYS,
)
DEVICE: dict[str, Any] = {
    "imsi": "001010000000001",
    "msisdn": "15551000001",
    "external_id": "meter-1@customer.example",
}
OVER_T4: dict[str, Any] = {
    "iwf": "iwf.example.org",
    "reference": 4711,
    "serving": MME,
    "validity_s": 60,
    "priority": True,
    "port": 16000,
}
REQUEST = Event(
    kind=Kind.TRIGGER,
    at=NOW,
    originator="15550000100",
    originator_interface=Interface.DEVICE_TRIGGER,
    indicator=Indicator.REQUEST,
    **OVER_T4,
    **DEVICE,
)


class Rig:
    def __init__(self, folder: Path) -> None:
        self.clock = InlineReactor()
        self.clock.rightNow = NOW
        self.engine = create_engine("sqlite://", poolclass=StaticPool)
        for metadata in (METADATA, tables.METADATA):
            metadata.create_all(self.engine)
        self.store = Store(self.engine, self.clock, InlineThreads())
        table = ChargingTable.model_validate({"folder": folder})
        self.charging = Charging(
            table, "smssc.example.org", "15550000200", self.store, clock=self.clock, say=lambda _: None
        )
        self.keep = ChargedKeep(self.store, self.charging)

    def do(self, waiting: Awaitable[Any]) -> Any:
        async def main() -> Any:
            return await waiting

        return run(main(), self.clock)

    def set(self, **table: Any) -> None:
        self.charging.renew(self.charging.table.model_copy(update=table))

    def events(self) -> list[Event]:
        with self.engine.connect() as connection:
            return [from_text(text) for text in connection.execute(select(tables.RECORD.c.event)).scalars()]


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(tmp_path)
    yield rig
    _ = rig.store.close()


def test_a_trigger_that_is_kept_is_charged(rig: Rig) -> None:
    rig.do(rig.keep.add(TRIGGER))
    assert rig.events() == [REQUEST]
    assert rig.do(rig.keep.load()) == [TRIGGER]


def test_a_trigger_that_comes_again_is_not_charged_again(rig: Rig) -> None:
    rig.do(rig.keep.add(TRIGGER))
    rig.do(rig.keep.put(TRIGGER))  # still pending
    done = replace(TRIGGER, outcome=Outcome.SUCCESSFUL_TRANSFER)
    rig.do(rig.keep.put(done))  # its report once more
    assert len(rig.events()) == 1
    rig.do(rig.keep.put(replace(TRIGGER, accepted_at=NOW + 1)))  # a new one under the number of a finished one
    assert len(rig.events()) == 2


def test_an_outcome_is_charged_once(rig: Rig) -> None:
    rig.do(rig.keep.add(TRIGGER))
    done = replace(TRIGGER, outcome=Outcome.SUCCESSFUL_TRANSFER)
    rig.do(rig.keep.settle(done))  # its report was not taken
    rig.do(rig.keep.settle(replace(done, finished_at=NOW + 5)))
    assert rig.events()[1:] == [
        Event(
            kind=Kind.MT,
            at=NOW,
            originator="15550000100",
            indicator=Indicator.REQUEST,
            message_type=MessageType.SM_DEVICE_TRIGGER,
            submitted_at=float(int(NOW)),
            size=4,
            pid=0x48,
            dcs=4,
            parts=1,
            **OVER_T4,
            **DEVICE,
        )
    ]


@pytest.mark.parametrize(
    ("outcome", "result"),
    [
        (Outcome.SUCCESSFUL_TRANSFER, None),
        (Outcome.ABSENT_SUBSCRIBER, 5550),
        (Outcome.UE_MEMORY_CAPACITY_EXCEEDED, 5555),
        (Outcome.VALIDITY_TIME_EXPIRED, 3002),
    ],
)
def test_every_outcome_has_its_result(outcome: Outcome, result: int | None) -> None:
    event = ended(replace(TRIGGER, outcome=outcome), NOW)
    assert event is not None
    assert event.result == result
    assert ended(TRIGGER, NOW) is None


def test_a_recall_is_charged_once_and_leaves_no_delivery(rig: Rig) -> None:
    rig.do(rig.keep.add(TRIGGER))
    withdrawn = replace(TRIGGER, finished_at=NOW + 5)
    rig.do(rig.keep.settle(withdrawn))
    rig.do(rig.keep.settle(withdrawn))  # its answer was lost
    assert rig.events()[1:] == [replace(REQUEST, indicator=Indicator.RECALL)]


def test_a_replacement_is_charged_once_and_told_when_it_came_too_late(rig: Rig) -> None:
    rig.do(rig.keep.add(TRIGGER))
    new = replace(TRIGGER, reference=4712, accepted_at=NOW + 1)
    rig.do(rig.keep.swap(replace(TRIGGER, finished_at=NOW + 1), new))
    rig.do(rig.keep.swap(replace(TRIGGER, finished_at=NOW + 1), new))
    late = replace(TRIGGER, reference=4713, accepted_at=NOW + 2)
    rig.do(rig.keep.swap(None, late))
    found = [(event.indicator, event.reference, event.result) for event in rig.events()[1:]]
    assert found == [(Indicator.REPLACE, 4712, None), (Indicator.REPLACE, 4713, 5535)]


def test_a_message_of_an_sme_is_charged_when_it_is_kept_and_when_it_ended(rig: Rig) -> None:
    rig.do(rig.keep.add(MESSAGE))
    rig.do(rig.keep.settle(replace(MESSAGE, outcome=Outcome.ABSENT_SUBSCRIBER)))
    text: dict[str, Any] = {
        "originator": "Utility",
        "originator_type": 5,
        "originator_id": "utility",
        "originator_interface": Interface.APPLICATION_ORIGINATING,
        "priority": False,
        "size": 200,
        "pid": 0,
        "dcs": 0,
        "parts": 2,
    }
    taken = Event(
        kind=Kind.MO,
        at=NOW,
        message_reference=bytes.fromhex(MESSAGE.submission),
        report=True,
        message_type=MessageType.SUBMISSION,
        **text,
        **DEVICE | {"external_id": None},
    )
    over = Event(
        kind=Kind.MT,
        at=NOW,
        message_type=MessageType.DELIVERY,
        submitted_at=float(int(NOW)),
        result=5550,
        **text,
        **DEVICE | {"external_id": None},
    )
    assert rig.events() == [taken, over]


def test_a_header_of_an_sme_is_kept_as_it_travels() -> None:
    message = replace(MESSAGE, elements=((0, b"\x01\x02\x01"),), payload=b"\x41")
    assert submitted(message, NOW).header == b"\x05\x00\x03\x01\x02\x01"


def test_what_is_not_kept_is_not_charged(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    rig.do(rig.keep.add(TRIGGER))
    with pytest.raises(Exception, match="UNIQUE"):
        rig.do(rig.keep.add(TRIGGER))
    assert len(rig.events()) == 1


def test_on_a_shared_store_each_message_is_charged_by_who_took_it(rig: Rig) -> None:
    one, other = (ChargedSharedKeep(rig.store, name, "t", rig.clock.seconds, rig.charging) for name in ("one", "other"))
    for keep in (one, other):
        rig.do(keep.enter(60))
    rig.do(one.add(TRIGGER))
    rig.do(one.put(TRIGGER))  # it comes again
    later = replace(TRIGGER, accepted_at=NOW + 1)
    assert rig.do(other.add(later)).acceptance is Acceptance.PENDING  # to another one
    rig.do(other.settle(replace(TRIGGER, outcome=Outcome.ABSENT_SUBSCRIBER)))  # who does not hold it
    assert [event.kind for event in rig.events()] == [Kind.TRIGGER]
    done = replace(TRIGGER, outcome=Outcome.SUCCESSFUL_TRANSFER, finished_at=NOW + 2)
    for _ in range(2):
        rig.do(one.settle(done))
    assert [event.kind for event in rig.events()] == [Kind.TRIGGER, Kind.MT]
    new = replace(TRIGGER, reference=4712, accepted_at=NOW + 3)
    for _ in range(2):
        rig.do(one.swap(None, new))
    assert [(event.indicator, event.result) for event in rig.events()[2:]] == [(Indicator.REPLACE, 5535)]
    rig.set(waiting=1, full="refuse")
    for what in (one.add(new), one.swap(None, new)):
        with pytest.raises(ChargingFull):
            rig.do(what)


def test_nothing_new_is_kept_while_charging_is_full_and_refuses(rig: Rig) -> None:
    rig.set(waiting=1, full="refuse")
    rig.do(rig.keep.add(TRIGGER))
    with pytest.raises(ChargingFull):
        _ = rig.keep.add(MESSAGE)
    with pytest.raises(ChargingFull):
        _ = rig.keep.swap(None, MESSAGE)
    assert issubclass(ChargingFull, LocalError)  # which T4 and Tsms answer with congestion
    rig.do(rig.keep.settle(replace(TRIGGER, outcome=Outcome.SUCCESSFUL_TRANSFER)))  # an outcome is kept all the same
    assert (len(rig.events()), rig.charging.book.figures.lost) == (1, 1)


SUBMISSION = Submission(
    imsi="001010000000001",
    tpdu=b"",
    submit=Submit(
        reference=42,
        destination=SmsAddress(digits="15550000100"),
        user_data=UserData(data=b"hello", header=(Element(iei=IEI_PORT_16, data=b"\x3e\x80\x00\x00"),)),
        status_report=True,
    ),
    route=Route(host="iwf.example.org", realm="example.org", number="15550000200"),
    serving_host="mme.example.org",
    serving_realm="example.org",
    taken=datetime.fromtimestamp(NOW, UTC),
)
GOOD, BAD = Verdict(result=(0, 2001), reason=""), Verdict(result=(10415, 5555), reason="no")


def test_a_message_of_a_device_is_charged(rig: Rig) -> None:
    charge = MoCharge(rig.charging)
    for verdict in (None, GOOD, BAD):
        assert rig.do(charge(SUBMISSION, verdict))
    rig.set(refused=False)
    assert rig.do(charge(SUBMISSION, BAD))
    taken = Event(
        kind=Kind.MO_T4,
        at=NOW,
        imsi="001010000000001",
        recipient="15550000100",
        originator_interface=Interface.MOBILE_ORIGINATING,
        iwf="iwf.example.org",
        port=16000,
        message_reference=b"\x2a",
        size=5,
        pid=0,
        dcs=4,
        report=True,
        message_type=MessageType.SUBMISSION,
        header=bytes.fromhex("0605043e800000"),
    )
    assert rig.events() == [taken, taken, replace(taken, result=5555)]


def test_a_message_that_cannot_be_charged_does_not_go_on(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    def failed(*_: object) -> None:
        raise StoreError("database: disk full")

    monkeypatch.setattr(rig.charging, "add", failed)
    charge = MoCharge(rig.charging)
    assert not rig.do(charge(SUBMISSION, None))
    assert rig.do(charge(SUBMISSION, GOOD))  # it has gone on
    assert rig.charging.book.figures.lost == 1
