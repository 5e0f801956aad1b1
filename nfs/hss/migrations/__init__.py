"""Revisions of the HSS database, for alembic."""
