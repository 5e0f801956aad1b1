"""What serving nodes have to be told follows from what is kept, and is noted down together with it.

A note of that kind names something, and has the nodes know what is kept of it at that moment: so it may be carried out
late, twice, or by another process.  Whoever changes something holds its notes while he tells the nodes himself, and
takes them back with what came of that.  Killed in between, he leaves them to whoever looks when nobody holds them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Connection

from nfs.hss import registrations
from nfs.hss import tables as subscribers
from nfs.hss.logic import Subscriber, UserId
from nfs.hss.monitoring import avps, coverage, nidd, nodes, outbox_tables, tables
from nfs.hss.monitoring.avps import Reference
from nfs.hss.monitoring.config import MonitoringTable
from nfs.hss.monitoring.configure import (
    MONITORING,
    PATTERNS,
    Applied,
    Result,
    Target,
    power_saving,
    reported,
    settle,
)
from nfs.hss.monitoring.logic import Rights
from nfs.hss.monitoring.notice import note as report_of
from nfs.hss.monitoring.outbox_tables import Note
from nfs.hss.monitoring.tables import Item
from nfs.hss.registrations import Registration

if TYPE_CHECKING:
    from nfs.hss.monitoring.s6t import Core

HOLD_S: Final = 60
"""So long nobody else tells the nodes."""
KEEP_S: Final = 86_400
ALONE: Final = ("timers", "reach")
"""What has no result of its own in an answer to a SCEF."""


def tell(imsi: str, scef: str, now: int, **body: Any) -> Note:
    """Have the nodes of a device know what is kept now.  body: `kind` is that of an item, or one of `ALONE`, or
    "coverage".
    """
    return Note(what="tell", scef=scef, imsi=imsi, due=now, until=now + KEEP_S, body=body)


def of_item(item: Item, now: int) -> Note:
    """The same of an event or a pattern."""
    return Note(
        what="tell", scef=item.scef, imsi=item.imsi, reference=item.reference, extended=item.extended,
        due=now, until=now + KEEP_S, body={"kind": item.kind, "type": item.type},
    )  # fmt: skip


def hold(connection: Connection, notes: Iterable[Note], now: int) -> list[Note]:
    """Note them down for whoever comes when nobody holds them."""
    return outbox_tables.hold(connection, notes, now + HOLD_S)


def changed(connection: Connection, on: Target, done: Applied, scef: str, now: int) -> None:
    """Hold what nodes have to be told of what a SCEF has changed for a device."""
    if not on.places:
        return
    notes = [of_item(item, now) for item in (*(each[0] for each in done.asked), *(each[0] for each in done.gone))]
    wanted = {"timers": done.timers, "reach": done.reach}
    notes += [tell(done.imsi, scef, now, kind=kind) for kind in ALONE if wanted[kind]]
    done.held = hold(connection, notes, now)


def said(connection: Connection, done: Applied, now: int) -> None:
    """The nodes were told.  Where one was silent, what has no result of its own is tried again."""
    left = [each for each in done.held if done.silent and each.body["kind"] in ALONE]
    outbox_tables.again(connection, left, now)
    outbox_tables.done(connection, [each for each in done.held if each not in left])


class Telling:
    """Carries out notes for serving nodes that nobody holds."""

    def __init__(self, core: Core, config: MonitoringTable) -> None:
        self._core = core
        self._config = config

    async def catch_up(self, note: Note) -> bool:
        """Have the nodes know what is kept of what a note names; False to try again.  Raises StoreError."""
        kind = note.body["kind"]
        if kind in ("event", "pattern"):
            return await self._item(note)
        data = await self._core.store.do(lambda connection: self._data(connection, note))
        if data is None:
            return True
        by_network = data
        flags = nodes.REACHABILITY if kind == "reach" else None
        outcomes = await self._core.insert(note.imsi, lambda node: by_network.get(node.plmn, {}), flags)
        if await self._core.store.do(lambda connection: self._data(connection, note)) != data:
            return False  # changed meanwhile, and another process may have told them before us
        return all(each.result is not None for each in outcomes)

    def _data(self, connection: Connection, note: Note) -> dict[str, dict[str, Any]] | None:
        """Subscription-Data by the network of the node; None where there is nobody to be told of."""
        subscriber = subscribers.find(connection, UserId(imsi=note.imsi))
        places = _places(connection, note.imsi)
        if subscriber is None or not places:
            return None
        found = {each.plmn: self._for(connection, note, subscriber, each) for each in places}
        return found if note.body["kind"] == "reach" or any(found.values()) else None

    def _for(self, connection: Connection, note: Note, subscriber: Subscriber, node: Registration) -> dict[str, Any]:
        kind, items = note.body["kind"], tables.of(connection, note.imsi, int(self._core.clock()))
        profile = self._core.profiles().get(subscriber.profile or "")
        if kind == "timers":
            return avps.timers(power_saving(items, self._config))
        if kind == "coverage" and profile is not None:
            data: dict[str, Any] = {"Access-Restriction-Data": profile.restrictions}
            coverage.extend(connection, note.imsi, node.plmn, data)
            return data
        if kind == "nidd" and profile is not None:
            apn = note.body["apn"]
            item = next((each for each in items if (each.kind, each.apn) == ("nidd", apn)), None)
            known = None if item is None else tables.known(connection, item.scef)
            scef = None if item is None else (item.scef, "" if known is None else known.realm)
            return nidd.contexts(profile, subscriber, apn, scef)
        return {}

    async def _item(self, note: Note) -> bool:
        """An event or a pattern: what it is, or that it is no more."""
        now = int(self._core.clock())
        found = await self._core.store.do(lambda connection: _found(connection, note, now))
        if found is None:
            return True
        on, done = found
        codes, reports = await nodes.tell(self._core.insert, done, on, None)
        if done.silent:
            return False

        def work(connection: Connection) -> bool:
            now_is = _found(connection, note, now)
            if now_is is not None and bool(now_is[1].gone) != bool(done.gone):
                return False  # deleted or made meanwhile, and another process may have told them before us
            done.gone.clear()  # what a node does not forget has nobody any more who would hear of it
            settle(connection, done, codes)
            reported(connection, done, reports)
            notes = [report_of(done.asked[0][0], each, now, self._config.keep_s) for each in done.reports]
            outbox_tables.add(connection, notes)
            return True

        return await self._core.store.do(work)


def _places(connection: Connection, imsi: str) -> tuple[Registration, ...]:
    return tuple(each for each in registrations.of(connection, imsi).values() if not each.purged)


def _found(connection: Connection, note: Note, now: int) -> tuple[Target, Applied] | None:
    """What a note speaks of as it is now; None where no node need hear of it."""
    subscriber, places = subscribers.find(connection, UserId(imsi=note.imsi)), _places(connection, note.imsi)
    if subscriber is None or not places:
        return None
    kind = note.body["kind"]
    items = tables.of(connection, note.imsi, now)
    key = (kind, note.scef, note.reference)
    item = next((each for each in items if (each.kind, each.scef, each.reference) == key), None)
    on = Target(subscriber=subscriber, called=note.called, places=places, items=items, rights=Rights())
    done, result = Applied(imsi=note.imsi), Result(scef=note.scef, reference=Reference(note.reference, note.extended))
    if item is None:
        gone = Item(
            imsi=note.imsi, kind=kind, scef=note.scef, reference=note.reference, extended=note.extended,
            type=note.body["type"],
        )  # fmt: skip
        done.gone.append((gone, result))
        return on, done
    if not any(_able(item, each) for each in places):
        return None
    done.asked.append((item, None, result))
    return on, done


def _able(item: Item, node: Registration) -> bool:
    if item.kind == "event":
        return bool(node.features & MONITORING)
    return node.kind == "mme" and bool(node.features & PATTERNS)
