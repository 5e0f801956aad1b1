"""Several SMS-SCs on one store: one holder for each message, and what becomes of those of one that is gone."""

from __future__ import annotations

from collections.abc import Awaitable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import pytest
from sqlalchemy import text

from diameter.testing import run
from helpers.inline import InlineReactor, InlineThreads
from nfs.common.database import database_url, open_engine
from nfs.common.store import Store
from nfs.sms_sc.answers import Acceptance, Refused
from nfs.sms_sc.keep import MIGRATIONS, Written
from nfs.sms_sc.logic import Trigger
from nfs.sms_sc.outcomes import Outcome
from nfs.sms_sc.shared import Lost, SharedKeep
from nfs.sms_sc.sme import Receipt, ShortMessage

T = TypeVar("T")
LONG = 3600.0
TRIGGER = Trigger(
    scs="15550000100",
    reference=7,
    imsi="001010000000001",
    external_identifier=None,
    msisdn=None,
    payload=b"wake",
    port=16000,
    priority=False,
    validity_s=60,
    serving=None,
    iwf_host="iwf.example.org",
    iwf_realm="example.org",
    submission="iwf.example.org;1;1",
    accepted_at=100.0,
    expires_at=160.0,
    scts=100,
    concatenation=3,
)
DONE = replace(TRIGGER, outcome=Outcome.SUCCESSFUL_TRANSFER, finished_at=130.0)


class Rig:
    """Two SMS-SCs on one database."""

    def __init__(self, database: str) -> None:
        self.clock = InlineReactor()
        self.engine = open_engine(
            database_url(database, Path()), migrations=MIGRATIONS, name="sms-sc", isolation="READ COMMITTED"
        )
        self.store = Store(self.engine, self.clock, InlineThreads())
        self.one, self.other = (
            SharedKeep(self.store, name, "t" + name, self.clock.seconds) for name in ("sc1.example", "sc2.example")
        )
        for each in (self.one, self.other):
            assert self.do(each.enter(LONG)) == []

    def do(self, waiting: Awaitable[T]) -> T:
        async def main() -> T:
            return await waiting

        return run(main(), self.clock)

    def time_passed(self, name: str) -> None:
        with self.engine.begin() as connection:
            connection.execute(text("UPDATE sms_sc_member SET until = -1 WHERE name = :name"), {"name": name})


@pytest.fixture
def rig(database: str) -> Iterator[Rig]:
    rig = Rig(database)
    yield rig
    _ = rig.store.close()


def test_what_one_has_taken_the_other_one_knows(rig: Rig) -> None:
    assert rig.do(rig.one.add(TRIGGER)) == Written(TRIGGER)
    assert rig.do(rig.other.add(TRIGGER)) == Written(TRIGGER, Acceptance.PENDING)
    assert rig.do(rig.one.put(TRIGGER)) == Written(TRIGGER)
    with pytest.raises(Refused, match="another trigger"):
        rig.do(rig.other.add(replace(TRIGGER, payload=b"other")))
    assert rig.do(rig.other.elsewhere(TRIGGER.key)) == TRIGGER
    assert rig.do(rig.other.elsewhere("nothing")) is None


def test_the_report_of_what_the_other_one_has_finished_is_ours_to_repeat(rig: Rig) -> None:
    rig.do(rig.one.add(TRIGGER))
    rig.do(rig.one.settle(DONE))
    found = rig.do(rig.other.add(TRIGGER))
    assert found == Written(replace(DONE, finished_at=None), Acceptance.REPORT_AGAIN)
    rig.do(rig.one.settle(replace(DONE, finished_at=140.0)))  # not of the first one any more
    assert rig.do(rig.other.elsewhere(TRIGGER.key)) == replace(DONE, finished_at=None)


def test_a_reference_may_be_used_again_wherever_it_was_used(rig: Rig) -> None:
    rig.do(rig.one.add(TRIGGER))
    rig.do(rig.one.settle(DONE))
    again = rig.do(rig.other.add(replace(TRIGGER, payload=b"other")))
    assert again.acceptance is None
    assert again.trigger.payload == b"other"
    rig.do(rig.other.settle(replace(again.trigger, finished_at=150.0)))  # withdrawn: no outcome
    assert rig.do(rig.one.add(again.trigger)).acceptance is None


def test_no_two_give_a_device_the_same_time_stamp_or_reference(rig: Rig) -> None:
    long = replace(TRIGGER, payload=b"x" * 300)
    first = rig.do(rig.one.add(long)).trigger
    second = rig.do(rig.other.add(replace(long, reference=8))).trigger
    other = rig.do(rig.other.add(replace(TRIGGER, imsi="001010000000002", reference=9))).trigger
    assert (first.scts, first.concatenation) == (100, 3)
    assert (second.scts, second.concatenation) == (100 + len(first.segments()), 4)
    assert (other.scts, other.concatenation) == (100, 3)


def test_replacing_writes_both_or_neither(rig: Rig) -> None:
    rig.do(rig.one.add(TRIGGER))
    withdrawn, new = replace(TRIGGER, finished_at=120.0), replace(TRIGGER, reference=8)
    rig.do(rig.other.add(replace(new, payload=b"another")))
    with pytest.raises(Refused):
        rig.do(rig.one.swap(withdrawn, new))
    assert rig.do(rig.one.elsewhere(TRIGGER.key)) == TRIGGER
    newest = rig.do(rig.one.swap(withdrawn, replace(new, reference=9))).trigger
    assert rig.do(rig.other.elsewhere(TRIGGER.key)) == withdrawn
    assert rig.do(rig.other.elsewhere(newest.key)) == newest


def test_the_messages_of_one_that_is_gone_go_to_another(rig: Rig) -> None:
    owed = rig.do(rig.one.add(replace(TRIGGER, reference=8))).trigger
    rig.do(rig.one.add(TRIGGER))
    sme = ShortMessage(
        **{name: getattr(TRIGGER, name) for name in Trigger.__dataclass_fields__ if name != "reference"},
        reference=None, sme="meters", originator="15550001", receipt=Receipt.ALWAYS,
    )  # fmt: skip
    message = rig.do(rig.one.add(sme)).trigger
    rig.do(rig.one.settle(DONE))
    owed = replace(owed, outcome=Outcome.VALIDITY_TIME_EXPIRED)
    rig.do(rig.one.settle(owed))
    assert rig.do(rig.other.renew(LONG)) == []
    rig.time_passed("sc1.example")
    assert sorted(rig.do(rig.other.renew(LONG)), key=lambda each: each.key) == sorted(
        [owed, message], key=lambda each: each.key
    )
    assert rig.do(rig.other.renew(LONG)) == []
    with pytest.raises(Lost):
        rig.do(rig.one.renew(LONG))
    with pytest.raises(Lost):
        rig.do(rig.one.add(replace(TRIGGER, reference=10)))
    rig.do(rig.one.settle(replace(owed, finished_at=140.0)))
    assert rig.do(rig.other.elsewhere(owed.key)) == owed
    assert rig.do(rig.one.enter(LONG)) == []


def test_one_that_was_late_itself_takes_nothing_over(rig: Rig) -> None:
    rig.do(rig.one.add(TRIGGER))
    for name in ("sc1.example", "sc2.example"):
        rig.time_passed(name)
    assert rig.do(rig.other.renew(LONG)) == []
    assert rig.do(rig.one.renew(LONG)) == []
    assert rig.do(rig.other.renew(LONG)) == []


def test_one_that_leaves_is_followed_at_once_and_one_that_comes_back_has_its_own(rig: Rig) -> None:
    rig.do(rig.one.add(TRIGGER))
    again = SharedKeep(rig.store, "sc1.example", "other", rig.clock.seconds)
    assert rig.do(again.enter(LONG)) == [TRIGGER]
    rig.do(rig.one.leave())  # of a process that is not the one there now
    assert rig.do(rig.other.renew(LONG)) == []
    rig.do(again.leave())
    assert rig.do(rig.other.renew(LONG)) == [TRIGGER]


def test_what_is_over_is_forgotten_whoever_had_it(rig: Rig) -> None:
    rig.do(rig.one.add(TRIGGER))
    rig.do(rig.one.settle(DONE))
    rig.do(rig.other.remove([], 130.0))
    assert rig.do(rig.other.elsewhere(TRIGGER.key)) == DONE
    rig.do(rig.other.remove([], 131.0))
    assert rig.do(rig.other.elsewhere(TRIGGER.key)) is None
    with rig.engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM sms_sc_stamp")).scalar() == 0
