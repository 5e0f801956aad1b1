"""What SMS-SCs support, from process to process and back."""

from __future__ import annotations

from collections.abc import Awaitable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from diameter.testing import run
from helpers.inline import InlineReactor, InlineThreads
from nfs.common.database import database_url, open_engine
from nfs.common.features import NONE, Feature
from nfs.common.store import Store
from nfs.mtc_iwf import capabilities
from nfs.mtc_iwf.capabilities import Capabilities
from nfs.mtc_iwf.ports import Unavailable

T = TypeVar("T")
ONE, OTHER = "smssc1.example", "smssc2.example"


class Rig:
    """A store without threads; `run` steps what waits for it."""

    def __init__(self, folder: Path) -> None:
        engine = open_engine(database_url("x.db", folder), migrations="nfs.mtc_iwf:migrations", name="x")
        self.clock = InlineReactor()
        self.store = Store(engine, self.clock, InlineThreads())

    def run(self, waiting: Awaitable[T]) -> T:
        async def wrapped() -> T:
            return await waiting

        return run(wrapped(), self.clock)


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(tmp_path)
    yield rig
    rig.run(rig.store.close())


def test_what_one_process_heard_another_one_knows(rig: Rig) -> None:
    first, second = Capabilities(rig.store), Capabilities(rig.store)
    assert rig.run(second.of(ONE)) == NONE
    rig.run(first.learn(ONE, Feature.RECALL_REPLACE))
    rig.run(first.learn(OTHER, NONE))
    assert rig.run(second.of(ONE)) == Feature.RECALL_REPLACE
    assert rig.run(second.of(OTHER)) == NONE
    rig.run(second.learn(ONE, NONE))
    assert rig.run(Capabilities(rig.store).of(ONE)) == NONE


def test_memory_is_bounded(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capabilities, "AT_MOST", 2)
    known = Capabilities(rig.store)
    for number in range(5):
        rig.run(known.learn(f"smssc{number}.example", Feature.RECALL_REPLACE))
    assert len(known.known) <= 2
    assert rig.run(known.of("smssc0.example")) == Feature.RECALL_REPLACE


def test_without_its_store_nothing_is_known(rig: Rig) -> None:
    rig.run(rig.store.close())
    known = Capabilities(rig.store)
    for asked in (known.of(ONE), known.learn(ONE, NONE)):
        with pytest.raises(Unavailable):
            rig.run(asked)
