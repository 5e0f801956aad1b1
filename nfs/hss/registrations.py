"""Where a subscriber is registered, and what is watched of it: the tables behind S6a (TS 29.272 5.2.1, 5.2.2)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    ForeignKey,
    Integer,
    String,
    Table,
    Text,
    bindparam,
    delete,
    insert,
    select,
    update,
)

from nfs.common.nodes import NodeKind, ServingNode
from nfs.hss.tables import METADATA, SERVING_NODE

Kind = Literal["mme", "sgsn"]

REGISTRATION: Final = Table(
    "registration",
    METADATA,
    Column("imsi", String(15), ForeignKey("subscriber.imsi", ondelete="CASCADE"), primary_key=True),
    Column("kind", String(4), primary_key=True),
    Column("host", String(255), nullable=False, index=True),
    Column("realm", String(255), nullable=False),
    Column("plmn", String(6), nullable=False),
    Column("rat", Integer, nullable=False),
    Column("features", BigInteger, nullable=False),
    Column("imei", String(16)),
    Column("software", String(2)),
    Column("purged", Boolean, nullable=False),
)
MONITORING: Final = Table(
    "monitoring",
    METADATA,
    Column("imsi", String(15), ForeignKey("subscriber.imsi", ondelete="CASCADE"), primary_key=True),
    Column("scef", String(255), primary_key=True),
    Column("reference", BigInteger, primary_key=True, autoincrement=False),
    Column("event", Integer, nullable=False),
    Column("detail", Text, nullable=False),
    Column("failed", Boolean, nullable=False),
)
_OF: Final = select(REGISTRATION).where(REGISTRATION.c.imsi == bindparam("imsi"))
_WATCHED: Final = select(MONITORING).where(MONITORING.c.imsi == bindparam("imsi")).order_by(MONITORING.c.reference)


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """A node a subscriber is registered in.  `features`: its Feature-List 2.  `plmn`: digits of the visited network."""

    kind: Kind
    host: str
    realm: str
    plmn: str
    rat: int
    features: int = 0
    imei: str | None = None
    software: str | None = None
    purged: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """A monitoring event that an MME executes.  `detail`: further AVPs of Monitoring-Event-Configuration, by name."""

    scef: str
    reference: int
    event: int
    detail: dict[str, Any] = field(default_factory=dict)
    failed: bool = False


def of(connection: Connection, imsi: str) -> dict[Kind, Registration]:
    """The registrations of a subscriber, one of a kind at most."""
    return {row.kind: _registration(row) for row in connection.execute(_OF, {"imsi": imsi})}


def _registration(row: Any) -> Registration:
    names = ("kind", "host", "realm", "plmn", "rat", "features", "imei", "software", "purged")
    return Registration(**{name: getattr(row, name) for name in names})


def put(connection: Connection, imsi: str, new: Registration, number: str | None) -> None:
    """Register in the place of the registration of that kind; with `number` also as the node for short messages."""
    drop(connection, imsi, new.kind)
    row = {name: getattr(new, name) for name in Registration.__slots__}
    connection.execute(insert(REGISTRATION), {"imsi": imsi, **row})
    if number is not None:
        node = {"imsi": imsi, "kind": new.kind, "number": number, "reachable": True}
        connection.execute(insert(SERVING_NODE), {**node, "name": new.host, "realm": new.realm})


def drop(connection: Connection, imsi: str, kind: Kind) -> None:
    """Forget a registration, and the node for short messages with it."""
    connection.execute(delete(REGISTRATION).where(REGISTRATION.c.imsi == imsi, REGISTRATION.c.kind == kind))
    no_messages(connection, imsi, kind)


def no_messages(connection: Connection, imsi: str, kind: Kind) -> None:
    """The node takes no short messages for the subscriber any more."""
    connection.execute(delete(SERVING_NODE).where(SERVING_NODE.c.imsi == imsi, SERVING_NODE.c.kind == kind))


def change(connection: Connection, imsi: str, kind: Kind, **values: Any) -> None:
    """Set columns of a registration."""
    where = (REGISTRATION.c.imsi == imsi) & (REGISTRATION.c.kind == kind)
    connection.execute(update(REGISTRATION).where(where).values(values))


def reachable(connection: Connection, imsi: str, kind: Kind) -> None:
    """The node says that short messages get through again."""
    where = (SERVING_NODE.c.imsi == imsi) & (SERVING_NODE.c.kind == kind)
    connection.execute(update(SERVING_NODE).where(where).values(reachable=True))


def hosts(connection: Connection) -> Iterator[tuple[str, str]]:
    """(host, realm) of each node that has subscribers."""
    question = select(REGISTRATION.c.host, REGISTRATION.c.realm).where(REGISTRATION.c.purged.is_(False)).distinct()
    for row in connection.execute(question).all():
        yield row.host, row.realm


def watch(connection: Connection, imsi: str, event: Watch) -> None:
    """Keep a monitoring event, in the place of the one of that SCEF and reference."""
    unwatch(connection, imsi, event.scef, event.reference)
    row = {"scef": event.scef, "reference": event.reference, "event": event.event, "failed": event.failed}
    connection.execute(insert(MONITORING), {"imsi": imsi, **row, "detail": json.dumps(event.detail)})


def unwatch(connection: Connection, imsi: str, scef: str, reference: int | None = None) -> None:
    """Forget a monitoring event, or with no reference all that an SCEF has on the subscriber."""
    question = delete(MONITORING).where(MONITORING.c.imsi == imsi, MONITORING.c.scef == scef)
    if reference is not None:
        question = question.where(MONITORING.c.reference == reference)
    connection.execute(question)


def failed(connection: Connection, imsi: str, scef: str, reference: int) -> None:
    """The MME cannot, or can no longer, watch for this."""
    same = (MONITORING.c.imsi == imsi) & (MONITORING.c.scef == scef) & (MONITORING.c.reference == reference)
    connection.execute(update(MONITORING).where(same).values(failed=True))


def watched(connection: Connection, imsi: str) -> tuple[Watch, ...]:
    """The monitoring events of a subscriber, failed ones too."""
    return tuple(
        Watch(
            scef=row.scef,
            reference=row.reference,
            event=row.event,
            detail=json.loads(row.detail),
            failed=row.failed,
        )
        for row in connection.execute(_WATCHED, {"imsi": imsi})
    )


def serving(new: Registration, number: str) -> ServingNode:
    """The node for short messages that a registration makes.  Raises IdentityError."""
    return ServingNode(kind=NodeKind(new.kind), number=number, name=new.host, realm=new.realm)
