"""Fixtures: the databases that the stores of functions are tested on: files of SQLite, and a PostgreSQL of the run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers.migrated import as_in_production, quick_databases
from helpers.postgres import Postgres, binaries, kinds

__all__ = ["database", "databases_as_in_production", "postgres", "pytest_report_header", "quick"]


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


def pytest_report_header() -> str:
    """Say which databases are tested."""
    return f"databases: {', '.join(kinds())}{'' if binaries() else '; PostgreSQL is not installed here'}"
