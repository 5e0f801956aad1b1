"""The table of groups beside that of triggers, and the statements that several transactions on both share.

The group has a row among the triggers too, without a member: so that its Reference-Number is taken, for a group and
for a device alike.  Its payload is kept until the last member was handed over.  The recall of a group is a group of
its own: `recalls` says whose, and each of its members stands for the recall of one trigger.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import BigInteger, Boolean, Column, Float, Integer, LargeBinary, String, Table, and_, bindparam, select

from nfs.mtc_iwf.groups.ports import Entry, Key
from nfs.mtc_iwf.triggers import METADATA, TRIGGER

GROUP: Final = Table(
    "group_trigger",
    METADATA,
    Column("scs", String(15), primary_key=True),
    Column("reference", BigInteger, primary_key=True, autoincrement=False),
    Column("group_id", String(253), nullable=False),
    Column("payload", LargeBinary),
    Column("port", Integer),
    Column("priority", Boolean, nullable=False),
    Column("validity_s", BigInteger),
    Column("lasts_s", BigInteger, nullable=False),
    Column("members", Integer, nullable=False),
    Column("unreported", Integer, nullable=False),
    Column("reached", Integer, nullable=False),
    Column("busy", Boolean, nullable=False),
    Column("claimant", String(255), nullable=False),
    Column("claimed_until", Float(53), nullable=False),
    Column("accepted_at", Float(53), nullable=False),
    Column("expires_at", Float(53), nullable=False, index=True),
    Column("charged", Integer, nullable=False, server_default="0"),
    Column("recalls", BigInteger),
)

# Statements are made once: to make one costs as much as to run it.
GROUP_KEY: Final = and_(GROUP.c.scs == bindparam("key_scs"), GROUP.c.reference == bindparam("key_reference"))
TRIGGERS: Final = and_(TRIGGER.c.scs == bindparam("key_scs"), TRIGGER.c.reference == bindparam("key_reference"))
OWN: Final = and_(TRIGGERS, TRIGGER.c.member == "")
LOCK: Final = select(TRIGGER).where(OWN).with_for_update()  # SQLite has one writer and needs no lock
MEMBERS: Final = and_(TRIGGERS, TRIGGER.c.member != "")
OF_MEMBER: Final = and_(TRIGGERS, TRIGGER.c.member == bindparam("key_member"))


def key_of(key: Key) -> dict[str, Any]:
    """What the statements on a group ask for."""
    return {"key_scs": key[0], "key_reference": key[1]}


def key_of_member(entry: Entry) -> dict[str, Any]:
    """What the statements on a member ask for."""
    return {"key_scs": entry.scs, "key_reference": entry.reference, "key_member": entry.member.imsi}
