"""What the stores of functions are run on."""

from helpers.databases import database, databases_as_in_production, postgres, pytest_report_header, quick
from helpers.postgres import kinds

__all__ = ["database", "databases_as_in_production", "postgres", "pytest_report_header", "quick"]
collect_ignore_glob = [] if "postgresql" in kinds() else ["test_store_postgres.py", "test_database_away.py"]
