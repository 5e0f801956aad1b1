"""Revisions of the MTC-IWF database, for alembic."""
