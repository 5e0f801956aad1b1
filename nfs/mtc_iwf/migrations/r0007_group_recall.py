"""Recalls of triggers for groups, and who does what one MTC-IWF on a store does for all."""

from __future__ import annotations

from alembic import op
from sqlalchemy import BigInteger, Column, Float, String

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Make the column and the table."""
    op.add_column("group_trigger", Column("recalls", BigInteger))
    op.create_table(
        "round",
        Column("name", String(32), primary_key=True),
        Column("claimant", String(255), nullable=False),
        Column("claimed_until", Float(53), nullable=False),
    )


def downgrade() -> None:
    """Drop what `upgrade` made."""
    op.drop_table("round")
    op.drop_column("group_trigger", "recalls")
