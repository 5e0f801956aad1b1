"""The store: group commit, savepoints, what reaches whom when the database fails; the cache."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Column, Connection, Engine, Integer, MetaData, Table, insert, select
from sqlalchemy.exc import IntegrityError, OperationalError
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from helpers.inline import InlineReactor, InlineThreads
from nfs.common.database import database_url, open_engine
from nfs.common.store import EMPTY, Cache, Store, StoreError

METADATA = MetaData()
NUMBER = Table("number", METADATA, Column("value", Integer, primary_key=True, autoincrement=False))


class Rig:
    """A store on a file, with time and thread in the test's hand."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.reactor = InlineReactor()
        self.threads = InlineThreads(held=True)
        self.store = Store(engine, self.reactor, self.threads)

    def add(self, value: int) -> list[Any]:
        """Ask for a row; the list gets a 1 or the exception."""
        return fate(self.store.do(lambda c: (c.execute(insert(NUMBER).values(value=value)), 1)[1]))

    def turn(self) -> None:
        """One wake-up, and the thread's work."""
        self.reactor.advance(0)
        self.threads.run()

    def values(self) -> list[int]:
        with self.engine.connect() as connection:
            return sorted(connection.execute(select(NUMBER.c.value)).scalars())


def fate(waiting: Deferred[Any]) -> list[Any]:
    found: list[Any] = []
    _ = waiting.addCallbacks(found.append, lambda failure: found.append(failure.value))
    return found


@pytest.fixture
def rig(database: str) -> Iterator[Rig]:
    engine = open_engine(database_url(database, Path()), migrations="nfs.mtc_iwf:migrations", name="mtc-iwf")
    METADATA.create_all(engine)
    yield Rig(engine)
    engine.dispose()


def test_the_work_of_one_wake_up_is_one_transaction(rig: Rig) -> None:
    results = [rig.add(value) for value in range(5)]
    assert results == [[]] * 5
    rig.turn()
    assert (results, rig.store.transactions, rig.store.tasks) == ([[1]] * 5, 1, 5)
    assert rig.values() == [0, 1, 2, 3, 4]


def test_nothing_fires_before_the_commit(rig: Rig) -> None:
    first = rig.add(1)
    rig.reactor.advance(0)
    second = rig.add(2)  # the thread is busy: waits for the next transaction
    rig.reactor.advance(0)
    assert (first, second, len(rig.threads.waiting)) == ([], [], 1)
    rig.threads.run()
    assert (first, second, len(rig.threads.waiting)) == ([1], [], 1)
    rig.threads.run()
    assert (second, rig.store.transactions) == ([1], 2)


def test_work_that_raises_takes_only_itself_back(rig: Rig) -> None:
    def half(connection: Connection) -> None:
        connection.execute(insert(NUMBER).values(value=7))
        raise LookupError("not there")

    kept, broken, twice, after = rig.add(1), fate(rig.store.do(half)), rig.add(1), rig.add(2)
    rig.turn()
    assert (kept, after) == ([1], [1])
    assert isinstance(broken[0], LookupError)
    assert isinstance(twice[0], IntegrityError)
    assert rig.values() == [1, 2]
    assert rig.store.failures == 2


def test_work_beside_one_that_raises_is_done_once(rig: Rig) -> None:
    """The transaction begins again with a savepoint for each, and of the first attempt nothing is left."""
    calls: list[int] = []

    def counted(connection: Connection) -> int:
        calls.append(1)
        connection.execute(insert(NUMBER).values(value=8))
        return len(calls)

    found, broken = fate(rig.store.do(counted)), fate(rig.store.do(lambda _: dict[str, int]()["nothing"]))
    rig.turn()
    assert (found, rig.values(), rig.store.transactions) == ([2], [8], 1)
    assert isinstance(broken[0], KeyError)


def test_a_database_that_fails_fails_everything_of_the_transaction(rig: Rig) -> None:
    def full(_: Connection) -> None:
        raise OperationalError("INSERT", {}, RuntimeError("database or disk is full"))

    first, second = rig.add(1), fate(rig.store.do(full))
    rig.turn()
    assert isinstance(first[0], StoreError)
    assert str(first[0]) == str(second[0]) == "database: database or disk is full"
    assert rig.values() == []
    again = rig.add(1)
    rig.turn()
    assert again == [1]


def test_a_bug_outside_the_database_reaches_the_waiting_as_it_is(rig: Rig) -> None:
    found = rig.add(1)
    rig.reactor.advance(0)
    done, _, _ = rig.threads.waiting.pop()
    done(False, Failure(ZeroDivisionError("bug")))  # type: ignore[no-untyped-call]
    assert isinstance(found[0], ZeroDivisionError)


def test_closing_finishes_what_was_handed_over(rig: Rig) -> None:
    first = rig.add(1)
    closed = fate(rig.store.close())
    refused = rig.add(2)
    assert (first, closed) == ([], [])
    rig.turn()
    assert (first, closed, rig.values()) == ([1], [None], [1])
    assert isinstance(refused[0], StoreError)


def test_a_callback_may_close_the_store(rig: Rig) -> None:
    closed: list[Any] = []
    waiting = rig.store.do(lambda _: None)
    _ = waiting.addCallback(lambda _: closed.append(fate(rig.store.close())))
    rig.turn()
    assert closed == [[None]]


def test_closing_an_idle_store_is_immediate(rig: Rig) -> None:
    assert fate(rig.store.close()) == [None]
    assert rig.store.close() is rig.store.close()


def test_the_store_runs_its_own_thread(rig: Rig) -> None:
    """Without a pool handed in: work runs elsewhere, results arrive through callFromThread."""
    arrived = threading.Event()
    calls: list[Callable[[], object]] = []

    class Crossing(Clock):
        def callFromThread(self, call: Callable[..., object], *args: Any) -> None:
            calls.append(lambda: call(*args))
            arrived.set()

    reactor = Crossing()
    store = Store(rig.engine, reactor)
    names = fate(store.do(lambda _: threading.current_thread().name))
    reactor.advance(0)
    assert arrived.wait(10)
    while calls:
        calls.pop(0)()
    assert len(names) == 1
    assert "store" in names[0]
    assert fate(store.close()) == [None]


def test_a_cache_goes_on_with_what_is_old_while_the_store_is_away() -> None:
    now = [0.0]
    cache: Cache[str, int] = Cache(2, 1.0, lambda: now[0], old_s=5.0)
    cache.put("a", 1)
    now[0] = 2.0
    assert cache.get("a", EMPTY) is EMPTY
    cache.lost()
    assert (cache.get("a", EMPTY), cache.get("b", EMPTY), cache.olds) == (1, EMPTY, 1)
    now[0] = 3.0
    assert cache.get("a", EMPTY) is EMPTY  # the store is asked again, a second later
    cache.lost()
    now[0] = 3.5
    assert cache.get("a", EMPTY) == 1
    now[0] = 6.0
    cache.lost()
    assert cache.get("a", EMPTY) is EMPTY  # too old for anything
    cache.put("a", 1)
    now[0] = 7.1
    cache.lost()
    assert cache.get("a", EMPTY) == 1
    cache.put("b", 2)  # the store is back, and what may have been changed meanwhile is asked for
    assert cache.get("a", EMPTY) is EMPTY


def test_a_cache_keeps_the_last_used_for_a_while() -> None:
    now = [0.0]
    cache: Cache[str, int | None] = Cache(2, 1.0, lambda: now[0])
    cache.put("a", 1)
    cache.put("b", None)
    assert cache.get("a", EMPTY) == 1
    cache.put("c", 3)
    assert (cache.get("b", EMPTY), cache.get("a", EMPTY), cache.get("c", EMPTY)) == (EMPTY, 1, 3)
    now[0] = 1.0
    assert (cache.get("a", EMPTY), cache.hits, cache.misses) == (EMPTY, 3, 2)
    cache.forget("a")
    cache.forget("a")
    assert len(cache) == 1
    cache.clear()
    assert len(cache) == 0
