"""The ledger of the MTC-IWF in its store: every open trigger by (SCS, Reference-Number, member) until it is reported.

The member is "" for the trigger of one device; of a group each member has a trigger of its own.

The payload is not kept: the SMS-SC has it.  A finished trigger stays for a while, so that a report that comes twice is
answered and not sent on twice; its Reference-Number may be used again at once.

Several processes may share the store.  Whoever is to write a row locks it first, so that a key is given once; a
request that comes again, to whichever of them, is recognised by Origin-Host, Session-Id and End-to-End Identifier;
and a trigger is counted in its quotas by the transaction that writes it down.

A process that has the store for itself knows its open triggers without asking it: what it wrote last is what is there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol, TypeVar

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Float,
    Integer,
    MetaData,
    String,
    Table,
    bindparam,
    delete,
    insert,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from diameter.errors import DiameterError
from nfs.common.statements import Statement
from nfs.common.store import Store, StoreError, Work
from nfs.common.tsp import DeliveryOutcome
from nfs.mtc_iwf.at_hand import AtHand
from nfs.mtc_iwf.ports import Standing, State, Trigger, Unavailable
from nfs.mtc_iwf.rows import trigger_of, values_of
from nfs.mtc_sgw.quotas import Claim, Used

T = TypeVar("T")
GRACE_S: Final = 3600.0
"""How long after the end of its validity an open trigger still waits for its report."""
KEEP_S: Final = 86400.0
"""How long a finished trigger is remembered."""
AT_HAND: Final = 10_000
"""Open triggers that a process keeps at hand; the one written first goes first."""

METADATA: Final = MetaData()
TRIGGER: Final = Table(
    "trigger",
    METADATA,
    Column("scs", String(15), primary_key=True),
    Column("reference", BigInteger, primary_key=True, autoincrement=False),
    Column("member", String(15), primary_key=True, server_default=""),
    Column("state", String(8), nullable=False),
    Column("external_id", String(253)),
    Column("msisdn", String(15)),
    Column("imsi", String(15), nullable=False),
    Column("origin_host", String(255), nullable=False),
    Column("origin_realm", String(255), nullable=False),
    Column("session_id", String(512), nullable=False),
    Column("end_to_end", BigInteger, nullable=False),
    Column("fingerprint", String(32), nullable=False),
    Column("validity_s", BigInteger, nullable=False),
    Column("sms_sc", String(255), nullable=False),
    Column("outcome", Integer),
    Column("expires_at", Float, nullable=False, index=True),
    Column("charged", Integer, nullable=False, server_default="0"),
)

_KEY: Final = (
    (TRIGGER.c.scs == bindparam("key_scs"))
    & (TRIGGER.c.reference == bindparam("key_reference"))
    & (TRIGGER.c.member == bindparam("key_member"))
)
_FIND: Final = Statement(select(TRIGGER).where(_KEY))
_LOCK: Final = Statement(select(TRIGGER).where(_KEY).with_for_update())  # SQLite has one writer and needs no lock
_INSERT: Final = Statement(insert(TRIGGER))
_CHANGE: Final = Statement(update(TRIGGER).where(_KEY))
_OVER: Final = TRIGGER.c.expires_at <= bindparam("key_now")
_UNHEARD: Final = (TRIGGER.c.state == State.OPEN.value) & (TRIGGER.c.member == "") & (TRIGGER.c.imsi != "")
_LAPSED: Final = (
    select(TRIGGER)
    .where(_OVER, _UNHEARD)
    .order_by(TRIGGER.c.expires_at, TRIGGER.c.scs, TRIGGER.c.reference)
    .limit(bindparam("at_most"))
    .offset(bindparam("past"))
)
_OWING: Final = TRIGGER.c.state.in_([State.OPEN.value, "waiting", "held", "owed"])  # see `groups.ports.Progress` too
_PURGE: Final = delete(TRIGGER).where(_OVER, ~_OWING | (TRIGGER.c.expires_at <= bindparam("key_long_ago")))
_REFUSE: Final = Statement(
    update(TRIGGER).where(
        _KEY, TRIGGER.c.session_id == bindparam("key_session_id"), TRIGGER.c.end_to_end == bindparam("key_end_to_end")
    )
)
_OVER_FOR_GOOD: Final = (State.REPORTED.value, State.RECALLED.value, State.REPLACED.value)
"""States in which a copy of the request that made the trigger makes no new one."""


class OverQuota(DiameterError):
    """A quota is used up; `used` says which."""

    def __init__(self, used: Used) -> None:
        super().__init__(f"the quota of this {used.scope} is used up")
        self.used = used


class Counting(Protocol):
    """`nfs.mtc_iwf.counts.Counts`."""

    def of(self, trigger: Trigger) -> Sequence[Claim]:
        """What this trigger counts in."""

    def take(self, connection: Connection, claims: Sequence[Claim]) -> list[Used]:
        """Count; what was counted then.  Raises OverQuota, and nothing counts."""

    def learn(self, used: Sequence[Used]) -> None:
        """What was counted, once that is committed, or which quota is used up."""


class Triggers:
    """`nfs.mtc_iwf.ports.Ledger` on a Store.  clock: seconds since 1970.  counts: nothing is counted without.

    alone: nobody else writes to this store.
    """

    def __init__(
        self, store: Store, clock: Callable[[], float], counts: Counting | None = None, *, alone: bool = False
    ) -> None:
        self.store = store
        self._clock = clock
        self._counts = counts
        self._at_hand = AtHand(AT_HAND if alone else 0)

    async def begin(self, trigger: Trigger) -> Standing:
        """Remember a trigger, unless its key belongs to another one that is open or a quota is used up."""
        try:
            try:
                return await self._begin(trigger)
            except IntegrityError:  # another process of this function was quicker: look again at what it wrote
                return await self._begin(trigger)
        except OverQuota as over:
            if self._counts is not None:
                self._counts.learn([over.used])
            return Standing.OVER_QUOTA

    async def _begin(self, trigger: Trigger) -> Standing:
        now, counts = self._clock(), self._counts
        claims = () if counts is None else counts.of(trigger)

        def work(connection: Connection) -> tuple[Standing, list[Used]]:
            found = _locked(connection, trigger)
            standing = _standing(found, trigger, now)
            new = standing is Standing.NEW
            counted = found is not None and _identifiers(found) == _sent(trigger)  # the same request, refused since
            used = counts.take(connection, claims) if counts is not None and new and not counted else []
            if standing in (Standing.NEW, Standing.REPEAT):
                _write(connection, trigger, now, there=found is not None, repeat=not new)
            return standing, used

        self._at_hand.forget(trigger.scs, trigger.reference, trigger.member)
        standing, used = await self._do(work)
        if standing is Standing.NEW:
            self._at_hand.put(trigger, now + trigger.validity_s + GRACE_S)
        if counts is not None:
            counts.learn(used)
        return standing

    async def accept(self, scs: str, reference: int, sms_sc: str, member: str = "") -> None:
        """Remember which SMS-SC has taken it."""
        await self._change(scs, reference, member, sms_sc=sms_sc)

    async def refuse(self, trigger: Trigger) -> None:
        """The trigger came to nothing, unless a repeat has come since (then the row has the repeat's identifiers)."""
        row = {
            **_key(trigger.scs, trigger.reference, trigger.member),
            "key_session_id": trigger.sender.session_id[:512],
            "key_end_to_end": trigger.sender.end_to_end,
            "state": State.REFUSED.value,
            "expires_at": self._clock() + KEEP_S,
        }
        self._at_hand.forget(trigger.scs, trigger.reference, trigger.member)
        await self._do(lambda connection: _REFUSE.count(connection, row))

    async def close(self, scs: str, reference: int, outcome: DeliveryOutcome, member: str = "") -> None:
        """The SCS has its report."""
        expires_at, state = self._clock() + KEEP_S, State.REPORTED.value
        await self._change(scs, reference, member, state=state, outcome=int(outcome), expires_at=expires_at)

    async def withdraw(self, scs: str, reference: int, state: State) -> None:
        """The trigger was recalled or replaced; no report follows."""
        await self._change(scs, reference, "", state=state.value, expires_at=self._clock() + KEEP_S)

    async def find(self, scs: str, reference: int, member: str = "") -> Trigger | None:
        """The trigger under this key."""
        known = self._at_hand.get(scs, reference, member, self._clock())
        return known or await self._do(lambda connection: _find(connection, scs, reference, member))

    async def lapsed(self, at_most: int, past: int = 0) -> tuple[Trigger, ...]:
        """Open triggers whose time is over, the oldest first, behind the first `past`; groups' are ended elsewhere."""
        asked = {"key_now": self._clock(), "at_most": at_most, "past": past}
        return await self._do(lambda connection: tuple(map(trigger_of, connection.execute(_LAPSED, asked))))

    async def purge(self) -> int:
        """Forget what is over; the number of triggers forgotten.

        One whose report nobody has had yet is kept for `KEEP_S` more, in which the SCS may come back.
        """
        now = self._clock()
        return await self._do(lambda connection: _purge(connection, now))

    async def _change(self, scs: str, reference: int, member: str, **values: str | float) -> None:
        self._at_hand.forget(scs, reference, member)
        row = {**_key(scs, reference, member), **values}
        await self._do(lambda connection: _CHANGE.count(connection, row))

    async def _do(self, work: Work[T]) -> T:
        try:
            return await self.store.do(work)
        except StoreError as error:
            raise Unavailable(str(error)) from None


def _locked(connection: Connection, trigger: Trigger) -> Any | None:
    """The row under a trigger's key, which nobody else changes until the end of this transaction."""
    return _LOCK.one(connection, _key(trigger.scs, trigger.reference, trigger.member))


def _standing(found: Any | None, trigger: Trigger, now: float) -> Standing:
    """What a trigger is to the one remembered under its key."""
    if found is None:
        return Standing.NEW
    same = found.fingerprint == trigger.fingerprint and found.imsi == trigger.imsi
    if found.state == State.OPEN and found.expires_at > now:
        return Standing.REPEAT if same else Standing.TAKEN
    if found.state in _OVER_FOR_GOOD and same and _identifiers(found) == _sent(trigger):
        return Standing.DONE
    return Standing.NEW


def _write(connection: Connection, trigger: Trigger, now: float, *, there: bool, repeat: bool) -> None:
    """Write down one that is new, or the identifiers with which it came again (`repeat`).

    Raises IntegrityError when it was not `there` and another process has been quicker.
    """
    row = values_of(trigger) | {"expires_at": now + trigger.validity_s + GRACE_S}
    if repeat:
        del row["sms_sc"]  # the one that has taken it since
    if there:
        key = _key(trigger.scs, trigger.reference, trigger.member)
        _CHANGE.count(connection, key | row | {"outcome": None} | ({} if repeat else {"charged": 0}))
    else:
        _INSERT.count(connection, row)


def _identifiers(row: Any) -> tuple[object, ...]:
    """What recognises a request that comes again (RFC 6733 section 3)."""
    return row.origin_host, row.session_id, row.end_to_end


def _sent(trigger: Trigger) -> tuple[object, ...]:
    return trigger.sender.host, trigger.sender.session_id[:512], trigger.sender.end_to_end


def _key(scs: str, reference: int, member: str) -> dict[str, str | float | None]:
    return {"key_scs": scs, "key_reference": reference, "key_member": member}


def _find(connection: Connection, scs: str, reference: int, member: str) -> Trigger | None:
    row = _FIND.one(connection, _key(scs, reference, member))
    return None if row is None else trigger_of(row)


def _purge(connection: Connection, now: float) -> int:
    return connection.execute(_PURGE, {"key_now": now, "key_long_ago": now - KEEP_S}).rowcount
