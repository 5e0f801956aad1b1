"""The triggers kept by the SMS-SC (TS 23.682 table 5.3.1-1), with the MTC-IWF to report to."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "sms_sc_trigger",
        sa.Column("key", sa.String, primary_key=True),
        sa.Column("scs", sa.String, nullable=False),
        sa.Column("reference", sa.BigInteger),
        sa.Column("imsi", sa.String, nullable=False),
        sa.Column("external_identifier", sa.String),
        sa.Column("msisdn", sa.String),
        sa.Column("payload", sa.LargeBinary, nullable=False),
        sa.Column("port", sa.Integer),
        sa.Column("priority", sa.Boolean, nullable=False),
        sa.Column("validity_s", sa.BigInteger),
        sa.Column("serving_kind", sa.String),
        sa.Column("serving_name", sa.String),
        sa.Column("serving_realm", sa.String),
        sa.Column("serving_number", sa.String),
        sa.Column("iwf_host", sa.String, nullable=False),
        sa.Column("iwf_realm", sa.String, nullable=False),
        sa.Column("submission", sa.String, nullable=False),
        sa.Column("accepted_at", sa.Float(53), nullable=False),
        sa.Column("expires_at", sa.Float(53), nullable=False),
        sa.Column("scts", sa.BigInteger, nullable=False),
        sa.Column("concatenation", sa.Integer, nullable=False),
        sa.Column("outcome", sa.Integer),
        sa.Column("diagnostic", sa.Integer),
        sa.Column("finished_at", sa.Float(53)),
    )


def downgrade() -> None:
    """Drop what `upgrade` made."""
    op.drop_table("sms_sc_trigger")
