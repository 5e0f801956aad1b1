"""Databases of SQLite that are quick to make and to write to: what unit tests open hundreds of.

The migrations of a function run once in a process; a new database gets a copy of what they have made.  Nothing of it
is written through to the disk.  What a program does at its own start is tested with `as_in_production`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, Final

import pytest
from sqlalchemy import Connection, create_engine

from nfs.common import database

UPGRADE: Final = database.upgrade
CONNECT: Final = database._sqlite_connect


@cache
def template(migrations: str, name: str) -> Any:
    """An empty database in memory after all migrations: a connection of the driver."""
    engine = create_engine("sqlite://")
    with engine.begin() as connection:
        UPGRADE(connection, migrations=migrations, name=name)
    return engine.raw_connection()


def upgrade(connection: Connection, *, migrations: str, name: str) -> None:
    """As `database.upgrade`; an empty database of SQLite gets a copy."""
    if connection.dialect.name == "sqlite" and not connection.exec_driver_sql("PRAGMA schema_version").scalar():
        driver = connection.connection.driver_connection
        assert driver is not None
        driver.execute("ROLLBACK")
        template(migrations, name).backup(driver)
        driver.execute("BEGIN IMMEDIATE")
    else:
        UPGRADE(connection, migrations=migrations, name=name)


def connect(connection: Any, record: Any) -> None:
    """As `database._sqlite_connect`, and nothing waits for the disk."""
    CONNECT(connection, record)
    connection.execute("PRAGMA synchronous=OFF")


@contextmanager
def quick_databases() -> Iterator[None]:
    """Within: databases as above."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(database, "upgrade", upgrade)
        patch.setattr(database, "_sqlite_connect", connect)
        yield


@contextmanager
def as_in_production() -> Iterator[None]:
    """Within `quick_databases`: not so."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(database, "upgrade", UPGRADE)
        patch.setattr(database, "_sqlite_connect", CONNECT)
        yield
