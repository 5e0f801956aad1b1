"""The SMS-SC's triggers on their database."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy.exc import IntegrityError

from diameter.testing import run
from helpers.inline import InlineReactor, InlineThreads
from nfs.common.charging import tables
from nfs.common.database import database_url, open_engine
from nfs.common.nodes import NodeKind, ServingNode
from nfs.common.store import Store
from nfs.sms_sc.keep import METADATA, MIGRATIONS, Keep
from nfs.sms_sc.logic import Trigger
from nfs.sms_sc.outcomes import Diagnostic, Outcome

TRIGGER = Trigger(
    scs="15550000100",
    reference=0xFFFF_FFFF,
    imsi="001010000000001",
    external_identifier="meter-1@customer.example",
    msisdn="15551000001",
    payload=b"\x00\xff",
    port=16000,
    priority=True,
    validity_s=0,
    serving=ServingNode(kind=NodeKind.MME, number="15550000300", name="mme.example.org", realm="example.org"),
    iwf_host="iwf.example.org",
    iwf_realm="example.org",
    submission="iwf.example.org;1;1",
    accepted_at=1_767_323_045.25,
    expires_at=1_767_326_645.25,
    scts=1_767_323_045,
    concatenation=255,
    others=(ServingNode(kind=NodeKind.SGSN, number="15550000301", name="sgsn.example.org", realm="example.org"),),
    group="fleet@customer.example",
)
BARE = replace(
    TRIGGER,
    reference=None,
    external_identifier=None,
    msisdn=None,
    port=None,
    validity_s=None,
    serving=None,
    others=(),
    group="",
)


class Rig:
    def __init__(self, database: str) -> None:
        self.clock = InlineReactor()
        self.engine = open_engine(database_url(database, Path()), migrations=MIGRATIONS, name="sms-sc")
        self.store = Store(self.engine, self.clock, InlineThreads())
        self.keep = Keep(self.store)

    def do(self, waiting: object) -> object:
        async def main() -> object:
            return await waiting  # type: ignore[misc]  # what Keep returns is awaitable

        return run(main(), self.clock)

    def load(self) -> object:
        return self.do(self.keep.load())


@pytest.fixture
def rig(database: str) -> Iterator[Rig]:
    rig = Rig(database)
    yield rig
    _ = rig.store.close()


def test_the_migrations_make_the_table_that_the_code_knows(rig: Rig) -> None:
    with rig.engine.connect() as connection:
        both: Any = [METADATA, tables.METADATA]  # which its types do not know
        different = compare_metadata(MigrationContext.configure(connection), both)
    assert [one for one in different if one[0] != "remove_table"] == []


@pytest.mark.parametrize("trigger", [TRIGGER, BARE])
def test_what_is_written_is_read(rig: Rig, trigger: Trigger) -> None:
    rig.do(rig.keep.add(trigger))
    assert rig.load() == [trigger]


def test_a_trigger_is_added_once_and_put_as_often_as_needed(rig: Rig) -> None:
    rig.do(rig.keep.add(TRIGGER))
    with pytest.raises(IntegrityError):
        rig.do(rig.keep.add(TRIGGER))
    other = replace(TRIGGER, payload=b"other")
    rig.do(rig.keep.put(other))
    assert rig.load() == [other]
    rig.do(rig.keep.put(BARE))
    assert rig.load() == [other, BARE]


def test_how_it_ended_is_written(rig: Rig) -> None:
    rig.do(rig.keep.add(TRIGGER))
    rig.do(rig.keep.add(BARE))
    ended = replace(TRIGGER, outcome=Outcome.ABSENT_SUBSCRIBER, diagnostic=Diagnostic.UE_PURGED, finished_at=1.5)
    rig.do(rig.keep.settle(ended))
    assert rig.load() == [ended, BARE]


def test_removal(rig: Rig) -> None:
    rig.do(rig.keep.add(TRIGGER))
    rig.do(rig.keep.add(BARE))
    rig.do(rig.keep.remove([TRIGGER.key, "never there"], 2.0))
    assert rig.load() == [BARE]
