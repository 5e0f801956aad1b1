"""The tables of groups beside those of subscribers, and the ways in and out of them.

Members and traits name a device by its External Identifier, not by its subscription: one that is imported anew stays
in its groups.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from sqlalchemy import (
    Column,
    Connection,
    ForeignKey,
    Integer,
    String,
    Table,
    and_,
    bindparam,
    delete,
    insert,
    or_,
    select,
)

from diameter.errors import ConfigError
from nfs.hss.groups.logic import Candidate, Group, Trait, TraitKind, wanted
from nfs.hss.logic import Service
from nfs.hss.tables import EXTERNAL_ID, METADATA, SERVICE, SUBSCRIBER

CHUNK: Final = 500
"""Names in one question: SQLite takes 999 in all."""
_OF: Final = "device_group.external_id"

GROUP: Final = Table(
    "device_group",
    METADATA,
    Column("external_id", String(253), primary_key=True),
    Column("local_id", String(64), unique=True),
)
MEMBER: Final = Table(
    "device_group_member",
    METADATA,
    Column("group_id", String(253), ForeignKey(_OF, ondelete="CASCADE"), primary_key=True),
    Column("identifier", String(253), primary_key=True),
    Column("position", Integer, nullable=False),
)
RULE: Final = Table(
    "device_group_rule",
    METADATA,
    Column("group_id", String(253), ForeignKey(_OF, ondelete="CASCADE"), primary_key=True),
    Column("kind", String(8), primary_key=True),
    Column("value", String(128), primary_key=True),
)
RIGHT: Final = Table(
    "device_group_right",
    METADATA,
    Column("group_id", String(253), ForeignKey(_OF, ondelete="CASCADE"), primary_key=True),
    Column("scs", String(15), primary_key=True),
    Column("service", Integer, primary_key=True),
)
TRAIT: Final = Table(
    "device_trait",
    METADATA,
    Column("kind", String(8), primary_key=True),
    Column("value", String(128), primary_key=True),
    Column("identifier", String(253), primary_key=True),
)
_PARTS: Final = (MEMBER, RULE, RIGHT)

_FIND: Final = select(GROUP).where(GROUP.c.external_id == bindparam("group"))
_MEMBERS: Final = select(MEMBER.c.identifier).where(MEMBER.c.group_id == bindparam("group")).order_by(MEMBER.c.position)
_RULES: Final = select(RULE.c.kind, RULE.c.value).where(RULE.c.group_id == bindparam("group"))
_RIGHTS: Final = select(RIGHT.c.scs, RIGHT.c.service).where(RIGHT.c.group_id == bindparam("group"))
_CANDIDATES: Final = (
    select(
        EXTERNAL_ID.c.identifier,
        SUBSCRIBER.c.imsi,
        SUBSCRIBER.c.sms,
        SUBSCRIBER.c.barred,
        SERVICE.c.service.is_not(None).label("subscribed"),
    )
    .select_from(EXTERNAL_ID)
    .join(SUBSCRIBER, SUBSCRIBER.c.imsi == EXTERNAL_ID.c.imsi)
    .outerjoin(SERVICE, and_(SERVICE.c.imsi == SUBSCRIBER.c.imsi, SERVICE.c.service == bindparam("service")))
    .where(EXTERNAL_ID.c.identifier.in_(bindparam("names", expanding=True)))
)


def find(connection: Connection, external_id: str) -> Group | None:
    """The group with this External Group Identifier, or None."""
    key = {"group": external_id}
    row = connection.execute(_FIND, key).one_or_none()
    if row is None:
        return None
    return Group(
        external_id=external_id,
        local_id=row.local_id or "",
        members=tuple(connection.execute(_MEMBERS, key).scalars()),
        rules=frozenset(Trait(TraitKind(kind), value) for kind, value in connection.execute(_RULES, key)),
        rights=frozenset((scs, Service(number)) for scs, number in connection.execute(_RIGHTS, key)),
    )


def every(connection: Connection) -> Iterator[Group]:
    """All groups in order of their names."""
    for name in connection.execute(select(GROUP.c.external_id).order_by(GROUP.c.external_id)).scalars().all():
        group = find(connection, name)
        if group is not None:
            yield group


def page(connection: Connection, after: str, limit: int) -> list[Group]:
    """Groups in order of their names, those behind `after`, so many at most."""
    question = select(GROUP.c.external_id).where(GROUP.c.external_id > after).order_by(GROUP.c.external_id).limit(limit)
    found = (find(connection, name) for name in connection.execute(question).scalars().all())
    return [group for group in found if group is not None]


def candidates(connection: Connection, group: Group, service: int) -> list[Candidate]:
    """Whom the definition of a group names at this moment: its list in its order, then whom its rules find."""
    listed = dict.fromkeys(group.members)
    names = [*listed, *(name for name in _found(connection, group.rules) if name not in listed)]
    known: dict[str, Any] = {}
    for at in range(0, len(names), CHUNK):
        rows = connection.execute(_CANDIDATES, {"names": names[at : at + CHUNK], "service": service})
        known.update((row.identifier, row) for row in rows)
    return [_candidate(name, known.get(name), by_rule=name not in listed) for name in names]


def _candidate(name: str, row: Any, *, by_rule: bool) -> Candidate:
    if row is None:
        return Candidate(external_id=name, by_rule=by_rule)
    return Candidate(
        external_id=name,
        imsi=row.imsi,
        subscribed=bool(row.subscribed),
        sms=row.sms,
        barred=row.barred,
        by_rule=by_rule,
    )


def _found(connection: Connection, rules: Iterable[Trait]) -> tuple[str, ...]:
    asked = tuple(rules)
    if not asked:
        return ()
    clauses = (and_(TRAIT.c.kind == str(each.kind), TRAIT.c.value == each.value) for each in asked)
    rows = connection.execute(select(TRAIT).where(or_(*clauses)))
    return wanted(asked, ((row.identifier, Trait(TraitKind(row.kind), row.value)) for row in rows))


def make(connection: Connection, group: Group, *, replace: bool = False) -> None:
    """Write a group.  Raises ConfigError for a name that a device, or (without `replace`) another group has.

    The local identifier is of one group only, replaced or not.
    """
    name = group.external_id
    if connection.execute(select(EXTERNAL_ID).where(EXTERNAL_ID.c.identifier == name)).first() is not None:
        raise ConfigError(f"{name} is the External Identifier of a device")
    if replace:
        remove(connection, name)
    elif connection.execute(_FIND, {"group": name}).first() is not None:
        raise ConfigError(f"there is a group {name} already")
    if group.local_id:
        other = connection.execute(select(GROUP).where(GROUP.c.local_id == group.local_id)).first()
        if other is not None:
            raise ConfigError(f"{other.external_id} has this local_id already")
    connection.execute(insert(GROUP), {"external_id": name, "local_id": group.local_id or None})
    rows: dict[Table, list[dict[str, Any]]] = {
        MEMBER: [
            {"group_id": name, "identifier": each, "position": position} for position, each in enumerate(group.members)
        ],
        RULE: [{"group_id": name, "kind": str(each.kind), "value": each.value} for each in sorted(group.rules)],
        RIGHT: [{"group_id": name, "scs": scs, "service": int(service)} for scs, service in sorted(group.rights)],
    }
    for table, values in rows.items():
        if values:
            connection.execute(insert(table), values)


def remove(connection: Connection, external_id: str) -> bool:
    """Remove a group; its members stay subscribers.  False when there is none."""
    for table in _PARTS:
        connection.execute(delete(table).where(table.c.group_id == external_id))
    return connection.execute(delete(GROUP).where(GROUP.c.external_id == external_id)).rowcount > 0


def named(connection: Connection, names: Iterable[str]) -> tuple[str, ...]:
    """Those of the names that groups have."""
    return tuple(name for name in names if connection.execute(_FIND, {"group": name}).first() is not None)


def give(connection: Connection, identifier: str, traits: Sequence[Trait]) -> None:
    """Write what a device has, in the place of what it had."""
    connection.execute(delete(TRAIT).where(TRAIT.c.identifier == identifier))
    rows = [{"identifier": identifier, "kind": str(each.kind), "value": each.value} for each in sorted(set(traits))]
    if rows:
        connection.execute(insert(TRAIT), rows)


def traits(connection: Connection) -> dict[str, tuple[Trait, ...]]:
    """What each device has that has anything."""
    found: dict[str, list[Trait]] = {}
    for row in connection.execute(select(TRAIT).order_by(TRAIT.c.identifier)):
        found.setdefault(row.identifier, []).append(Trait(TraitKind(row.kind), row.value))
    return {name: tuple(sorted(each)) for name, each in found.items()}
