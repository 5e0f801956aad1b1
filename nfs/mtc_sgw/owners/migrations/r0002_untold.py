"""Refusals that a gateway in front has kept, and of which no owner has been told."""

from __future__ import annotations

from alembic import op
from sqlalchemy import BigInteger, Column, ForeignKey, Integer

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "owner_untold",
        Column(
            "refusal",
            BigInteger().with_variant(Integer, "sqlite"),
            ForeignKey("owner_refusal.id", ondelete="CASCADE"),
            primary_key=True,
            autoincrement=False,
        ),
    )


def downgrade() -> None:
    """Drop what `upgrade` made."""
    op.drop_table("owner_untold")
