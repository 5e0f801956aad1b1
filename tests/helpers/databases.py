"""Fixtures: the databases that the stores of functions are tested on: files of SQLite, and a PostgreSQL of the run.

`MTC_DATABASES=sqlite` leaves the server out; `MTC_DATABASES=postgresql` runs only what asks for a database, on it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers.migrated import as_in_production, quick_databases
from helpers.postgres import Postgres, binaries, kinds

__all__ = [
    "database", "databases_as_in_production", "postgres", "pytest_collection_modifyitems", "pytest_report_header",
    "quick",
]  # fmt: skip


@pytest.fixture(scope="session", autouse=True)
def quick() -> Iterator[None]:
    """New databases begin as copies of one that was migrated, and write nothing through to the disk."""
    with quick_databases():
        yield


@pytest.fixture
def databases_as_in_production() -> Iterator[None]:
    """A new database goes through every migration, and each transaction to the disk."""
    with as_in_production():
        yield


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A server for the whole session; each test makes a database of its own."""
    server = Postgres()
    yield server
    server.close()


@pytest.fixture(params=kinds())
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A new database as configurations name it; a test that asks for it runs on every kind."""
    if request.param == "sqlite":
        return str(tmp_path / "store.db")
    server: Postgres = request.getfixturevalue("postgres")
    return server.schema()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """With PostgreSQL alone: what has nothing to do with a database was run elsewhere."""
    if os.environ.get("MTC_DATABASES") == "postgresql":
        asking = [item for item in items if "database" in getattr(item, "fixturenames", ())]
        kept = set(asking)
        config.hook.pytest_deselected(items=[item for item in items if item not in kept])
        items[:] = asking


def pytest_report_header() -> str:
    """Say which databases are tested."""
    return f"databases: {', '.join(kinds())}{'' if binaries() else '; PostgreSQL is not installed here'}"
