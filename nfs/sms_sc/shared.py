"""Several SMS-SCs on one store: each message has one holder, and the messages of one that is gone go to another.

An SMS-SC holds what it has taken, and keeps the queues of that in memory.  A row for each says until when it counts as
being there; it moves that time on while it runs.  Whoever finds the time of another one passed takes its unfinished
messages over, with the row locked, and delivers them: the octets stand in the store, so that a device drops what it has
had.  One whose time has passed, because it could not reach the store, holds nothing any more, as `Lost` tells it; until
it knows that it delivers nothing (`nfs.sms_sc.lease`).

A message that was taken by one is recognised by the others, by the same key and payload, when it comes again.  TP-SCTS
and the reference of concatenated messages are given out by the store, a row for each device: no two SMS-SCs give a
device the same.  Times are those of the database's clock.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import replace
from typing import Final

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Float,
    Integer,
    String,
    Table,
    bindparam,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from diameter.errors import LocalError
from nfs.common.store import Store
from nfs.sms_sc.answers import SM_PROTOCOL, Acceptance, Refused
from nfs.sms_sc.keep import METADATA, TRIGGER, Keep, Written, ending, row_of, trigger_of
from nfs.sms_sc.logic import Trigger

AT_ONCE: Final = 5000
"""Messages taken over in one transaction; the rest follows in the next."""
MEMBER: Final = Table(
    "sms_sc_member",
    METADATA,
    Column("name", String(255), primary_key=True),
    Column("token", String(32), nullable=False),
    Column("until", Float(53), nullable=False),
)
STAMP: Final = Table(
    "sms_sc_stamp",
    METADATA,
    Column("imsi", String, primary_key=True),
    Column("scts", BigInteger, nullable=False),
    Column("concatenation", Integer, nullable=False),
)
_FIND: Final = select(TRIGGER).where(TRIGGER.c.key == bindparam("which"))
_LOCK: Final = _FIND.with_for_update()
_INSERT: Final = insert(TRIGGER)
_DELETE: Final = delete(TRIGGER).where(TRIGGER.c.key == bindparam("which"))
_MINE: Final = TRIGGER.c.holder == bindparam("who")
_SETTLE: Final = update(TRIGGER).where(TRIGGER.c.key == bindparam("which"), _MINE)
_WAITING: Final = TRIGGER.c.finished_at.is_(None)
_LOAD: Final = (
    select(TRIGGER)
    .where(_WAITING, or_(_MINE, TRIGGER.c.holder.is_(None)))
    .order_by(TRIGGER.c.accepted_at, TRIGGER.c.key)
)
_ADOPT: Final = update(TRIGGER).where(_WAITING, TRIGGER.c.holder.is_(None)).values(holder=bindparam("name"))
_THERE: Final = select(MEMBER).where(MEMBER.c.name == bindparam("who"), MEMBER.c.token == bindparam("by"))
_HOLD: Final = _THERE.with_for_update(read=True)
_MINE_LOCKED: Final = _THERE.with_for_update()
_RENEW: Final = update(MEMBER).where(MEMBER.c.name == bindparam("who"))
_LEAVE: Final = delete(MEMBER).where(MEMBER.c.name == bindparam("who"))
_GONE: Final = (
    select(MEMBER.c.name)
    .where(MEMBER.c.until < bindparam("at"), MEMBER.c.name != bindparam("who"))
    .with_for_update(skip_locked=True)
)
_HERS: Final = select(TRIGGER).where(_MINE, _WAITING).order_by(TRIGGER.c.accepted_at, TRIGGER.c.key).limit(AT_ONCE)
_TAKE: Final = update(TRIGGER).where(TRIGGER.c.key.in_(bindparam("keys", expanding=True)))
_REOPEN: Final = update(TRIGGER).where(TRIGGER.c.key == bindparam("which"))
_OLD: Final = delete(TRIGGER).where(TRIGGER.c.finished_at < bindparam("before"))
_OLD_STAMPS: Final = delete(STAMP).where(STAMP.c.scts < bindparam("before"))
_STAMP: Final = select(STAMP).where(STAMP.c.imsi == bindparam("which")).with_for_update()


class Lost(LocalError):
    """This SMS-SC's time has passed, and another one may have its messages."""

    def __init__(self) -> None:
        super().__init__("this SMS-SC was away for too long: another one may have its messages")


class SharedKeep(Keep):
    """A Keep beside others on one store.  name: of this SMS-SC; token: of this process; clock: where the database has
    none.
    """

    shared = True

    def __init__(self, store: Store, name: str, token: str, clock: Callable[[], float]) -> None:
        super().__init__(store)
        self._name = name
        self._token = token
        self._clock = clock

    # -- who is there

    def enter(self, lease_s: float) -> Awaitable[list[Trigger]]:
        """Be there from now on; what is ours from before."""

        def work(connection: Connection) -> list[Trigger]:
            until = self._now(connection) + lease_s
            connection.execute(_LEAVE, {"who": self._name})
            connection.execute(insert(MEMBER), {"name": self._name, "token": self._token, "until": until})
            connection.execute(_ADOPT, {"name": self._name})
            return [trigger_of(row) for row in connection.execute(_LOAD, {"who": self._name}).mappings()]

        return self._store.do(work)

    def renew(self, lease_s: float) -> Awaitable[list[Trigger]]:
        """Be there for longer; the messages that are ours now, of others that are gone.  Raises Lost.

        After a time in which it could not be done in time nothing is taken over: the others could not either.
        """

        def work(connection: Connection) -> list[Trigger]:
            now = self._now(connection)
            there = connection.execute(_MINE_LOCKED, self._who()).one_or_none()
            if there is None:
                raise Lost
            connection.execute(_RENEW, {"who": self._name, "until": now + lease_s})
            return [] if there.until < now else self._take_over(connection, now)

        return self._store.do(work)

    def _take_over(self, connection: Connection, now: float) -> list[Trigger]:
        taken: list[Trigger] = []
        for gone in connection.execute(_GONE, {"at": now, "who": self._name}).scalars().all():
            rows = connection.execute(_HERS, {"who": gone}).mappings().all()
            if rows:
                connection.execute(_TAKE, {"keys": [row["key"] for row in rows], "holder": self._name})
                taken += map(trigger_of, rows)
            if len(rows) < AT_ONCE:
                connection.execute(_LEAVE, {"who": gone})
        return taken

    def leave(self) -> Awaitable[None]:
        """Be gone: another one takes over what is left at once."""

        def work(connection: Connection) -> None:
            if connection.execute(_MINE_LOCKED, self._who()).one_or_none() is not None:
                connection.execute(_RENEW, {"who": self._name, "until": -1.0})

        return self._store.do(work)

    # -- messages

    async def add(self, trigger: Trigger) -> Written:
        """Write a trigger, unless another one has taken it.  Raises Refused, Lost."""
        try:
            return await self._store.do(lambda connection: self._write(connection, trigger))
        except IntegrityError:  # another one was quicker: look again at what it wrote
            return await self._store.do(lambda connection: self._write(connection, trigger))

    put = add

    def settle(self, trigger: Trigger) -> Awaitable[None]:
        """Write how a trigger of ours ended."""

        def work(connection: Connection) -> None:
            connection.execute(_SETTLE, {"which": trigger.key, "who": self._name, **ending(trigger)})

        return self._store.do(work)

    async def swap(self, withdrawn: Trigger | None, trigger: Trigger) -> Written:
        """Write that one trigger was withdrawn, and the other one: both or neither."""

        def work(connection: Connection) -> Written:
            if withdrawn is not None:
                connection.execute(_SETTLE, {"which": withdrawn.key, "who": self._name, **ending(withdrawn)})
            return self._write(connection, trigger)

        try:
            return await self._store.do(work)
        except IntegrityError:
            return await self._store.do(work)

    def remove(self, keys: Iterable[str], before: float) -> Awaitable[None]:
        """Delete what finished before that time, whoever had it, and the stamps of devices from before it."""

        def work(connection: Connection) -> None:
            connection.execute(_OLD, {"before": before})
            connection.execute(_OLD_STAMPS, {"before": int(before)})

        return self._store.do(work)

    async def elsewhere(self, key: str) -> Trigger | None:
        """The trigger with this key, whoever has or had it."""

        def work(connection: Connection) -> Trigger | None:
            row = connection.execute(_FIND, {"which": key}).mappings().one_or_none()
            return None if row is None else trigger_of(row)

        return await self._store.do(work)

    def _write(self, connection: Connection, trigger: Trigger) -> Written:
        if connection.execute(_HOLD, self._who()).one_or_none() is None:
            raise Lost
        row = connection.execute(_LOCK, {"which": trigger.key}).mappings().one_or_none()
        if row is not None:
            found = trigger_of(row)
            same = found.payload == trigger.payload and not found.withdrawn
            if found.finished_at is None:
                if not same:
                    raise Refused(SM_PROTOCOL, "another trigger with this reference is pending for this UE")
                return Written(found, None if row["holder"] == self._name else Acceptance.PENDING)
            if same:
                connection.execute(_REOPEN, {"which": found.key, "finished_at": None, "holder": self._name})
                return Written(replace(found, finished_at=None), Acceptance.REPORT_AGAIN)
            connection.execute(_DELETE, {"which": trigger.key})
        stamped = self._stamped(connection, trigger)
        connection.execute(_INSERT, {"key": trigger.key, "holder": self._name, **row_of(stamped)})
        return Written(stamped)

    def _stamped(self, connection: Connection, trigger: Trigger) -> Trigger:
        """With a TP-SCTS and a concatenation reference that no SMS-SC has given this device."""
        last = connection.execute(_STAMP, {"which": trigger.imsi}).one_or_none()
        if last is not None:
            number = (last.concatenation + 1) % 0x100
            trigger = replace(trigger, scts=max(trigger.scts, last.scts + 1), concatenation=number)
        values = {"scts": trigger.scts + len(trigger.segments()) - 1, "concatenation": trigger.concatenation}
        if last is not None:
            connection.execute(update(STAMP).where(STAMP.c.imsi == trigger.imsi), values)
        else:  # another one that is as quick makes this an IntegrityError: it comes again
            connection.execute(insert(STAMP), {"imsi": trigger.imsi, **values})
        return trigger

    def _who(self) -> Mapping[str, str]:
        return {"who": self._name, "by": self._token}

    def _now(self, connection: Connection) -> float:
        if connection.dialect.name != "postgresql":
            return self._clock()
        return float(connection.execute(select(func.extract("epoch", func.clock_timestamp()))).scalar_one())
