"""NIDD-Information-Request: the checks of 7.2.3, the authorisation, and its way to serving nodes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Connection

from diameter import Message, ResultCode
from nfs.hss import tables as subscribers
from nfs.hss.groups import tables as groups
from nfs.hss.logic import Subscriber, UserId
from nfs.hss.monitoring import access, avps, nidd, outbox_tables, revoke, tables, telling
from nfs.hss.monitoring.config import MonitoringTable, ScefTable
from nfs.hss.monitoring.groups import devices
from nfs.hss.monitoring.logic import Error, Refused, Service, authorise
from nfs.hss.monitoring.outbox_tables import Note
from nfs.hss.monitoring.tables import Item, Known
from nfs.hss.profiles import ProfileTable
from nfs.hss.s6a_orders import Outcome

if TYPE_CHECKING:
    from nfs.hss.monitoring.s6t import Core

INCOMPLETE: Final = 1
"""Bit 0 of NIA-Flags and of NIR-Flags: more members of the group follow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is asked: until when (seconds since 1970) it is given, `apn` as the request has it."""

    user: UserId
    group: bool
    scef: ScefTable
    known: Known
    apn: str
    until: int
    providers: tuple[str, ...]
    now: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Granted:
    """What a device's authorisation became; before: those in its place until now, and what is known of their SCEFs.

    held: notes of what nodes have to be told; losers: of what those SCEFs have to be told.
    """

    subscriber: Subscriber
    profile: ProfileTable
    item: Item
    before: list[tuple[Item, Known | None]]
    held: list[Note]
    losers: list[Note]


class Nidd:
    """Answers NIDD-Information-Requests; `wake`: there is something to be sent."""

    def __init__(self, core: Core, config: MonitoringTable, wake: Callable[[], None]) -> None:
        self._core = core
        self._config = config
        self._wake = wake

    async def answer(self, request: Message, scef: ScefTable) -> Message:
        """The NIDD-Information-Answer.  Raises Refused, IdentityError, StoreError."""
        wanted = self._wanted(request, scef)
        theirs = avps.features(request)
        members: dict[str, Any] = {"Auth-Session-State": 1}
        if theirs is not None:
            members["Supported-Features"] = avps.supported(avps.OURS)
        if wanted.group:
            found = await self._core.store.do(lambda connection: self._for_group(connection, wanted))
            return request.answer(ResultCode.SUCCESS, members | found)
        granted = await self._core.store.do(lambda connection: self._for_device(connection, wanted))
        subscriber = granted.subscriber
        if granted.held:
            await self._push(granted, wanted)
        names = nidd.names(subscriber, wanted.user) | {"Granted-Validity-Time": avps.moment(wanted.until)}
        return request.answer(ResultCode.SUCCESS, members | {"NIDD-Authorization-Response": names})

    def _wanted(self, request: Message, scef: ScefTable) -> Wanted:
        user, group = avps.user(request.group("User-Identifier"))
        asked = request.get("NIDD-Authorization-Request")
        apn = None if asked is None else asked.get("Service-Selection")
        if asked is None or apn is None:
            raise Refused(Error.UNABLE_TO_COMPLY, "a request without an APN")
        now, provider = int(self._core.clock()), avps.provider(request)
        latest = now + self._config.longest_nidd_s
        until = avps.seconds(asked.get("Requested-Validity-Time"))
        return Wanted(
            user=user, group=group, scef=scef, apn=apn, until=latest if until is None else min(until, latest),
            known=Known(
                host=scef.host, realm=request.text("Origin-Realm"), features=(avps.features(request) or 0) & avps.OURS
            ),
            providers=() if provider is None else (provider,), now=now,
        )  # fmt: skip

    def _item(self, wanted: Wanted, subscriber: Subscriber, called: str) -> Item:
        return Item(
            imsi=subscriber.imsi, kind="nidd", scef=wanted.scef.host, reference=0, apn=wanted.apn.lower(),
            called=called, until=wanted.until, grp=wanted.user.external_id or "" if wanted.group else "",
        )  # fmt: skip

    def _for_device(self, connection: Connection, wanted: Wanted) -> Granted:
        subscriber = subscribers.find(connection, wanted.user)
        if subscriber is None:
            raise Refused(Error.USER_UNKNOWN, "nobody has this identity")
        rights = access.rights(connection, wanted.scef.host, subscriber.imsi)
        authorise(wanted.scef, rights, {Service.NIDD}, wanted.providers)
        profile = nidd.apn_of(self._core.profiles(), subscriber, wanted.apn)
        tables.know(connection, wanted.known)
        names = [each.identifier for each in subscriber.external_ids]
        called = avps.called(wanted.user) or next(iter(names), "") or subscriber.msisdn or ""
        item = self._item(wanted, subscriber, called)
        before = [(each, tables.known(connection, each.scef)) for each in nidd.grant(connection, item, wanted.now)]
        held, losers = self._to_tell(connection, item, before, wanted.now)
        held, losers = (telling.hold(connection, some, wanted.now) for some in (held, losers))
        return Granted(
            subscriber=subscriber, profile=profile, item=item, before=before, held=held, losers=losers
        )  # fmt: skip

    def _to_tell(
        self, connection: Connection, item: Item, before: Iterable[tuple[Item, Known | None]], now: int
    ) -> tuple[list[Note], list[Note]]:
        """What nodes have to be told of an authorisation, and what those whose it was (7.2.3, 8.4.57)."""
        waits = [each.body for each in outbox_tables.of_device(connection, item.imsi, "tell")]
        body = {"kind": "nidd", "apn": item.apn}
        same = [each.scef for each, _ in before] == [item.scef] and body not in waits
        losers = [
            revoke.withdrawn(each, now)
            for each, known in before
            if each.scef != item.scef and known is not None and known.features & avps.NIDD_UPDATE
        ]
        return [] if same else [telling.tell(item.imsi, item.scef, now, **body)], losers

    async def _push(self, granted: Granted, wanted: Wanted) -> None:
        """Give the nodes the APN's SCEF; where one does not take it all is as it was.  Raises Refused, StoreError."""
        outcomes = await self._tell(granted, granted.item, wanted.known.realm)

        def done(connection: Connection) -> None:
            outbox_tables.done(connection, granted.held)
            outbox_tables.free(connection, granted.losers)

        def undo(connection: Connection) -> bool:
            outbox_tables.done(connection, granted.losers)
            if not tables.remove(connection, granted.item):
                outbox_tables.free(connection, granted.held)  # another SCEF has it meanwhile: nodes hear what is kept
                return False
            for each, _ in granted.before:
                tables.put(connection, each)
            return True

        if all(each.good for each in outcomes):
            await self._core.store.do(done)
            self._wake()
            return
        if await self._core.store.do(undo):
            if any(each.good for each in outcomes):  # one of two nodes took it
                for each, known in granted.before:
                    await self._tell(granted, each, "" if known is None else known.realm)
            await self._core.store.do(lambda connection: outbox_tables.done(connection, granted.held))
        else:
            self._wake()
        raise Refused(Error.UNABLE_TO_COMPLY, "the serving node did not take the SCEF of the APN")

    async def _tell(self, granted: Granted, item: Item, realm: str) -> list[Outcome]:
        data = nidd.contexts(granted.profile, granted.subscriber, item.apn, (item.scef, realm))
        return await self._core.insert(granted.subscriber.imsi, data, None)

    def _for_group(self, connection: Connection, wanted: Wanted) -> dict[str, Any]:
        """Every member with this APN; those beyond one message follow in requests of ours (8.5)."""
        name = wanted.user.external_id or ""
        group = groups.find(connection, name)
        if group is None:
            raise Refused(Error.USER_UNKNOWN, "no such group")
        authorise(wanted.scef, access.rights(connection, wanted.scef.host, name), {Service.NIDD}, wanted.providers)
        tables.know(connection, wanted.known)
        users: list[dict[str, Any]] = []
        for called, imsi in devices(connection, group):
            subscriber = subscribers.find(connection, UserId(imsi=imsi))
            if subscriber is not None and self._may(connection, wanted, subscriber, name):
                self._grant(connection, self._item(wanted, subscriber, called), wanted.now)
                users.append({**nidd.names(subscriber, UserId(external_id=called)), "External-Identifier": called})
        if not users:
            raise Refused(Error.USER_NO_APN_SUBSCRIPTION, "no member has this APN for non-IP data")
        size = self._config.group_items
        parts = [users[at : at + size] for at in range(0, len(users), size)]
        self._follow(connection, wanted, name, parts[1:])
        members: dict[str, Any] = {"Group-User-Identifier": parts[0]}
        members["NIDD-Authorization-Response"] = {"Granted-Validity-Time": avps.moment(wanted.until)}
        return members | ({"NIA-Flags": INCOMPLETE} if parts[1:] else {})

    def _grant(self, connection: Connection, item: Item, now: int) -> None:
        """Of a member: nodes, and those whose it was, hear of it later."""
        before = [(each, tables.known(connection, each.scef)) for each in nidd.grant(connection, item, now)]
        held, losers = self._to_tell(connection, item, before, now)
        outbox_tables.add(connection, (*held, *losers))

    def _may(self, connection: Connection, wanted: Wanted, subscriber: Subscriber, group: str) -> bool:
        if not access.rights(connection, wanted.scef.host, subscriber.imsi, group).holds(Service.NIDD):
            return False
        try:
            nidd.apn_of(self._core.profiles(), subscriber, wanted.apn)
        except Refused:
            return False
        return True

    def _follow(self, connection: Connection, wanted: Wanted, group: str, parts: list[list[dict[str, Any]]]) -> None:
        notes = []
        for at, part in enumerate(parts, 1):
            flags = {"NIR-Flags": INCOMPLETE if at < len(parts) else 0}
            user = avps.identifier(group, group=True)
            body = {"User-Identifier": user, "Group-User-Identifier": part, **flags}
            until = wanted.now + self._config.keep_s
            notes.append(
                Note(
                    what="nidd", scef=wanted.scef.host, imsi="", called=group, grp=group, due=wanted.now, until=until,
                    body=body,
                )
            )  # fmt: skip
        outbox_tables.add(connection, notes)
