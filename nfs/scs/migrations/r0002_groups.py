"""Triggers for groups, and what was reported of their members."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the columns and the table."""
    op.add_column("scs_trigger", sa.Column("group_id", sa.String(253)))
    op.add_column("scs_trigger", sa.Column("recalls", sa.BigInteger))
    op.create_table(
        "scs_group_member",
        sa.Column("reference", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("member", sa.String(253), primary_key=True),
        sa.Column("seq", sa.BigInteger, nullable=False, unique=True),
        sa.Column("outcome", sa.Integer, nullable=False),
        sa.Column("recall", sa.Boolean, nullable=False),
        sa.Column("told_at", sa.Float(53), nullable=False, index=True),
        sa.Column("took_s", sa.Float(53), nullable=False),
    )


def downgrade() -> None:
    """Drop what `upgrade` made."""
    op.drop_table("scs_group_member")
    op.drop_column("scs_trigger", "recalls")
    op.drop_column("scs_trigger", "group_id")
