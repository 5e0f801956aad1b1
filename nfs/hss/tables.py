"""The HSS database: its tables, and the ways in and out of them as work for a `Store` or for a connection.

The shape here is the newest one; `nfs.hss.migrations` brings an older file to it, and a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from sqlalchemy import (
    BindParameter,
    Boolean,
    Column,
    Connection,
    ForeignKey,
    Integer,
    MetaData,
    String,
    Table,
    bindparam,
    delete,
    insert,
    select,
    update,
)

from nfs.hss.logic import Subscriber
from nfs.hss.lookup import every, find

__all__ = [
    "EXTERNAL_ID",
    "METADATA",
    "SCS_RIGHT",
    "SERVICE",
    "SERVING_NODE",
    "SUBSCRIBER",
    "every",
    "find",
    "remove",
    "save",
]

METADATA: Final = MetaData()
_IMSI: Final = "subscriber.imsi"

SUBSCRIBER: Final = Table(
    "subscriber",
    METADATA,
    Column("imsi", String(15), primary_key=True),
    Column("msisdn", String(15), unique=True),
    Column("sms", Boolean, nullable=False),
    Column("barred", Boolean, nullable=False),
    Column("profile", String(64)),
)
EXTERNAL_ID: Final = Table(
    "external_id",
    METADATA,
    Column("identifier", String(253), primary_key=True),
    Column("imsi", String(15), ForeignKey(_IMSI, ondelete="CASCADE"), nullable=False, index=True),
    Column("position", Integer, nullable=False),
    Column("port", Integer),
)
SERVICE: Final = Table(
    "service",
    METADATA,
    Column("imsi", String(15), ForeignKey(_IMSI, ondelete="CASCADE"), primary_key=True),
    Column("service", Integer, primary_key=True),
)
SCS_RIGHT: Final = Table(
    "scs_right",
    METADATA,
    Column("imsi", String(15), ForeignKey(_IMSI, ondelete="CASCADE"), primary_key=True),
    Column("scs", String(15), primary_key=True),
    Column("service", Integer, primary_key=True),
)
SERVING_NODE: Final = Table(
    "serving_node",
    METADATA,
    Column("imsi", String(15), ForeignKey(_IMSI, ondelete="CASCADE"), primary_key=True),
    Column("kind", String(8), primary_key=True),
    Column("number", String(15), nullable=False),
    Column("name", String(255), nullable=False),
    Column("realm", String(255), nullable=False),
    Column("reachable", Boolean, nullable=False),
)
_PLAIN: Final = ("msisdn", "sms", "barred", "profile")
_NODE: Final = ("number", "name", "realm", "reachable")
_PARTS: Final = (EXTERNAL_ID, SERVICE, SCS_RIGHT, SERVING_NODE)

# Statements are made once: to make one costs as much as to run it.
_IDENTITY: Final[BindParameter[str]] = bindparam("identity")
_HERE: Final = select(SUBSCRIBER.c.imsi).where(SUBSCRIBER.c.imsi.in_(bindparam("imsis", expanding=True)))
_DELETE_PARTS: Final = tuple(delete(table).where(table.c.imsi == _IDENTITY) for table in _PARTS)
_CHANGE: Final = update(SUBSCRIBER).where(SUBSCRIBER.c.imsi == _IDENTITY)


def save(connection: Connection, *subscribers: Subscriber) -> None:
    """Write subscribers in the place of those with the same IMSIs; the cost of a statement is shared by a thousand.

    What is not of this record, keys and registrations, stays.  Raises IntegrityError when an MSISDN or one of the
    External Identifiers belongs to another subscriber.
    """
    names = _PLAIN
    here = set(connection.execute(_HERE, {"imsis": [each.imsi for each in subscribers]}).scalars())
    new = [{"imsi": each.imsi, **_columns(each, names)} for each in subscribers if each.imsi not in here]
    old = [{"identity": each.imsi, **_columns(each, names)} for each in subscribers if each.imsi in here]
    if old:
        for question in _DELETE_PARTS:
            connection.execute(question, [{"identity": imsi} for imsi in here])
        connection.execute(_CHANGE, old)
    if new:
        connection.execute(insert(SUBSCRIBER), new)
    for table, rows in _part_rows(subscribers).items():
        if rows:
            connection.execute(insert(table), rows)


def _columns(each: object, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: getattr(each, name) for name in names}


def _part_rows(subscribers: Iterable[Subscriber]) -> dict[Table, list[dict[str, Any]]]:
    """The rows of the other tables."""
    rows: dict[Table, list[dict[str, Any]]] = {table: [] for table in _PARTS}
    for one in subscribers:
        for table, row in parts_of(one):
            rows[table].append(row)
    return rows


def rows_of(one: Subscriber) -> Iterator[tuple[Table, dict[str, Any]]]:
    """Everything that the tables have of a subscriber: the table and the row."""
    yield SUBSCRIBER, {"imsi": one.imsi, **_columns(one, _PLAIN)}
    yield from parts_of(one)


def parts_of(one: Subscriber) -> Iterator[tuple[Table, dict[str, Any]]]:
    """The rows of the other tables."""
    imsi = one.imsi
    for position, each in enumerate(one.external_ids):
        yield EXTERNAL_ID, {"identifier": each.identifier, "imsi": imsi, "position": position, "port": each.port}
    for service in sorted(one.services):
        yield SERVICE, {"imsi": imsi, "service": int(service)}
    for scs, service in sorted(one.rights):
        yield SCS_RIGHT, {"imsi": imsi, "scs": scs, "service": int(service)}
    for node in one.nodes:
        yield SERVING_NODE, {"imsi": imsi, "kind": str(node.kind), **_columns(node, _NODE)}


def remove(connection: Connection, imsi: str) -> bool:
    """Remove a subscriber with all that belongs to it; False when there is none."""
    for table in _PARTS:
        connection.execute(delete(table).where(table.c.imsi == imsi))
    return connection.execute(delete(SUBSCRIBER).where(SUBSCRIBER.c.imsi == imsi)).rowcount > 0
