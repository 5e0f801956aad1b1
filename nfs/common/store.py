"""The store of a network function: what must outlive the process, behind an awaitable interface.

One thread per process owns the connection.  All work handed over in one wake-up of the reactor is one transaction,
and a Deferred fires, on the reactor's thread, only when that transaction is on disk: whoever awaits it and then
answers has acknowledged nothing that a kill could lose.  A piece of work is a function of a SQLAlchemy `Connection`;
each runs in its own savepoint, so one that raises takes only itself back.

    await store.do(lambda connection: connection.execute(insert(TRIGGER).values(...)))

SQLite (WAL, synchronous=FULL) serves one process; the same code serves several through PostgreSQL, so work keeps to
SQL that both know, and is told nothing when it has to run twice: a transaction that met another process's in its way,
or whose connection was lost before it was to be committed, is begun again.  Rejected: a write thread and a pool of
read threads (a read in the transaction of the writes costs nothing more, and sees them), and an asyncio driver (a
second event loop).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from sqlalchemy import Connection, Engine, NestedTransaction, Transaction
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, SQLAlchemyError
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.threads import deferToThreadPool
from twisted.python.failure import Failure
from twisted.python.threadpool import ThreadPool

from diameter.errors import LocalError
from nfs.common.database import READS, one_line, passing

T = TypeVar("T")
K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
Work = Callable[[Connection], T]


ATTEMPTS: Final = 5
"""How often a transaction is begun that others are in the way of."""


class StoreError(LocalError):
    """The transaction failed (disk full, database gone); nothing of the work that waits for it is kept.

    Only when the connection was lost between the commit and its answer nobody knows whether it is; the text says so.
    """


@dataclass(frozen=True, slots=True)
class _Task:
    work: Work[Any]
    waiting: Deferred[Any]


class Store:
    """Runs work on a database in a thread of its own; see the module's text for what a result promises.

    engine: from `nfs.common.database.open_engine`, or, for a store beside it whose work only reads and must not wait
    for writers, from `reading` of it.  reactor: gives `callLater` and `callFromThread`.  threads: a
    started pool of one thread, for tests; by default the store makes its own and ends it in `close`.
    """

    def __init__(self, engine: Engine, reactor: Any, threads: Any = None) -> None:
        self._engine = engine
        self._reads: bool = engine.get_execution_options().get(READS, False)
        self._kept: Connection | None = None
        self._reactor = reactor
        self._threads = threads
        self._own: ThreadPool | None = None
        self._batch: list[_Task] = []
        self._busy = False
        self._closed: Deferred[None] | None = None
        self.transactions = 0
        self.tasks = 0
        self.failures = 0
        self.repeats = 0

    @property
    def engine(self) -> Engine:
        """The engine it works on."""
        return self._engine

    def do(self, work: Work[T]) -> Deferred[T]:
        """Have `work` run in the transaction of this wake-up; fires with its result once that is committed.

        What `work` raises arrives as it is; a database that fails arrives as StoreError, for all of the transaction.
        """
        waiting: Deferred[T] = Deferred()
        if self._closed is not None:
            waiting.errback(StoreError("the store is closed"))
            return waiting
        if not self._batch and not self._busy:
            self._reactor.callLater(0, self._hand_over)  # after everything else of this wake-up
        self._batch.append(_Task(work, waiting))
        return waiting

    def close(self) -> Deferred[None]:
        """Finish what was handed over, then end the thread and the connection; fires when that is done."""
        if self._closed is None:
            self._closed = Deferred()
            if not self._busy and not self._batch:
                self._end()
        return self._closed

    def _hand_over(self) -> None:
        if self._busy or not self._batch:
            return
        if self._threads is None:
            self._threads = self._own = ThreadPool(0, 1, "store")
            self._own.start()
        tasks, self._batch, self._busy = self._batch, [], True
        works = [task.work for task in tasks]
        _ = deferToThreadPool(self._reactor, self._threads, self._transact, works).addBoth(self._resolve, tasks)

    def _transact(self, works: list[Work[Any]]) -> list[Any]:
        """In the thread: the result of each work, or a Failure in its place."""
        for left in reversed(range(ATTEMPTS)):
            try:
                return self._once(works)
            except DBAPIError as error:
                if not (left and passing(error)):
                    self._engine.dispose()  # the next transaction begins with a connection of its own
                    raise
                self.repeats += 1
        raise AssertionError("the last attempt returns or raises")

    def _once(self, works: list[Work[Any]]) -> list[Any]:
        if self._reads:
            return self._read(works)
        with self._engine.connect() as connection:
            with connection.begin() as transaction:
                if len(works) == 1:  # at most times: the transaction serves as its savepoint, which is half the work
                    results = [_attempt(connection, works[0], transaction)]
                else:
                    results = [_attempt(connection, work, connection.begin_nested()) for work in works]
                if not transaction.is_active:  # the one work failed, and is undone
                    return results
                try:
                    transaction.commit()
                except DBAPIError as error:
                    if not error.connection_invalidated:
                        raise
                    lost = f"database: {one_line(error)}; whether it was written is not known"
                    raise StoreError(lost) from None
            return results

    def _read(self, works: list[Work[Any]]) -> list[Any]:
        """By the connection that is kept open: there is nothing to undo, hence neither transaction nor savepoints."""
        if self._kept is None:
            self._kept = self._engine.connect()
        try:
            return [_attempt(self._kept, work, None) for work in works]
        except DBAPIError:
            self._let_go()
            raise

    def _let_go(self) -> None:
        kept, self._kept = self._kept, None
        if kept is not None:
            kept.close()

    def _resolve(self, results: list[Any] | Failure, tasks: list[_Task]) -> None:
        self.transactions += 1
        self.tasks += len(tasks)
        if isinstance(results, Failure):
            results = [_store_failure(results)] * len(tasks)
        for task, result in zip(tasks, results, strict=True):
            self.failures += isinstance(result, Failure)
            task.waiting.callback(result)  # a Failure takes the errback path
        self._busy = False  # until here, so that a callback that closes the store does not end it twice
        if self._batch:
            self._hand_over()
        elif self._closed is not None:
            self._end()

    def _end(self) -> None:
        if self._own is not None:
            self._own.stop()
        self._let_go()
        self._engine.dispose()
        assert self._closed is not None
        self._closed.callback(None)


def _attempt(connection: Connection, work: Work[Any], point: Transaction | None) -> Any:
    """The result of `work`; a Failure when it raised, undone to `point`; raises when the database itself failed."""
    outcome: list[Any] = []
    _ = maybeDeferred(work, connection).addBoth(outcome.append)  # the way to a Failure for any exception
    found = outcome[0]
    if not isinstance(found, Failure):
        if isinstance(point, NestedTransaction):
            point.commit()
        return found
    error = found.value
    if isinstance(error, DBAPIError) and not isinstance(error, (IntegrityError, DataError)):
        raise error
    if point is not None:
        point.rollback()
    if isinstance(error, DataError):  # a value that this database cannot keep; the driver's text may show it
        return Failure(StoreError("database: a value that it cannot keep"))  # type: ignore[no-untyped-call]
    return Failure(error)  # type: ignore[no-untyped-call]  # without the traceback, which holds on to the connection


def _store_failure(failure: Failure) -> Failure:
    """What everybody in a transaction gets that failed as a whole."""
    if isinstance(failure.value, SQLAlchemyError):
        return Failure(StoreError(f"database: {one_line(failure.value)}"))  # type: ignore[no-untyped-call]
    return failure


EMPTY: Final = object()


class Cache(Generic[K, V]):
    """Values read from the store, the `limit` last used, each for `ttl_s`; what another process changed shows then.

    clock: seconds, monotonic.  `hits` and `misses` count.
    """

    def __init__(self, limit: int, ttl_s: float, clock: Callable[[], float]) -> None:
        self._limit = limit
        self._ttl_s = ttl_s
        self._clock = clock
        self._entries: OrderedDict[K, tuple[float, V]] = OrderedDict()
        self.hits = 0
        self.misses = 0

    def get(self, key: K, default: T) -> V | T:
        """The value, or `default` (values may be None: pass EMPTY)."""
        entry = self._entries.get(key)
        if entry is None or entry[0] <= self._clock():
            self.misses += 1
            return default
        self._entries.move_to_end(key)
        self.hits += 1
        return entry[1]

    def put(self, key: K, value: V) -> None:
        """Remember `value`; the one not used for longest goes when there are too many."""
        self._entries[key] = (self._clock() + self._ttl_s, value)
        self._entries.move_to_end(key)
        if len(self._entries) > self._limit:
            self._entries.popitem(last=False)

    def forget(self, key: K) -> None:
        """Forget one value, if it is there."""
        self._entries.pop(key, None)

    def clear(self) -> None:
        """Forget everything."""
        self._entries.clear()

    def __len__(self) -> int:
        return len(self._entries)
