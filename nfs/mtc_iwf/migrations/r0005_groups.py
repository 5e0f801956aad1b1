"""Triggers for groups; those of their members stand among all triggers."""

from __future__ import annotations

from alembic import op
from sqlalchemy import BigInteger, Boolean, Column, Float, Integer, LargeBinary, String

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "group_trigger",
        Column("scs", String(15), primary_key=True),
        Column("reference", BigInteger, primary_key=True, autoincrement=False),
        Column("group_id", String(253), nullable=False),
        Column("payload", LargeBinary),
        Column("port", Integer),
        Column("priority", Boolean, nullable=False),
        Column("validity_s", BigInteger),
        Column("lasts_s", BigInteger, nullable=False),
        Column("members", Integer, nullable=False),
        Column("unreported", Integer, nullable=False),
        Column("reached", Integer, nullable=False),
        Column("busy", Boolean, nullable=False),
        Column("claimant", String(255), nullable=False),
        Column("claimed_until", Float(53), nullable=False),
        Column("accepted_at", Float(53), nullable=False),
        Column("expires_at", Float(53), nullable=False, index=True),
    )


def downgrade() -> None:
    """Drop what `upgrade` made."""
    op.drop_table("group_trigger")
