"""What one process on a store does for all: one at a time, and another one when it is gone."""

from __future__ import annotations

from pathlib import Path

import pytest

from diameter.testing import run
from helpers.inline import InlineReactor, InlineThreads
from nfs.common.database import database_url, open_engine
from nfs.common.store import Store
from nfs.mtc_iwf.ports import Unavailable
from nfs.mtc_iwf.rounds import GROUPS, LAPSED, Rounds


def test_one_at_a_time_and_another_one_when_it_is_gone(database: str, tmp_path: Path) -> None:
    clock = InlineReactor()
    engine = open_engine(database_url(database, tmp_path), migrations="nfs.mtc_iwf:migrations", name="mtc-iwf")
    store = Store(engine, clock, InlineThreads())
    one, other = (Rounds(store, clock.seconds, name) for name in ("iwf1.example", "1/iwf1.example"))

    def mine(rounds: Rounds, name: str = LAPSED) -> bool:
        return run(rounds.mine(name, 900), clock)

    assert [mine(one), mine(other), mine(one)] == [True, False, True]
    assert mine(other, GROUPS)  # each round by itself
    clock.advance(600)
    assert [mine(other), mine(one)] == [False, True]
    clock.advance(900)  # the one has not come back
    assert [mine(other), mine(one)] == [True, False]
    _ = store.close()
    with pytest.raises(Unavailable, match="closed"):
        mine(one)
