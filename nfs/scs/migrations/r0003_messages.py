"""The short messages of devices: those that wait, what came, parts of long ones, and the last numbers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "scs_message",
        sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("device", sa.String, nullable=False),
        sa.Column("destination", sa.String, nullable=False),
        sa.Column("payload", sa.LargeBinary, nullable=False),
        sa.Column("port", sa.Integer),
        sa.Column("coding", sa.Integer, nullable=False),
        sa.Column("reference", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "scs_message_had",
        sa.Column("digest", sa.String(64), primary_key=True),
        sa.Column("arrival", sa.BigInteger, nullable=False, index=True),
    )
    op.create_table(
        "scs_message_part",
        sa.Column("digest", sa.String(64), primary_key=True),
        sa.Column("part", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("payload", sa.LargeBinary, nullable=False),
        sa.Column("arrival", sa.BigInteger, nullable=False, index=True),
        sa.Column("arrived_at", sa.Float(53), nullable=False),
    )
    last = op.create_table(
        "scs_message_last",
        sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("arrival", sa.BigInteger, nullable=False),
        sa.Column("waiting", sa.BigInteger, nullable=False),
    )
    op.bulk_insert(last, [{"number": 0, "arrival": 0, "waiting": 0}])


def downgrade() -> None:
    """Drop what `upgrade` made."""
    for table in ("scs_message_last", "scs_message_part", "scs_message_had", "scs_message"):
        op.drop_table(table)
