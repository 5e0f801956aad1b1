"""Message waiting data: flags, and the service centres on the list of each subscriber."""

from __future__ import annotations

from alembic import op
from sqlalchemy import Boolean, Column, Integer, String

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Make the two tables."""
    op.create_table(
        "waiting_flags",
        Column("imsi", String(15), primary_key=True),
        Column("flags", Integer, nullable=False),
        Column("mme_diagnostic", Integer),
        Column("sgsn_diagnostic", Integer),
    )
    op.create_table(
        "waiting_centre",
        Column("imsi", String(15), primary_key=True),
        Column("address", String(15), primary_key=True),
        Column("position", Integer, nullable=False),
        Column("host", String(255), nullable=False),
        Column("realm", String(255), nullable=False),
        Column("due", Boolean, nullable=False, index=True),
    )


def downgrade() -> None:
    """Drop what `upgrade` made."""
    for table in ("waiting_centre", "waiting_flags"):
        op.drop_table(table)
