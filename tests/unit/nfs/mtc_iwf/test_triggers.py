"""The ledger on its database."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from alembic import command as alembic_command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import create_engine, text
from sqlalchemy.exc import IntegrityError, OperationalError

from diameter.testing import run
from helpers.inline import InlineReactor, InlineThreads
from nfs.common.charging import tables
from nfs.common.database import database_url, migration_config, open_engine
from nfs.common.store import Store
from nfs.common.tsp import DeliveryOutcome
from nfs.mtc_iwf import capabilities, counts, rounds, triggers
from nfs.mtc_iwf.at_hand import AtHand
from nfs.mtc_iwf.groups.tables import GROUP
from nfs.mtc_iwf.ports import Device, Sender, Standing, State, Trigger, Unavailable
from nfs.mtc_iwf.rows import values_of
from nfs.mtc_iwf.triggers import GRACE_S, KEEP_S, METADATA, Triggers

TRIGGER = Trigger(
    scs="15550001",
    reference=0xFFFFFFFF,
    device=Device(external_id="meter-1@customer.example"),
    imsi="001010000000001",
    sender=Sender(host="scs1.example", realm="example", session_id="scs1;1;1", end_to_end=0xFFFFFFFF),
    fingerprint="f" * 32,
    validity_s=60,
    sms_sc="smssc.example",
)
KEY = (TRIGGER.scs, TRIGGER.reference)


class Rig:
    def __init__(self, database: str) -> None:
        self.clock = InlineReactor()
        self.clock.rightNow = 1000.0
        url = database_url(database, Path())
        self.engine = open_engine(url, migrations="nfs.mtc_iwf:migrations", name="mtc-iwf")
        self.store = Store(self.engine, self.clock, InlineThreads())
        self.ledger = Triggers(self.store, self.clock.seconds)

    def begin(self, trigger: Trigger = TRIGGER) -> Standing:
        return run(self.ledger.begin(trigger), self.clock)

    def find(self) -> Trigger | None:
        return run(self.ledger.find(*KEY), self.clock)


@pytest.fixture
def rig(database: str) -> Iterator[Rig]:
    rig = Rig(database)
    yield rig
    _ = rig.store.close()


def test_the_migrations_make_the_table_that_the_code_knows(rig: Rig) -> None:
    with rig.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": "mtc_iwf_revision"})
        both: Any = [METADATA, tables.METADATA]  # which its types do not know
        assert compare_metadata(context, both) == []
    assert {capabilities.CAPABILITY, counts.COUNT, rounds.ROUND, GROUP} <= set(METADATA.tables.values())


def test_what_is_remembered_comes_back_whole(rig: Rig) -> None:
    assert rig.find() is None
    assert rig.begin() is Standing.NEW
    assert rig.find() == TRIGGER
    run(rig.ledger.accept(*KEY, "smssc2.example"), rig.clock)
    assert rig.find() == replace(TRIGGER, sms_sc="smssc2.example")


def test_an_open_trigger_is_at_hand_where_nobody_else_writes(rig: Rig) -> None:
    """No transaction for one that this process wrote; as soon as anything happens to it the store is asked."""
    rig.ledger = Triggers(rig.store, rig.clock.seconds, alone=True)

    def asked() -> int:
        before = rig.store.transactions
        found = rig.find()
        with_store = run(Triggers(rig.store, rig.clock.seconds).find(*KEY), rig.clock)
        assert (found, found and found.expires_at) == (with_store, with_store and with_store.expires_at)
        return rig.store.transactions - before - 1

    assert asked() == 1
    rig.begin()
    assert asked() == 0
    rig.begin(replace(TRIGGER, fingerprint="0" * 32))  # taken
    assert asked() == 1
    run(rig.ledger.close(*KEY, DeliveryOutcome.SUCCESS), rig.clock)
    assert asked() == 1
    rig.begin()
    run(rig.ledger.refuse(TRIGGER), rig.clock)
    assert asked() == 1
    rig.begin()
    run(rig.ledger.accept(*KEY, "smssc2.example"), rig.clock)
    assert asked() == 1
    run(rig.ledger.withdraw(*KEY, State.RECALLED), rig.clock)
    rig.begin(replace(TRIGGER, sender=replace(TRIGGER.sender, session_id="scs1;1;2")))
    assert asked() == 0
    rig.clock.rightNow += TRIGGER.validity_s + GRACE_S
    assert asked() == 1


def test_what_is_at_hand_is_bounded(rig: Rig) -> None:
    hand = AtHand(2)
    long = replace(TRIGGER, sender=replace(TRIGGER.sender, session_id="x" * 513), reference=9)
    for each in (*(replace(TRIGGER, reference=number) for number in range(3)), long):
        hand.put(each, 2000.0)
    found = [hand.get(TRIGGER.scs, number, "", 1000.0) for number in (0, 1, 2, 9)]
    assert [each is not None for each in found] == [False, True, True, False]


def test_a_database_of_before_there_were_members_keeps_its_triggers(database: str) -> None:
    url = database_url(database, Path())
    engine = create_engine(url)
    with engine.begin() as connection:
        config = migration_config(connection, "nfs.mtc_iwf:migrations", "mtc-iwf")
        alembic_command.upgrade(config, "0002")
        row = values_of(TRIGGER) | {"expires_at": 5000.0}
        del row["member"]
        columns = ", ".join(row)
        connection.execute(
            text(f"INSERT INTO trigger ({columns}) VALUES ({', '.join(f':{name}' for name in row)})"), row
        )
    engine.dispose()
    rig = Rig(database)
    assert rig.find() == TRIGGER
    assert rig.begin(replace(TRIGGER, member=TRIGGER.imsi)) is Standing.NEW
    assert rig.begin() is Standing.REPEAT
    _ = rig.store.close()
    engine = create_engine(url)
    with engine.begin() as connection:
        config = migration_config(connection, "nfs.mtc_iwf:migrations", "mtc-iwf")
        alembic_command.downgrade(config, "0002")
        assert connection.execute(text("SELECT count(*) FROM trigger")).scalar() == 1
    engine.dispose()


def test_the_members_of_a_group_are_told_apart(rig: Rig) -> None:
    members = [replace(TRIGGER, member=imsi, imsi=imsi) for imsi in ("001010000000001", "001010000000002")]
    for each in (TRIGGER, *members):
        assert rig.begin(each) is Standing.NEW
    run(rig.ledger.close(*KEY, DeliveryOutcome.SUCCESS, members[0].member), rig.clock)
    run(rig.ledger.accept(*KEY, "smssc2.example", members[1].member), rig.clock)
    assert rig.find() == TRIGGER
    found = [run(rig.ledger.find(*KEY, each.member), rig.clock) for each in members]
    assert found == [replace(members[0], state=State.REPORTED), replace(members[1], sms_sc="smssc2.example")]


def test_a_repeat_and_another_trigger(rig: Rig) -> None:
    rig.begin()
    assert rig.begin() is Standing.REPEAT
    assert rig.begin(replace(TRIGGER, fingerprint="0" * 32)) is Standing.TAKEN
    assert rig.begin(replace(TRIGGER, imsi="001010000000002")) is Standing.TAKEN
    assert rig.begin(replace(TRIGGER, scs="15550002")) is Standing.NEW
    assert rig.find() == TRIGGER


@pytest.mark.parametrize("end", ["refuse", "close", "expire"])
def test_a_reference_is_free_again_once_its_trigger_is_over(rig: Rig, end: str) -> None:
    rig.begin()
    if end == "refuse":
        run(rig.ledger.refuse(TRIGGER), rig.clock)
    elif end == "close":
        run(rig.ledger.close(*KEY, DeliveryOutcome.SUCCESS), rig.clock)
    else:
        rig.clock.advance(60 + GRACE_S)
    found = rig.find()
    assert found is not None
    assert found.state is {"refuse": State.REFUSED, "close": State.REPORTED, "expire": State.OPEN}[end]
    assert rig.begin(replace(TRIGGER, fingerprint="0" * 32)) is Standing.NEW


def test_what_a_repeat_took_up_is_not_refused_by_the_first_one(rig: Rig) -> None:
    rig.begin()
    rig.begin(replace(TRIGGER, sender=replace(TRIGGER.sender, session_id="scs1;1;2")))
    run(rig.ledger.refuse(TRIGGER), rig.clock)
    found = rig.find()
    assert found is not None
    assert found.state is State.OPEN


def test_what_is_over_is_forgotten_after_a_while(rig: Rig) -> None:
    rig.begin()
    run(rig.ledger.close(*KEY, DeliveryOutcome.SUCCESS), rig.clock)
    rig.begin(replace(TRIGGER, reference=1))
    rig.clock.advance(60 + GRACE_S)
    assert run(rig.ledger.purge(), rig.clock) == 0
    (lapsed,) = run(rig.ledger.lapsed(10), rig.clock)  # its report is owed: an SCS has time to come back for it
    assert lapsed.reference == 1
    rig.clock.advance(KEEP_S)
    assert run(rig.ledger.purge(), rig.clock) == 2
    assert run(rig.ledger.lapsed(10), rig.clock) == ()
    assert rig.find() is None


def test_no_more_lapsed_triggers_at_once_than_asked_for(rig: Rig) -> None:
    for reference in (1, 2, 3):
        rig.begin(replace(TRIGGER, reference=reference, validity_s=60 - reference))
    rig.clock.advance(60 + GRACE_S)
    assert [each.reference for each in run(rig.ledger.lapsed(2), rig.clock)] == [3, 2]


def test_those_that_stay_can_be_passed_by(rig: Rig) -> None:
    for reference in (1, 2, 3):
        rig.begin(replace(TRIGGER, reference=reference))
    rig.clock.advance(60 + GRACE_S)
    assert [each.reference for each in run(rig.ledger.lapsed(2, 1), rig.clock)] == [2, 3]


@pytest.mark.requirement("R-TRIG-17")
@pytest.mark.parametrize("state", [State.RECALLED, State.REPLACED])
def test_a_late_copy_of_a_request_does_not_bring_back_what_was_recalled(rig: Rig, state: State) -> None:
    rig.begin()
    run(rig.ledger.withdraw(*KEY, state), rig.clock)
    assert rig.begin() is Standing.DONE
    assert rig.find() == replace(TRIGGER, state=state)
    assert rig.begin(replace(TRIGGER, sender=replace(TRIGGER.sender, end_to_end=1))) is Standing.NEW


def test_a_repeat_leaves_it_with_the_sms_sc_that_took_it(rig: Rig) -> None:
    rig.begin(replace(TRIGGER, sms_sc=""))
    run(rig.ledger.accept(*KEY, "smssc2.example"), rig.clock)
    assert rig.begin(replace(TRIGGER, sms_sc="")) is Standing.REPEAT
    assert rig.find() == replace(TRIGGER, sms_sc="smssc2.example")


def test_a_database_that_fails_is_unavailable(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OperationalError("INSERT", {}, RuntimeError("database or disk is full"))

    monkeypatch.setattr(triggers, "_standing", full)
    with pytest.raises(Unavailable, match="database or disk is full"):
        rig.begin()


def test_losing_a_race_against_another_process_is_looked_at_again(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    begin, tries = triggers._locked, []

    def racing(*arguments: object) -> object:
        tries.append(arguments)
        if len(tries) == 1:
            raise IntegrityError("INSERT", {}, RuntimeError("UNIQUE constraint failed"))
        return begin(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(triggers, "_locked", racing)
    assert rig.begin() is Standing.NEW
    assert len(tries) == 2


def test_a_key_is_given_once_however_many_processes_ask_at_the_same_time(rig: Rig, database: str) -> None:
    """Eight processes, each with another trigger under the same two keys: one new, one that was reported."""
    rig.begin(replace(TRIGGER, reference=2))
    run(rig.ledger.close(TRIGGER.scs, 2, DeliveryOutcome.SUCCESS), rig.clock)
    url = database_url(database, Path())
    together = threading.Barrier(8, timeout=300)
    standings: list[Standing] = []

    def process(number: int) -> None:
        engine = open_engine(url, migrations="nfs.mtc_iwf:migrations", name="mtc-iwf", isolation="READ COMMITTED")
        clock = InlineReactor()
        store = Store(engine, clock, InlineThreads())
        ledger = Triggers(store, lambda: 1000.0)
        together.wait()
        for reference in (1, 2):
            trigger = replace(TRIGGER, reference=reference, fingerprint=f"{number:032}")
            standings.append(run(ledger.begin(trigger), clock))
        _ = store.close()

    threads = [threading.Thread(target=process, args=[number]) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(standings, key=str) == [Standing.NEW] * 2 + [Standing.TAKEN] * 14
