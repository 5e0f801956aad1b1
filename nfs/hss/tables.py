"""The HSS database: its tables, and the ways in and out of them as work for a `Store` or for a connection.

The shape here is the newest one; `nfs.hss.migrations` brings an older file to it, and a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    ForeignKey,
    Integer,
    MetaData,
    String,
    Table,
    delete,
    insert,
    select,
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


def find(connection: Connection, user: UserId) -> Subscriber | None:
    """The subscriber with the one identity that `user` has, or None."""
    if user.external_id is not None:
        wanted = select(EXTERNAL_ID.c.imsi).where(EXTERNAL_ID.c.identifier == user.external_id)
        imsi = connection.execute(wanted).scalar()
    elif user.msisdn is not None:
        imsi = connection.execute(select(SUBSCRIBER.c.imsi).where(SUBSCRIBER.c.msisdn == user.msisdn)).scalar()
    else:
        imsi = user.imsi
    return None if imsi is None else _read(connection, imsi)


def every(connection: Connection) -> Iterator[Subscriber]:
    """All subscribers in order of their IMSI."""
    for imsi in connection.execute(select(SUBSCRIBER.c.imsi).order_by(SUBSCRIBER.c.imsi)).scalars().all():
        found = _read(connection, imsi)
        if found is not None:
            yield found


def save(connection: Connection, subscriber: Subscriber) -> None:
    """Write a subscriber in the place of the one with the same IMSI, if there is one.

    Raises IntegrityError when its MSISDN or one of its External Identifiers belongs to another subscriber.
    """
    remove(connection, subscriber.imsi)
    imsi = subscriber.imsi
    one = {"imsi": imsi, "msisdn": subscriber.msisdn, "sms": subscriber.sms, "barred": subscriber.barred}
    connection.execute(insert(SUBSCRIBER), one)
    rows: dict[Table, list[dict[str, Any]]] = {
        EXTERNAL_ID: [
            {"identifier": each.identifier, "imsi": imsi, "position": position, "port": each.port}
            for position, each in enumerate(subscriber.external_ids)
        ],
        SERVICE: [{"imsi": imsi, "service": int(service)} for service in sorted(subscriber.services)],
        SCS_RIGHT: [{"imsi": imsi, "scs": scs, "service": int(service)} for scs, service in sorted(subscriber.rights)],
        SERVING_NODE: [
            {
                "imsi": imsi,
                "kind": str(node.kind),
                "number": node.number,
                "name": node.name,
                "realm": node.realm,
                "reachable": node.reachable,
            }
            for node in subscriber.nodes
        ],
    }
    for table, values in rows.items():
        if values:
            connection.execute(insert(table), values)


def remove(connection: Connection, imsi: str) -> bool:
    """Remove a subscriber with all that belongs to it; False when there is none."""
    for table in _PARTS:
        connection.execute(delete(table).where(table.c.imsi == imsi))
    return connection.execute(delete(SUBSCRIBER).where(SUBSCRIBER.c.imsi == imsi)).rowcount > 0


def _read(connection: Connection, imsi: str) -> Subscriber | None:
    row = connection.execute(select(SUBSCRIBER).where(SUBSCRIBER.c.imsi == imsi)).one_or_none()
    if row is None:
        return None
    external = select(EXTERNAL_ID).where(EXTERNAL_ID.c.imsi == imsi).order_by(EXTERNAL_ID.c.position)
    services = connection.execute(select(SERVICE.c.service).where(SERVICE.c.imsi == imsi)).scalars()
    rights = connection.execute(select(SCS_RIGHT).where(SCS_RIGHT.c.imsi == imsi))
    nodes = connection.execute(select(SERVING_NODE).where(SERVING_NODE.c.imsi == imsi).order_by(SERVING_NODE.c.kind))
    return Subscriber(
        imsi=imsi,
        msisdn=row.msisdn,
        external_ids=tuple(
            ExternalId(identifier=each.identifier, port=each.port) for each in connection.execute(external)
        ),
        services=frozenset(Service(number) for number in services),
        rights=frozenset((each.scs, Service(each.service)) for each in rights),
        sms=row.sms,
        barred=row.barred,
        nodes=tuple(
            ServingNode(
                kind=NodeKind(each.kind),
                number=each.number,
                name=each.name,
                realm=each.realm,
                reachable=each.reachable,
            )
            for each in nodes
        ),
    )
