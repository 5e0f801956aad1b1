"""A SCEF's wishes for one device, into the database (7.2.1.2): each of them judged, kept, replaced or deleted.

What serving nodes have to be told comes back as `Applied.asked` and `Applied.gone`; `nfs.hss.monitoring.nodes` tells
them, and what they refuse is undone by `undo`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Connection

from nfs.hss import registrations
from nfs.hss.logic import Subscriber
from nfs.hss.monitoring import avps, outbox_tables, tables
from nfs.hss.monitoring.avps import Asked, Reference
from nfs.hss.monitoring.logic import Bounds, Error, Rights, Scef, Timers, Wish, accepted, judge, merged, timers_of
from nfs.hss.monitoring.notice import Seen, noticed, spend
from nfs.hss.monitoring.outbox_tables import Note
from nfs.hss.monitoring.tables import Item, Kind
from nfs.hss.registrations import Registration

MONITORING, PATTERNS = 1 << 19, 1 << 18
"""Bits of Feature-List 2 on S6a: Monitoring-Event, Communication-Pattern."""
NODE_TYPE: Final = {"mme": 1, "sgsn": 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A device that something is configured for, as the database has it at this moment."""

    subscriber: Subscriber
    called: str
    places: tuple[Registration, ...]
    items: list[Item]
    rights: Rights
    grp: str = ""
    guard_s: int = 0


@dataclass(slots=True, kw_only=True)
class Result:
    """What became of one wish.  `nodes`: by Node-Type, where serving nodes do not agree."""

    scef: str
    reference: Reference
    error: Error | None = None
    nodes: dict[int, int] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class Applied:
    """What became of all.  `asked`: (item, what was in its place, its result) for the nodes; `gone`: (item, its result)
    that they are to forget.

    reports: Monitoring-Event-Report; network: Suggested-Network-Configuration of the answer; timers: they changed;
    reach: the node is to say when short messages get through; silent: a node gave no answer; held: notes of what the
    nodes have to be told, until they were.
    """

    imsi: str
    results: list[Result] = field(default_factory=list)
    patterns: list[Result] = field(default_factory=list)
    reports: list[dict[str, Any]] = field(default_factory=list)
    asked: list[tuple[Item, Item | None, Result]] = field(default_factory=list)
    gone: list[tuple[Item, Result]] = field(default_factory=list)
    network: dict[str, Any] | None = None
    absent: bool = False
    timers: bool = False
    reach: bool = False
    silent: bool = False
    held: list[Note] = field(default_factory=list)


def target(
    connection: Connection, subscriber: Subscriber, called: str, rights: Rights, now: int, **group: Any
) -> Target:
    """A device with what is known of it."""
    return Target(
        subscriber=subscriber,
        called=called,
        places=tuple(each for each in registrations.of(connection, subscriber.imsi).values() if not each.purged),
        items=tables.of(connection, subscriber.imsi, now),
        rights=rights,
        **group,
    )


def _find(items: Iterable[Item], kind: Kind, scef: str, number: int) -> Item | None:
    return next((each for each in items if (each.kind, each.scef, each.reference) == (kind, scef, number)), None)


def events(
    connection: Connection, asked: Asked, on: Target, scef: Scef, bounds: Bounds, now: int, done: Applied
) -> None:
    """One Monitoring-Event-Configuration: deletions first, then what is new (7.2.1.2 step 5)."""
    for number in asked.gone:
        done.results.append(_delete(connection, "event", asked.scef, number, on, done))
    if asked.wish is None or asked.new is None:
        return
    result = Result(scef=asked.scef, reference=asked.new)
    done.results.append(result)
    count = 0 if scef.most_events is None else tables.count(connection, scef.host, asked.wish.type, now)
    before = _find(on.items, "event", asked.scef, asked.new.number)
    if before is not None and before.type == asked.wish.type:
        count -= 1
    result.error = judge(asked.wish, scef, on.rights, bounds, count=count)
    if result.error is None and before is not None and before.grp != on.grp:
        result.error = Error.CONFIGURATION_EVENT_STORAGE_NOT_SUCCESSFUL  # this reference is that of a group's event
    if result.error is None:
        event(connection, asked, asked.wish, on, before, result, done)


def event(
    connection: Connection, asked: Asked, wish: Wish, on: Target, before: Item | None, result: Result, done: Applied
) -> None:
    """Keep an event that may be; report at once what is known already."""
    item = Item(
        imsi=on.subscriber.imsi, kind="event", scef=asked.scef, reference=result.reference.number,
        extended=result.reference.extended, type=wish.type, called=on.called, remaining=wish.left, until=wish.until,
        grp=on.grp, guard_s=on.guard_s, detail=avps.wish_detail(wish),
    )  # fmt: skip
    if wish.seen_here:
        tables.put(connection, item)
        _at_once(connection, item, on, done)
    elif not on.places:
        tables.put(connection, item)
        done.absent = True
    elif not any(each.features & MONITORING for each in on.places):
        result.error = Error.UNABLE_TO_COMPLY  # the serving node watches for nothing
        result.nodes = {NODE_TYPE[each.kind]: int(result.error) for each in on.places}
        return
    else:
        tables.put(connection, item)
        done.asked.append((item, before, result))
    if timers_of(wish) != Timers():
        done.timers = True


def _at_once(connection: Connection, item: Item, on: Target, done: Applied) -> None:
    """The report that there is something to say for already; the first terminal or network seen counts as a change."""
    found = noticed(item, Seen.of(on.subscriber, on.places))
    if found is not None:
        members, remember = found
        done.reports.append(avps.report(item) | members)
        spend(connection, item, remember)
    elif Wish(**item.detail).for_sms:
        done.reach = bool(on.places)


def _delete(connection: Connection, kind: Kind, scef: str, number: Reference, on: Target, done: Applied) -> Result:
    """Forget an item; what became of that."""
    result = Result(scef=scef, reference=number)
    item = _find(on.items, kind, scef, number.number)
    if item is None or (item.grp and item.grp != on.grp):
        result.error = Error.CONFIGURATION_EVENT_NON_EXISTANT
        return result
    on.items.remove(item)
    forget(connection, item, done, result)
    return result


def forget(connection: Connection, item: Item, done: Applied, result: Result) -> None:
    """Forget an item, with what waits to be said of it; `result`: what is said of it if a node does not forget it."""
    tables.remove(connection, item)
    outbox_tables.drop(connection, item.scef, item.reference, imsi=item.imsi)
    if item.kind == "pattern" or (item.kind == "event" and not Wish(**item.detail).seen_here):
        done.gone.append((item, result))
    if item.kind == "network" or (item.kind == "event" and timers_of(Wish(**item.detail)) != Timers()):
        done.timers = True


def pattern(connection: Connection, asked: Asked, on: Target, done: Applied) -> None:
    """One AESE-Communication-Pattern; a device has patterns of one SCEF only (TS 23.682 5.10.2)."""
    for number in asked.gone:
        done.patterns.append(_delete(connection, "pattern", asked.scef, number, on, done))
    if asked.new is None:
        return
    result = Result(scef=asked.scef, reference=asked.new)
    done.patterns.append(result)
    if any(each.kind == "pattern" and each.scef != asked.scef for each in on.items):
        result.error = Error.CONFIGURATION_EVENT_STORAGE_NOT_SUCCESSFUL
        return
    item = Item(
        imsi=on.subscriber.imsi, kind="pattern", scef=asked.scef, reference=asked.new.number,
        extended=asked.new.extended, called=on.called, until=asked.until, grp=on.grp, guard_s=on.guard_s,
        detail=asked.detail,
    )  # fmt: skip
    before = _find(on.items, "pattern", asked.scef, asked.new.number)
    tables.put(connection, item)
    if any(each.kind == "mme" and each.features & PATTERNS for each in on.places):
        done.asked.append((item, before, result))
    done.absent = done.absent or not on.places


def network(connection: Connection, asked: Asked, on: Target, bounds: Bounds, done: Applied) -> None:
    """Suggested-Network-Configuration: taken within the ranges; the answer has what became another value (8.1)."""
    for number in asked.gone:
        _delete(connection, "network", asked.scef, number, on, done)
    if asked.new is None:
        return
    taken = accepted(asked.timers, bounds)
    item = Item(
        imsi=on.subscriber.imsi, kind="network", scef=asked.scef, reference=asked.new.number,
        extended=asked.new.extended, called=on.called, grp=on.grp, guard_s=on.guard_s,
        detail={"tau_s": taken.tau_s, "active_s": taken.active_s, "packets": taken.packets},
    )  # fmt: skip
    tables.put(connection, item)
    done.timers = True
    done.network = {**avps.reference(asked.new.number, extended=asked.new.extended), "SCEF-ID": asked.scef}
    if taken != asked.timers:
        done.network |= avps.timers(taken)


def delete_all(connection: Connection, kind: Kind, scef: str, on: Target, done: Applied) -> None:
    """All that a SCEF has of a kind on a device (CIR-Flags)."""
    for item in [each for each in on.items if each.kind == kind and each.scef == scef]:
        on.items.remove(item)
        forget(connection, item, done, Result(scef=scef, reference=Reference(item.reference, extended=item.extended)))


def power_saving(items: Iterable[Item], bounds: Bounds) -> Timers:
    """The timers that all wishes for a device make together (8.1)."""
    wanted = []
    for each in items:
        if each.kind == "event":
            wanted.append(timers_of(Wish(**each.detail)))
        elif each.kind == "network":
            wanted.append(Timers(**each.detail))
    return merged(wanted, bounds)


def settle(connection: Connection, done: Applied, answers: Mapping[tuple[str, int], Mapping[int, int]]) -> None:
    """Take over what serving nodes said: an event that they refuse is not kept, and what it replaced is again; one that
    they do not delete is kept.

    answers: by SCEF and reference, the result code of each Node-Type.
    """
    for item, before, result in done.asked:
        codes = answers.get((item.scef.lower(), item.reference), {})
        bad = {node: code for node, code in codes.items() if code != 2001}
        if not bad:
            continue
        if len(bad) < len(codes):  # one of two nodes watches
            result.nodes = dict(codes)
            continue
        tables.remove(connection, item)
        result.nodes = bad
        result.error = Error.UNABLE_TO_COMPLY
        if before is not None:
            tables.put(connection, before)
            result.error = Error.CONFIGURATION_EVENT_STORAGE_NOT_SUCCESSFUL
    _kept(connection, done, answers)


def _kept(connection: Connection, done: Applied, answers: Mapping[tuple[str, int], Mapping[int, int]]) -> None:
    """What a node has not forgotten is not gone: it is there again, for the SCEF to delete once more, and that is said.

    One that CIR-Flags deleted has a status of its own then.
    """
    for item, result in done.gone:
        codes = answers.get((item.scef.lower(), item.reference), {})
        if all(code == 2001 for code in codes.values()):
            continue
        tables.put(connection, item)
        result.error, result.nodes = Error.UNABLE_TO_COMPLY, dict(codes)
        said = done.results if item.kind == "event" else done.patterns
        if not any(each is result for each in said):
            said.append(result)


def reported(connection: Connection, done: Applied, reports: Mapping[tuple[str, int], dict[str, Any]]) -> None:
    """Take over what serving nodes reported at once; an event that was asked once is over with that (step 11)."""
    for item, _, result in done.asked:
        found = reports.get((item.scef.lower(), item.reference))
        if found is not None and result.error is None:
            done.reports.append({**found, **avps.report(item)})
            spend(connection, item)
