"""Groups in the store of the MTC-IWF: one row for the group, and one trigger for each member beside all others.

The group has a row among the triggers too, without a member: so that its Reference-Number is taken, for a group and
for a device alike.  Its payload is kept until the last member was handed over.  A process claims a group for `CLAIM_S`
while it works on it; one that comes back under its own name need not wait for its own claim.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Float,
    Integer,
    LargeBinary,
    String,
    Table,
    and_,
    bindparam,
    delete,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from nfs.common.store import Store, StoreError, Work
from nfs.common.tsp import DeliveryOutcome
from nfs.mtc_iwf.groups.lapse import lapse
from nfs.mtc_iwf.groups.ports import Entry, GroupTrigger, Key, Member, Progress
from nfs.mtc_iwf.ports import Device, Sender, Standing, State, Trigger, Unavailable
from nfs.mtc_iwf.triggers import GRACE_S, KEEP_S, METADATA, TRIGGER, Counting, OverQuota
from nfs.mtc_sgw.quotas import DEVICE, Claim, Used

T = TypeVar("T")
CLAIM_S: Final = 60.0

GROUP: Final = Table(
    "group_trigger",
    METADATA,
    Column("scs", String(15), primary_key=True),
    Column("reference", BigInteger, primary_key=True, autoincrement=False),
    Column("group_id", String(253), nullable=False),
    Column("payload", LargeBinary),
    Column("port", Integer),
    Column("priority", Boolean, nullable=False),
    Column("validity_s", BigInteger),
    Column("lasts_s", BigInteger, nullable=False),
    Column("members", Integer, nullable=False),
    Column("unreported", Integer, nullable=False),
    Column("reached", Integer, nullable=False),
    Column("busy", Boolean, nullable=False),
    Column("claimant", String(255), nullable=False),
    Column("claimed_until", Float(53), nullable=False),
    Column("accepted_at", Float(53), nullable=False),
    Column("expires_at", Float(53), nullable=False, index=True),
    Column("charged", Integer, nullable=False, server_default="0"),
)

# Statements are made once: to make one costs as much as to run it.
_GROUP_KEY: Final = and_(GROUP.c.scs == bindparam("key_scs"), GROUP.c.reference == bindparam("key_reference"))
_TRIGGERS: Final = and_(TRIGGER.c.scs == bindparam("key_scs"), TRIGGER.c.reference == bindparam("key_reference"))
_OWN: Final = and_(_TRIGGERS, TRIGGER.c.member == "")
_LOCK: Final = select(TRIGGER).where(_OWN).with_for_update()  # SQLite has one writer and needs no lock
_MEMBERS: Final = and_(_TRIGGERS, TRIGGER.c.member != "")
_OF_MEMBER: Final = and_(_TRIGGERS, TRIGGER.c.member == bindparam("key_member"))
_TO_DO: Final = (
    select(TRIGGER)
    .where(_MEMBERS, TRIGGER.c.state.in_([Progress.WAITING.value, Progress.OWED.value]))
    .order_by(TRIGGER.c.state.desc(), TRIGGER.c.member)  # waiting before owed
    .limit(bindparam("at_most"))
)
_FREE: Final = or_(GROUP.c.claimed_until <= bindparam("now"), GROUP.c.claimant == bindparam("me"))
_CLAIM: Final = (
    update(GROUP).where(_GROUP_KEY, _FREE).values(claimant=bindparam("me"), claimed_until=bindparam("until"))
)
_BUSY: Final = select(GROUP.c.scs, GROUP.c.reference).where(GROUP.c.busy, _FREE)
_BY_EXTERNAL_ID: Final = select(TRIGGER).where(_MEMBERS, TRIGGER.c.external_id == bindparam("external_id"))


class GroupKeep:
    """`nfs.mtc_iwf.groups.ports.Keep` on a Store.  clock: seconds since 1970.  me: whose claims these are."""

    def __init__(self, store: Store, clock: Callable[[], float], me: str, counts: Counting | None = None) -> None:
        self._counts = counts
        self._store = store
        self._clock = clock
        self._me = me

    async def begin(self, group: GroupTrigger, members: tuple[Member, ...]) -> Standing:
        """Remember a group and its members, unless the key belongs to another trigger that is open."""
        try:
            try:
                return await self._begin(group, members)
            except IntegrityError:  # another process was quicker: look again at what it wrote
                return await self._begin(group, members)
        except OverQuota:  # for so many; a single trigger may still have room
            return Standing.OVER_QUOTA

    async def _begin(self, group: GroupTrigger, members: tuple[Member, ...]) -> Standing:
        now, counts = self._clock(), self._counts
        claim = {"claimant": self._me, "claimed_until": now + CLAIM_S}
        claims = {} if counts is None else {each.imsi: counts.of(_as_trigger(group, each)) for each in members}

        def work(connection: Connection) -> tuple[Standing, list[Used]]:
            if not _free(connection, group, now):
                return _same(connection, group), []
            used: list[Used] = []
            full = () if counts is None else _count(connection, counts, claims, used)
            _write(connection, group, members, now, claim, full)
            return Standing.NEW, used

        standing, used = await self._do(work)
        if counts is not None:
            counts.learn(used)
        return standing

    async def take(self, key: Key, at_most: int) -> tuple[GroupTrigger, tuple[Entry, ...]] | None:
        """Members to be handed over or told of, for this process alone; None when another works on the group."""
        now = self._clock()
        claim = {**_key(key), "me": self._me, "now": now, "until": now + CLAIM_S}
        return await self._do(lambda connection: _take(connection, key, claim, at_most))

    async def busy(self) -> tuple[Key, ...]:
        """Groups with something left to do that no other process works on."""
        row = {"now": self._clock(), "me": self._me}

        def work(connection: Connection) -> tuple[Key, ...]:
            return tuple((scs, reference) for scs, reference in connection.execute(_BUSY, row))

        return await self._do(work)

    async def handed(self, entry: Entry, sms_sc: str) -> None:
        """The SMS-SC has the member's trigger; nothing is changed where its report was quicker."""
        statement = update(TRIGGER).where(_OF_MEMBER, TRIGGER.c.state == Progress.WAITING.value)
        row = {**_key_of(entry), "state": Progress.OPEN.value, "sms_sc": sms_sc}
        await self._do(lambda connection: connection.execute(statement, row).rowcount)

    async def settle(self, entry: Entry, outcome: DeliveryOutcome, progress: Progress) -> bool:
        """How the member's trigger ended, and whether the SCS knows; False when it did before."""
        now = self._clock()
        return await self._do(lambda connection: _settle(connection, entry, outcome, progress, now))

    async def find(self, scs: str, reference: int, imsi: str | None, external_id: str | None) -> Entry | None:
        """The trigger of one member, by either of its names."""
        key = _key((scs, reference))

        def work(connection: Connection) -> Entry | None:
            if imsi:
                row = connection.execute(select(TRIGGER).where(_OF_MEMBER), {**key, "key_member": imsi}).one_or_none()
            elif external_id:
                row = connection.execute(_BY_EXTERNAL_ID, {**key, "external_id": external_id}).first()
            else:
                row = None
            return None if row is None else _entry(row)

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

    async def _do(self, work: Work[T]) -> T:
        try:
            return await self._store.do(work)
        except StoreError as error:
            raise Unavailable(str(error)) from None


def _key(key: Key) -> dict[str, Any]:
    return {"key_scs": key[0], "key_reference": key[1]}


def _key_of(entry: Entry) -> dict[str, Any]:
    return {"key_scs": entry.scs, "key_reference": entry.reference, "key_member": entry.member.imsi}


def _free(connection: Connection, group: GroupTrigger, now: float) -> bool:
    """Whether the Reference-Number is, but for a late copy of the request that had it last; its row is locked."""
    found = connection.execute(_LOCK, _key(group.key)).one_or_none()
    if found is None or (found.state == State.OPEN and found.expires_at <= now):
        return True
    sent = (group.sender.host, group.sender.session_id[:512], group.sender.end_to_end)
    copy = found.imsi == "" and (found.origin_host, found.session_id, found.end_to_end) == sent
    return found.state != State.OPEN and not (copy and found.fingerprint == group.fingerprint)


def _same(connection: Connection, group: GroupTrigger) -> Standing:
    """Whether what has the Reference-Number is the same group trigger."""
    found = connection.execute(select(TRIGGER).where(_OWN), _key(group.key)).one()
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


def _as_trigger(group: GroupTrigger, member: Member) -> Trigger:
    return Trigger(
        scs=group.scs,
        reference=group.reference,
        device=Device(external_id=member.external_id),
        imsi=member.imsi,
        sender=group.sender,
        fingerprint=group.fingerprint,
        validity_s=group.lasts_s,
        member=member.imsi,
    )


def _write(
    connection: Connection,
    group: GroupTrigger,
    members: tuple[Member, ...],
    now: float,
    claim: dict[str, Any],
    full: tuple[str, ...],
) -> None:
    """The group and its members, those in `full` as over already."""
    key = _key(group.key)
    connection.execute(delete(TRIGGER).where(_TRIGGERS), key)
    connection.execute(delete(GROUP).where(_GROUP_KEY), key)
    expires_at = now + group.lasts_s + GRACE_S
    own = _trigger_row(group, expires_at) | {"state": State.OPEN.value, "external_id": group.group}
    connection.execute(insert(TRIGGER), own)
    connection.execute(insert(GROUP), _group_row(group, len(members), expires_at) | claim)
    waiting = _trigger_row(group, expires_at) | {"state": Progress.WAITING.value, "outcome": None}
    over = {"state": Progress.OWED.value, "outcome": int(DeliveryOutcome.TEMPORARYERROR)}
    rows = [waiting | {"member": each.imsi, "imsi": each.imsi, "external_id": each.external_id} for each in members]
    if rows:
        connection.execute(insert(TRIGGER), [row | over if row["imsi"] in full else row for row in rows])


def _take(
    connection: Connection, key: Key, claim: dict[str, Any], at_most: int
) -> tuple[GroupTrigger, tuple[Entry, ...]] | None:
    if not connection.execute(_CLAIM, claim).rowcount:
        return None
    row = connection.execute(select(GROUP).where(_GROUP_KEY), _key(key)).one()
    rows = connection.execute(_TO_DO, {**_key(key), "at_most": at_most}).all()
    if not any(each.state == Progress.WAITING for each in rows) and row.payload is not None:
        connection.execute(update(GROUP).where(_GROUP_KEY), {**_key(key), "payload": None})
    if not rows:
        connection.execute(update(GROUP).where(_GROUP_KEY), {**_key(key), "busy": False, "claimed_until": 0.0})
    own = connection.execute(select(TRIGGER).where(_OWN), _key(key)).one_or_none()
    if own is None:  # forgotten a moment ago, with its members
        return None
    group = GroupTrigger(
        scs=row.scs,
        reference=row.reference,
        group=row.group_id,
        sender=_sender(own),
        fingerprint=own.fingerprint,
        payload=row.payload or b"",
        port=row.port,
        priority=row.priority,
        validity_s=row.validity_s,
        lasts_s=row.lasts_s,
        accepted_at=row.accepted_at,
    )
    return group, tuple(_entry(each) for each in rows)


def _settle(connection: Connection, entry: Entry, outcome: DeliveryOutcome, progress: Progress, now: float) -> bool:
    statement = update(TRIGGER).where(_OF_MEMBER, TRIGGER.c.state != Progress.REPORTED.value)
    row = {**_key_of(entry), "state": progress.value, "outcome": int(outcome)}
    if progress is not Progress.REPORTED:
        connection.execute(update(GROUP).where(_GROUP_KEY), {**_key((entry.scs, entry.reference)), "busy": True})
        return connection.execute(statement, row).rowcount > 0
    if not connection.execute(statement, row | {"expires_at": now + KEEP_S}).rowcount:
        return False
    key = _key((entry.scs, entry.reference))
    counts = {
        "unreported": GROUP.c.unreported - 1,
        "reached": GROUP.c.reached + int(outcome is DeliveryOutcome.SUCCESS),
    }
    connection.execute(update(GROUP).where(_GROUP_KEY).values(counts), key)
    left = connection.execute(select(GROUP.c.unreported).where(_GROUP_KEY), key).scalar()
    if left == 0:
        over = {**key, "state": State.REPORTED.value, "expires_at": now + KEEP_S}
        connection.execute(update(TRIGGER).where(_OWN), over)
        connection.execute(update(GROUP).where(_GROUP_KEY), {**key, "expires_at": now + KEEP_S})
    return True


def _trigger_row(group: GroupTrigger, expires_at: float) -> dict[str, Any]:
    return {
        "scs": group.scs,
        "reference": group.reference,
        "member": "",
        "imsi": "",
        "origin_host": group.sender.host,
        "origin_realm": group.sender.realm,
        "session_id": group.sender.session_id[:512],
        "end_to_end": group.sender.end_to_end,
        "fingerprint": group.fingerprint,
        "validity_s": group.lasts_s,
        "sms_sc": "",
        "expires_at": expires_at,
    }


def _group_row(group: GroupTrigger, members: int, expires_at: float) -> dict[str, Any]:
    return {
        "scs": group.scs,
        "reference": group.reference,
        "group_id": group.group,
        "payload": group.payload,
        "port": group.port,
        "priority": group.priority,
        "validity_s": group.validity_s,
        "lasts_s": group.lasts_s,
        "members": members,
        "unreported": members,
        "reached": 0,
        "busy": True,
        "accepted_at": group.accepted_at,
        "expires_at": expires_at,
    }


def _sender(row: Any) -> Sender:
    return Sender(host=row.origin_host, realm=row.origin_realm, session_id=row.session_id, end_to_end=row.end_to_end)


def _entry(row: Any) -> Entry:
    return Entry(
        scs=row.scs,
        reference=row.reference,
        member=Member(imsi=row.imsi, external_id=row.external_id or ""),
        sender=_sender(row),
        progress=Progress(row.state),
        outcome=None if row.outcome is None else DeliveryOutcome(row.outcome),
    )
