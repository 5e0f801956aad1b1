"""Quotas on their database: exact over restarts and across processes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select, text

from diameter.testing import run
from helpers.inline import InlineReactor, InlineThreads
from nfs.common.database import database_url, open_engine
from nfs.common.store import Store
from nfs.common.tsp import DeliveryOutcome, RequestStatus
from nfs.mtc_iwf.counts import COUNT, Counts
from nfs.mtc_iwf.ports import Device, Sender, Standing, Trigger, Unavailable
from nfs.mtc_iwf.triggers import Triggers
from nfs.mtc_sgw.logic import Offer, Profiles, Quota, ScsProfile
from nfs.mtc_sgw.quotas import QuotaLimits, Quotas

NOW = 1_699_920_000.0
PROFILE = ScsProfile(
    name="customer",
    hosts=frozenset({"scs1.example"}),
    isdn="15550001",
    domains=frozenset({"customer.example"}),
    commands=frozenset(),
)
TRIGGER = Trigger(
    scs="15550001",
    reference=0,
    device=Device(external_id="meter-1@Customer.example"),
    imsi="001010000000001",
    sender=Sender(host="scs1.example", realm="example", session_id="scs1;1;1", end_to_end=1),
    fingerprint="f" * 32,
    validity_s=60,
)


class Process:
    """One MTC-IWF on the database."""

    def __init__(self, database: str, clock: InlineReactor) -> None:
        url = database_url(database, Path())
        self.clock = clock
        engine = open_engine(url, migrations="nfs.mtc_iwf:migrations", name="mtc-iwf", isolation="READ COMMITTED")
        self.store = Store(engine, clock, InlineThreads())
        self.quotas = Quotas(QuotaLimits(gateway=Quota(triggers=3, period_s=60)), remembered=10)
        self.profile = PROFILE
        self.counts = Counts(self.store, self.quotas, lambda: Profiles.of([self.profile]), clock.seconds)
        self.ledger = Triggers(self.store, clock.seconds, self.counts)

    def begin(self, reference: int, **changed: object) -> Standing:
        return run(self.ledger.begin(replace(TRIGGER, reference=reference, **changed)), self.clock)  # type: ignore[arg-type]

    def lets_pass(self, device: str = "meter-1@customer.example") -> bool:
        """Whether the gateway's check lets a trigger pass."""
        offer = Offer(
            peer="x", origin="x", profile=self.profile, action=1, external_identifier=device, now=self.clock.seconds()
        )
        refused = self.quotas.check(offer)
        assert refused is None or refused.status is RequestStatus.QUOTAEXCEEDED
        return refused is None

    def stop(self) -> None:
        _ = self.store.close()


class Rig:
    """Several processes, also one after the other."""

    def __init__(self, database: str) -> None:
        self.database = database
        self.clock = InlineReactor()
        self.clock.rightNow = NOW
        self.processes: list[Process] = []

    def start(self) -> Process:
        process = Process(self.database, self.clock)
        run(process.counts.load(), self.clock)
        self.processes.append(process)
        return process


@pytest.fixture
def rig(database: str) -> Iterator[Rig]:
    rig = Rig(database)
    yield rig
    for process in rig.processes:
        process.stop()


@pytest.mark.requirement("R-TRIG-16")
def test_a_quota_holds_over_a_kill(rig: Rig) -> None:
    """Each process is left as it stands when the next one starts; nothing was written but the triggers."""
    begun = []
    for reference in range(3):
        process = rig.start()
        assert process.lets_pass()
        begun.append(process.begin(reference))
    last = rig.start()
    assert begun == [Standing.NEW] * 3
    assert not last.lets_pass()
    assert last.begin(3) is Standing.OVER_QUOTA
    assert run(last.ledger.find(TRIGGER.scs, 3), rig.clock) is None
    rig.clock.advance(60)
    assert last.lets_pass()
    assert last.begin(3) is Standing.NEW


@pytest.mark.requirement("R-TRIG-16")
def test_a_quota_is_one_for_all_processes(rig: Rig) -> None:
    one, other = rig.start(), rig.start()
    assert [one.begin(1), other.begin(2), one.begin(3)] == [Standing.NEW] * 3
    assert other.lets_pass()  # it has not heard of the third, so the store says no
    assert other.begin(4) is Standing.OVER_QUOTA
    assert (one.lets_pass(), other.lets_pass()) == (False, False)
    assert other.begin(1) is Standing.REPEAT  # what comes again counts nothing


def test_what_is_looked_at_by_the_gateway_counts_nothing(rig: Rig) -> None:
    process = rig.start()
    assert all(process.lets_pass() for _ in range(9))
    process.begin(1)
    process.begin(1)
    with process.store._engine.connect() as connection:
        (row,) = connection.execute(select(COUNT))
    assert tuple(row) == ("gateway/60", "", NOW + 60, 1)


def test_what_one_quota_refuses_counts_in_no_other(rig: Rig) -> None:
    process = rig.start()
    process.quotas.limits = QuotaLimits(
        gateway=Quota(triggers=9, period_s=60), device=Quota(triggers=1, period_s=86_400)
    )
    process.profile = replace(PROFILE, quota=Quota(triggers=2, period_s=3600))
    assert [process.begin(reference) for reference in (1, 2)] == [Standing.NEW, Standing.OVER_QUOTA]
    with process.store._engine.connect() as connection:
        rows = [tuple(row) for row in connection.execute(select(COUNT.c.scope, COUNT.c.name, COUNT.c.count))]
    expected = [
        ("gateway/60", "", 1),
        ("SCS/3600", "customer", 1),
        ("device/86400", "15550001 meter-1@customer.example", 1),
    ]
    assert sorted(rows) == sorted(expected)
    assert not process.lets_pass()
    other = Device(external_id="meter-2@customer.example")
    assert process.begin(2, device=other) is Standing.NEW
    assert process.begin(3, device=Device(external_id="meter-3@customer.example")) is Standing.OVER_QUOTA
    process.profile = replace(PROFILE, quota=Quota(triggers=0, period_s=3600))
    assert process.begin(4, device=other) is Standing.OVER_QUOTA


def test_a_clock_that_is_behind_does_not_begin_a_period_anew(rig: Rig) -> None:
    process = rig.start()
    rig.clock.advance(60)
    assert process.begin(1) is Standing.NEW
    rig.clock.rightNow = NOW + 59  # another machine, a second late
    assert [process.begin(2), process.begin(3), process.begin(4)] == [Standing.NEW, Standing.NEW, Standing.OVER_QUOTA]


def test_without_the_check_nothing_counts(rig: Rig) -> None:
    process = rig.start()
    process.counts._on = lambda: False
    assert [process.begin(reference) for reference in range(5)] == [Standing.NEW] * 5


def test_counts_of_periods_that_are_over_go(rig: Rig) -> None:
    process = rig.start()
    process.begin(1)
    rig.clock.advance(60)
    run(process.counts.purge(), rig.clock)
    with process.store._engine.connect() as connection:
        assert connection.execute(select(COUNT)).all() == []


def test_a_store_that_fails_is_unavailable(rig: Rig) -> None:
    process = rig.start()
    with process.store._engine.begin() as connection:
        connection.execute(text("DROP TABLE quota_count"))
    with pytest.raises(Unavailable):
        run(process.counts.load(), rig.clock)
    with pytest.raises(Unavailable):
        process.begin(1)


def test_a_request_that_comes_again_is_recognised_by_whichever_process_gets_it(rig: Rig) -> None:
    one, other = rig.start(), rig.start()
    assert one.begin(7) is Standing.NEW
    assert other.begin(7) is Standing.REPEAT
    run(one.ledger.close(TRIGGER.scs, 7, DeliveryOutcome.SUCCESS), rig.clock)
    assert other.begin(7) is Standing.DONE
    for changed in ({"session_id": "scs1;1;2"}, {"end_to_end": 2}, {"host": "scs2.example"}):
        sender = replace(TRIGGER.sender, **changed)
        run(one.ledger.close(TRIGGER.scs, 7, DeliveryOutcome.SUCCESS), rig.clock)
        rig.clock.advance(60)
        assert other.begin(7, sender=sender) is Standing.NEW


def test_a_copy_of_a_request_that_came_to_nothing_counts_no_second_time(rig: Rig) -> None:
    """The first MTC-IWF was refused by its SMS-SC and died; the copy went to another one."""
    first, other = rig.start(), rig.start()
    for process in (first, other, first):
        assert process.begin(7) is Standing.NEW
        run(process.ledger.refuse(replace(TRIGGER, reference=7)), rig.clock)
    with first.store._engine.connect() as connection:
        assert connection.execute(select(COUNT.c.count)).scalars().all() == [1]
    assert first.begin(7, sender=replace(TRIGGER.sender, end_to_end=2)) is Standing.NEW
    with first.store._engine.connect() as connection:
        assert connection.execute(select(COUNT.c.count)).scalars().all() == [2]
