"""Charging as a part of a function: the book on its store, and the round that brings events to the file."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection

from diameter.errors import ConfigError, LocalError
from nfs.common.charging.asn1 import compiled
from nfs.common.charging.book import Book, NoBook
from nfs.common.charging.config import ChargingTable, RfTable
from nfs.common.charging.events import Event
from nfs.common.charging.files import CdrFiles, NoFiles
from nfs.common.charging.headers import Closure
from nfs.common.charging.records import Maker
from nfs.common.charging.rf import Rf
from nfs.common.store import Store

SLOWER: Final = 10
"""After a failure the next look comes so many times later, at most."""
LIVE: Final = (
    "charging.rotate_",
    "charging.flush_s",
    "charging.waiting",
    "charging.full",
    "charging.refused",
    "charging.groups",
)
"""What a reload takes over."""
FULL: Final = "as many charging events as are kept wait to be recorded"


class ChargingFull(LocalError):
    """Nothing that would be charged is taken now: `charging.full` is "refuse"."""


class Charging:
    """The charging of one node.

    store: of the function, whose tables `nfs.common.charging.tables` names.  clock: Twisted's IReactorTime, with
    seconds since 1970.  say: writes a line to the log: what is wrong, "" once it is right
    again.  `trouble`: what keeps records from the file, "" for nothing.
    """

    def __init__(
        self,
        table: ChargingTable,
        node: str,
        number: str,
        store: Store,
        *,
        clock: Any,
        say: Callable[[str], None],
    ) -> None:
        self.table = table
        self.node = node
        self.store = store
        self.trouble = ""
        self.spawn: Callable[[Coroutine[Any, Any, None]], object] | None = None
        self._clock = clock
        self._say = say
        self._timer: Any = None
        self._wait_s = float(table.flush_s)
        self._stopped = self._recount = False
        self.sweep: Callable[[Connection], None] | None = None
        """Enters events that are found by looking for them; called in the store at each look."""
        self.book = self._book(table, number)
        self.rf = None if table.rf is None else self._rf(table, table.rf)

    @classmethod
    def of(
        cls, table: ChargingTable | None, node: str, number: str, store: Store, clock: Any, say: Callable[[str], None]
    ) -> Charging | None:
        """The charging of a configuration; None where that has none.  number: used when the table has none."""
        if table is None:
            return None
        return cls(table, node, table.number or number, store, clock=clock, say=say)

    def _book(self, table: ChargingTable, number: str) -> Book:
        if table.folder is None:
            return NoBook(self.node, Maker(number), NoFiles(), waiting=table.waiting)
        return Book(self.node, Maker(number), self._open(table, table.folder), waiting=table.waiting)

    def _rf(self, table: ChargingTable, rf: RfTable) -> Rf:
        return Rf(rf, self.node, self.store, clock=self._clock, waiting=table.waiting, say=self._say)

    @property
    def applications(self) -> tuple[Rf, ...]:
        """What the node has to speak."""
        return () if self.rf is None else (self.rf,)

    def _open(self, table: ChargingTable, folder: Path) -> CdrFiles:
        compiled()  # half a second, better now than at the first trigger
        now = self._clock.seconds()
        try:
            return CdrFiles(folder, self.node, table.limits(), now=now, address=table.address)
        except OSError as error:
            raise ConfigError(f"charging.folder: {error.filename or folder}: {error.strerror}") from None
        except LocalError as error:
            raise ConfigError(f"charging.folder: {error}") from None

    @property
    def now(self) -> float:
        """Seconds since 1970."""
        return float(self._clock.seconds())

    @property
    def refusing(self) -> bool:
        """Whether nothing that would be charged is to be taken."""
        full = self.book.full or (self.rf is not None and self.rf.full)
        return full and self.table.full == "refuse"

    def check(self) -> None:
        """Raise ChargingFull while `refusing`."""
        if self.refusing:
            raise ChargingFull(FULL)

    def enter(self, connection: Connection, event: Event) -> None:
        """Write an event down in a transaction of the store."""
        self.book.enter(connection, event)
        if self.rf is not None:
            self.rf.enter(connection, event)

    def add(self, event: Event) -> Awaitable[None]:
        """Write an event down in a transaction of its own; fires once that is on disk (raises StoreError)."""
        return self.store.do(lambda connection: self.enter(connection, event))

    def renew(self, table: ChargingTable | None) -> None:
        """Take over limits and choices; folder and number stay until the next start."""
        if table is None:
            return
        self.table = table
        self.book.most = table.waiting
        if self.rf is not None:
            self.rf.most = table.waiting
        self.book.files.limits = table.limits()

    def start(self, spawn: Callable[[Coroutine[Any, Any, None]], object]) -> None:
        """Begin to look, what an earlier process left first; `spawn` runs coroutines."""
        self.spawn = spawn
        self._recount = True
        _ = spawn(self._round())
        if self.rf is not None:
            self.rf.start()

    async def stop(self) -> None:
        """Bring what there is to the file, and close it; before the store is closed, and nothing may be entered after.

        What cannot be brought is for the next process.
        """
        self._stopped = True
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        if self.rf is not None:
            self.rf.stop()
        try:
            while await self.store.do(self._work):
                pass
            await self.store.do(lambda _: self._close())
        except (LocalError, OSError) as error:
            self._say(f"charging: {_words(error)}")
        self.book.files.leave()

    def _close(self) -> None:
        files = self.book.files
        if not self.book.waiting:
            files.close(Closure.NORMAL, self.book.told())

    def _arm(self) -> None:
        if not self._stopped:
            self._timer = self._clock.callLater(self._wait_s, self._look)

    def _look(self) -> None:
        assert self.spawn is not None
        _ = self.spawn(self._round())

    async def _round(self) -> None:
        try:
            if self._recount or self.sweep is not None:
                await self.store.do(self._before)
            while not self._stopped and await self.store.do(self._work):
                pass
            self._went("")
        except (LocalError, OSError) as error:
            self._recount = True
            self._went(_words(error))
        self._arm()

    def _before(self, connection: Connection) -> None:
        if self._recount:
            self.book.begin(connection)
            self._recount = False
        if self.sweep is not None:
            self.sweep(connection)

    def _work(self, connection: Connection) -> bool:
        return self.book.bring(connection, self.now)

    def _went(self, trouble: str) -> None:
        self._wait_s = min(self._wait_s * 2, self.table.flush_s * SLOWER) if trouble else float(self.table.flush_s)
        if trouble != self.trouble:
            self.trouble = trouble
            self._say(f"charging records cannot be written: {trouble}" if trouble else "charging records go on")


def _words(error: Exception) -> str:
    return error.strerror if isinstance(error, OSError) and error.strerror else str(error)
