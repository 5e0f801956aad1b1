"""Databases that are quick to make and to write to: what unit tests open hundreds of.

The migrations of a function run once in a process; a new database of SQLite gets a copy of what they have made, one of
PostgreSQL the statements that they have sent.  Nothing of SQLite's is written through to the disk, and a
statement is compiled once in a process, not once for each database.  What a program does at its own start is tested
with `as_in_production`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, Final

import pytest
from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect

from nfs.common import database

UPGRADE: Final = database.upgrade
CONNECT: Final = database._sqlite_connect
CREATE: Final = create_engine


@cache
def template(migrations: str, name: str) -> Any:
    """An empty database in memory after all migrations: a connection of the driver."""
    engine = create_engine("sqlite://")
    with engine.begin() as connection:
        UPGRADE(connection, migrations=migrations, name=name)
    return engine.raw_connection()


SENT: Final[dict[tuple[str, str], list[tuple[str, Any]]]] = {}
"""(migrations, name) to what the migrations send to an empty database of PostgreSQL."""


def upgrade(connection: Connection, *, migrations: str, name: str) -> None:
    """As `database.upgrade`; an empty database gets what it would have had in the end."""
    if connection.dialect.name == "sqlite" and not connection.exec_driver_sql("PRAGMA schema_version").scalar():
        driver = connection.connection.driver_connection
        assert driver is not None
        driver.execute("ROLLBACK")
        template(migrations, name).backup(driver)
        driver.execute("BEGIN IMMEDIATE")
    elif connection.dialect.name == "postgresql" and not inspect(connection).get_table_names():
        if (migrations, name) in SENT:
            for statement, parameters in SENT[migrations, name]:
                connection.exec_driver_sql(statement, parameters)
        else:
            SENT[migrations, name] = _sent(connection, migrations, name)
    else:
        UPGRADE(connection, migrations=migrations, name=name)


def _sent(connection: Connection, migrations: str, name: str) -> list[tuple[str, Any]]:
    """Upgrade; the statements that changed something, with their parameters; those without stand together."""
    statements: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, _many: bool) -> None:
        if not statement.lstrip().startswith("SELECT"):
            if statements and not parameters and not statements[-1][1]:
                statement = f"{statements.pop()[0]};{statement}"
            statements.append((statement, parameters))

    event.listen(connection, "before_cursor_execute", note)
    UPGRADE(connection, migrations=migrations, name=name)
    event.remove(connection, "before_cursor_execute", note)
    return statements


def connect(connection: Any, record: Any) -> None:
    """As `database._sqlite_connect`, and nothing waits for the disk."""
    CONNECT(connection, record)
    connection.execute("PRAGMA synchronous=OFF")


@cache
def _compiled() -> Engine:
    """An engine of SQLite that has connected once: whose dialect and whose compiled statements all others use."""
    engine = create_engine("sqlite://")
    engine.connect().close()
    return engine


def create(url: URL, **options: Any) -> Engine:
    """As `create_engine`; what one database of SQLite has compiled is there for the next one."""
    engine = CREATE(url, **options)
    if engine.dialect.name == "sqlite":
        shared = _compiled()
        engine.dialect = shared.dialect
        engine._compiled_cache = shared._compiled_cache
    return engine


@contextmanager
def quick_databases() -> Iterator[None]:
    """Within: databases as above."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(database, "upgrade", upgrade)
        patch.setattr(database, "_sqlite_connect", connect)
        patch.setattr(database, "create_engine", create)
        yield


@contextmanager
def as_in_production() -> Iterator[None]:
    """Within `quick_databases`: not so."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(database, "upgrade", UPGRADE)
        patch.setattr(database, "_sqlite_connect", CONNECT)
        patch.setattr(database, "create_engine", CREATE)
        yield
