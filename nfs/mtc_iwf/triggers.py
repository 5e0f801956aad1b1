"""The ledger of the MTC-IWF in its store: every open trigger by (SCS, Reference-Number, member) until it is reported.

The member is "" for the trigger of one device; of a group each member has a trigger of its own.

The payload is not kept: the SMS-SC has it.  A finished trigger stays for a while, so that a report that comes twice is
answered and not sent on twice; its Reference-Number may be used again at once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Float,
    Integer,
    MetaData,
    Row,
    String,
    Table,
    bindparam,
    delete,
    insert,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from nfs.common.store import Store, StoreError, Work
from nfs.common.tsp import DeliveryOutcome
from nfs.mtc_iwf.ports import Device, Sender, Standing, State, Trigger, Unavailable

T = TypeVar("T")
GRACE_S: Final = 3600.0
"""How long after the end of its validity an open trigger still waits for its report."""
KEEP_S: Final = 86400.0
"""How long a finished trigger is remembered."""

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
)

# Statements are made once: to make one costs as much as to run it.
_KEY: Final = (
    (TRIGGER.c.scs == bindparam("key_scs"))
    & (TRIGGER.c.reference == bindparam("key_reference"))
    & (TRIGGER.c.member == bindparam("key_member"))
)
_FIND: Final = select(TRIGGER).where(_KEY)
_INSERT: Final = insert(TRIGGER)
_CHANGE: Final = update(TRIGGER).where(_KEY)
_REFUSE: Final = _CHANGE.where(
    TRIGGER.c.session_id == bindparam("key_session_id"), TRIGGER.c.end_to_end == bindparam("key_end_to_end")
)


class Triggers:
    """`nfs.mtc_iwf.ports.Ledger` on a Store.  clock: seconds since 1970."""

    def __init__(self, store: Store, clock: Callable[[], float]) -> None:
        self.store = store
        self._clock = clock

    async def begin(self, trigger: Trigger) -> Standing:
        """Remember a trigger, unless its key belongs to another one that is open."""
        now = self._clock()
        try:
            return await self._do(lambda connection: _begin(connection, trigger, now))
        except IntegrityError:  # another process of this function was quicker: look again at what it wrote
            return await self._do(lambda connection: _begin(connection, trigger, now))

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
        await self._do(lambda connection: connection.execute(_REFUSE, row).rowcount)

    async def close(self, scs: str, reference: int, outcome: DeliveryOutcome, member: str = "") -> None:
        """The SCS has its report."""
        expires_at, state = self._clock() + KEEP_S, State.REPORTED.value
        await self._change(scs, reference, member, state=state, outcome=int(outcome), expires_at=expires_at)

    async def withdraw(self, scs: str, reference: int, state: State) -> None:
        """The trigger was recalled or replaced; no report follows."""
        await self._change(scs, reference, "", state=state.value, expires_at=self._clock() + KEEP_S)

    async def find(self, scs: str, reference: int, member: str = "") -> Trigger | None:
        """The trigger under this key."""
        return await self._do(lambda connection: _find(connection, scs, reference, member))

    async def purge(self) -> int:
        """Forget what is over; the number of triggers forgotten."""
        now = self._clock()
        return await self._do(lambda connection: _purge(connection, now))

    async def _change(self, scs: str, reference: int, member: str, **values: str | float) -> None:
        row = {**_key(scs, reference, member), **values}
        await self._do(lambda connection: connection.execute(_CHANGE, row).rowcount)

    async def _do(self, work: Work[T]) -> T:
        try:
            return await self.store.do(work)
        except StoreError as error:
            raise Unavailable(str(error)) from None


def _begin(connection: Connection, trigger: Trigger, now: float) -> Standing:
    row = _values(trigger) | {"expires_at": now + trigger.validity_s + GRACE_S}
    key = _key(trigger.scs, trigger.reference, trigger.member)
    found = connection.execute(_FIND, key).one_or_none()
    if found is None:
        connection.execute(_INSERT, row)
        return Standing.NEW
    standing = Standing.NEW
    if found.state == State.OPEN and found.expires_at > now:
        if found.fingerprint != trigger.fingerprint or found.imsi != trigger.imsi:
            return Standing.TAKEN
        standing = Standing.REPEAT
    connection.execute(_CHANGE, key | row | {"outcome": None})
    return standing


def _key(scs: str, reference: int, member: str) -> dict[str, str | float | None]:
    return {"key_scs": scs, "key_reference": reference, "key_member": member}


def _find(connection: Connection, scs: str, reference: int, member: str) -> Trigger | None:
    row = connection.execute(_FIND, _key(scs, reference, member)).one_or_none()
    return None if row is None else _trigger(row)


def _purge(connection: Connection, now: float) -> int:
    return connection.execute(delete(TRIGGER).where(TRIGGER.c.expires_at <= now)).rowcount


def _values(trigger: Trigger) -> dict[str, str | float | None]:
    return {
        "scs": trigger.scs,
        "reference": trigger.reference,
        "member": trigger.member,
        "state": trigger.state.value,
        "external_id": trigger.device.external_id,
        "msisdn": trigger.device.msisdn,
        "imsi": trigger.imsi,
        "origin_host": trigger.sender.host,
        "origin_realm": trigger.sender.realm,
        "session_id": trigger.sender.session_id[:512],
        "end_to_end": trigger.sender.end_to_end,
        "fingerprint": trigger.fingerprint,
        "validity_s": trigger.validity_s,
        "sms_sc": trigger.sms_sc,
    }


def _trigger(row: Row[tuple[object, ...]]) -> Trigger:
    return Trigger(
        scs=row.scs,
        reference=row.reference,
        member=row.member,
        device=Device(external_id=row.external_id, msisdn=row.msisdn),
        imsi=row.imsi,
        sender=Sender(
            host=row.origin_host, realm=row.origin_realm, session_id=row.session_id, end_to_end=row.end_to_end
        ),
        fingerprint=row.fingerprint,
        validity_s=row.validity_s,
        state=State(row.state),
        sms_sc=row.sms_sc,
    )
