"""What an operator has ordered, for a running HSS to carry out."""

from __future__ import annotations

from alembic import op
from sqlalchemy import BigInteger, Column, Integer, String, Text

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "ordered",
        Column("id", Integer, primary_key=True, autoincrement=True),
        Column("verb", String(8), nullable=False),
        Column("imsi", String(15), nullable=False),
        Column("detail", Text, nullable=False),
        Column("taken", BigInteger, nullable=False),
        Column("outcome", Text),
    )


def downgrade() -> None:
    """Drop what `upgrade` made."""
    op.drop_table("ordered")
