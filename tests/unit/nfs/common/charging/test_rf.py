"""What a charging data function is told: nothing is lost while it is away or after a kill, and it takes each once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, func, select
from sqlalchemy.pool import StaticPool

from diameter import Message
from diameter.errors import RequestTimeout
from diameter.testing import FakeRequester, run
from helpers.inline import InlineReactor, InlineThreads
from helpers.messages import dictionary
from nfs.cdf import tables as cdf
from nfs.cdf.rf import Rf as Cdf
from nfs.common.charging import tables
from nfs.common.charging.config import ChargingTable
from nfs.common.charging.events import Event, Group, Kind
from nfs.common.charging.rf import BATCH
from nfs.common.charging.rf_avps import avps_of
from nfs.common.charging.service import Charging
from nfs.common.charging.standing import Shown
from nfs.common.nodes import NodeKind, ServingNode
from nfs.common.store import Store

NOW = 1_700_000_000
NODE, REALM = "sms-sc.example.org", "charging.example.org"
CONTEXT = "16.32274@3gpp.org"


class Rig:
    """A store that outlives processes, the charging of one process after the other, and a CDF."""

    def __init__(self, **table: Any) -> None:
        self.clock = InlineReactor()
        self.clock.rightNow = NOW
        self.engine = create_engine("sqlite://", poolclass=StaticPool)
        self.other = create_engine("sqlite://", poolclass=StaticPool)
        tables.METADATA.create_all(self.engine)
        cdf.METADATA.create_all(self.other)
        self.store, self.kept = (Store(each, self.clock, InlineThreads()) for each in (self.engine, self.other))
        self.cdf = Cdf(self.kept, self.clock.seconds)
        self.behind = FakeRequester(self.cdf, dictionary(), clock=self.clock, origin_host="cdf.example.org")
        self.answer: Any = None
        self.vendor = 0
        self.said: list[str] = []
        self.table = ChargingTable.model_validate({"rf": {"realm": REALM, "retry_s": 5}, **table})
        self.process()

    def process(self) -> None:
        """Another process takes over."""
        self.charging = Charging(self.table, NODE, "15550000200", self.store, clock=self.clock, say=self.said.append)
        assert self.charging.rf is not None
        self.rf = self.charging.rf
        script = {"Accounting": self._answer}
        self.fake = FakeRequester(self.rf, dictionary(), script, clock=self.clock, origin_host=NODE)

    def _answer(self, request: Message) -> Message:
        assert request.faults == ()
        if isinstance(self.answer, Exception):
            raise self.answer
        if self.answer is not None:
            members = {"Accounting-Record-Type": 1, "Accounting-Record-Number": 0}
            return request.answer(self.answer, members, vendor=self.vendor)
        same = {name: request[name] for name in ("Session-Id", "Accounting-Record-Type", "Accounting-Record-Number")}
        _, code = self.behind.deliver("Accounting", same).result or (0, 0)
        return request.answer(code, dict(list(same.items())[1:]))

    def enter(self, *references: int) -> None:
        with self.engine.begin() as connection:
            for reference in references:
                self.charging.enter(connection, Event(kind=Kind.TRIGGER, at=NOW, reference=reference))

    def look(self, after_s: float = 0) -> None:
        """Time goes by, and what is spawned is done."""
        self.clock.advance(after_s)
        self.fake.settle()

    def waiting(self) -> int:
        with self.engine.connect() as connection:
            return connection.execute(select(func.count()).select_from(tables.RECORD)).scalar_one()

    def taken(self) -> list[str]:
        """Session-Ids that the CDF has."""
        with self.other.connect() as connection:
            return [row["session"] for row in cdf.every(connection)]

    def close(self) -> None:
        self.rf.stop()
        for each in (self.store, self.kept):
            _ = each.close()


@pytest.fixture
def rig() -> Iterator[Rig]:
    rig = Rig()
    yield rig
    rig.close()


def test_each_event_is_a_session_of_one_record_and_goes_when_it_is_taken(rig: Rig) -> None:
    rig.enter(1, 2)
    rig.rf.start()
    rig.look()
    assert (rig.waiting(), len(set(rig.taken())), rig.rf.counted["taken"]) == (0, 2, 2)
    request = rig.fake.requests[0]
    assert (request.application_id, request["Accounting-Record-Type"], request["Accounting-Record-Number"]) == (3, 1, 0)
    assert (request["Destination-Realm"], request["Acct-Application-Id"]) == (REALM, 3)
    rig.enter(3)
    rig.look(1)
    assert (len(rig.taken()), rig.said) == (3, [])


@pytest.mark.parametrize("answer", [RequestTimeout("no answer in 10 s"), 3002, 4002])
def test_a_cdf_that_is_away_gets_it_later_and_once(rig: Rig, answer: Any) -> None:
    rig.answer = answer
    rig.enter(*range(3))
    rig.rf.start()
    rig.look()
    assert (rig.waiting(), rig.rf.waiting, bool(rig.rf.trouble)) == (3, 3, True)
    rig.look(5)
    rig.look(9)  # not yet: twice as long after the second failure
    asked = len(rig.fake.requests)
    rig.answer = None
    rig.look(0.5)
    assert len(rig.fake.requests) == asked
    rig.look(1)
    assert (rig.waiting(), len(rig.taken()), rig.rf.trouble) == (0, 3, "")
    assert [line.partition(": ")[2][:15] for line in rig.said] == ["the CDF takes n", "the CDF takes r"]


def test_a_record_that_a_killed_process_had_sent_is_known_by_its_session(rig: Rig) -> None:
    rig.enter(1)
    rig.rf._forget = lambda *_: None  # type: ignore[method-assign]  # killed before the row is deleted
    rig.rf.start()
    rig.look()
    rig.rf.stop()
    rig.process()
    rig.rf.start()
    rig.look()
    assert (rig.waiting(), len(rig.taken()), rig.cdf.counted) == (0, 1, {"taken": 1, "repeated": 1})


@pytest.mark.parametrize("vendor", [0, 10415])
def test_what_the_cdf_refuses_for_good_holds_nobody_up(rig: Rig, vendor: int) -> None:
    rig.answer, rig.vendor = 5012, vendor
    rig.enter(1, 2)
    rig.rf.start()
    rig.look()
    assert (rig.waiting(), rig.rf.counted["refused"], "5012" in rig.said[0]) == (0, 2, True)


def test_an_event_that_makes_no_request_holds_nobody_up(rig: Rig) -> None:
    """As for files: of another version, say."""
    with rig.engine.begin() as connection:
        rig.charging.enter(connection, Event(kind=Kind.TRIGGER, at=NOW, pid=300))
        rig.charging.enter(connection, Event(kind=Kind.TRIGGER, at=NOW, validity_s=1 << 40))
    rig.enter(1)
    rig.rf.start()
    rig.look()
    assert (rig.waiting(), len(rig.taken()), rig.rf.counted["lost"]) == (0, 1, 2)
    rig.enter(2)
    rig.look(1)
    assert len(rig.taken()) == 2


def test_more_than_one_look(rig: Rig) -> None:
    rig.enter(*range(BATCH + 5))
    rig.rf.start()
    rig.look()
    assert (rig.waiting(), rig.rf.waiting, len(rig.taken())) == (0, 0, BATCH + 5)


@pytest.mark.parametrize("full", ["go-on", "refuse"])
def test_as_many_as_are_kept(full: str) -> None:
    rig = Rig(waiting=2, full=full)
    rig.answer = RequestTimeout("no answer in 10 s")
    rig.enter(1, 2, 3)
    rig.rf.start()
    rig.look()
    shown = Shown(rig.charging)
    assert (rig.waiting(), rig.rf.counted["lost"], rig.charging.refusing) == (2, 1, full == "refuse")
    assert {each.name for each in shown.alarms()} == {"charging-untold", "charging-full", "charging-lost"}
    assert [each[:2] for each in shown.queues()] == [("charging events to tell", 2)]
    assert {each.labels["outcome"]: each.value for each in shown.counts() if each.labels} == {
        "taken": 0, "refused": 0, "lost": 1,
    }  # fmt: skip
    rig.close()


def test_beside_files_and_instead_of_them(tmp_path: Path) -> None:
    rig = Rig(folder=tmp_path / "cdr", number="15550000200")
    rig.enter(1)
    assert rig.waiting() == 2
    rig.charging.book.files.leave()
    rig.close()
    alone = Rig()
    alone.enter(1)
    assert alone.waiting() == 1
    run(alone.charging.stop(), alone.clock)
    assert alone.waiting() == 1  # for the next process
    alone.close()


def test_a_table_that_says_nowhere() -> None:
    with pytest.raises(ValueError, match="a folder, or rf"):
        ChargingTable.model_validate({"number": "15550000200"})


MME = ServingNode(kind=NodeKind.MME, number="15550000300", name="mme.example.org", realm="example.org")
GROUP = Group(identifier="fleet@example.org", reference=1, number="15550000100")


def _sms(event: Event) -> tuple[Message, Any]:
    ends = {"Origin-Host": NODE, "Origin-Realm": "example.org", "Destination-Realm": REALM, "Session-Id": "a;1;2"}
    request = dictionary().request("Accounting", avps_of(event, CONTEXT) | ends, application="Accounting")
    assert request.faults == ()
    return request, request["Service-Information"]["SMS-Information"]


def test_a_trigger_over_t4() -> None:
    event = Event(
        kind=Kind.TRIGGER, at=NOW, imsi="001010000000001", msisdn="15550100001", external_id="m@example.org",
        originator="15550000100", originator_interface=5, indicator=1, iwf="iwf.example.org", reference=7, serving=MME,
        validity_s=600, priority=True, port=16000, group=GROUP,
    )  # fmt: skip
    request, sms = _sms(event)
    assert request["Event-Timestamp"].timestamp() == NOW
    users = request["Service-Information"].all("Subscription-Id")
    assert [(each["Subscription-Id-Type"], each["Subscription-Id-Data"]) for each in users] == [
        (1, "001010000000001"), (0, "15550100001"),
    ]  # fmt: skip
    assert (sms["SMS-Node"], sms["SM-Message-Type"], sms["SM-Device-Trigger-Indicator"]) == (3, 3, 1)
    assert sms["Originator-Interface"]["Interface-Type"] == 3
    assert sms["External-Identifier"] == "m@example.org"
    told = sms["SM-Device-Trigger-Information"]
    assert (told["Reference-Number"], told["Validity-Time"], told["Priority-Indication"]) == (7, 600, 1)
    assert (told["Serving-Node"]["MME-Name"], told["Application-Port-Identifier"]) == ("mme.example.org", 16000)


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        (Event(kind=Kind.MO, at=NOW, originator="shop", originator_type=5, pid=0, dcs=4), 0),
        (
            Event(kind=Kind.MO_T4, at=NOW, imsi="001010000000001", originator="m@x.example", originator_type=9, port=9),
            5,
        ),
        (Event(kind=Kind.MT, at=NOW, indicator=1, reference=7, result=5550, pid=0x48), 4),
        (Event(kind=Kind.MT, at=NOW, recipient="15550100001", message_type=3, parts=2), None),
    ],
)
def test_messages_have_the_types_of_the_avp_and_not_those_of_records(event: Event, kind: int | None) -> None:
    _, sms = _sms(event)
    assert sms.get("SM-Message-Type") == kind
    assert ("SM-Device-Trigger-Information" in sms) is (kind == 4)
    assert sms.get("SMS-Result") == event.result
