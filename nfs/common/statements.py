"""Statements on a hot path: made by SQLAlchemy once, handed to the driver as they are.

SQLAlchemy takes 70 to 110 microseconds to run a statement that it has compiled long ago, most of it for what these do
not need: they name their columns, and hold numbers, texts and octets only, which every driver takes and gives as they
are.  Like this SQLite takes 10, in the same transaction of the same connection.

    FIND = Statement(select(TRIGGER).where(TRIGGER.c.reference == bindparam("wanted")))
    row = FIND.one(connection, {"wanted": 7})

Rejected: SQL written by hand (two databases write it differently), `exec_driver_sql` (half the time is left).
"""

from __future__ import annotations

import itertools
from collections import namedtuple
from collections.abc import Callable, Mapping
from operator import itemgetter
from typing import Any, Final

from sqlalchemy import Boolean, Connection, Float, Integer, LargeBinary, String
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.elements import ClauseElement
from sqlalchemy.types import NullType

PLAIN: Final = (Boolean, Float, Integer, LargeBinary, String, NullType)
"""Types of values that need no conversion; what SQLite gives for a Boolean is the number."""
Values = Mapping[str, Any]


class Statement:
    """One statement with its `bindparam`s; an insert or update writes the columns that are among the values.

    Values that stand in the statement itself stay as they are.  Not for what is expanded when it runs (`in_` of a
    list), nor for columns whose default Python makes.  All three raise SQLAlchemy's DBAPIError.
    """

    __slots__ = ("_clause", "_plans", "_row")

    def __init__(self, clause: ClauseElement) -> None:
        self._clause = clause
        self._plans: dict[tuple[str, ...], tuple[str, Callable[[Values], Any]]] = {}
        self._row: Callable[..., Any] | None = None

    def rows(self, connection: Connection, values: Values) -> list[Any]:
        """What is found, with a name for each column."""
        cursor = self._run(connection, values)
        found = cursor.fetchall()
        if not found:
            return []
        if self._row is None:
            self._row = namedtuple("Row", [column[0] for column in cursor.description])  # type: ignore[misc]
        return list(itertools.starmap(self._row, found))

    def one(self, connection: Connection, values: Values) -> Any | None:
        """The first of what is found, None when that is nothing."""
        found = self.rows(connection, values)
        return found[0] if found else None

    def count(self, connection: Connection, values: Values) -> int:
        """How many rows were written."""
        count: int = self._run(connection, values).rowcount
        return count

    def _run(self, connection: Connection, values: Values) -> Any:
        key = (connection.dialect.driver, *values)
        plan = self._plans.get(key)
        if plan is None:
            plan = self._plans[key] = self._plan(connection, values)
        return _execute(connection, plan[0], plan[1](values))

    def _plan(self, connection: Connection, values: Values) -> tuple[str, Callable[[Values], Any]]:
        """The text, and what makes the driver's parameters out of values."""
        made: Any = self._clause.compile(dialect=connection.dialect, column_keys=list(values))
        names = made.positiontup if made.positional else tuple(made.binds)
        odd = [name for name in made.binds if not isinstance(made.binds[name].type, PLAIN)]
        if odd or made.post_compile_params or made.literal_execute_params:
            raise TypeError(f"not a plain statement ({odd}): {made}")
        given = {name: value for name, value in made.params.items() if name not in values}
        if not made.positional:
            return made.string, lambda values: {**given, **values}
        if given or len(names) < 2:
            return made.string, lambda values: tuple(values[name] if name in values else given[name] for name in names)
        return made.string, itemgetter(*names)


def run_text(connection: Connection, text: str) -> None:
    """Have the driver run a text without parameters.  Raises DBAPIError."""
    _execute(connection, text, ())


def _execute(connection: Connection, text: str, parameters: Any) -> Any:
    driver: Any = connection.connection.dbapi_connection
    module: Any = connection.dialect.loaded_dbapi
    try:
        return driver.execute(text, parameters)
    except module.Error as error:
        lost = connection.dialect.is_disconnect(error, driver, None)
        if lost:
            connection.invalidate(error)
        raise DBAPIError.instance(  # without the parameters: they may name a subscriber
            text, None, error, module.Error, connection_invalidated=lost, dialect=connection.dialect
        ) from error
