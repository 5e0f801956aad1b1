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
    Row,
    Select,
    String,
    Table,
    bindparam,
    delete,
    insert,
    select,
    update,
)

from nfs.common.nodes import NodeKind, ServingNode
from nfs.hss.logic import ExternalId, Service, Subscriber, UserId

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
_PARTS: Final = (EXTERNAL_ID, SERVICE, SCS_RIGHT, SERVING_NODE)

# Statements are made once: to make one costs as much as to run it.
_IDENTITY: Final[BindParameter[str]] = bindparam("identity")
_HERE: Final = select(SUBSCRIBER.c.imsi).where(SUBSCRIBER.c.imsi.in_(bindparam("imsis", expanding=True)))
_DELETE_PARTS: Final = tuple(delete(table).where(table.c.imsi == _IDENTITY) for table in _PARTS)
_CHANGE: Final = update(SUBSCRIBER).where(SUBSCRIBER.c.imsi == _IDENTITY)
_BY_IMSI: Final = select(SUBSCRIBER).where(SUBSCRIBER.c.imsi == _IDENTITY)
_BY_MSISDN: Final = select(SUBSCRIBER).where(SUBSCRIBER.c.msisdn == _IDENTITY)
_BY_EXTERNAL_ID: Final = (
    select(SUBSCRIBER)
    .join(EXTERNAL_ID, EXTERNAL_ID.c.imsi == SUBSCRIBER.c.imsi)
    .where(EXTERNAL_ID.c.identifier == _IDENTITY)
)


def _of(table: Table, *columns: str) -> Select[Any]:
    """Columns of a table for one IMSI."""
    return select(*(table.c[name] for name in columns)).where(table.c.imsi == bindparam("imsi"))


_EXTERNAL_IDS: Final = _of(EXTERNAL_ID, "identifier", "port").order_by(EXTERNAL_ID.c.position)
_SERVICES: Final = _of(SERVICE, "service")
_RIGHTS: Final = _of(SCS_RIGHT, "scs", "service")
_NODES: Final = _of(SERVING_NODE, "kind", "number", "name", "realm", "reachable").order_by(SERVING_NODE.c.kind)


def find(connection: Connection, user: UserId) -> Subscriber | None:
    """The subscriber with the one identity that `user` has, or None."""
    for question, identity in (
        (_BY_EXTERNAL_ID, user.external_id),
        (_BY_MSISDN, user.msisdn),
        (_BY_IMSI, user.imsi),
    ):
        if identity is not None:
            row = connection.execute(question, {"identity": identity}).one_or_none()
            return None if row is None else _whole(connection, row)
    return None


def every(connection: Connection) -> Iterator[Subscriber]:
    """All subscribers in order of their IMSI."""
    for row in connection.execute(select(SUBSCRIBER).order_by(SUBSCRIBER.c.imsi)).all():
        yield _whole(connection, row)


def save(connection: Connection, *subscribers: Subscriber) -> None:
    """Write subscribers in the place of those with the same IMSIs; the cost of a statement is shared by a thousand.

    What is not of this record, keys and registrations, stays.  Raises IntegrityError when an MSISDN or one of the
    External Identifiers belongs to another subscriber.
    """
    names = ("msisdn", "sms", "barred", "profile")
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
        imsi = one.imsi
        rows[EXTERNAL_ID] += [
            {"identifier": each.identifier, "imsi": imsi, "position": position, "port": each.port}
            for position, each in enumerate(one.external_ids)
        ]
        rows[SERVICE] += [{"imsi": imsi, "service": int(service)} for service in sorted(one.services)]
        rows[SCS_RIGHT] += [{"imsi": imsi, "scs": scs, "service": int(service)} for scs, service in sorted(one.rights)]
        rows[SERVING_NODE] += [
            {"imsi": imsi, "kind": str(node.kind), **_columns(node, ("number", "name", "realm", "reachable"))}
            for node in one.nodes
        ]
    return rows


def remove(connection: Connection, imsi: str) -> bool:
    """Remove a subscriber with all that belongs to it; False when there is none."""
    for table in _PARTS:
        connection.execute(delete(table).where(table.c.imsi == imsi))
    return connection.execute(delete(SUBSCRIBER).where(SUBSCRIBER.c.imsi == imsi)).rowcount > 0


def _whole(connection: Connection, row: Row[Any]) -> Subscriber:
    """The subscriber of a row of its table, with what the other tables say of it."""
    imsi = {"imsi": row.imsi}
    external_ids = connection.execute(_EXTERNAL_IDS, imsi)
    services = connection.execute(_SERVICES, imsi)
    rights = connection.execute(_RIGHTS, imsi)
    nodes = connection.execute(_NODES, imsi)
    return Subscriber(
        imsi=row.imsi,
        msisdn=row.msisdn,
        external_ids=tuple(ExternalId(identifier=identifier, port=port) for identifier, port in external_ids),
        services=frozenset(Service(number) for (number,) in services),
        rights=frozenset((scs, Service(number)) for scs, number in rights),
        sms=row.sms,
        barred=row.barred,
        profile=row.profile,
        nodes=tuple(
            ServingNode(kind=NodeKind(kind), number=number, name=name, realm=realm, reachable=reachable)
            for kind, number, name, realm, reachable in nodes
        ),
    )
