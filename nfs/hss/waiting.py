"""Message waiting data, and what the HSS says about the way to a device, without an AVP (TS 29.338 5.2, TS 23.040 3.2).

A service centre whose message met an absent device, or a full memory, stands on the list of that device until the
device is back; then each centre of the list is alerted, and leaves the list when it has acknowledged that.  The flags
say what the device is waited for.  Values in, values out: the database is `nfs.hss.waiting_tables`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import IntEnum, IntFlag
from typing import Final

from diameter.errors import DiameterError
from nfs.common.nodes import NodeKind, ServingNode
from nfs.hss.logic import Subscriber, UserId

IMSI_DETACHED: Final = 1
GPRS_DETACHED: Final = 6


class Error(IntEnum):
    """Experimental-Result-Code values of vendor 10415 on S6c (TS 29.338 clause 7.3)."""

    USER_UNKNOWN = 5001
    ABSENT_USER = 5550
    FACILITY_NOT_SUPPORTED = 5552
    SERVICE_NOT_SUBSCRIBED = 5556
    SERVICE_BARRED = 5557
    MWD_LIST_FULL = 5558


class Status(IntFlag):
    """MWD-Status (5.3.3.8); of these the last three are kept with the subscriber."""

    NOT_INCLUDED = 1
    """The service centre is not on the list."""
    MNRF = 2
    """Absent through MME or MSC."""
    MCEF = 4
    """The memory of the device is full."""
    MNRG = 8
    """Absent through SGSN."""


NOTHING: Final = Status(0)


class Cause(IntEnum):
    """SM-Delivery-Cause (5.3.3.19)."""

    MEMORY_FULL = 0
    ABSENT = 1
    SUCCESS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Centre:
    """A service centre on a list: its E.164 digits and where it is reached; `due`: it is to be alerted."""

    address: str
    host: str
    realm: str
    due: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """What is kept for a subscriber.  Diagnostics are values of Absent-User-Diagnostic-SM (5.3.3.20)."""

    flags: Status = NOTHING
    mme_diagnostic: int | None = None
    sgsn_diagnostic: int | None = None
    centres: tuple[Centre, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutingQuestion:
    """A Send-Routing-Info-for-SM-Request.  `both`: the asker takes two serving nodes; `priority`: also unreachable
    ones; `once`: a single attempt, whose centre is not put on the list; `centre`: None without SC-Address.
    """

    user: UserId
    centre: Centre | None = None
    both: bool = False
    priority: bool = False
    once: bool = False
    imsi_only: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Routing:
    """The way to a device.  `status` is 0 when nothing is waited for."""

    subscriber: Subscriber
    nodes: tuple[ServingNode, ...]
    status: Status


class Refused(DiameterError):
    """The HSS refuses; with ABSENT_USER the answer says what is waited for, and `waiting` is to be kept."""

    def __init__(self, error: Error, *, status: Status = NOTHING, waiting: Waiting | None = None) -> None:
        super().__init__(error.name)
        self.error = error
        self.status = status
        self.waiting = waiting


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempted:
    """What a Report-SM-Delivery-Status-Request says of one serving node."""

    kind: NodeKind
    cause: Cause
    diagnostic: int | None = None


_FLAG: Final[Mapping[NodeKind, Status]] = {
    NodeKind.MME: Status.MNRF,
    NodeKind.MSC: Status.MNRF,
    NodeKind.SGSN: Status.MNRG,
}


def flag_of(kind: NodeKind) -> Status:
    """The flag that says that a device is not reached through such a node; none for nodes of IMS and 5G."""
    return _FLAG.get(kind, NOTHING)


def route(question: RoutingQuestion, subscriber: Subscriber | None, waiting: Waiting, limit: int) -> Routing:
    """Answer a question, in the order of 5.2.1: known, subscribed, not barred, reachable.  Raises Refused.

    limit: how many centres a list holds.
    """
    if subscriber is None:
        raise Refused(Error.USER_UNKNOWN)
    if not subscriber.sms:
        raise Refused(Error.SERVICE_NOT_SUBSCRIBED)
    if subscriber.barred:
        raise Refused(Error.SERVICE_BARRED)
    if question.imsi_only:
        return Routing(subscriber=subscriber, nodes=(), status=waiting.flags)
    nodes = _nodes(question, subscriber)
    if not nodes:
        raise _absent(question, subscriber, waiting, limit)
    return Routing(subscriber=subscriber, nodes=nodes if question.both else nodes[:1], status=waiting.flags)


def _nodes(question: RoutingQuestion, subscriber: Subscriber) -> tuple[ServingNode, ...]:
    """IP-SM-GW, then MME or else MSC, then SGSN; only reachable ones, unless the message has priority."""
    usable = {node.kind: node for node in subscriber.nodes if question.priority or node.reachable}
    order = (NodeKind.IP_SM_GW, NodeKind.MME if NodeKind.MME in usable else NodeKind.MSC, NodeKind.SGSN)
    return tuple(usable[kind] for kind in order if kind in usable)


def _absent(question: RoutingQuestion, subscriber: Subscriber, waiting: Waiting, limit: int) -> Refused:
    """5550, after the centre was put on the list where it may be."""
    kinds = {node.kind for node in subscriber.nodes}
    flags = waiting.flags | (Status.MNRG if kinds == {NodeKind.SGSN} else Status.MNRF)
    if NodeKind.SGSN in kinds:
        flags |= Status.MNRG
    kept = replace(
        waiting,
        flags=flags,
        mme_diagnostic=_known(waiting.mme_diagnostic, IMSI_DETACHED) if flags & Status.MNRF else None,
        sgsn_diagnostic=_known(waiting.sgsn_diagnostic, GPRS_DETACHED) if flags & Status.MNRG else None,
    )
    included = None if question.centre is None or question.once else enlist(kept, question.centre, limit)
    status = flags if included is not None else flags | Status.NOT_INCLUDED
    return Refused(Error.ABSENT_USER, status=status, waiting=included or kept)


def _known(value: int | None, otherwise: int) -> int:
    return otherwise if value is None else value


def enlist(waiting: Waiting, centre: Centre, limit: int) -> Waiting | None:
    """With `centre` on the list, where it was reached last; None when the list is full."""
    others = tuple(each for each in waiting.centres if each.address != centre.address)
    if len(others) >= limit:
        return None
    return replace(waiting, centres=(*others, replace(centre, due=False)))


def report(
    waiting: Waiting, attempts: tuple[Attempted, ...], centre: Centre, limit: int, *, once: bool
) -> tuple[Waiting, bool]:
    """What to keep after a delivery report, and whether `centre` found its place where it needed one (else 5558).

    After a success whoever waits is to be alerted, but for `centre`, which has just been served.  5.2.3.
    """
    flags, mme, sgsn = waiting.flags, waiting.mme_diagnostic, waiting.sgsn_diagnostic
    for each in attempts:
        flag = flag_of(each.kind)
        if each.cause is Cause.MEMORY_FULL:
            flags |= Status.MCEF
        elif each.cause is Cause.ABSENT:
            flags |= flag
        else:
            flags &= ~(flag | Status.MCEF)
        diagnostic = each.diagnostic if each.cause is Cause.ABSENT else None
        if flag is Status.MNRG:
            sgsn = diagnostic
        elif flag:
            mme = diagnostic
    kept = replace(waiting, flags=flags, mme_diagnostic=mme, sgsn_diagnostic=sgsn)
    if any(each.cause is Cause.SUCCESS for each in attempts):
        others = tuple(replace(each, due=True) for each in kept.centres if each.address != centre.address)
        return replace(kept, centres=others), True
    if once:
        return kept, True
    included = enlist(kept, centre, limit)
    return (included, True) if included is not None else (kept, False)


def back(waiting: Waiting, kind: NodeKind | None) -> Waiting:
    """The device is reachable again through a node of `kind`, or, with None, has memory again: everybody is due.

    A device that is reachable again while its memory is full keeps that flag, and nobody is alerted for nothing.
    """
    if kind is None:
        flags = waiting.flags & ~Status.MCEF
    else:
        flags = waiting.flags & ~flag_of(kind)
    if flags & Status.MCEF:
        return replace(waiting, flags=flags)
    return replace(
        waiting,
        flags=flags,
        mme_diagnostic=waiting.mme_diagnostic if flags & Status.MNRF else None,
        sgsn_diagnostic=waiting.sgsn_diagnostic if flags & Status.MNRG else None,
        centres=tuple(replace(each, due=True) for each in waiting.centres),
    )
