"""Details of a message beside the columns of a trigger."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    op.add_column("sms_sc_trigger", sa.Column("details", sa.String))


def downgrade() -> None:
    """Drop the column, and the messages of SMEs: a program from before would send them as triggers."""
    op.execute("DELETE FROM sms_sc_trigger WHERE scs LIKE 'sme:%'")
    op.drop_column("sms_sc_trigger", "details")
