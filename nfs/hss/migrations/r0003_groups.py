"""Groups of devices, and what devices have by which groups find them."""

from __future__ import annotations

from alembic import op
from sqlalchemy import Column, ForeignKey, Integer, String

revision = "0003"
down_revision = "0002"


def _group() -> Column[str]:
    target = ForeignKey("device_group.external_id", ondelete="CASCADE")
    return Column("group_id", String(253), target, primary_key=True)


def upgrade() -> None:
    """Make the five tables."""
    op.create_table(
        "device_group",
        Column("external_id", String(253), primary_key=True),
        Column("local_id", String(64), unique=True),
    )
    op.create_table(
        "device_group_member",
        _group(),
        Column("identifier", String(253), primary_key=True),
        Column("position", Integer, nullable=False),
    )
    op.create_table(
        "device_group_rule",
        _group(),
        Column("kind", String(8), primary_key=True),
        Column("value", String(128), primary_key=True),
    )
    op.create_table(
        "device_group_right",
        _group(),
        Column("scs", String(15), primary_key=True),
        Column("service", Integer, primary_key=True),
    )
    op.create_table(
        "device_trait",
        Column("kind", String(8), primary_key=True),
        Column("value", String(128), primary_key=True),
        Column("identifier", String(253), primary_key=True),
    )


def downgrade() -> None:
    """Drop what `upgrade` made."""
    for name in ("rule", "right", "member"):
        op.drop_table(f"device_group_{name}")
    op.drop_table("device_trait")
    op.drop_table("device_group")
