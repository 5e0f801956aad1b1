"""Owners, their devices, their lists and what was refused."""

from __future__ import annotations

from alembic import op
from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Integer, String

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "owner",
        Column("name", String(64), primary_key=True),
        Column("token_sha256", String(64), nullable=False, unique=True),
        Column("listed", Boolean, nullable=False),
        Column("webhook", String(2000), nullable=False),
    )
    op.create_table(
        "owner_device",
        Column("identity", String(253), primary_key=True),
        Column("owner", String(64), ForeignKey("owner.name", ondelete="CASCADE"), nullable=False, index=True),
    )
    op.create_table(
        "owner_allowed",
        Column("owner", String(64), ForeignKey("owner.name", ondelete="CASCADE"), primary_key=True),
        Column("scs", String(15), primary_key=True),
    )
    op.create_table(
        "owner_refusal",
        Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
        Column("owner", String(64), ForeignKey("owner.name", ondelete="CASCADE"), nullable=False, index=True),
        Column("time", String(27), nullable=False),
        Column("device", String(253), nullable=False),
        Column("peer", String(255), nullable=False),
        Column("address", String(64), nullable=False),
        Column("origin", String(255), nullable=False),
        Column("command", String(64), nullable=False),
        Column("reference", BigInteger),
        Column("check", String(64), nullable=False),
        Column("reason", String(500), nullable=False),
        Column("result", String(64), nullable=False),
    )
    op.create_table("owner_change", Column("number", BigInteger, nullable=False))


def downgrade() -> None:
    """Drop what `upgrade` made."""
    for name in ("owner_change", "owner_refusal", "owner_allowed", "owner_device", "owner"):
        op.drop_table(name)
