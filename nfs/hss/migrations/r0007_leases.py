"""Until when somebody has a note that is to be said, apart from when it is due."""

from __future__ import annotations

from alembic import op
from sqlalchemy import BigInteger, Column

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Add the column."""
    op.add_column("exposed_outbox", Column("leased", BigInteger, nullable=False, server_default="0"))


def downgrade() -> None:
    """Drop what `upgrade` added."""
    op.drop_column("exposed_outbox", "leased")
