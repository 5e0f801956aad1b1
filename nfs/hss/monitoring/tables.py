"""The tables of S6t beside those of subscribers, and the ways in and out of them.

They hang on the IMSI and not on the row of the subscriber, which provisioning writes anew.  What belongs to nobody any
more is found by `orphans`, so that a SCEF hears of it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Final, Literal

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Index,
    Integer,
    String,
    Table,
    Text,
    bindparam,
    delete,
    func,
    insert,
    select,
    update,
)

from nfs.hss.monitoring.logic import MOST
from nfs.hss.tables import METADATA, SUBSCRIBER

Kind = Literal["event", "pattern", "network", "nidd"]

CONFIGURED: Final = Table(
    "exposed_item",
    METADATA,
    Column("imsi", String(15), primary_key=True),
    Column("kind", String(8), primary_key=True),
    Column("scef", String(255), primary_key=True),
    Column("reference", BigInteger, primary_key=True, autoincrement=False),
    Column("apn", String(100), primary_key=True),
    Column("type", Integer, nullable=False),
    Column("called", String(253), nullable=False),
    Column("suspended", Boolean, nullable=False),
    Column("extended", Boolean, nullable=False),
    Column("remaining", Integer),
    Column("until", BigInteger, index=True),
    Column("grp", String(253), nullable=False),
    Column("guard_s", Integer, nullable=False),
    Column("seen", String(64), nullable=False),
    Column("detail", Text, nullable=False),
    Index("ix_exposed_item_scef", "scef", "type"),
    Index("ix_exposed_item_grp", "grp"),
)
GROUP: Final = Table(
    "exposed_group",
    METADATA,
    Column("grp", String(253), primary_key=True),
    Column("kind", String(8), primary_key=True),
    Column("scef", String(255), primary_key=True),
    Column("reference", BigInteger, primary_key=True, autoincrement=False),
    Column("extended", Boolean, nullable=False),
    Column("guard_s", Integer, nullable=False),
    Column("until", BigInteger),
    Column("detail", Text, nullable=False),
)
KNOWN: Final = Table(
    "exposed_scef",
    METADATA,
    Column("host", String(255), primary_key=True),
    Column("realm", String(255), nullable=False),
    Column("features", BigInteger, nullable=False),
)
COVERAGE: Final = Table(
    "exposed_coverage",
    METADATA,
    Column("imsi", String(15), primary_key=True),
    Column("restricted", Boolean, nullable=False),
    Column("plmns", Text, nullable=False),
)
IMSI_GROUP: Final = Table(
    "exposed_imsi_group",
    METADATA,
    Column("grp", String(253), primary_key=True),
    Column("service", BigInteger, nullable=False),
    Column("plmn", String(6), nullable=False),
    Column("local", String(20), nullable=False),
)
COLUMNS: Final = tuple(column.name for column in CONFIGURED.columns)
_OF: Final = select(CONFIGURED).where(CONFIGURED.c.imsi == bindparam("imsi")).order_by(*CONFIGURED.primary_key)
_ALIVE: Final = _OF.where(CONFIGURED.c.until.is_(None) | (CONFIGURED.c.until > bindparam("now")))


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One thing that a SCEF has configured for a device: an event, a pattern, network parameters, NIDD for an APN.

    called: how the SCEF calls the device, its MSISDN or External Identifier.  extended: the reference has 64 bits.
    remaining: reports left, None for any number; until: seconds since 1970 when it lapses.  grp: the group it was asked
    for, guard_s: how long its reports may be collected.  seen: what was reported last.  suspended: no node watches.
    """

    imsi: str
    kind: Kind
    scef: str
    reference: int
    apn: str = ""
    type: int = -1
    called: str = ""
    suspended: bool = False
    extended: bool = False
    remaining: int | None = None
    until: int | None = None
    grp: str = ""
    guard_s: int = 0
    seen: str = ""
    detail: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupItem:
    """The same as a group has it, for members that come later."""

    grp: str
    kind: Kind
    scef: str
    reference: int
    extended: bool = False
    guard_s: int = 0
    until: int | None = None
    detail: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What a SCEF said of itself: its realm, and its Feature-List 1."""

    host: str
    realm: str
    features: int = 0


def packed(value: Mapping[str, Any]) -> str:
    """AVPs, or other plain values, as JSON; octets and times too."""

    def other(one: object) -> object:
        if isinstance(one, bytes):
            return {"hex": one.hex()}
        if isinstance(one, datetime):
            return {"time": int(one.timestamp())}
        raise TypeError(type(one).__name__)

    return json.dumps(value, default=other, separators=(",", ":"))


def unpacked(text: str) -> dict[str, Any]:
    """What `packed` packed."""

    def other(one: dict[str, Any]) -> Any:
        if len(one) == 1 and isinstance(one.get("hex"), str):
            return bytes.fromhex(one["hex"])
        return datetime.fromtimestamp(one["time"], UTC) if len(one) == 1 and "time" in one else one

    found: dict[str, Any] = json.loads(text, object_hook=other)
    return found


def _signed(reference: int) -> int:
    """64 bits as databases have them."""
    return reference - (1 << 64) if reference >> 63 else reference


def _item(row: Any) -> Item:
    values = dict(row._mapping)
    values["reference"] &= (1 << 64) - 1
    return Item(**{**values, "detail": unpacked(row.detail)})


def _row(item: Item | GroupItem, names: Iterable[str]) -> dict[str, Any]:
    values = {name: getattr(item, name) for name in names}
    return {**values, "reference": _signed(item.reference), "detail": packed(item.detail)}


def _same(item: Item) -> Any:
    c = CONFIGURED.c
    here = (c.imsi == item.imsi) & (c.kind == item.kind) & (c.scef == item.scef) & (c.apn == item.apn)
    return here & (c.reference == _signed(item.reference))


def of(connection: Connection, imsi: str, now: int) -> list[Item]:
    """What is configured for a device and has not lapsed."""
    return [_item(row) for row in connection.execute(_ALIVE, {"imsi": imsi, "now": now})]


def put(connection: Connection, item: Item) -> None:
    """Keep, in the place of the one with its key."""
    remove(connection, item)
    connection.execute(insert(CONFIGURED), _row(item, COLUMNS))


def put_many(connection: Connection, items: Iterable[Item]) -> None:
    """Keep items of which none is there yet."""
    if rows := [_row(each, COLUMNS) for each in items]:
        connection.execute(insert(CONFIGURED), rows)


def change(connection: Connection, item: Item, **values: Any) -> Item:
    """Set fields of an item that is kept."""
    new = replace(item, **values)
    connection.execute(update(CONFIGURED).where(_same(item)).values({name: getattr(new, name) for name in values}))
    return new


def remove(connection: Connection, item: Item) -> bool:
    """Forget; False when it was not there."""
    return connection.execute(delete(CONFIGURED).where(_same(item))).rowcount > 0


def count(connection: Connection, scef: str, event: int, now: int) -> int:
    """How many events of a type a SCEF has, one of a group as one."""
    if event > MOST:
        return 0
    c = CONFIGURED.c
    alive = c.until.is_(None) | (c.until > now)
    question = select(func.count(c.reference.distinct())).where(
        c.kind == "event", c.scef == scef, c.type == event, alive
    )
    return int(connection.execute(question).scalar_one())


def put_group(connection: Connection, item: GroupItem) -> None:
    """Keep what a group has, in the place of the one with its key."""
    remove_group(connection, item)
    connection.execute(insert(GROUP), _row(item, (column.name for column in GROUP.columns)))


def remove_group(connection: Connection, item: GroupItem) -> bool:
    """Forget it for the group; its members keep theirs."""
    c, key = GROUP.c, _signed(item.reference)
    here = (c.grp == item.grp) & (c.kind == item.kind) & (c.scef == item.scef) & (c.reference == key)
    return connection.execute(delete(GROUP).where(here)).rowcount > 0


def of_group(connection: Connection, grp: str, scef: str) -> list[GroupItem]:
    """What a SCEF has configured for a group."""
    found = connection.execute(
        select(GROUP).where(GROUP.c.grp == grp, GROUP.c.scef == scef).order_by(GROUP.c.reference)
    )
    return [
        GroupItem(**{**row._mapping, "reference": row.reference & ((1 << 64) - 1), "detail": unpacked(row.detail)})
        for row in found
    ]


def members(connection: Connection, item: GroupItem) -> list[Item]:
    """What its members have of it."""
    c, key = CONFIGURED.c, _signed(item.reference)
    here = (c.grp == item.grp) & (c.kind == item.kind) & (c.scef == item.scef) & (c.reference == key)
    return [_item(row) for row in connection.execute(select(CONFIGURED).where(here).order_by(c.imsi))]


def orphans(connection: Connection, limit: int) -> list[Item]:
    """Items of devices that are no subscribers any more."""
    gone = select(CONFIGURED).where(CONFIGURED.c.imsi.not_in(select(SUBSCRIBER.c.imsi))).limit(limit)
    return [_item(row) for row in connection.execute(gone)]


def lapse(connection: Connection, now: int) -> None:
    """Forget what has lapsed, without a word to anybody (TS 23.682 5.6.3.1)."""
    for table in (CONFIGURED, GROUP):
        connection.execute(delete(table).where(table.c.until <= now))


def set_imsi_group(connection: Connection, grp: str, service: int, plmn: str, local: bytes) -> None:
    """Set the IMSI-Group-Id of a group."""
    connection.execute(delete(IMSI_GROUP).where(IMSI_GROUP.c.grp == grp))
    row = {"grp": grp, "service": service, "plmn": plmn, "local": local.hex()}
    connection.execute(insert(IMSI_GROUP), row)


def know(connection: Connection, scef: Known) -> None:
    """Remember what a SCEF said of itself."""
    found = known(connection, scef.host)
    if found == scef:
        return
    connection.execute(delete(KNOWN).where(KNOWN.c.host == scef.host))
    connection.execute(insert(KNOWN), {"host": scef.host, "realm": scef.realm, "features": scef.features})


def known(connection: Connection, host: str) -> Known | None:
    """What a SCEF said of itself last."""
    row = connection.execute(select(KNOWN).where(KNOWN.c.host == host)).one_or_none()
    return None if row is None else Known(host=row.host, realm=row.realm, features=row.features)


def every(connection: Connection) -> Iterator[Item]:
    """All items, by device."""
    for row in connection.execute(select(CONFIGURED).order_by(*CONFIGURED.primary_key)):
        yield _item(row)
