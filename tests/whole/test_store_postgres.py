"""The store on PostgreSQL: what others hold up is begun again; a server that goes away is an error until it is back."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import BigInteger, Column, Connection, Engine, MetaData, String, Table, event, insert, select, update
from sqlalchemy.exc import OperationalError
from twisted.internet.defer import Deferred

from diameter.errors import ConfigError
from helpers.inline import InlineReactor, InlineThreads
from helpers.postgres import Postgres
from nfs.common.database import database_url, is_shared, open_engine
from nfs.common.store import ATTEMPTS, Store, StoreError

METADATA = MetaData()
COUNT = Table("count", METADATA, Column("name", String, primary_key=True), Column("value", BigInteger, nullable=False))


class Rig:
    """A store on a new database, and a second way into that."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.engine = self.open()
        METADATA.create_all(self.engine)
        with self.engine.begin() as connection:
            connection.execute(insert(COUNT), [{"name": "a", "value": 0}, {"name": "b", "value": 0}])
        self.reactor = InlineReactor()
        self.store = Store(self.engine, self.reactor, InlineThreads())
        self.other = self.open()

    def open(self, isolation: str = "REPEATABLE READ") -> Engine:
        url = database_url(self.url, Path())
        return open_engine(url, migrations="nfs.mtc_iwf:migrations", name="mtc-iwf", isolation=isolation)

    def do(self, *works: Callable[[Connection], Any]) -> list[Any]:
        """What comes of works that are one transaction: results and exceptions."""
        found: list[Any] = []
        for work in works:
            waiting: Deferred[Any] = self.store.do(work)
            _ = waiting.addCallbacks(found.append, lambda failure: found.append(failure.value))
        self.reactor.advance(0)
        return found

    def values(self) -> dict[str, int]:
        with self.other.connect() as connection:
            return {row.name: row.value for row in connection.execute(select(COUNT))}

    def close(self) -> None:
        self.do()
        _ = self.store.close()
        self.other.dispose()


@pytest.fixture
def rig(postgres: Postgres) -> Iterator[Rig]:
    rig = Rig(postgres.database())
    yield rig
    rig.close()


def more(name: str) -> Callable[[Connection], int]:
    """Work that counts by reading and writing, as no database could do better by itself."""

    def work(connection: Connection) -> int:
        value = int(connection.execute(select(COUNT.c.value).where(COUNT.c.name == name)).scalar_one()) + 1
        connection.execute(update(COUNT).where(COUNT.c.name == name).values(value=value))
        return value

    return work


def test_a_transaction_that_another_was_quicker_than_is_begun_again(rig: Rig) -> None:
    quicker = iter(range(2))

    def meddled(connection: Connection) -> int:
        value = connection.execute(select(COUNT.c.value).where(COUNT.c.name == "a")).scalar_one()
        if next(quicker, None) is not None:
            with rig.other.begin() as other:
                more("a")(other)
        connection.execute(update(COUNT).where(COUNT.c.name == "a").values(value=value + 1))
        return int(value) + 1

    assert rig.do(more("b"), meddled) == [1, 3]
    assert (rig.values(), rig.store.repeats) == ({"a": 3, "b": 1}, 2)


def test_one_that_never_gets_through_is_an_error(rig: Rig) -> None:
    def meddled(connection: Connection) -> None:
        connection.execute(select(COUNT)).all()
        with rig.other.begin() as other:
            more("a")(other)
        connection.execute(update(COUNT).values(value=0))

    (error,) = rig.do(meddled)
    assert isinstance(error, StoreError)
    assert str(error) == "database: could not serialize access due to concurrent update"
    assert rig.values() == {"a": ATTEMPTS, "b": 0}


def test_of_two_that_wait_for_each_other_both_are_carried_out(rig: Rig) -> None:
    """The other process has b and wants a, ours has a and wants b: the server ends one, and that begins again."""
    theirs = rig.open("READ COMMITTED")
    has_b, has_a = threading.Event(), threading.Event()
    ended: list[object] = []

    def other() -> None:
        try:
            with theirs.begin() as connection:
                connection.execute(update(COUNT).where(COUNT.c.name == "b").values(value=COUNT.c.value + 10))
                has_b.set()
                assert has_a.wait(60)
                connection.execute(update(COUNT).where(COUNT.c.name == "a").values(value=COUNT.c.value + 10))
        except OperationalError as error:
            ended.append(error)

    def ours(connection: Connection) -> None:
        connection.execute(update(COUNT).where(COUNT.c.name == "a").values(value=COUNT.c.value + 1))
        has_a.set()
        connection.execute(update(COUNT).where(COUNT.c.name == "b").values(value=COUNT.c.value + 1))

    thread = threading.Thread(target=other)
    thread.start()
    assert has_b.wait(60)
    assert rig.do(ours) == [None]
    thread.join(60)
    theirs.dispose()
    assert rig.values() == ({"a": 1, "b": 1} if ended else {"a": 11, "b": 11})


def test_a_connection_that_is_lost_is_made_again(rig: Rig, postgres: Postgres) -> None:
    rig.do(more("a"))
    ending = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = "
    postgres.execute(ending + f"'{database_url(rig.url, Path()).database}'")
    assert rig.do(more("a"), more("a")) == [2, 3]
    assert rig.store.repeats == 1


def test_whether_a_commit_without_answer_was_done_is_not_known(rig: Rig, postgres: Postgres) -> None:
    def cut(connection: Connection) -> None:
        pid = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
        event.listen(rig.engine, "commit", lambda _: postgres.execute(f"SELECT pg_terminate_backend({pid})"), once=True)

    (error,) = rig.do(cut)
    assert isinstance(error, StoreError)
    assert str(error).endswith("; whether it was written is not known")
    assert rig.do(more("a")) == [1]


def test_a_value_that_postgresql_cannot_keep_takes_only_its_own_work_back(rig: Rig) -> None:
    def bad(connection: Connection) -> None:
        connection.execute(insert(COUNT), {"name": "with \0 in it", "value": 1})

    first, error, last = rig.do(more("a"), bad, more("b"))
    assert (first, last, str(error)) == (1, 1, "database: a value that it cannot keep")
    assert isinstance(error, StoreError)


def test_a_lock_that_is_held_for_long_is_an_error(rig: Rig) -> None:
    url = database_url(rig.url, Path())
    hasty = Store(
        open_engine(url, migrations="nfs.mtc_iwf:migrations", name="mtc-iwf", busy_s=0.05),
        rig.reactor,
        InlineThreads(),
    )
    rig.store, mine = hasty, rig.store
    with rig.other.begin() as connection:
        more("a")(connection)
        (error,) = rig.do(more("a"))
    assert str(error) == "database: canceling statement due to lock timeout"
    assert rig.do(more("a")) == [2]
    _ = hasty.close()
    rig.store = mine


def test_a_server_that_goes_away_is_an_error_until_it_is_back() -> None:
    """A server of the test's own, killed as hard as it goes with the store's connection open."""
    server = Postgres(durable=True)
    try:
        rig = Rig(server.database())
        assert rig.do(more("a")) == [1]
        server.stop(signal.SIGQUIT)
        for _ in range(2):
            (error,) = rig.do(more("a"))
            assert isinstance(error, StoreError)
            assert str(error).startswith("database: connection")
        with pytest.raises(ConfigError, match=r"^database postgresql\+psycopg://mtc@/made_1\S*: connection"):
            rig.open()
        server.start()
        assert rig.do(more("a")) == [2]
        rig.close()
    finally:
        server.close()


def test_processes_that_start_together_make_the_schema_once(postgres: Postgres) -> None:
    url = database_url(postgres.database(), Path())
    failed: list[ConfigError] = []

    def start() -> None:
        try:
            open_engine(url, migrations="nfs.mtc_iwf:migrations", name="mtc-iwf").dispose()
        except ConfigError as error:
            failed.append(error)

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failed == []


def test_what_was_acknowledged_is_on_disk_also_where_the_server_would_not_care(postgres: Postgres) -> None:
    url = database_url(postgres.database(), Path())
    postgres.execute(f"ALTER DATABASE {url.database} SET synchronous_commit = off")
    engine = open_engine(url, migrations="nfs.mtc_iwf:migrations", name="mtc-iwf")
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SHOW synchronous_commit").scalar() == "on"
    engine.dispose()


def test_which_databases_several_processes_may_share() -> None:
    assert [is_shared(text) for text in ("iwf.db", "sqlite:///iwf.db", "postgresql://db/iwf")] == [False, False, True]
    assert database_url("postgresql://db/iwf", Path()).drivername == "postgresql+psycopg"
