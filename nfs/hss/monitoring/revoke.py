"""What a SCEF loses: a right that was taken away, or the device itself; it hears of it (TS 23.682 5.6.1.1)."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final

from sqlalchemy import Connection

from nfs.hss.monitoring import access, avps, outbox_tables, tables
from nfs.hss.monitoring.logic import SERVICE_OF, Rights, Service, Type, Wish
from nfs.hss.monitoring.notice import note
from nfs.hss.monitoring.outbox_tables import FOR_NODES, Note
from nfs.hss.monitoring.tables import Item
from nfs.hss.monitoring.telling import tell

KEEP_S: Final = 86_400
_KINDS: Final = {"pattern": Service.PATTERN, "network": Service.NETWORK, "nidd": Service.NIDD}


def service_of(item: Item) -> Service:
    """The service that an item needs a right to."""
    return _KINDS[item.kind] if item.kind in _KINDS else SERVICE_OF[Type(item.type)]


def unauthorised(connection: Connection, items: Iterable[Item]) -> list[Item]:
    """Those of which no row allows any more what they are."""
    rights: dict[tuple[str, str, str], Rights] = {}
    found = []
    for item in items:
        key = (item.scef, item.imsi, item.grp)
        if key not in rights:
            rights[key] = access.rights(connection, item.scef, *filter(None, key[1:]))
        if not rights[key].holds(service_of(item)):
            found.append(item)
    return found


def end(connection: Connection, names: Collection[str], now: int) -> int:
    """End what no row allows any more of devices (IMSIs) and groups; how many things of SCEFs."""
    theirs = [each for each in tables.every(connection) if each.imsi in names or each.grp in names]
    return cancel(connection, unauthorised(connection, theirs), now)


def cancel(connection: Connection, items: Iterable[Item], now: int, *, nodes: bool = True) -> int:
    """Forget items, have serving nodes forget them, and note down that SCEFs hear of it; how many.

    nodes: without it somebody else tells the serving nodes.
    """
    notes: list[Note] = []
    gone = list(items)
    for item in gone:
        tables.remove(connection, item)
        outbox_tables.drop(connection, item.scef, item.reference, imsi=item.imsi)
        notes += [each for each in _notes(connection, item, now) if nodes or each.what not in FOR_NODES]
    outbox_tables.add(connection, notes)
    return len(gone)


def _notes(connection: Connection, item: Item, now: int) -> Iterable[Note]:
    known = tables.known(connection, item.scef)
    bits = 0 if known is None else known.features
    if item.kind in ("event", "pattern") and not (item.kind == "event" and Wish(**item.detail).seen_here):
        yield forgotten(item, now)
    if item.kind == "event" and bits & avps.CANCELLATION:
        yield note(item, {"Event-Handling": avps.CANCEL}, now, KEEP_S)
    if item.kind == "nidd":
        yield tell(item.imsi, item.scef, now, kind="nidd", apn=item.apn)
    if item.kind == "nidd" and bits & avps.NIDD_UPDATE:
        yield withdrawn(item, now)


def withdrawn(item: Item, now: int) -> Note:
    """Have a SCEF that knows such changes hear that an authorisation is over: granted until a moment ago (8.4.56)."""
    over = {"Granted-Validity-Time": avps.moment(now - 1), "Service-Selection": item.apn}
    body = {"NIDD-Authorization-Update": {"APN-Validity-Time": over}}
    return Note(what="nidd", scef=item.scef, imsi=item.imsi, called=item.called, due=now, until=now + KEEP_S, body=body)


def forgotten(item: Item, now: int) -> Note:
    """Have the serving node forget an item."""
    body = {"kind": item.kind, "type": item.type}
    return Note(
        what="forget", scef=item.scef, imsi=item.imsi, reference=item.reference, extended=item.extended,
        due=now, until=now + KEEP_S, body=body,
    )  # fmt: skip
