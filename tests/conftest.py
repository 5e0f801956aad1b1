"""Shared by every test: requirement marks, chance, and the check that the installed wheel is what runs."""

from __future__ import annotations

import csv
import gc
import os
from pathlib import Path

import pytest

from helpers.chance import (
    pytest_configure,
    pytest_fixture_setup,
    pytest_make_collect_report,
    pytest_runtest_call,
    pytest_runtest_setup,
)

__all__ = [
    "pytest_configure", "pytest_fixture_setup", "pytest_make_collect_report", "pytest_runtest_call",
    "pytest_runtest_setup",
]  # fmt: skip
TESTS = Path(__file__).resolve().parent


def _rows() -> frozenset[str]:
    """The identifiers of tests/data/requirements.csv."""
    with (TESTS / "data" / "requirements.csv").open(newline="", encoding="utf-8") as file:
        return frozenset(row["id"] for row in csv.DictReader(file))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Carry each requirement mark into the report, and refuse a mark that names no row."""
    rows: frozenset[str] | None = None
    for item in items:
        for mark in item.iter_markers("requirement"):
            rows = rows if rows is not None else _rows()
            for row in mark.args:
                if row not in rows:
                    raise pytest.UsageError(f"{item.nodeid}: {row!r} is no row of tests/data/requirements.csv")
                item.user_properties.append(("requirement", row))


def pytest_collection_finish() -> None:
    """Keep what collecting has made out of every later collection of garbage: it is large, and stays anyway."""
    gc.collect()
    gc.freeze()


def pytest_report_header() -> list[str]:
    """Say which files run, and stop when the checkout would be tested where the installed wheel should be."""
    import diameter  # deferred: a header must not hide the message of a broken import

    where = Path(diameter.__file__ or "").resolve().parent
    installed = os.environ.get("MTC_TEST_INSTALLED") == "1"
    if installed and where.parent == TESTS.parent:
        raise pytest.UsageError(f"the installed wheel was to be tested, but diameter comes from the checkout: {where}")
    return [f"diameter: {'installed wheel' if installed else 'checkout or editable install'}"]
