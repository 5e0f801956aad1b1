"""Groups in the store of the MTC-IWF: one row for the group, and one trigger for each member beside all others.

A process claims a group for `CLAIM_S` while it works on it; one that comes back under its own name need not wait for
its own claim.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, and_, bindparam, delete, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from nfs.common.store import Store, StoreError, Work
from nfs.common.tsp import DeliveryOutcome
from nfs.mtc_iwf.groups import recalling, rows, settle
from nfs.mtc_iwf.groups.lapse import lapse
from nfs.mtc_iwf.groups.ports import Entry, GroupTrigger, Key, Member, Progress
from nfs.mtc_iwf.groups.tables import GROUP, GROUP_KEY, LOCK, MEMBERS, OF_MEMBER, OWN, TRIGGERS, key_of, key_of_member
from nfs.mtc_iwf.ports import Standing, State, Unavailable
from nfs.mtc_iwf.triggers import GRACE_S, KEEP_S, TRIGGER, Counting, OverQuota
from nfs.mtc_sgw.quotas import DEVICE, Claim, Used

T = TypeVar("T")
CLAIM_S: Final = 60.0

_TO_DO: Final = (
    select(TRIGGER)
    .where(MEMBERS, TRIGGER.c.state.in_([Progress.WAITING.value, Progress.OWED.value]))
    .order_by(TRIGGER.c.state.desc(), TRIGGER.c.member)  # waiting before owed
    .limit(bindparam("at_most"))
)
_FREE: Final = or_(GROUP.c.claimed_until <= bindparam("now"), GROUP.c.claimant == bindparam("me"))
_CLAIM: Final = update(GROUP).where(GROUP_KEY, _FREE).values(claimant=bindparam("me"), claimed_until=bindparam("until"))
_BUSY: Final = select(GROUP.c.scs, GROUP.c.reference).where(GROUP.c.busy, _FREE)
_LET_GO: Final = select(GROUP.c.reference).where(GROUP_KEY, GROUP.c.busy, ~_FREE)
_ONE: Final = select(TRIGGER).where(OF_MEMBER)
_BY_EXTERNAL_ID: Final = select(TRIGGER).where(MEMBERS, TRIGGER.c.external_id == bindparam("external_id"))
_HANDED: Final = update(TRIGGER).where(OF_MEMBER, TRIGGER.c.state.in_([Progress.WAITING.value, Progress.HELD.value]))


class GroupKeep:
    """`nfs.mtc_iwf.groups.ports.Keep` on a Store.  clock: seconds since 1970.  me: whose claims these are."""

    def __init__(self, store: Store, clock: Callable[[], float], me: str, counts: Counting | None = None) -> None:
        self._counts = counts
        self._store = store
        self._clock = clock
        self._me = me

    async def begin(self, group: GroupTrigger, members: tuple[Member, ...]) -> Standing:
        """Remember a group and its members, unless the key belongs to another trigger that is open."""
        counts = self._counts
        claims = {} if counts is None else {each.imsi: counts.of(rows.as_trigger(group, each)) for each in members}

        def work(connection: Connection) -> tuple[Standing, list[Used]]:
            if not _free(connection, group, self._clock()):
                return _same(connection, group), []
            used: list[Used] = []
            full = () if counts is None else _count(connection, counts, claims, used)
            self._write(connection, group, members, full)
            return Standing.NEW, used

        try:
            standing, used = await self._twice(work)
        except OverQuota:  # for so many; a single trigger may still have room
            return Standing.OVER_QUOTA
        if counts is not None:
            counts.learn(used)
        return standing

    async def begin_recall(self, group: GroupTrigger) -> tuple[Standing, int] | None:
        """Remember a recall, and hand no member of its group over any more.

        With it, of how many members something may still be withdrawn: of none, nothing is remembered.  None when no
        group of this name has the number `recalls`.
        """

        def work(connection: Connection) -> tuple[Standing, int] | None:
            if not _free(connection, group, self._clock()):
                return _same(connection, group), 1
            members = recalling.hold(connection, group)
            if members:
                self._write(connection, group, members, ())
            return None if members is None else (Standing.NEW, len(members))

        return await self._twice(work)

    def _write(
        self, connection: Connection, group: GroupTrigger, members: tuple[Member, ...], full: tuple[str, ...]
    ) -> None:
        now = self._clock()
        _write(connection, group, members, now, {"claimant": self._me, "claimed_until": now + CLAIM_S}, full)

    async def take(self, key: Key, at_most: int) -> tuple[GroupTrigger, tuple[Entry, ...]] | None:
        """Members to be handed over or told of, for this process alone; None when another works on the group."""
        now = self._clock()
        claim = {**key_of(key), "me": self._me, "now": now, "until": now + CLAIM_S}
        return await self._do(lambda connection: _take(connection, key, claim, at_most))

    async def busy(self) -> tuple[Key, ...]:
        """Groups with something left to do that no other process works on."""
        row = {"now": self._clock(), "me": self._me}

        def work(connection: Connection) -> tuple[Key, ...]:
            return tuple((scs, reference) for scs, reference in connection.execute(_BUSY, row))

        return await self._do(work)

    async def let_go(self, key: Key) -> bool:
        """Whether no other process is handing members of this group over."""
        row = {**key_of(key), "now": self._clock(), "me": self._me}
        return await self._do(lambda connection: connection.execute(_LET_GO, row).one_or_none() is None)

    async def handed(self, entry: Entry, sms_sc: str) -> None:
        """The SMS-SC has the member's trigger; nothing is changed where its report was quicker."""
        row = {**key_of_member(entry), "state": Progress.OPEN.value, "sms_sc": sms_sc}
        await self._do(lambda connection: connection.execute(_HANDED, row).rowcount)

    async def owe(self, entry: Entry, outcome: int) -> bool:
        """How the member's trigger ended, of which the SCS is to hear; False when it has."""
        return await self._do(lambda connection: settle.owe(connection, entry, outcome))

    async def end(self, entry: Entry, progress: Progress, outcome: int | None) -> bool:
        """The member is over: reported or recalled; False when it was before."""
        now = self._clock()
        return await self._do(lambda connection: settle.end(connection, entry, progress, outcome, now))

    async def find(self, scs: str, reference: int, imsi: str | None, external_id: str | None) -> Entry | None:
        """The trigger of one member, by either of its names."""
        key = key_of((scs, reference))

        def work(connection: Connection) -> Entry | None:
            if imsi:
                row = connection.execute(_ONE, {**key, "key_member": imsi}).one_or_none()
            elif external_id:
                row = connection.execute(_BY_EXTERNAL_ID, {**key, "external_id": external_id}).first()
            else:
                row = None
            return None if row is None else rows.entry(row)

        return await self._do(work)

    async def lapse(self) -> int:
        """Owe reports on members whose time is over and of whom nothing was heard; the number of their groups."""
        now = self._clock()
        return await self._do(lambda connection: lapse(connection, now, GROUP))

    async def purge(self) -> int:
        """Forget groups that are over; the number.  Their members are forgotten with all triggers.

        One with reports that nobody has had is kept for `KEEP_S` more, in which the SCS may come back.
        """
        now = self._clock()
        over = or_(and_(GROUP.c.expires_at <= now, GROUP.c.unreported <= 0), GROUP.c.expires_at <= now - KEEP_S)
        return await self._do(lambda connection: connection.execute(delete(GROUP).where(over)).rowcount)

    async def _twice(self, work: Work[T]) -> T:
        """Where another process was quicker, look again at what it wrote."""
        try:
            return await self._do(work)
        except IntegrityError:
            return await self._do(work)

    async def _do(self, work: Work[T]) -> T:
        try:
            return await self._store.do(work)
        except StoreError as error:
            raise Unavailable(str(error)) from None


def _free(connection: Connection, group: GroupTrigger, now: float) -> bool:
    """Whether the Reference-Number is, but for a late copy of the request that had it last; its row is locked."""
    found = connection.execute(LOCK, key_of(group.key)).one_or_none()
    if found is None or (found.state == State.OPEN and found.expires_at <= now):
        return True
    sent = (group.sender.host, group.sender.session_id[:512], group.sender.end_to_end)
    copy = found.imsi == "" and (found.origin_host, found.session_id, found.end_to_end) == sent
    return found.state != State.OPEN and not (copy and found.fingerprint == group.fingerprint)


def _same(connection: Connection, group: GroupTrigger) -> Standing:
    """Whether what has the Reference-Number is the same group trigger."""
    found = connection.execute(select(TRIGGER).where(OWN), key_of(group.key)).one()
    return Standing.REPEAT if found.fingerprint == group.fingerprint and found.imsi == "" else Standing.TAKEN


def _count(
    connection: Connection, counts: Counting, claims: Mapping[str, Sequence[Claim]], used: list[Used]
) -> tuple[str, ...]:
    """Count each member as a trigger; those whose own quota is used up.

    Raises OverQuota where the SCS or the gateway has no room for all: then nothing counts.
    """
    full: list[str] = []
    for imsi, wanted in claims.items():
        used += counts.take(connection, [each for each in wanted if each.scope != DEVICE])
        try:
            used += counts.take(connection, [each for each in wanted if each.scope == DEVICE])
        except OverQuota as over:
            used.append(over.used)
            full.append(imsi)
    return tuple(full)


def _write(
    connection: Connection,
    group: GroupTrigger,
    members: tuple[Member, ...],
    now: float,
    claim: dict[str, Any],
    full: tuple[str, ...],
) -> None:
    """The group and its members, those in `full` as over already."""
    key = key_of(group.key)
    connection.execute(delete(TRIGGER).where(TRIGGERS), key)
    connection.execute(delete(GROUP).where(GROUP_KEY), key)
    expires_at = now + group.lasts_s + GRACE_S
    own = rows.trigger_row(group, expires_at) | {"state": State.OPEN.value, "external_id": group.group}
    connection.execute(insert(TRIGGER), own)
    connection.execute(insert(GROUP), rows.group_row(group, len(members), expires_at) | claim)
    waiting = rows.trigger_row(group, expires_at) | {"state": Progress.WAITING.value, "outcome": None}
    over = {"state": Progress.OWED.value, "outcome": int(DeliveryOutcome.TEMPORARYERROR)}
    made = [waiting | {"member": each.imsi, "imsi": each.imsi, "external_id": each.external_id} for each in members]
    if made:
        connection.execute(insert(TRIGGER), [row | over if row["imsi"] in full else row for row in made])


def _take(
    connection: Connection, key: Key, claim: dict[str, Any], at_most: int
) -> tuple[GroupTrigger, tuple[Entry, ...]] | None:
    if not connection.execute(_CLAIM, claim).rowcount:
        return None
    row = connection.execute(select(GROUP).where(GROUP_KEY), key_of(key)).one()
    found = connection.execute(_TO_DO, {**key_of(key), "at_most": at_most}).all()
    if not any(each.state == Progress.WAITING for each in found) and row.payload is not None:
        connection.execute(update(GROUP).where(GROUP_KEY), {**key_of(key), "payload": None})
    if not found:
        connection.execute(update(GROUP).where(GROUP_KEY), {**key_of(key), "busy": False, "claimed_until": 0.0})
    own = connection.execute(select(TRIGGER).where(OWN), key_of(key)).one_or_none()
    if own is None:  # forgotten a moment ago, with its members
        return None
    return rows.group_of(row, own), tuple(rows.entry(each) for each in found)
