"""A SCEF's wishes for a group: kept for the group, answered at once, carried out member by member (7.2.1.2 step 7).

What became of each member goes into reports of the group, collected for half of the guard time.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final

from sqlalchemy import Connection

from nfs.common.identities import e164
from nfs.hss import tables as subscribers
from nfs.hss.groups import tables as groups
from nfs.hss.groups.logic import Group
from nfs.hss.logic import UserId
from nfs.hss.monitoring import access, avps, configure, outbox_tables, revoke, tables
from nfs.hss.monitoring.avps import Asked, Reference
from nfs.hss.monitoring.configure import Applied, Result, Target
from nfs.hss.monitoring.logic import Bounds, Error, Rights, Scef, Timers, Wish, judge
from nfs.hss.monitoring.outbox_tables import Note
from nfs.hss.monitoring.tables import GroupItem, Item, Kind

NO_SERVICE: Final = -1
"""No subscriber has this service: every member counts, whatever it subscribes to."""
ABSENT: Final = 1


@dataclass(slots=True, kw_only=True)
class GroupApplied:
    """What became of wishes for a group; `members`: its size, `started`: members are being configured."""

    members: int
    results: list[Result] = field(default_factory=list)
    patterns: list[Result] = field(default_factory=list)
    started: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A group as somebody asks for it: `devices` are (External Identifier, IMSI) of its members."""

    group: Group
    scef: Scef
    rights: Rights
    guard_s: int
    keep_s: int
    now: int
    devices: Sequence[tuple[str, str]]


def devices(connection: Connection, group: Group) -> list[tuple[str, str]]:
    """External Identifier and IMSI of each member, each device once."""
    found: dict[str, str] = {}
    for each in groups.candidates(connection, group, NO_SERVICE):
        if each.imsi is not None:
            found.setdefault(each.imsi, each.external_id)
    return [(name, imsi) for imsi, name in found.items()]


def ask(connection: Connection, kind: Kind, asked: Asked, of: Wanted, bounds: Bounds, done: GroupApplied) -> None:
    """One wish for all members: deletions, then what is new, or members that come to it or leave it."""
    results = done.patterns if kind == "pattern" else done.results
    before = {
        each.reference: each
        for each in tables.of_group(connection, of.group.external_id, asked.scef)
        if each.kind == kind
    }
    for number in asked.gone:
        item = before.get(number.number)
        if item is not None:
            _delete(connection, item, of.now)
        error = None if item is not None else Error.CONFIGURATION_EVENT_NON_EXISTANT
        results.append(Result(scef=asked.scef, reference=number, error=error))
    if asked.new is None:
        return
    result = Result(scef=asked.scef, reference=asked.new)
    results.append(result)
    there = before.get(asked.new.number)
    if there is not None and (asked.include or asked.exclude):
        _change(connection, there, asked, of, done)
        return
    if asked.wish is not None:
        count = 0 if of.scef.most_events is None else tables.count(connection, of.scef.host, asked.wish.type, of.now)
        result.error = judge(asked.wish, of.scef, of.rights, bounds, count=count)
    if result.error is None:
        item = GroupItem(
            grp=of.group.external_id, kind=kind, scef=asked.scef, reference=asked.new.number,
            extended=asked.new.extended, guard_s=of.guard_s, until=asked.until, detail=_detail(kind, asked),
        )  # fmt: skip
        tables.put_group(connection, item)
        left = [each for each in of.devices if each[0] not in asked.exclude]
        _start(connection, item, left, of, done)


def _detail(kind: Kind, asked: Asked) -> dict[str, Any]:
    if asked.wish is not None:
        return avps.wish_detail(asked.wish)
    return asdict(asked.timers) if kind == "network" else asked.detail


def _start(
    connection: Connection, item: GroupItem, some: Iterable[tuple[str, str]], of: Wanted, done: GroupApplied
) -> None:
    """Note down that members are to be configured."""
    common: dict[str, Any] = {"what": "member", "scef": item.scef, "due": of.now, "until": of.now + of.keep_s}
    common |= {"grp": item.grp, "reference": item.reference, "extended": item.extended, "body": {"kind": item.kind}}
    outbox_tables.add(connection, [Note(imsi=imsi, called=name, **common) for name, imsi in some])
    done.started = True


def _change(connection: Connection, item: GroupItem, asked: Asked, of: Wanted, done: GroupApplied) -> None:
    """Exclude-Identifiers and Include-Identifiers: single members leave an event of their group, or come to it."""
    imsis = {_imsi(connection, name) for name in asked.exclude}
    gone = [each for each in tables.members(connection, item) if each.imsi in imsis]
    _forget(connection, gone, of.now)
    some = [(name, imsi) for name, imsi in of.devices if imsi in {_imsi(connection, each) for each in asked.include}]
    if some:
        _start(connection, item, some, of, done)


def _imsi(connection: Connection, name: str) -> str:
    user = UserId(external_id=name) if "@" in name else UserId(msisdn=e164(name))
    found = subscribers.find(connection, user)
    return "" if found is None else found.imsi


def _delete(connection: Connection, item: GroupItem, now: int) -> None:
    tables.remove_group(connection, item)
    outbox_tables.drop(connection, item.scef, item.reference, grp=item.grp)
    _forget(connection, tables.members(connection, item), now)


def _forget(connection: Connection, gone: Iterable[Item], now: int) -> None:
    """Forget what members have, and have their nodes forget it."""
    notes = []
    for each in gone:
        tables.remove(connection, each)
        outbox_tables.drop(connection, each.scef, each.reference, imsi=each.imsi)
        if each.kind == "pattern" or (each.kind == "event" and not Wish(**each.detail).seen_here):
            notes.append(revoke.forgotten(each, now))
    outbox_tables.add(connection, notes)


def delete_all(connection: Connection, kind: Kind, scef: str, group: str, now: int) -> None:
    """All that a SCEF has of a kind for a group (CIR-Flags)."""
    for item in tables.of_group(connection, group, scef):
        if item.kind == kind:
            _delete(connection, item, now)


def member(
    connection: Connection, note: Note, scef: Scef, bounds: Bounds, now: int
) -> tuple[GroupItem, Target, Applied] | None:
    """Configure one member; None when there is nothing left to configure."""
    kind: Kind = note.body["kind"]
    every = tables.of_group(connection, note.grp, note.scef)
    item = next((each for each in every if (each.kind, each.reference) == (kind, note.reference)), None)
    subscriber = subscribers.find(connection, UserId(imsi=note.imsi))
    if item is None or subscriber is None:
        return None
    rights = access.rights(connection, note.scef, note.imsi, note.grp)
    on = configure.target(connection, subscriber, note.called, rights, now, grp=note.grp, guard_s=item.guard_s)
    done = Applied(imsi=note.imsi)
    number = Reference(item.reference, item.extended)
    asked = Asked(scef=item.scef, new=number, until=item.until, detail=item.detail)
    if kind == "event":
        wish = Wish(**item.detail)
        free = _Unlimited(scef)  # the limit counts what is asked for, and was looked at then
        configure.events(connection, replace(asked, wish=wish), on, free, bounds, now, done)
    elif kind == "pattern":
        configure.pattern(connection, asked, on, done)
    else:
        configure.network(connection, replace(asked, timers=Timers(**item.detail)), on, bounds, done)
    return item, on, done


class _Unlimited:
    """A SCEF whose events are not counted."""

    most_events = None

    def __init__(self, scef: Scef) -> None:
        self.host = scef.host
        self.services = scef.services


def outcome(item: GroupItem, note: Note, done: Applied, now: int) -> Note | None:
    """The item of the group's report that says what became of a member; patterns and timers have no report."""
    if item.kind != "event":
        return None
    members: dict[str, Any] = {"Monitoring-Type": Wish(**item.detail).type}
    for each in done.reports:
        as_item = Item(imsi=note.imsi, kind="event", scef=item.scef, reference=item.reference, called=note.called)
        members |= {name: value for name, value in avps.group_item(as_item, each).items() if name != "User-Identifier"}
    for result in done.results:
        if result.error is not None:
            members["Service-Report"] = {"Service-Result": avps.service_result(result.error), "Node-Type": 0}
    if done.absent:
        members["S6t-HSS-Cause"] = ABSENT
    body = {"User-Identifier": avps.identifier(note.called), **members, "Reporting-Time-Stamp": avps.moment(now)}
    return Note(
        what="group", scef=note.scef, imsi=note.imsi, called=note.called, grp=note.grp, reference=note.reference,
        extended=note.extended, due=now + item.guard_s // 2, until=note.until, body=body,
    )  # fmt: skip
