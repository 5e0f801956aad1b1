"""What SMS-SCs said that they support."""

from __future__ import annotations

from alembic import op
from sqlalchemy import Column, Integer, String

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "sms_sc_capability",
        Column("sms_sc", String(255), primary_key=True),
        Column("features", Integer, nullable=False),
    )


def downgrade() -> None:
    """Drop what `upgrade` made."""
    op.drop_table("sms_sc_capability")
