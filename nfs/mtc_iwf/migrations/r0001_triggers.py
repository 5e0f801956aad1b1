"""Triggers by SCS and Reference-Number."""

from __future__ import annotations

from alembic import op
from sqlalchemy import BigInteger, Column, Float, Integer, String

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "trigger",
        Column("scs", String(15), primary_key=True),
        Column("reference", BigInteger, primary_key=True, autoincrement=False),
        Column("state", String(8), nullable=False),
        Column("external_id", String(253)),
        Column("msisdn", String(15)),
        Column("imsi", String(15), nullable=False),
        Column("origin_host", String(255), nullable=False),
        Column("origin_realm", String(255), nullable=False),
        Column("session_id", String(512), nullable=False),
        Column("end_to_end", BigInteger, nullable=False),
        Column("fingerprint", String(32), nullable=False),
        Column("validity_s", BigInteger, nullable=False),
        Column("sms_sc", String(255), nullable=False),
        Column("outcome", Integer),
        Column("expires_at", Float, nullable=False, index=True),
    )


def downgrade() -> None:
    """Drop what `upgrade` made."""
    op.drop_table("trigger")
