"""Subscribers with their identities, services, SCS rights and serving nodes."""

from __future__ import annotations

from alembic import op
from sqlalchemy import Boolean, Column, ForeignKey, Integer, String

revision = "0001"
down_revision = None


def _imsi(*, primary_key: bool = True, index: bool = False) -> Column[str]:
    target = ForeignKey("subscriber.imsi", ondelete="CASCADE")
    return Column("imsi", String(15), target, primary_key=primary_key, nullable=False, index=index)


def upgrade() -> None:
    """Make the five tables."""
    op.create_table(
        "subscriber",
        Column("imsi", String(15), primary_key=True),
        Column("msisdn", String(15), unique=True),
        Column("sms", Boolean, nullable=False),
        Column("barred", Boolean, nullable=False),
    )
    op.create_table(
        "external_id",
        Column("identifier", String(253), primary_key=True),
        _imsi(primary_key=False, index=True),
        Column("position", Integer, nullable=False),
        Column("port", Integer),
    )
    op.create_table("service", _imsi(), Column("service", Integer, primary_key=True))
    op.create_table(
        "scs_right", _imsi(), Column("scs", String(15), primary_key=True), Column("service", Integer, primary_key=True)
    )
    op.create_table(
        "serving_node",
        _imsi(),
        Column("kind", String(8), primary_key=True),
        Column("number", String(15), nullable=False),
        Column("name", String(255), nullable=False),
        Column("realm", String(255), nullable=False),
        Column("reachable", Boolean, nullable=False),
    )


def downgrade() -> None:
    """Drop what `upgrade` made."""
    for table in ("serving_node", "scs_right", "service", "external_id", "subscriber"):
        op.drop_table(table)
