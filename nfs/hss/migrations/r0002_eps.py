"""What S6a needs: keys under seal, blocks of sequence numbers, registrations at MMEs and SGSNs, monitoring events."""

from __future__ import annotations

from alembic import op
from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Integer, LargeBinary, String, Text

revision = "0002"
down_revision = "0001"


def _imsi() -> Column[str]:
    target = ForeignKey("subscriber.imsi", ondelete="CASCADE")
    return Column("imsi", String(15), target, primary_key=True, nullable=False)


def upgrade() -> None:
    """Make four tables and a column; subscribers that are there have no profile and so cannot attach."""
    op.add_column("subscriber", Column("profile", String(64)))
    op.create_table(
        "card",
        _imsi(),
        Column("algorithm", String(8), nullable=False),
        Column("amf", Integer, nullable=False),
        Column("res_octets", Integer, nullable=False),
        Column("iterations", Integer, nullable=False),
        Column("seq_offset", BigInteger, nullable=False),
        Column("sealed", LargeBinary, nullable=False),
    )
    op.create_table(
        "sqn_block",
        Column("slot", Integer, primary_key=True, autoincrement=False),
        Column("until", BigInteger, nullable=False),
    )
    op.create_table(
        "registration",
        _imsi(),
        Column("kind", String(4), primary_key=True),
        Column("host", String(255), nullable=False),
        Column("realm", String(255), nullable=False),
        Column("plmn", String(6), nullable=False),
        Column("rat", Integer, nullable=False),
        Column("features", BigInteger, nullable=False),
        Column("imei", String(16)),
        Column("software", String(2)),
        Column("purged", Boolean, nullable=False),
    )
    op.create_index("ix_registration_host", "registration", ["host"])
    op.create_table(
        "monitoring",
        _imsi(),
        Column("scef", String(255), primary_key=True),
        Column("reference", BigInteger, primary_key=True, autoincrement=False),
        Column("event", Integer, nullable=False),
        Column("detail", Text, nullable=False),
        Column("failed", Boolean, nullable=False),
    )


def downgrade() -> None:
    """Drop what `upgrade` made."""
    for table in ("monitoring", "registration", "sqn_block", "card"):
        op.drop_table(table)
    op.drop_column("subscriber", "profile")
