"""Counts of quotas on their database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from diameter.testing import run
from helpers.inline import InlineReactor, InlineThreads
from nfs.common.database import database_url, open_engine
from nfs.common.store import Store
from nfs.common.tsp import RequestStatus
from nfs.mtc_iwf.counts import Counts
from nfs.mtc_iwf.ports import Unavailable
from nfs.mtc_sgw.logic import Offer, Quota
from nfs.mtc_sgw.quotas import QuotaLimits, Quotas, Used

NOW = 1_699_920_000.0


class Rig:
    """One process after another on the same database."""

    def __init__(self, database: str) -> None:
        self.url = database_url(database, Path())
        self.clock = InlineReactor()
        self.clock.rightNow = NOW
        self.start()

    def start(self) -> None:
        engine = open_engine(self.url, migrations="nfs.mtc_iwf:migrations", name="mtc-iwf")
        self.store = Store(engine, self.clock, InlineThreads())
        self.quotas = Quotas(QuotaLimits(gateway=Quota(triggers=3, period_s=60)), remembered=10)
        self.counts = Counts(self.store, self.quotas, self.clock.seconds)

    def ask(self) -> bool:
        offer = Offer(peer="x", origin="x", profile=None, action=1, now=self.clock.seconds())
        refused = self.quotas.check(offer)
        assert refused is None or refused.status is RequestStatus.QUOTAEXCEEDED
        return refused is None

    def save(self) -> None:
        self.wait(self.counts.save())

    def wait(self, awaitable: object) -> None:
        async def wrapped() -> None:
            await awaitable  # type: ignore[misc]

        run(wrapped(), self.clock)

    def restart(self) -> None:
        self.wait(self.store.close())
        self.start()
        self.wait(self.counts.load())


@pytest.fixture
def rig(database: str) -> Iterator[Rig]:
    rig = Rig(database)
    yield rig
    rig.wait(rig.store.close())


@pytest.mark.requirement("R-TRIG-16")
def test_a_restart_forgets_no_quota_that_was_written_down(rig: Rig) -> None:
    assert [rig.ask(), rig.ask()] == [True, True]
    rig.save()
    rig.restart()
    assert [rig.ask(), rig.ask()] == [True, False]
    rig.save()
    rig.restart()
    assert not rig.ask()
    rig.clock.advance(60)
    assert rig.ask()


def test_nothing_is_written_when_nothing_was_counted(rig: Rig) -> None:
    assert rig.counts.save() is None


def test_counts_of_periods_that_are_over_go(rig: Rig) -> None:
    rig.ask()
    rig.save()
    rig.clock.advance(61)
    rig.restart()
    assert rig.quotas.changed() == []
    rig.quotas.restore([Used(scope="gateway", name="", until=NOW + 120, count=2)])
    assert [rig.ask(), rig.ask()] == [True, False]
    rig.save()
    rig.restart()
    assert not rig.ask()


def test_a_store_that_fails_is_unavailable(rig: Rig) -> None:
    rig.wait(rig.store.do(lambda connection: connection.execute(text("DROP TABLE quota_count"))))
    with pytest.raises(Unavailable):
        rig.wait(rig.counts.load())
