"""Subscribers read for requests: many by one statement, and none from before a change is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event
from sqlalchemy.exc import OperationalError

from diameter.testing import run
from helpers.inline import InlineReactor, InlineThreads
from nfs.common.database import database_url, open_engine, reading
from nfs.common.nodes import NodeKind, ServingNode
from nfs.common.store import Cache, Store, StoreError
from nfs.hss import lookup, tables
from nfs.hss.directory import Directory
from nfs.hss.logic import ExternalId, Service, Subscriber, UserId

FULL = Subscriber(
    imsi="001010000000001",
    msisdn="15550100001",
    external_ids=(
        ExternalId(identifier="z@customer.example"),
        ExternalId(identifier="a@customer.example", port=9000),
    ),
    services=frozenset(Service),
    rights=frozenset({("15550001", Service.DEVICE_TRIGGER), ("15550002", Service.SMS_MO)}),
    sms=False,
    barred=True,
    profile="meter",
    nodes=(
        ServingNode(kind=NodeKind.MME, number="15559001", name='m"m,e\x1f.example', realm="example"),
        ServingNode(kind=NodeKind.SGSN, number="15559003", reachable=False),
    ),
)
BARE = Subscriber(imsi="001010000000002")
NOBODY = UserId(msisdn="15559999999")


class Rig:
    def __init__(self, database: str, folder: Path) -> None:
        self.engine: Engine = open_engine(
            database_url(database, folder), migrations="nfs.hss:migrations", name="hss", busy_s=0.05
        )
        with self.engine.begin() as connection:
            tables.save(connection, FULL, BARE)
        self.clock = InlineReactor()
        self.threads = InlineThreads()
        self.store = Store(reading(self.engine), self.clock, self.threads)
        self.cache: Cache[UserId, Subscriber | None] = Cache(100, 60.0, self.clock.seconds)
        self.directory = Directory(self.store, self.cache, self.clock.callLater)
        self.statements: list[str] = []
        event.listen(self.engine, "before_cursor_execute", self._seen)

    def _seen(self, _connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        self.statements.append(statement)

    def find(self, *users: UserId, meanwhile: Callable[[], object] = lambda: None) -> list[Subscriber | None]:
        """Who has these identities, asked for in one wake-up; `meanwhile` is done before the answers are taken."""
        asked = [self.directory.find(user) for user in users]
        for each in asked:
            each.send(None)
        meanwhile()
        self.clock.advance(0)
        self.clock.advance(0)
        return [run(each, self.clock) for each in asked]


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    rig = Rig("hss.db", tmp_path)
    yield rig
    _ = rig.store.close()


@pytest.fixture
def each_rig(database: str, tmp_path: Path) -> Iterator[Rig]:
    """On each kind of database."""
    rig = Rig(database, tmp_path)
    yield rig
    _ = rig.store.close()


def test_all_that_one_wake_up_asks_for_is_read_by_one_statement_a_kind(each_rig: Rig) -> None:
    by_name = [UserId(external_id=each.identifier) for each in FULL.external_ids]
    assert each_rig.find(*by_name, UserId(external_id="no@customer.example")) == [FULL, FULL, None]
    assert len(each_rig.statements) == 1
    assert each_rig.find(UserId(imsi=BARE.imsi), UserId(imsi=FULL.imsi), UserId(msisdn=FULL.msisdn), NOBODY) == [
        BARE, FULL, FULL, None,
    ]  # fmt: skip
    assert len(each_rig.statements) == 3
    assert run(each_rig.directory.find(NOBODY), each_rig.clock) is None
    assert len(each_rig.statements) == 3, "who does not exist is remembered too"
    assert run(each_rig.directory.find(UserId(imsi="001010000000009")), each_rig.clock) is None


def test_a_statement_uses_indexes_alone(each_rig: Rig) -> None:
    """So that a million subscribers cost what a thousand do."""
    with each_rig.engine.connect() as connection:
        if connection.dialect.name != "sqlite":
            connection.exec_driver_sql("SET enable_seqscan = off")
        each_rig.statements.clear()
        for user in (UserId(external_id="a@customer.example"), UserId(imsi=FULL.imsi), UserId(msisdn=FULL.msisdn)):
            assert lookup.find(connection, user) == FULL
        for statement in [each for each in each_rig.statements if each.startswith("SELECT")]:
            if connection.dialect.name == "sqlite":
                plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", ("[]",)).all()
                scans = [row[-1] for row in plan if row[-1].startswith("SCAN") and "json_each" not in row[-1]]
            else:
                plan = connection.exec_driver_sql(f"EXPLAIN {statement}", ([],)).all()
                scans = [row[0] for row in plan if "Seq Scan" in row[0]]
            assert scans == []


def test_what_was_read_before_a_change_is_not_kept(rig: Rig) -> None:
    changed = replace(FULL, barred=False)
    user = UserId(imsi=FULL.imsi)

    def change() -> None:
        with rig.engine.begin() as connection:
            tables.save(connection, changed)

    rig.threads.held = True
    asked = rig.directory.find(user)
    asked.send(None)
    rig.clock.advance(0)
    rig.clock.advance(0)
    done, work, arguments = rig.threads.waiting.pop()
    before = work(*arguments)
    change()
    rig.directory.forget(changed)
    done(True, before)
    rig.threads.held = False
    assert run(asked, rig.clock) == FULL
    assert rig.find(user) == [changed]
    change()
    rig.directory.clear()
    assert rig.find(user) == [changed]


def test_a_database_that_fails_fails_all_who_asked_and_nobody_after(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*_: object) -> None:
        raise OperationalError("SELECT", {}, RuntimeError("disk I/O error"))

    with monkeypatch.context() as patched:
        patched.setattr(lookup, "find_many", gone)
        for user in (NOBODY, UserId(imsi=FULL.imsi)):
            with pytest.raises(StoreError, match="disk I/O error"):
                rig.find(user)
    assert rig.find(UserId(imsi=FULL.imsi)) == [FULL]


def test_a_reader_does_not_wait_for_a_writer(rig: Rig) -> None:
    """An import holds its transaction for seconds; what is asked meanwhile is answered as it was before."""
    with rig.engine.begin() as writer:
        tables.save(writer, replace(FULL, barred=False))
        assert rig.find(UserId(imsi=FULL.imsi)) == [FULL]
    rig.directory.clear()
    assert rig.find(UserId(imsi=FULL.imsi)) == [replace(FULL, barred=False)]


def test_every_subscriber_comes_by_pages(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookup, "PAGE", 1)
    with rig.engine.connect() as connection:
        assert list(lookup.every(connection)) == [FULL, BARE]
        assert lookup.page(connection, FULL.imsi, 5) == [BARE]
