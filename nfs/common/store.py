"""The store of a network function: what must outlive the process, behind an awaitable interface.

One thread per process owns the connection, and keeps it.  All work handed over in one wake-up of the reactor is one
transaction, and a Deferred fires, on the reactor's thread, only when that transaction is on disk: whoever awaits it
and then answers has acknowledged nothing that a kill could lose.  A piece of work is a function of a SQLAlchemy
`Connection`; one that raises takes only itself back, and the others may run a second time for it.

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
from math import inf
from queue import SimpleQueue
from threading import Thread
from typing import Any, Final, Generic, TypeVar

from sqlalchemy import Connection, Engine, Transaction, event
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, SQLAlchemyError
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.python.failure import Failure

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


class Writer:
    """A thread that does one thing after the other; Twisted's pool of one costs five times as much for each.

    It takes the process with it no more than a pool's does: `stop` ends it when it has done what it was given.
    """

    def __init__(self, name: str) -> None:
        self._calls: SimpleQueue[tuple[Callable[[bool, Any], None], Callable[..., Any], tuple[Any, ...]] | None]
        self._calls = SimpleQueue()
        self._thread = Thread(target=self._run, name=name)
        self._thread.start()

    def callInThreadWithCallback(self, done: Callable[[bool, Any], None], work: Callable[..., Any], *args: Any) -> None:
        """As `twisted.python.threadpool.ThreadPool` has it; `work` returns, whatever happens."""
        self._calls.put((done, work, args))

    def end(self) -> None:
        """Have the thread end when it has done what it was given."""
        self._calls.put(None)

    def stop(self) -> None:
        """End the thread; returns when it has."""
        self.end()
        self._thread.join()

    def _run(self) -> None:
        while (call := self._calls.get()) is not None:
            done, work, args = call
            done(True, work(*args))


class Store:
    """Runs work on a database in a thread of its own; see the module's text for what a result promises.

    engine: from `nfs.common.database.open_engine`, or, for a store beside it whose work only reads and must not wait
    for writers, from `reading` of it.  reactor: gives `callLater` and `callFromThread`.  threads: what stands for the
    thread, for tests; by default the store makes its own and ends it in `close`.
    """

    def __init__(self, engine: Engine, reactor: Any, threads: Any = None) -> None:
        self._engine = engine
        self._reads: bool = engine.get_execution_options().get(READS, False)
        self._reactor = reactor
        self._threads = threads
        self._own: Writer | None = None
        self._connection: Connection | None = None  # the thread's
        event.listen(engine, "engine_disposed", self._disposed)
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
            self._threads = self._own = Writer("store")
        tasks, self._batch, self._busy = self._batch, [], True
        works = [task.work for task in tasks]

        def done(_: bool, results: Any) -> None:
            self._reactor.callFromThread(self._resolve, results, tasks)

        self._threads.callInThreadWithCallback(done, self._transact, works)

    def _transact(self, works: list[Work[Any]]) -> list[Any] | Failure:
        """In the thread: the result of each work, or a Failure in its place; one Failure for all of them."""
        outcome: list[Any] = []
        _ = maybeDeferred(self._attempts, works).addBoth(outcome.append)  # the way to a Failure for any exception
        found: list[Any] | Failure = outcome[0]
        return found

    def _attempts(self, works: list[Work[Any]]) -> list[Any]:
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
        connection, self._connection = self._connection or self._engine.connect(), None
        try:
            results = _read(connection, works) if self._reads else _committed(connection, works)
            self._connection = connection  # one that has failed is not kept
        finally:
            if self._connection is None:
                connection.close()
        return results

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

    def _disposed(self, engine: Engine) -> None:
        if engine is self._engine:  # and not one that shares its listeners
            self._let_go()

    def _let_go(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.detach()  # its pool is no more
            connection.close()


def _read(connection: Connection, works: list[Work[Any]]) -> list[Any]:
    """The same of works that change nothing: there is nothing to undo, hence neither transaction nor savepoints."""
    return [_outcome(connection, work) for work in works]


def _committed(connection: Connection, works: list[Work[Any]]) -> list[Any]:
    """The results of works that are one transaction, or a Failure for each that failed alone.

    At most times none fails, and no savepoint is needed; else all begin again with one each.
    """
    results: list[Any] = []
    with connection.begin() as transaction:
        for work in works:
            results.append(_outcome(connection, work))
            if isinstance(results[-1], Failure):
                transaction.rollback()
                break
        else:
            _commit(transaction)
            return results
    if len(works) == 1:
        return results
    with connection.begin() as transaction:
        results = [_alone(connection, work) for work in works]
        _commit(transaction)
    return results


def _commit(transaction: Transaction) -> None:
    try:
        transaction.commit()
    except DBAPIError as error:
        if not error.connection_invalidated:
            raise
        raise StoreError(f"database: {one_line(error)}; whether it was written is not known") from None


def _alone(connection: Connection, work: Work[Any]) -> Any:
    """What comes of a work, in a savepoint of its own."""
    point = connection.begin_nested()
    found = _outcome(connection, work)
    if isinstance(found, Failure):
        point.rollback()
    else:
        point.commit()
    return found


def _outcome(connection: Connection, work: Work[Any]) -> Any:
    """The result of `work`, a Failure when it raised; raises when the database itself failed."""
    outcome: list[Any] = []
    _ = maybeDeferred(work, connection).addBoth(outcome.append)  # the way to a Failure for any exception
    found = outcome[0]
    if not isinstance(found, Failure):
        return found
    error = found.value
    if isinstance(error, DBAPIError) and not isinstance(error, (IntegrityError, DataError)):
        raise error
    if isinstance(error, DataError):  # a value that this database cannot keep; the driver's text may show it
        return Failure(StoreError("database: a value that it cannot keep"))  # type: ignore[no-untyped-call]
    return Failure(error)  # type: ignore[no-untyped-call]  # without the traceback, which holds on to the connection


def _store_failure(failure: Failure) -> Failure:
    """What everybody in a transaction gets that failed as a whole."""
    if isinstance(failure.value, SQLAlchemyError):
        return Failure(StoreError(f"database: {one_line(failure.value)}"))  # type: ignore[no-untyped-call]
    return failure


EMPTY: Final = object()
LOOK_AGAIN_S: Final = 1.0


class Cache(Generic[K, V]):
    """Values read from the store, the `limit` last used, each for `ttl_s`; what another process changed shows then.

    While the store is away they go on for `old_s` more: who says so (`lost`) is believed for a second, then it is asked
    again.  clock: seconds, monotonic.  `hits` and `misses` count, `olds` are those of the hits that were old.
    """

    def __init__(self, limit: int, ttl_s: float, clock: Callable[[], float], *, old_s: float = 0.0) -> None:
        self._limit = limit
        self._ttl_s = ttl_s
        self._old_s = old_s
        self._away_until = -inf
        self._clock = clock
        self._entries: OrderedDict[K, tuple[float, V]] = OrderedDict()
        self.hits = 0
        self.misses = 0
        self.olds = 0

    def get(self, key: K, default: T) -> V | T:
        """The value, or `default` (values may be None: pass EMPTY)."""
        entry = self._entries.get(key)
        if entry is None or (entry[0] <= (now := self._clock()) and not self._old(entry[0], now)):
            self.misses += 1
            return default
        self._entries.move_to_end(key)
        self.hits += 1
        return entry[1]

    def _old(self, until: float, now: float) -> bool:
        """Whether what is old is as good as it gets."""
        if now >= self._away_until or until + self._old_s <= now:
            return False
        self.olds += 1
        return True

    def lost(self) -> None:
        """The store did not say: for a second what is old will do."""
        self._away_until = self._clock() + LOOK_AGAIN_S

    def put(self, key: K, value: V) -> None:
        """Remember `value`, which the store has said; the one not used for longest goes when there are too many."""
        self._away_until = -inf
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
