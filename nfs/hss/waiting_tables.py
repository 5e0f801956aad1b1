"""Message waiting data in the HSS database.

It hangs on the IMSI and not on the row of the subscriber, which provisioning writes anew; what belongs to nobody any
more goes when an HSS starts.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import Boolean, Column, Connection, Integer, String, Table, delete, insert, select, update

from nfs.common.nodes import NodeKind
from nfs.hss.tables import METADATA, SERVING_NODE, SUBSCRIBER
from nfs.hss.waiting import Centre, Status, Waiting, flag_of

FLAGS: Final = Table(
    "waiting_flags",
    METADATA,
    Column("imsi", String(15), primary_key=True),
    Column("flags", Integer, nullable=False),
    Column("mme_diagnostic", Integer),
    Column("sgsn_diagnostic", Integer),
)
CENTRE: Final = Table(
    "waiting_centre",
    METADATA,
    Column("imsi", String(15), primary_key=True),
    Column("address", String(15), primary_key=True),
    Column("position", Integer, nullable=False),
    Column("host", String(255), nullable=False),
    Column("realm", String(255), nullable=False),
    Column("due", Boolean, nullable=False, index=True),
)


def read(connection: Connection, imsi: str, *, change: bool = True) -> Waiting:
    """What is kept for a subscriber; with `change` nobody else changes it before this transaction ends."""
    if change:
        connection.execute(select(SUBSCRIBER.c.imsi).where(SUBSCRIBER.c.imsi == imsi).with_for_update())
    flags = connection.execute(select(FLAGS).where(FLAGS.c.imsi == imsi)).one_or_none()
    rows = connection.execute(select(CENTRE).where(CENTRE.c.imsi == imsi).order_by(CENTRE.c.position))
    return Waiting(
        flags=Status(0) if flags is None else Status(flags.flags),
        mme_diagnostic=None if flags is None else flags.mme_diagnostic,
        sgsn_diagnostic=None if flags is None else flags.sgsn_diagnostic,
        centres=tuple(Centre(address=row.address, host=row.host, realm=row.realm, due=row.due) for row in rows),
    )


def write(connection: Connection, imsi: str, before: Waiting, after: Waiting) -> None:
    """Keep `after` for a subscriber, and let the serving nodes of a flag that changed be reachable, or not."""
    connection.execute(delete(FLAGS).where(FLAGS.c.imsi == imsi))
    connection.execute(delete(CENTRE).where(CENTRE.c.imsi == imsi))
    if after.flags:
        row = {
            "imsi": imsi,
            "flags": int(after.flags),
            "mme_diagnostic": after.mme_diagnostic,
            "sgsn_diagnostic": after.sgsn_diagnostic,
        }
        connection.execute(insert(FLAGS), row)
    for position, each in enumerate(after.centres):
        place = {"address": each.address, "host": each.host, "realm": each.realm, "due": each.due}
        connection.execute(insert(CENTRE), {"imsi": imsi, "position": position, **place})
    for kind in NodeKind:
        flag = flag_of(kind)
        if (before.flags ^ after.flags) & flag:
            connection.execute(
                update(SERVING_NODE)
                .where(SERVING_NODE.c.imsi == imsi, SERVING_NODE.c.kind == str(kind))
                .values(reachable=not after.flags & flag)
            )


def acknowledged(connection: Connection, *, imsi: str, address: str) -> None:
    """Take a centre that was alerted from the list; not when it has been put there anew."""
    connection.execute(delete(CENTRE).where(CENTRE.c.imsi == imsi, CENTRE.c.address == address, CENTRE.c.due))


def due(connection: Connection) -> list[str]:
    """The IMSIs with centres to alert."""
    return list(connection.execute(select(CENTRE.c.imsi).where(CENTRE.c.due).distinct()).scalars())


def tidy(connection: Connection) -> None:
    """Drop what belongs to no subscriber any more."""
    for table in (FLAGS, CENTRE):
        connection.execute(delete(table).where(table.c.imsi.not_in(select(SUBSCRIBER.c.imsi))))
