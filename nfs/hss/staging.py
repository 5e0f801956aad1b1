"""An import on its way: rows beside the tables, compared with them, and brought in by one transaction.

The rows wait in temporary tables of the one connection, on disk and not in memory, and are gone with it, however it
ends.  Nothing is locked until all of them are there and have been compared; then the database copies its own rows.
What is large would lock a file of SQLite too long by that: see `nfs.hss.exchange`.  Keys are sealed before they come
here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from operator import itemgetter
from typing import Any, Final

from sqlalchemy import Column, Connection, Integer, MetaData, Table
from sqlalchemy.schema import CreateTable

from diameter.errors import LocalError
from nfs.common.aka import Seal
from nfs.common.database import one_line
from nfs.hss import cards, tables
from nfs.hss.exchange import Exchange, Plan, alone
from nfs.hss.groups.tables import GROUP
from nfs.hss.provisioning import Placed

_PARTS: Final = (tables.EXTERNAL_ID, tables.SERVICE, tables.SCS_RIGHT, tables.SERVING_NODE)
_TABLES: Final = (tables.SUBSCRIBER, *_PARTS, cards.CARD)
_ORDER: Final = {
    tables.SUBSCRIBER: "imsi", tables.EXTERNAL_ID: "identifier", tables.SERVICE: "imsi, service",
    tables.SCS_RIGHT: "imsi, scs, service", tables.SERVING_NODE: "imsi, kind", cards.CARD: "imsi",
}  # fmt: skip
_STAGED: Final = MetaData()
_OF: Final = {
    table: Table(
        f"new_{table.name}",
        _STAGED,
        Column("nth", Integer, nullable=False),
        Column("line", Integer, nullable=False),
        *(Column(each.name, each.type) for each in table.c),
        prefixes=["TEMPORARY"],
    )
    for table in _TABLES
}
_VALUES: Final[dict[Table, Callable[[dict[str, Any]], tuple[Any, ...]]]] = {
    table: itemgetter(*table.c.keys()) for table in _TABLES
}
CACHE_KIB: Final = 32_768
"""Pages in memory while SQLite brings them in: with few, each is written again and again."""
AT_ONE_GO: Final = 10_000
"""Subscribers that one transaction brings into a file of SQLite, in a tenth of a second or so."""
Rows = dict[Table, list[tuple[Any, ...]]]


class StagingError(LocalError):
    """The database does not take the rows (disk full, gone)."""


class Taken(LocalError):
    """Somebody else took an identity while the file was read."""


def psycopg_error(connection: Connection) -> type[Exception]:
    """What the driver raises where SQLAlchemy is not between."""
    error: type[Exception] = connection.dialect.loaded_dbapi.Error
    return error


class Staging:
    """The rows of one import, on a connection in which nothing has begun (`nfs.common.database.reading`)."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._sqlite = connection.dialect.name == "sqlite"
        self.count = 0
        self._do = connection.exec_driver_sql
        if self._sqlite:
            self._do(f"PRAGMA cache_size = -{CACHE_KIB}")
        for table in _OF.values():
            self._do(str(CreateTable(table).compile(dialect=connection.dialect)))

    def add(self, part: Sequence[Placed], seal: Seal | None) -> None:
        """Put rows beside the tables, keys sealed."""
        rows: Rows = {table: [] for table in _TABLES}
        for each in part:
            self.count += 1
            _spread(rows, (self.count, each.line), each, seal)
        with self._transaction():
            for table, values in rows.items():
                if values:
                    self._insert(_OF[table], values)

    def _insert(self, table: Table, values: list[tuple[Any, ...]]) -> None:
        if self._sqlite:
            places = ", ".join("?" * len(table.c))
            self._do(f"INSERT INTO {table.name} VALUES ({places})", values)
            return
        made: Any = self._connection.connection.cursor()
        try:
            with made as cursor, cursor.copy(f"COPY {table.name} FROM STDIN") as copy:
                for row in values:
                    copy.write_row(row)
        except psycopg_error(self._connection) as error:
            raise StagingError(one_line(error)) from None

    def faults(self, most: int) -> Iterator[tuple[int, str]]:
        """(line, what is wrong) of rows that repeat what an earlier row has, or take what is another's; `most` each."""
        self._do("CREATE INDEX IF NOT EXISTS new_imsi ON new_subscriber (imsi)")
        if not self._sqlite:
            for table in _OF.values():
                self._do(f"ANALYZE {table.name}")
        for column, staged, name in _UNIQUE:
            again = f"SELECT {name} AS same, min(nth) AS one, min(line) AS first FROM {staged}"
            again += f" WHERE {name} IS NOT NULL GROUP BY {name} HAVING count(*) > 1"
            question = f"SELECT n.line, f.first FROM {staged} n JOIN ({again}) f ON f.same = n.{name}"
            question += f" WHERE n.nth > f.one ORDER BY n.nth LIMIT {most}"
            for line, first in self._do(question).all():
                yield line, f"{column}: also at line {first}"
        for column, staged, name in _UNIQUE[1:]:
            question = f"SELECT n.line FROM {staged} n JOIN {staged.removeprefix('new_')} s ON s.{name} = n.{name}"
            question += " WHERE s.imsi <> n.imsi"
            question += " AND NOT EXISTS (SELECT 1 FROM new_subscriber m WHERE m.imsi = s.imsi)"
            question += f" ORDER BY n.nth LIMIT {most}"
            for (line,) in self._do(question).all():
                yield line, f"{column}: belongs to another subscriber"
        for line, identifier in self._do(f"{_GROUPS} ORDER BY n.nth LIMIT {most}").all():
            yield line, f"external_ids: {identifier} is the name of a group"

    def apply(self, progress: Callable[[int], None]) -> None:
        """Bring everything in, or nothing.  progress: is called with rows of `steps` that are done.

        Raises IntegrityError or Taken when somebody else took an identity meanwhile.
        """
        if self._sqlite and self.count > AT_ONE_GO:
            with alone(str(self._connection.engine.url.database)):
                plans = {table.name: _plan(table) for table in _TABLES}
                Exchange(self._connection, plans).run(progress, self._still_free)
            return
        with self._transaction(writes=True):
            self._make_room()
            for table in _TABLES:
                self._do(_copy(table))
                progress(self.count)
        if self._sqlite:
            self._do("PRAGMA wal_checkpoint(TRUNCATE)")

    def _still_free(self) -> None:
        if self._do(f"{_GROUPS} LIMIT 1").first() is not None:
            raise Taken("it is the name of a group")

    @property
    def steps(self) -> int:
        """What `progress` adds up to."""
        return self.count * len(_TABLES)

    def _make_room(self) -> None:
        """Take away what those who are there already have, but for keys and registrations."""
        self._do(
            "CREATE TEMPORARY TABLE old_subscriber AS SELECT n.imsi FROM new_subscriber n"
            " WHERE EXISTS (SELECT 1 FROM subscriber s WHERE s.imsi = n.imsi)"
        )
        old = "(SELECT imsi FROM old_subscriber)"
        for table in _PARTS:
            self._do(f"DELETE FROM {table.name} WHERE imsi IN {old}")
        self._do(f"UPDATE subscriber SET msisdn = NULL WHERE imsi IN {old}")

    @contextmanager
    def _transaction(self, *, writes: bool = False) -> Iterator[None]:
        self._do("BEGIN IMMEDIATE" if writes and self._sqlite else "BEGIN")
        done = False
        try:
            yield
            self._do("COMMIT")
            done = True
        finally:
            if not done:
                self._do("ROLLBACK")


_GROUPS: Final = (
    f"SELECT n.line, n.identifier FROM {GROUP.name} g JOIN new_external_id n ON n.identifier = g.external_id"
)
_UNIQUE: Final = (
    ("imsi", "new_subscriber", "imsi"),
    ("msisdn", "new_subscriber", "msisdn"),
    ("external_ids", "new_external_id", "identifier"),
)


def _spread(rows: Rows, place: tuple[int, int], placed: Placed, seal: Seal | None) -> None:
    """The rows that a subscriber is, in order of the columns."""
    for table, values in tables.rows_of(placed.subscriber):
        rows[table].append(place + _VALUES[table](values))
    if placed.card is not None and seal is not None:
        rows[cards.CARD].append(place + _VALUES[cards.CARD](cards.row(placed.subscriber.imsi, placed.card, seal)))


def _plan(table: Table) -> Plan:
    """The same for an exchange of tables."""
    names = [each.name for each in table.c]
    card = table is cards.CARD
    before = "coalesce((SELECT c.seq_offset FROM card c WHERE c.imsi = n.imsi), 0)"
    kept = f"CASE WHEN n.seq_offset <> 0 THEN n.seq_offset ELSE {before} END AS seq_offset"
    listed = ", ".join(kept if name == "seq_offset" else f"n.{name}" for name in names)
    return Plan(
        columns=", ".join(names),
        key=_ORDER[table],
        rows=f"SELECT {listed} FROM new_{table.name} n",
        staged=f"new_{table.name}",
        instead="new_card" if card else "new_subscriber",
    )


def _copy(table: Table) -> str:
    """The statement that brings the rows of a table in."""
    names = [each.name for each in table.c]
    listed = ", ".join(names)
    text = (
        f"INSERT INTO {table.name} ({listed}) SELECT {listed} FROM new_{table.name} WHERE true ORDER BY {_ORDER[table]}"
    )
    if table in _PARTS:
        return text
    kept = "CASE WHEN excluded.seq_offset <> 0 THEN excluded.seq_offset ELSE card.seq_offset END"
    changes = (f"{name} = {kept if name == 'seq_offset' else f'excluded.{name}'}" for name in names if name != "imsi")
    return f"{text} ON CONFLICT (imsi) DO UPDATE SET {', '.join(changes)}"
