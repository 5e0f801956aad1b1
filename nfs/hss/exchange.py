"""A large import into a file of SQLite beside an HSS that works: new tables beside those in use, then one exchange.

One transaction that copies a million subscribers holds SQLite's only write lock for many seconds; an HSS waits five.
So the tables as they are to be, `next_...`, are written in short transactions, with pauses in which others get the
lock; triggers note whose rows change meanwhile, and those are written again.  The last transaction does that for the
few that are left, and exchanges the trees: each table and index gets the root page of its twin, so that nobody sees
anything of an import before all of it.  Then what was there before is taken away.

A process that is killed leaves twins and triggers behind, which the next import takes away; a lock on a file beside the
database tells them from those of an import that goes on.

Rejected: renaming tables (an index cannot be renamed, and references follow or not by a switch), a generation number
in each row (every question of the HSS would pay for it), and applying it in parts with a journal (half of it is seen).
"""

from __future__ import annotations

import fcntl
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection

from diameter.errors import ConfigError, LocalError

NEXT: Final = "next_"
ROWS: Final = 4000
"""Rows of one transaction."""
FEW: Final = 100
"""Changed subscribers that are left to the exchange."""
PAUSE: Final = 0.5
"""Pause after a transaction, of the time that it took: who waits for the lock looks now and then."""
CHANGED: Final = "import_changed"
_NOTED: Final = {"INSERT": ("NEW",), "UPDATE": ("OLD", "NEW"), "DELETE": ("OLD",)}
_MADE: Final = "SELECT name, sql FROM sqlite_master WHERE tbl_name = ? AND type <> 'trigger' AND sql IS NOT NULL"
_ROOTS: Final = "SELECT name, rootpage FROM sqlite_master WHERE tbl_name = ? AND rootpage > 0"


class ExchangeError(LocalError):
    """The tables of the file are not what they should be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What becomes of a table.

    columns, key: as SQL has them; `key`: what it is sorted by.  rows: the query for what the file brings, `n` its
    temporary table.  staged: that table.  instead: the temporary table whose IMSIs lose what they have.
    """

    columns: str
    key: str
    rows: str
    staged: str
    instead: str


class Exchange:
    """The twins of one import.

    connection: one in which nothing has begun, and which has the rows of the file in temporary tables.
    """

    def __init__(
        self,
        connection: Connection,
        plans: Mapping[str, Plan],
        *,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._do = connection.exec_driver_sql
        self._plans = plans
        self._sleep = sleep
        self._clock = clock
        self._indexed = False

    def run(self, progress: Callable[[int], None], last: Callable[[], None]) -> None:
        """All of it, or nothing.  progress: is called with rows of the file that are written.

        last: asks what is still to be asked, in the transaction of the exchange.  Raises IntegrityError when somebody
        else took an identity meanwhile, and what `last` raises.
        """
        self._do("PRAGMA foreign_keys = OFF")  # nobody's, until the exchange
        self._away()
        try:
            with self._short():
                self._twins()
                self._watch()
            for table, plan in self._plans.items():
                self._keep(table, plan)
                self._bring(table, plan, progress)
            while not self._exchanged(last):
                pass
        finally:
            self._do("PRAGMA writable_schema = RESET")
            self._away()

    def _twins(self) -> None:
        """Empty tables of the same making, each with its indexes."""
        for table in self._plans:
            for name, sql in sorted(self._do(_MADE, (table,)).all(), key=lambda row: row[0] != table):
                form = rf'(CREATE (?:UNIQUE )?(?:TABLE|INDEX) )"?{name}"?( ON "?{table}"?)?(.*)'
                words = re.fullmatch(form, sql, re.DOTALL)
                if words is None:
                    raise ExchangeError(f"database: {name} was not made by this program")
                self._do(f"{words[1]}{NEXT}{name}{f' ON {NEXT}{table}' if words[2] else ''}{words[3]}")

    def _watch(self) -> None:
        """Have everybody's changes noted, by IMSI."""
        self._do(f"CREATE TABLE {CHANGED} (imsi VARCHAR(15) PRIMARY KEY) WITHOUT ROWID")
        for table in self._plans:
            for event, rows in _NOTED.items():
                noted = " ".join(f"INSERT OR IGNORE INTO {CHANGED} VALUES ({row}.imsi);" for row in rows)
                self._do(f"CREATE TRIGGER {_trigger(event, table)} AFTER {event} ON {table} BEGIN {noted} END")

    def _keep(self, table: str, plan: Plan) -> None:
        """Copy the rows of those who keep them, in order of the key."""
        after: tuple[Any, ...] = ()
        where = "true"
        while True:
            part = f"SELECT * FROM {table} WHERE {where} ORDER BY {plan.key} LIMIT {ROWS}"
            ends = self._do(f"SELECT {plan.key} FROM ({part})", after).all()
            if not ends:
                return
            self._index()
            last = tuple(ends[-1])
            places = ", ".join("?" * len(last))
            # up to the last that was seen, and not so many: rows that come meanwhile are not to push others out
            rows = f"SELECT * FROM {table} WHERE {where} AND ({plan.key}) <= ({places}) ORDER BY {plan.key}"
            with self._short():
                # a row that changes meanwhile may be in the way of another one; both are written again
                kept = f"SELECT p.* FROM ({rows}) p WHERE {_stays(plan)}"
                self._do(f"INSERT OR IGNORE INTO {NEXT}{table} {kept}", after + last)
            after, where = last, f"({plan.key}) > ({places})"

    def _bring(self, table: str, plan: Plan, progress: Callable[[int], None]) -> None:
        """Copy the rows of the file, in order of the key."""
        self._do(f"CREATE TEMPORARY TABLE sorted AS {plan.rows} ORDER BY {plan.key}")
        many = self._do("SELECT count(*) FROM sorted").scalar_one()
        for start in range(0, many, ROWS):
            with self._short():
                rows = f"SELECT * FROM sorted WHERE rowid > {start} AND rowid <= {start + ROWS}"
                self._do(f"INSERT INTO {NEXT}{table} ({plan.columns}) {rows}")
            progress(min(ROWS, many - start))
        self._do("DROP TABLE sorted")

    def _exchanged(self, last: Callable[[], None]) -> bool:
        """Exchange the tables, unless too much has changed meanwhile: then some of that is written again."""
        if self._changed():
            self._index()
        with self._short():
            changed = self._changed()
            if changed > FEW or (changed and not self._indexed):
                if self._indexed:
                    self._again()
                return False
            self._again()
            last()
            self._unwatch()
            self._do("PRAGMA writable_schema = ON")
            for table in self._plans:
                self._swap(table)
            version = self._do("PRAGMA schema_version").scalar_one()
            self._do(f"PRAGMA schema_version = {version + 1}")  # everybody reads the schema again
        return True

    def _again(self) -> None:
        """Write subscribers again that have changed."""
        some = f"(SELECT imsi FROM {CHANGED} ORDER BY imsi LIMIT {ROWS})"
        if not self._changed():
            return
        for table in self._plans:
            self._do(f"DELETE FROM {NEXT}{table} WHERE imsi IN {some}")
        for table, plan in self._plans.items():
            kept = f"SELECT p.* FROM {table} p WHERE p.imsi IN {some} AND {_stays(plan)}"
            self._do(f"INSERT INTO {NEXT}{table} {kept}")
            self._do(f"INSERT INTO {NEXT}{table} ({plan.columns}) {plan.rows} WHERE n.imsi IN {some}")
        self._do(f"DELETE FROM {CHANGED} WHERE imsi IN {some}")

    def _swap(self, table: str) -> None:
        """Give a table and its indexes the trees of their twins, and the other way round."""
        mine = {row.name: row.rootpage for row in self._do(_ROOTS, (table,)).all()}
        other = {row.name: row.rootpage for row in self._do(_ROOTS, (f"{NEXT}{table}",)).all()}
        pairs = {name: _twin(name, table) for name in mine}
        if set(pairs.values()) != set(other):
            raise ExchangeError(f"database: the indexes of {table} have changed meanwhile")
        for name, twin in pairs.items():
            for each, root in ((name, other[twin]), (twin, mine[name])):
                self._do("UPDATE sqlite_master SET rootpage = ? WHERE name = ?", (root, each))

    def _changed(self) -> int:
        found: int = self._do(f"SELECT count(*) FROM {CHANGED}").scalar_one()
        return found

    def _index(self) -> None:
        """Find the rows of the file by IMSI, which is only needed where there is something beside them."""
        if not self._indexed:
            for plan in self._plans.values():
                self._do(f"CREATE INDEX temp.of_{plan.staged} ON {plan.staged} (imsi)")
            self._indexed = True

    def _unwatch(self) -> None:
        for table in self._plans:
            for event in _NOTED:
                self._do(f"DROP TRIGGER IF EXISTS {_trigger(event, table)}")
        self._do(f"DROP TABLE IF EXISTS {CHANGED}")

    def _away(self) -> None:
        """Take away all that an import leaves, this one or one that was killed."""
        with self._short():
            self._unwatch()
        for table in self._plans:
            with self._short():
                self._do(f"DROP TABLE IF EXISTS {NEXT}{table}")

    @contextmanager
    def _short(self) -> Iterator[None]:
        """A transaction that writes, and a pause behind it."""
        self._do("BEGIN IMMEDIATE")
        start, done = self._clock(), False
        try:
            yield
            self._do("COMMIT")
            done = True
        finally:
            if not done:
                self._do("ROLLBACK")
        self._sleep((self._clock() - start) * PAUSE)


@contextmanager
def alone(database: str) -> Iterator[None]:
    """While this lasts nobody else exchanges tables of this file.  Raises ConfigError when somebody does."""
    path = f"{database}.import"
    with open(path, "a", encoding="ascii") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not os.path.samestat(os.stat(path), os.fstat(file.fileno())):
                raise FileNotFoundError
        except (BlockingIOError, FileNotFoundError):
            raise ConfigError(f"database {database}: another import is under way") from None
        try:
            yield
        finally:
            os.unlink(path)


def _stays(plan: Plan) -> str:
    return f"NOT EXISTS (SELECT 1 FROM {plan.instead} i WHERE i.imsi = p.imsi)"


def _trigger(event: str, table: str) -> str:
    return f"import_{event.lower()}_{table}"


def _twin(name: str, table: str) -> str:
    """The name of the twin of a table or of one of its indexes; SQLite names those of keys after the table."""
    own = f"sqlite_autoindex_{table}_"
    return f"sqlite_autoindex_{NEXT}{table}_{name.removeprefix(own)}" if name.startswith(own) else f"{NEXT}{name}"
