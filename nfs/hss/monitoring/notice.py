"""What the HSS itself notices of a device: another terminal, another network, short messages get through again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection

from nfs.common.identities import encode_plmn
from nfs.hss.logic import Subscriber
from nfs.hss.monitoring import avps, outbox_tables, tables
from nfs.hss.monitoring.logic import Type, Wish, at_home, device_change, roaming_change
from nfs.hss.monitoring.outbox_tables import Note
from nfs.hss.monitoring.tables import Item
from nfs.hss.registrations import Registration

REACHABLE_FOR_SMS: Final = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What is known of a device at this moment.  `back`: short messages get through; `available_until`: so long."""

    imei: str | None = None
    software: str | None = None
    plmn: str | None = None
    back: bool = False
    available_until: Any = None

    @classmethod
    def of(cls, subscriber: Subscriber, places: Iterable[Registration]) -> Seen:
        """What a subscriber and its registrations say; an MME counts before an SGSN."""
        alive = sorted((each for each in places if not each.purged), key=lambda each: each.kind)
        terminal = next((each for each in alive if each.imei), None)
        return cls(
            imei=None if terminal is None else terminal.imei,
            software=None if terminal is None else terminal.software,
            plmn=alive[0].plmn if alive else None,
            back=any(node.reachable for node in subscriber.nodes),
        )


def noticed(item: Item, seen: Seen) -> tuple[dict[str, Any], str] | None:
    """Members of a Monitoring-Event-Report if there is something to report, and what to remember."""
    wish = Wish(**item.detail)
    if wish.type == Type.IMEI_CHANGE and seen.imei:
        change, now = device_change(item.seen, seen.imei, seen.software or "", wish.association)
        terminal = {"IMEI": seen.imei} | ({"Software-Version": seen.software} if seen.software else {})
        return ({"IMEI-Change": change, "Terminal-Information": terminal}, now) if change else None
    if wish.type == Type.ROAMING_STATUS and seen.plmn:
        changed, now = roaming_change(item.seen, item.imsi, seen.plmn, with_plmn=wish.plmn)
        members: dict[str, Any] = {"Roaming-Information": int(at_home(item.imsi, seen.plmn))}
        if wish.plmn:
            members["Visited-PLMN-Id"] = encode_plmn(seen.plmn)
        return (members, now) if changed else None
    if wish.for_sms and seen.back:
        members = {"Reachability-Information": REACHABLE_FOR_SMS}
        if seen.available_until is not None:
            members["Maximum-UE-Availability-Time"] = seen.available_until
        return members, ""
    return None


def spend(connection: Connection, item: Item, remember: str | None = None) -> None:
    """Take one report off what is left of an event; after the last one it is gone (7.2.2)."""
    if item.remaining == 1:
        tables.remove(connection, item)
        return
    values: dict[str, Any] = {} if item.remaining is None else {"remaining": item.remaining - 1}
    if remember is not None and remember != item.seen:
        values["seen"] = remember
    if values:
        tables.change(connection, item, **values)


def note(item: Item, members: dict[str, Any], now: int, keep_s: int) -> Note:
    """What waits to be said of an item; of a group's after half of the time that its reports may be collected."""
    report = avps.report(item) | members
    until = now + keep_s if item.until is None else item.until
    common: dict[str, Any] = {"scef": item.scef, "imsi": item.imsi, "called": item.called, "until": until}
    common |= {"reference": item.reference, "extended": item.extended}
    if not item.grp:
        return Note(what="report", due=now, body=report, **common)
    collected = {**avps.group_item(item, report), "Reporting-Time-Stamp": avps.moment(now)}
    return Note(what="group", grp=item.grp, due=now + item.guard_s // 2, body=collected, **common)


def look(connection: Connection, items: Iterable[Item], seen: Seen, now: int, keep_s: int) -> int:
    """Note down what is to be reported of a device, and take it off what is left; how many reports."""
    notes = []
    for item in items:
        found = noticed(item, seen) if item.kind == "event" else None
        if found is not None:
            members, remember = found
            notes.append(note(item, members, now, keep_s))
            spend(connection, item, remember)
    outbox_tables.add(connection, notes)
    return len(notes)
