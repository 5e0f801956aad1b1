"""What the quotas of the security gateway have come to."""

from __future__ import annotations

from alembic import op
from sqlalchemy import BigInteger, Column, Float, String

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "quota_count",
        Column("scope", String(16), primary_key=True),
        Column("name", String(253), primary_key=True),
        Column("until", Float, nullable=False, index=True),
        Column("count", BigInteger, nullable=False),
    )


def downgrade() -> None:
    """Drop what `upgrade` made."""
    op.drop_table("quota_count")
