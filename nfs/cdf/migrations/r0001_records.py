"""Records that were taken."""

from __future__ import annotations

from alembic import op
from sqlalchemy import BigInteger, Column, Integer, String, Text

revision = "0001"
down_revision = None

NUMBER = BigInteger().with_variant(Integer, "sqlite")


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "accounting_record",
        Column("id", NUMBER, primary_key=True, autoincrement=True),
        Column("session", String(512), nullable=False),
        Column("number", BigInteger, nullable=False),
        Column("kind", Integer, nullable=False),
        Column("origin", String(255), nullable=False),
        Column("taken", BigInteger, nullable=False),
        Column("request", Text, nullable=False),
    )
    op.create_index("ix_accounting_record_once", "accounting_record", ["session", "number"], unique=True)


def downgrade() -> None:
    """Drop what `upgrade` made."""
    op.drop_table("accounting_record")
