"""What the tests of stores are run on, and one dictionary for all."""

from collections.abc import Iterator

import pytest

from helpers.databases import (
    database,
    databases_as_in_production,
    postgres,
    pytest_collection_modifyitems,
    pytest_report_header,
    quick,
)  # fmt: skip
from helpers.dictionaries import one_dictionary

__all__ = [
    "database", "databases_as_in_production", "postgres", "pytest_collection_modifyitems", "pytest_report_header",
    "quick",
]  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def _one_dictionary() -> Iterator[None]:
    with one_dictionary():
        yield
