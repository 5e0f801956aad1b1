"""What SCEFs may use and have configured, and what is still to be said to them."""

from __future__ import annotations

from alembic import op
from sqlalchemy import BigInteger, Boolean, Column, Integer, String, Text

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Make the eight tables."""
    _configured()
    _said()
    _kept()


def _configured() -> None:
    op.create_table(
        "exposed_item",
        Column("imsi", String(15), primary_key=True),
        Column("kind", String(8), primary_key=True),
        Column("scef", String(255), primary_key=True),
        Column("reference", BigInteger, primary_key=True, autoincrement=False),
        Column("apn", String(100), primary_key=True),
        Column("type", Integer, nullable=False),
        Column("called", String(253), nullable=False),
        Column("suspended", Boolean, nullable=False),
        Column("extended", Boolean, nullable=False),
        Column("remaining", Integer),
        Column("until", BigInteger),
        Column("grp", String(253), nullable=False),
        Column("guard_s", Integer, nullable=False),
        Column("seen", String(64), nullable=False),
        Column("detail", Text, nullable=False),
    )
    op.create_index("ix_exposed_item_until", "exposed_item", ["until"])
    op.create_index("ix_exposed_item_scef", "exposed_item", ["scef", "type"])
    op.create_index("ix_exposed_item_grp", "exposed_item", ["grp"])
    op.create_table(
        "exposed_group",
        Column("grp", String(253), primary_key=True),
        Column("kind", String(8), primary_key=True),
        Column("scef", String(255), primary_key=True),
        Column("reference", BigInteger, primary_key=True, autoincrement=False),
        Column("extended", Boolean, nullable=False),
        Column("guard_s", Integer, nullable=False),
        Column("until", BigInteger),
        Column("detail", Text, nullable=False),
    )


def _said() -> None:
    op.create_table(
        "exposed_scef",
        Column("host", String(255), primary_key=True),
        Column("realm", String(255), nullable=False),
        Column("features", BigInteger, nullable=False),
    )
    op.create_table(
        "exposed_access",
        Column("subject", String(253), primary_key=True),
        Column("rule", String(8), primary_key=True),
        Column("scef", String(255), primary_key=True),
        Column("what", String(64), primary_key=True),
    )
    op.create_table(
        "exposed_outbox",
        Column("id", Integer, primary_key=True, autoincrement=True),
        Column("what", String(8), nullable=False),
        Column("scef", String(255), nullable=False, index=True),
        Column("imsi", String(15), nullable=False),
        Column("called", String(253), nullable=False),
        Column("grp", String(253), nullable=False),
        Column("reference", BigInteger, nullable=False),
        Column("extended", Boolean, nullable=False),
        Column("body", Text, nullable=False),
        Column("due", BigInteger, nullable=False, index=True),
        Column("until", BigInteger, nullable=False),
        Column("tries", Integer, nullable=False),
    )


def _kept() -> None:
    op.create_table(
        "exposed_coverage",
        Column("imsi", String(15), primary_key=True),
        Column("restricted", Boolean, nullable=False),
        Column("plmns", Text, nullable=False),
    )
    op.create_table(
        "exposed_imsi_group",
        Column("grp", String(253), primary_key=True),
        Column("service", BigInteger, nullable=False),
        Column("plmn", String(6), nullable=False),
        Column("local", String(20), nullable=False),
    )
    op.create_table(
        "device_binding",
        Column("imsi", String(15), primary_key=True),
        Column("imei", String(14), nullable=False),
        Column("bar", Boolean, nullable=False),
    )


def downgrade() -> None:
    """Drop what `upgrade` made."""
    for table in ("device_binding", "exposed_imsi_group", "exposed_coverage"):
        op.drop_table(table)
    for table in ("exposed_outbox", "exposed_access", "exposed_scef", "exposed_group", "exposed_item"):
        op.drop_table(table)
