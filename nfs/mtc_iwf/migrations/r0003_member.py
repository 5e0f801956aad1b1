"""Triggers by SCS, Reference-Number and member of a group; "" for the trigger of one device, and for a group itself."""

from __future__ import annotations

from typing import Any

from alembic import op
from sqlalchemy import BigInteger, Column, Float, Integer, String

revision = "0003"
down_revision = "0002"

_COLUMNS = (
    "scs, reference, state, external_id, msisdn, imsi, origin_host, origin_realm, session_id, end_to_end, fingerprint, "
    "validity_s, sms_sc, outcome, expires_at"
)


def upgrade() -> None:
    """Add the member to the key."""
    if op.get_context().dialect.name == "sqlite":  # whose tables keep the key that they were made with
        _anew(Column("member", String(15), primary_key=True, server_default=""))
        return
    op.add_column("trigger", Column("member", String(15), nullable=False, server_default=""))
    op.drop_constraint("trigger_pkey", "trigger", type_="primary")
    op.create_primary_key("trigger_pkey", "trigger", ["scs", "reference", "member"])


def downgrade() -> None:
    """Keep the triggers of single devices only."""
    op.execute("DELETE FROM trigger WHERE member <> ''")
    if op.get_context().dialect.name == "sqlite":
        _anew()
        return
    op.drop_constraint("trigger_pkey", "trigger", type_="primary")
    op.create_primary_key("trigger_pkey", "trigger", ["scs", "reference"])
    op.drop_column("trigger", "member")


def _anew(*member: Column[Any]) -> None:
    """Make the table again, with what was in it."""
    op.drop_index("ix_trigger_expires_at", "trigger")
    op.rename_table("trigger", "trigger_before")
    op.create_table(
        "trigger",
        Column("scs", String(15), primary_key=True),
        Column("reference", BigInteger, primary_key=True, autoincrement=False),
        *member,
        Column("state", String(8), nullable=False),
        Column("external_id", String(253)),
        Column("msisdn", String(15)),
        Column("imsi", String(15), nullable=False),
        Column("origin_host", String(255), nullable=False),
        Column("origin_realm", String(255), nullable=False),
        Column("session_id", String(512), nullable=False),
        Column("end_to_end", BigInteger, nullable=False),
        Column("fingerprint", String(32), nullable=False),
        Column("validity_s", BigInteger, nullable=False),
        Column("sms_sc", String(255), nullable=False),
        Column("outcome", Integer),
        Column("expires_at", Float, nullable=False, index=True),
    )
    op.execute(f"INSERT INTO trigger ({_COLUMNS}) SELECT {_COLUMNS} FROM trigger_before")
    op.drop_table("trigger_before")
