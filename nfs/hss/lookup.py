"""Subscribers read whole, by one statement for however many are asked about: what a request waits for.

The statement gathers all that the tables have of a subscriber into one JSON text, so that each is one row, found by
indexes alone.  Its text is always the same, whatever the number of identities, and so the driver keeps it prepared;
SQLite and PostgreSQL name the functions differently, which is why it stands here as text.  Rejected: a statement for
each table (five times the cost for one subscriber), and a column that repeats the whole (two truths).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any, Final, Literal, TypeVar

from sqlalchemy import Connection

from nfs.common.nodes import NodeKind, ServingNode
from nfs.hss.logic import ExternalId, Service, Subscriber, UserId

Kind = Literal["imsi", "msisdn", "external_id"]
PAGE: Final = 1000
"""Subscribers that `every` holds at a time."""
ALIKE: Final = 4096
"""Texts whose meaning is kept: many subscribers have the same rights, or are behind the same node."""
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a database says what SQL leaves open.

    `bound`: many identities as one parameter, which `among` takes.  `after`: the place of a parameter.
    """

    each: str
    array: str
    among: str
    after: str
    bound: Callable[[Collection[str]], object]


_SQLITE: Final = Dialect(
    each="json_group_array({})",
    array="json_array({})",
    among="IN (SELECT value FROM json_each(?))",
    after="?",
    bound=lambda names: json.dumps(list(names)),
)
_POSTGRES: Final = Dialect(
    each="coalesce(json_agg({}), '[]')",
    array="json_build_array({})",
    among="= ANY(%s)",
    after="%s",
    bound=list,
)


def dialect_of(connection: Connection) -> Dialect:
    """The dialect of this database."""
    return _SQLITE if connection.dialect.name == "sqlite" else _POSTGRES


@cache
def _whole(dialect: Dialect) -> str:
    """The columns of a subscriber `s`, as `_subscriber` takes them; what other tables have, as arrays in JSON."""

    def all_of(table: str, *columns: str) -> str:
        one = columns[0] if len(columns) == 1 else dialect.array.format(", ".join(f"x.{each}" for each in columns))
        return f"CAST((SELECT {dialect.each.format(one)} FROM {table} x WHERE x.imsi = s.imsi) AS TEXT)"

    return ", ".join(
        (
            "s.imsi, s.msisdn, s.sms, s.barred, s.profile",
            all_of("external_id", "position", "identifier", "port"),
            all_of("service", "service"),
            all_of("scs_right", "scs", "service"),
            all_of("serving_node", "kind", "number", "name", "realm", "reachable"),
        )
    )


@cache
def _question(dialect: Dialect, kind: Kind) -> str:
    whole = _whole(dialect)
    if kind == "external_id":
        source = f"external_id e JOIN subscriber s ON s.imsi = e.imsi WHERE e.identifier {dialect.among}"
        return f"SELECT e.identifier, {whole} FROM {source}"
    return f"SELECT s.{kind}, {whole} FROM subscriber s WHERE s.{kind} {dialect.among}"


@cache
def _next(dialect: Dialect) -> str:
    where = f"WHERE s.imsi > {dialect.after} ORDER BY s.imsi LIMIT {dialect.after}"
    return f"SELECT {_whole(dialect)} FROM subscriber s {where}"


def find_many(connection: Connection, kind: Kind, names: Collection[str]) -> dict[str, Subscriber]:
    """The subscribers with these identities, all of one kind, by identity; who is nobody's is left out."""
    dialect = dialect_of(connection)
    found = connection.exec_driver_sql(_question(dialect, kind), (dialect.bound(names),))
    return {name: _subscriber(*row) for name, *row in found}


def named(user: UserId) -> tuple[Kind, str] | None:
    """The one identity of a question, and its kind."""
    if user.external_id is not None:
        return "external_id", user.external_id
    if user.msisdn is not None:
        return "msisdn", user.msisdn
    return None if user.imsi is None else ("imsi", user.imsi)


def find(connection: Connection, user: UserId) -> Subscriber | None:
    """The subscriber with the one identity that `user` has, or None."""
    identity = named(user)
    return None if identity is None else find_many(connection, identity[0], (identity[1],)).get(identity[1])


def page(connection: Connection, after: str, limit: int) -> list[Subscriber]:
    """Subscribers in order of their IMSI, those behind `after`, so many at most."""
    found = connection.exec_driver_sql(_next(dialect_of(connection)), (after, limit))
    return [_subscriber(*row) for row in found]


def every(connection: Connection) -> Iterator[Subscriber]:
    """All subscribers in order of their IMSI, a page in memory at a time."""
    after = ""
    while found := page(connection, after, PAGE):
        yield from found
        after = found[-1].imsi


def _subscriber(
    imsi: str,
    msisdn: str | None,
    sms: Any,
    barred: Any,
    profile: str | None,
    external_ids: str,
    services: str,
    rights: str,
    nodes: str,
) -> Subscriber:
    return _as_kept(
        Subscriber,
        imsi=imsi,
        msisdn=msisdn,
        external_ids=_external_ids(external_ids),
        services=_services(services),
        rights=_rights(rights),
        sms=bool(sms),
        barred=bool(barred),
        nodes=_nodes(nodes),
        profile=profile,
    )


def _external_ids(text: str) -> tuple[ExternalId, ...]:
    return tuple(_as_kept(ExternalId, identifier=name, port=port) for _, name, port in sorted(json.loads(text)))


@lru_cache(maxsize=64)
def _services(text: str) -> frozenset[Service]:
    return frozenset(map(Service, json.loads(text)))


@lru_cache(maxsize=ALIKE)
def _rights(text: str) -> frozenset[tuple[str, Service]]:
    return frozenset((scs, Service(number)) for scs, number in json.loads(text))


@lru_cache(maxsize=ALIKE)
def _nodes(text: str) -> tuple[ServingNode, ...]:
    return tuple(
        _as_kept(ServingNode, kind=NodeKind(kind), number=number, name=name, realm=realm, reachable=bool(reachable))
        for kind, number, name, realm, reachable in sorted(json.loads(text))
    )


def _as_kept(cls: type[T], **values: Any) -> T:
    """A record of what was checked when it was written: to check it each time it is read costs more than to read it."""
    new = object.__new__(cls)
    for name, value in values.items():
        _set(new, name, value)
    return new


_set: Final = object.__setattr__
