"""A Configuration-Information-Request as a question, and its answer from the database in one transaction."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

from sqlalchemy import Connection, select

from diameter import Message
from nfs.common.identities import ExternalIdentifier, encode_plmn
from nfs.hss import tables as subscribers
from nfs.hss.groups import tables as groups
from nfs.hss.logic import UserId
from nfs.hss.monitoring import access, avps, configure, coverage, tables, telling
from nfs.hss.monitoring import groups as for_groups
from nfs.hss.monitoring.avps import Asked
from nfs.hss.monitoring.config import MonitoringTable, ScefTable
from nfs.hss.monitoring.configure import Applied, Target
from nfs.hss.monitoring.groups import GroupApplied, Wanted
from nfs.hss.monitoring.logic import MOST, SERVICE_OF, Error, Refused, Service, Timers, Type, authorise
from nfs.hss.monitoring.tables import Known

ALL_EVENTS, COVERAGE, GROUP_ID, ALL_PATTERNS, ALL_NETWORK = 1, 2, 4, 8, 16  # CIR-Flags
KINDS: Final[dict[int, tables.Kind]] = {ALL_EVENTS: "event", ALL_PATTERNS: "pattern", ALL_NETWORK: "network"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What a SCEF asks.  `called`: how it calls the device or group; `more`: further groups (AdditionalIdentifiers)."""

    user: UserId
    called: str
    group: bool
    scef: ScefTable
    known: Known
    config: MonitoringTable
    flags: int
    guard_s: int
    providers: tuple[str, ...]
    events: list[Asked]
    patterns: list[Asked]
    network: Asked | None
    coverage: tuple[bool, list[str]] | None
    more: tuple[str, ...] = ()

    @property
    def services(self) -> set[Service]:
        """What is asked for anew; deletions of one's own need no right."""
        types = {each.wish.type for each in self.events if each.wish is not None}
        wanted = {SERVICE_OF[Type(each)] for each in types if each in SERVICE_OF}
        if any(each.new is not None for each in self.patterns):
            wanted.add(Service.PATTERN)
        if self.network is not None and self.network.new is not None:
            wanted.add(Service.NETWORK)
        if self.coverage is not None or self.flags & COVERAGE:
            wanted.add(Service.COVERAGE)
        return wanted | ({Service.GROUP_ID} if self.flags & GROUP_ID else set())


def question(request: Message, scef: ScefTable, config: MonitoringTable) -> Question:
    """The question of a request.  Raises IdentityError, and Refused for what is another SCEF's."""
    user, group = avps.user(request.group("User-Identifier"))
    events, patterns, network = avps.events(request), avps.patterns(request), avps.network(request)
    every = [*events, *patterns, *([] if network is None else [network])]
    for each in every:
        if each.scef.lower() != scef.host.lower():
            raise Refused(Error.UNAUTHORIZED_REQUESTING_ENTITY, "the SCEF-ID of another SCEF")
    own = scef.host  # however it is spelled: what is kept and counted goes by one name
    events = [replace(each, scef=own) for each in events]
    patterns = [replace(each, scef=own) for each in patterns]
    network = None if network is None else replace(network, scef=own)
    more = request.get("AdditionalIdentifiers")
    names = () if more is None else more.all("External-Identifier")
    return Question(
        user=user, called=avps.called(user), group=group, scef=scef, config=config,
        known=Known(
            host=scef.host, realm=request.text("Origin-Realm"), features=(avps.features(request) or 0) & avps.OURS
        ),
        flags=request.get("CIR-Flags", 0), guard_s=min(request.get("Group-Reporting-Guard-Timer", 0), MOST),
        providers=tuple(each.provider for each in every if each.provider is not None),
        events=events, patterns=patterns, network=network,
        coverage=avps.coverage(request),
        more=tuple(str(ExternalIdentifier.parse(each)) for each in names),
    )  # fmt: skip


class Work:
    """Work for a store: a question at a moment."""

    def __init__(self, asked: Question, now: int) -> None:
        self._asked = asked
        self._now = now

    def apply(
        self, connection: Connection
    ) -> GroupApplied | dict[str, Any] | coverage.Set | tuple[Target, Applied, Timers | None]:
        """What became of it: of a group, members of the answer as they are, or of a device.  Raises Refused."""
        asked = self._asked
        if asked.group:
            return self._for_group(connection)
        subscriber = subscribers.find(connection, asked.user)
        if subscriber is None or asked.user.imsi is not None:
            raise Refused(Error.USER_UNKNOWN, "nobody has this identity")
        rights = access.rights(connection, asked.scef.host, subscriber.imsi)
        authorise(asked.scef, rights, asked.services, asked.providers)
        tables.know(connection, asked.known)
        on = configure.target(connection, subscriber, asked.called, rights, self._now)
        if asked.services & {Service.COVERAGE}:
            found = coverage.answer(connection, on, asked.coverage)
            if isinstance(found, coverage.Set):
                note = telling.tell(subscriber.imsi, asked.scef.host, self._now, kind="coverage")
                found.held.extend(telling.hold(connection, [note], self._now))
            return found
        done = Applied(imsi=subscriber.imsi)
        for bit, kind in KINDS.items():
            if asked.flags & bit:
                configure.delete_all(connection, kind, asked.scef.host, on, done)
        for each in asked.events:
            configure.events(connection, each, on, asked.scef, asked.config, self._now, done)
        for each in asked.patterns:
            configure.pattern(connection, each, on, done)
        if asked.network is not None:
            configure.network(connection, asked.network, on, asked.config, done)
        telling.changed(connection, on, done, asked.scef.host, self._now)
        left = tables.of(connection, subscriber.imsi, self._now)
        return on, done, configure.power_saving(left, asked.config)

    def _for_group(self, connection: Connection) -> GroupApplied | dict[str, Any]:
        asked = self._asked
        name = asked.user.external_id or ""
        group = groups.find(connection, name)
        if group is None:
            raise Refused(Error.USER_UNKNOWN, "no such group")
        rights = access.rights(connection, asked.scef.host, name)
        authorise(asked.scef, rights, asked.services, asked.providers)
        if Service.COVERAGE in asked.services:
            raise Refused(Error.UNABLE_TO_COMPLY, "enhanced coverage is set device by device")
        tables.know(connection, asked.known)
        if asked.flags & GROUP_ID:
            return _group_ids(connection, asked, name)
        of = Wanted(
            group=group, scef=asked.scef, rights=rights, guard_s=asked.guard_s, keep_s=asked.config.keep_s,
            now=self._now, devices=for_groups.devices(connection, group),
        )  # fmt: skip
        done = GroupApplied(members=len(of.devices))
        for bit, kind in KINDS.items():
            if asked.flags & bit:
                for_groups.delete_all(connection, kind, asked.scef.host, name, self._now)
        network = [] if asked.network is None else [asked.network]
        wishes: tuple[tuple[tables.Kind, list[Asked]], ...]
        wishes = (("event", asked.events), ("pattern", asked.patterns), ("network", network))
        for kind, some in wishes:
            for each in some:
                for_groups.ask(connection, kind, each, of, asked.config, done)
        return done


def _group_ids(connection: Connection, asked: Question, first: str) -> dict[str, Any]:
    """IMSI-Group-Id of each group that has one, in the order asked (7.2.1.2 step 4).  Raises Refused."""
    found = []
    for name in (first, *asked.more):
        if name != first:
            rights = access.rights(connection, asked.scef.host, name)
            authorise(asked.scef, rights, {Service.GROUP_ID})
        row = connection.execute(select(tables.IMSI_GROUP).where(tables.IMSI_GROUP.c.grp == name)).one_or_none()
        if row is None:
            raise Refused(Error.USER_UNKNOWN, "the group has no IMSI-Group-Id")
        found.append(
            {
                "Group-Service-Id": row.service,
                "Group-PLMN-Id": encode_plmn(row.plmn),
                "Local-Group-Id": bytes.fromhex(row.local),
            }
        )
    return {"IMSI-Group-Id": found}
