"""Members handed over one by one: never too many, never too fast, never twice, and none forgotten."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy.exc import IntegrityError

from diameter.app import Later
from diameter.testing import run
from helpers.inline import InlineReactor, InlineThreads
from nfs.common.charging import tables as charging
from nfs.common.database import database_url, open_engine
from nfs.common.features import Feature
from nfs.common.store import Store
from nfs.common.tsp import DeliveryOutcome, RequestStatus
from nfs.mtc_iwf import capabilities, counts, rounds, triggers
from nfs.mtc_iwf.groups import keep as keeping
from nfs.mtc_iwf.groups.fanout import FanOut, Pace
from nfs.mtc_iwf.groups.keep import CLAIM_S, GroupKeep
from nfs.mtc_iwf.groups.ports import GroupTrigger, Member, Progress
from nfs.mtc_iwf.groups.tables import GROUP as GROUP_TABLE
from nfs.mtc_iwf.ports import Notice, Sender, Standing, Submission, Taken, Unavailable
from nfs.mtc_iwf.statuses import Result
from nfs.mtc_iwf.triggers import GRACE_S, KEEP_S, Triggers
from nfs.mtc_sgw.logic import Refuse

START = 1000.0
GROUP = GroupTrigger(
    scs="15550001",
    reference=0xFFFFFFFF,
    group="fleet@customer.example",
    sender=Sender(host="scs1.example", realm="example", session_id="scs1;1;1", end_to_end=0xFFFFFFFF),
    fingerprint="f" * 32,
    payload=b"\x00wake\xff",
    port=8000,
    priority=True,
    validity_s=600,
    lasts_s=600,
    accepted_at=START,
)
KEY = GROUP.key
OK: Result = (0, 2001)


def members(count: int) -> tuple[Member, ...]:
    return tuple(Member(imsi=f"0010100000{each:05}", external_id=f"m-{each}@customer.example") for each in range(count))


def imsis(count: int) -> list[str]:
    return [each.imsi for each in members(count)]


class Rig:
    """Two processes on one database; what a test sets is what SMS-SC and SCS say."""

    def __init__(self, database: str, folder: Path) -> None:
        self.clock = InlineReactor()
        self.clock.rightNow = START
        self.engine = open_engine(database_url(database, folder), migrations="nfs.mtc_iwf:migrations", name="mtc-iwf")
        self.store = Store(self.engine, self.clock, InlineThreads())
        self.keep = GroupKeep(self.store, self.clock.seconds, "iwf1.example")
        self.other = GroupKeep(self.store, self.clock.seconds, "iwf2.example")
        self.offered: list[Submission] = []
        self.offered_at: list[float] = []
        self.waiting: list[Later[Taken]] = []
        self.told: list[tuple[str | None, DeliveryOutcome]] = []
        self.sms_sc: Result | Exception | None = OK
        self.scs: Result | Exception = OK
        self.unwanted: set[str] = set()
        self.held = False
        self.recalls: dict[str, RequestStatus] = {}
        self.fanout = self.process(self.keep)

    def process(self, keep: GroupKeep, pace: Pace | None = None) -> FanOut:
        return FanOut(
            keep=keep,
            sms_sc=self,
            scs=self,
            pace=pace or Pace(outstanding=3, per_s=10, attempts=2),
            clock=self.clock,
            wall=self.clock.seconds,
            spawn=self.spawn,
            unwanted=lambda names, imsi: Refuse(stage=None, reason="") if names[0] in self.unwanted else None,  # type: ignore[arg-type]
        )

    def spawn(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Run a coroutine as a node does, each time until it waits."""
        try:
            awaited = coroutine.send(None)
        except StopIteration:
            return
        if isinstance(awaited, Later):
            awaited.then(lambda: self.spawn(coroutine))
        else:
            awaited.addBoth(lambda _: self.spawn(coroutine))

    async def submit(self, submission: Submission) -> Taken:
        self.offered.append(submission)
        self.offered_at.append(self.clock.seconds())
        if self.held:
            later: Later[Taken] = Later()
            self.waiting.append(later)
            return await later
        if isinstance(self.sms_sc, Exception):
            raise self.sms_sc
        return Taken(result=self.sms_sc, sms_sc="smssc.example", features=Feature.RECALL_REPLACE)

    async def notify(self, notice: Notice, outcome: DeliveryOutcome) -> Result | None:
        self.told.append((notice.device.external_id, outcome))
        if isinstance(self.scs, Exception):
            raise self.scs
        return self.scs

    async def recalled(self, notice: Notice, status: RequestStatus) -> Result | None:
        assert notice.device.external_id is not None
        self.recalls[notice.device.external_id] = status
        if isinstance(self.scs, Exception):
            raise self.scs
        return self.scs

    def begin(self, count: int, **changed: Any) -> Standing:
        return run(self.keep.begin(replace(GROUP, **changed), members(count)), self.clock)

    def go(self, fanout: FanOut | None = None, seconds: float = 4.0) -> None:
        (fanout or self.fanout).go(KEY)
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        for _ in range(int(seconds * 20)):
            self.clock.advance(0.05)

    def until(self, so: Callable[[], bool]) -> None:
        for _ in range(2000):
            if so():
                return
            self.clock.advance(0.05)
        assert so()

    def progress(self, count: int) -> list[str]:
        found = [run(self.keep.find(*KEY, each, None), self.clock) for each in imsis(count)]
        return [each.progress.value for each in found if each is not None]


@pytest.fixture
def rig(database: str, tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(database, tmp_path)
    yield rig
    rig.fanout.stop()
    for each in rig.waiting:  # nothing stays that waits for ever
        if not each.done:
            each.resolve(Taken(result=None, sms_sc=""))
    rig.advance(1)
    _ = rig.store.close()


def test_the_migrations_make_the_tables_that_the_code_knows(rig: Rig) -> None:
    with rig.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": "mtc_iwf_revision"})
        both: Any = [triggers.METADATA, charging.METADATA]  # which its types do not know
        assert compare_metadata(context, both) == []
    tables = {capabilities.CAPABILITY, counts.COUNT, GROUP_TABLE, rounds.ROUND}
    assert tables <= set(triggers.METADATA.tables.values())


def test_each_member_once_with_all_that_was_asked(rig: Rig) -> None:
    assert rig.begin(5) is Standing.NEW
    rig.go()
    rig.go()
    assert [each.imsi for each in rig.offered] == imsis(5)
    first = rig.offered[0]
    assert (first.payload, first.port, first.priority, first.nodes) == (b"\x00wake\xff", 8000, True, ())
    assert (first.reference, first.scs, first.device.external_id) == (0xFFFFFFFF, "15550001", "m-0@customer.example")
    assert rig.progress(5) == ["open"] * 5
    assert rig.fanout.counts.members == {"handed over": 5}
    assert run(rig.keep.busy(), rig.clock) == ()


def test_not_more_at_once_and_not_more_a_second_than_is_set(rig: Rig) -> None:
    rig.held = True
    rig.begin(7)
    rig.go(seconds=5)
    assert len(rig.waiting) == 3
    for answered in range(7):
        rig.until(lambda answered=answered: len(rig.waiting) > answered)  # type: ignore[misc]
        assert len(rig.waiting) - answered <= 3
        rig.waiting[answered].resolve(Taken(result=OK, sms_sc="smssc.example"))
    rig.advance(1)
    gaps = [later - sooner for sooner, later in zip(rig.offered_at, rig.offered_at[1:], strict=False)]
    assert min(gaps) >= 0.1 - 0.001
    assert rig.progress(7) == ["open"] * 7


def test_more_members_than_one_handful(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nfs.mtc_iwf.groups.fanout.AT_ONCE", 4)
    rig.begin(9)
    rig.go()
    assert [each.imsi for each in rig.offered] == imsis(9)


def test_validity_runs_while_members_wait(rig: Rig) -> None:
    rig.begin(1)
    rig.clock.advance(100)
    rig.go()
    assert rig.offered[0].validity_s == 500
    rig.begin(2, reference=2)
    rig.clock.advance(600)
    rig.fanout.go((GROUP.scs, 2))
    rig.advance(5)
    assert len(rig.offered) == 1
    assert [outcome for _, outcome in rig.told] == [DeliveryOutcome.EXPIRED] * 2


@pytest.mark.parametrize("validity_s", [None, 0])
def test_a_validity_that_does_not_run(rig: Rig, validity_s: int | None) -> None:
    rig.begin(1, validity_s=validity_s)
    rig.clock.advance(100)
    rig.go()
    assert rig.offered[0].validity_s == validity_s


def test_a_refused_member_is_told_and_the_others_go_on(rig: Rig) -> None:
    rig.begin(2)
    rig.sms_sc = (10415, 5530)
    rig.go()
    assert rig.told == [(each.external_id, DeliveryOutcome.UNDELIVERABLE) for each in members(2)]
    assert rig.progress(2) == ["reported"] * 2
    assert rig.fanout.counts.members == {"UNDELIVERABLE": 2}


def test_what_an_owner_does_not_want_now(rig: Rig) -> None:
    rig.begin(2)
    rig.unwanted.add("m-0@customer.example")
    rig.go()
    assert [each.imsi for each in rig.offered] == imsis(2)[1:]
    assert rig.told == [("m-0@customer.example", DeliveryOutcome.TEMPORARYERROR)]


@pytest.mark.parametrize("answer", [Unavailable("SMS-SC: timeout"), (0, 3004), None])
def test_an_sms_sc_that_gives_no_final_answer_is_asked_again(rig: Rig, answer: Result | Exception | None) -> None:
    rig.begin(1)
    rig.sms_sc = answer
    rig.go()
    assert (len(rig.offered), rig.progress(1)) == (1, ["waiting"])
    run(rig.fanout.resume(), rig.clock)
    rig.advance(5)
    assert len(rig.offered) == 2
    assert rig.told == [("m-0@customer.example", DeliveryOutcome.TEMPORARYERROR)]
    assert rig.progress(1) == ["reported"]


def test_an_sms_sc_that_comes_back_gets_them_all(rig: Rig) -> None:
    rig.begin(2)
    rig.sms_sc = Unavailable("SMS-SC: no peer")
    rig.go()
    rig.sms_sc = OK
    run(rig.fanout.resume(), rig.clock)
    rig.advance(5)
    assert rig.progress(2) == ["open"] * 2
    assert rig.told == []


@pytest.mark.parametrize("answer", [Unavailable("SCS: no peer"), (0, 3004)])
def test_an_scs_that_is_away_hears_of_its_members_later(rig: Rig, answer: Result | Exception) -> None:
    rig.begin(1)
    rig.sms_sc, rig.scs = (10415, 5530), answer
    rig.go()
    assert rig.progress(1) == ["owed"]
    told = len(rig.told)
    rig.scs = OK
    run(rig.fanout.resume(), rig.clock)
    rig.advance(5)
    assert (len(rig.told), len(rig.offered), rig.progress(1)) == (told + 1, 1, ["reported"])


def test_what_a_process_left_another_one_hands_over(rig: Rig) -> None:
    """A kill between the SMS-SC's answer and the store: that member is offered again, the others were not lost."""
    rig.held = True
    rig.begin(4)
    rig.go(seconds=5)
    rig.waiting[0].resolve(Taken(result=OK, sms_sc="smssc.example"))
    rig.advance(1)
    rig.fanout.stop()  # and the answers of the others never come
    rig.held = False
    second = rig.process(rig.keep)
    run(second.resume(), rig.clock)
    rig.advance(5)
    assert sorted({each.imsi for each in rig.offered}) == imsis(4)
    assert [each.imsi for each in rig.offered].count(imsis(1)[0]) == 1
    assert rig.progress(4) == ["open"] * 4


def test_two_processes_do_not_work_on_one_group(rig: Rig) -> None:
    rig.begin(1)
    assert run(rig.other.busy(), rig.clock) == ()
    assert run(rig.other.take(KEY, 10), rig.clock) is None
    rig.go(rig.process(rig.other))
    assert rig.offered == []
    rig.clock.advance(CLAIM_S)
    assert run(rig.other.busy(), rig.clock) == (KEY,)
    second = rig.process(rig.other)
    run(second.resume(), rig.clock)
    rig.advance(5)
    assert len(rig.offered) == 1


def test_a_report_that_is_quicker_than_the_answer(rig: Rig) -> None:
    rig.held = True
    rig.begin(1)
    rig.go(seconds=1)
    entry = run(rig.keep.find(*KEY, imsis(1)[0], None), rig.clock)
    assert entry is not None
    assert run(rig.keep.end(entry, Progress.REPORTED, DeliveryOutcome.SUCCESS), rig.clock)
    assert not run(rig.keep.end(entry, Progress.REPORTED, DeliveryOutcome.SUCCESS), rig.clock)
    rig.waiting[0].resolve(Taken(result=OK, sms_sc="smssc.example"))
    rig.advance(5)
    assert rig.progress(1) == ["reported"]
    assert len(rig.offered) == 1


def test_a_number_is_taken_while_the_group_is_open_and_free_after(rig: Rig) -> None:
    assert rig.begin(2) is Standing.NEW
    assert rig.begin(2) is Standing.REPEAT
    assert rig.begin(2, fingerprint="0" * 32) is Standing.TAKEN
    rig.go()
    for each in imsis(2):
        entry = run(rig.keep.find(*KEY, each, None), rig.clock)
        assert entry is not None
        run(rig.keep.end(entry, Progress.REPORTED, DeliveryOutcome.SUCCESS), rig.clock)
    assert rig.begin(3, fingerprint="0" * 32) is Standing.NEW
    assert rig.progress(3) == ["waiting"] * 3


def test_what_is_over_is_forgotten_after_a_while(rig: Rig) -> None:
    triggers = Triggers(rig.store, rig.clock.seconds)
    rig.begin(1)
    rig.go()
    rig.clock.advance(600 + GRACE_S)
    assert (run(rig.keep.purge(), rig.clock), run(triggers.purge(), rig.clock)) == (0, 0)  # a report is owed
    rig.clock.advance(KEEP_S)
    assert run(triggers.purge(), rig.clock) == 2
    assert run(rig.keep.take(KEY, 10), rig.clock) is None
    assert run(rig.keep.purge(), rig.clock) == 1
    assert run(rig.keep.find(*KEY, None, "m-0@customer.example"), rig.clock) is None
    assert run(rig.keep.find(*KEY, None, None), rig.clock) is None


def test_a_late_copy_of_a_request_wakes_no_group_anew(rig: Rig) -> None:
    rig.begin(1)
    rig.go()
    entry = run(rig.keep.find(*KEY, imsis(1)[0], None), rig.clock)
    assert entry is not None
    run(rig.keep.end(entry, Progress.REPORTED, DeliveryOutcome.SUCCESS), rig.clock)
    assert rig.begin(1) is Standing.REPEAT
    rig.go()
    assert len(rig.offered) == 1
    assert rig.begin(1, sender=replace(GROUP.sender, end_to_end=GROUP.sender.end_to_end + 1)) is Standing.NEW


def test_the_payload_is_not_kept_longer_than_it_is_needed(rig: Rig) -> None:
    rig.begin(1)
    taken = run(rig.keep.take(KEY, 10), rig.clock)
    assert taken is not None
    assert (taken[0], len(taken[1])) == (GROUP, 1)
    rig.go()
    taken = run(rig.keep.take(KEY, 10), rig.clock)
    assert taken is not None
    assert (taken[0].payload, taken[1]) == (b"", ())


def test_losing_a_race_against_another_process_is_looked_at_again(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    begin, tries = keeping._write, []

    def racing(*arguments: Any) -> None:
        tries.append(arguments)
        if len(tries) == 1:
            raise IntegrityError("INSERT", {}, RuntimeError("UNIQUE constraint failed"))
        begin(*arguments)

    monkeypatch.setattr(keeping, "_write", racing)
    assert rig.begin(1) is Standing.NEW
    assert len(tries) == 2


def test_a_store_that_fails_ends_the_work_for_now(rig: Rig) -> None:
    rig.begin(1)
    _ = rig.store.close()
    rig.go(seconds=1)
    assert rig.offered == []
    with pytest.raises(Unavailable, match="closed"):
        run(rig.fanout.resume(), rig.clock)
