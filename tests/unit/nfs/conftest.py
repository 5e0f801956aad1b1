"""What the tests of stores are run on."""

from helpers.databases import (
    database,
    databases_as_in_production,
    postgres,
    pytest_collection_modifyitems,
    pytest_report_header,
    quick,
)  # fmt: skip

__all__ = [
    "database", "databases_as_in_production", "postgres", "pytest_collection_modifyitems", "pytest_report_header",
    "quick",
]  # fmt: skip
