"""The triggers of an SCS, with the order in which they ended."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "scs_trigger",
        sa.Column("reference", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("asked_at", sa.Float(53), nullable=False, index=True),
        sa.Column("stage", sa.String(8), nullable=False),
        sa.Column("seq", sa.BigInteger, unique=True),
        sa.Column("status", sa.Integer),
        sa.Column("vendor", sa.BigInteger),
        sa.Column("code", sa.BigInteger),
        sa.Column("outcome", sa.Integer),
        sa.Column("took_s", sa.Float(53), nullable=False),
        sa.Column("error", sa.String, nullable=False),
    )
    last = op.create_table("scs_last", sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False))
    op.bulk_insert(last, [{"seq": 0}])


def downgrade() -> None:
    """Drop what `upgrade` made."""
    op.drop_table("scs_last")
    op.drop_table("scs_trigger")
