"""Charging: events on their way to files."""

from __future__ import annotations

from alembic import op
from sqlalchemy import BigInteger, Column, Integer, String, Text

revision = "0004"
down_revision = "0003"

NUMBER = BigInteger().with_variant(Integer, "sqlite")


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "charging_record",
        Column("id", NUMBER, primary_key=True, autoincrement=True),
        Column("node", String(255), nullable=False),
        Column("event", Text, nullable=False),
        if_not_exists=True,  # another function may share the database; rows are each node's own
    )
    op.create_index("ix_charging_record_node", "charging_record", ["node"], if_not_exists=True)
    op.create_table(
        "charging_state",
        Column("node", String(255), primary_key=True),
        Column("number", BigInteger, nullable=False),
        if_not_exists=True,
    )


def downgrade() -> None:
    """Drop what `upgrade` made."""
    for name in ("charging_state", "charging_record"):
        op.drop_table(name, if_exists=True)
