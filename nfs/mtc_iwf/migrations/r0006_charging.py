"""Charging: events on their way to files, and which triggers have theirs."""

from __future__ import annotations

from alembic import op
from sqlalchemy import BigInteger, Column, Integer, String, Text

revision = "0006"
down_revision = "0005"

NUMBER = BigInteger().with_variant(Integer, "sqlite")


def upgrade() -> None:
    """Make the tables and columns."""
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
    op.add_column("trigger", Column("charged", Integer, nullable=False, server_default="0"))
    op.add_column("group_trigger", Column("charged", Integer, nullable=False, server_default="0"))


def downgrade() -> None:
    """Drop what `upgrade` made."""
    op.drop_column("group_trigger", "charged")
    op.drop_column("trigger", "charged")
    for name in ("charging_state", "charging_record"):
        op.drop_table(name, if_exists=True)
