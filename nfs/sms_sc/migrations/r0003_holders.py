"""Several SMS-SC on one store: who holds a message, who is there, and the time stamps that each device has had."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column and make the tables."""
    op.add_column("sms_sc_trigger", sa.Column("holder", sa.String(255)))
    op.create_index("ix_sms_sc_trigger_holder", "sms_sc_trigger", ["holder"])
    op.create_table(
        "sms_sc_member",
        sa.Column("name", sa.String(255), primary_key=True),
        sa.Column("token", sa.String(32), nullable=False),
        sa.Column("until", sa.Float(53), nullable=False),
    )
    op.create_table(
        "sms_sc_stamp",
        sa.Column("imsi", sa.String, primary_key=True),
        sa.Column("scts", sa.BigInteger, nullable=False),
        sa.Column("concatenation", sa.Integer, nullable=False),
    )


def downgrade() -> None:
    """Drop them."""
    op.drop_table("sms_sc_stamp")
    op.drop_table("sms_sc_member")
    op.drop_index("ix_sms_sc_trigger_holder", "sms_sc_trigger")
    op.drop_column("sms_sc_trigger", "holder")
