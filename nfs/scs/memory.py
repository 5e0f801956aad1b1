"""What an SCS remembers of its triggers over a restart: a row each, and the order in which they ended.

A trigger is written down before its request leaves, and its report before the MTC-IWF is told that it arrived.  The
first report of a Reference-Number gets the next number (`seq`); one that comes again changes nothing.  So an
application that asks for what came after the last number it has dealt with sees every report, and each once.

The trigger of a group is a row among them; what is reported of its members has a table of its own and numbers from the
same order (`nfs.scs.group_memory`).
"""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Float,
    Integer,
    LargeBinary,
    MetaData,
    Row,
    String,
    Table,
    and_,
    bindparam,
    delete,
    insert,
    or_,
    select,
    text,
    update,
)

from nfs.common.store import Store
from nfs.common.tsp import RequestStatus
from nfs.scs.logic import Report, Stage

MIGRATIONS: Final = "nfs.scs:migrations"
KEEP_S: Final = 7 * 86_400.0
"""How long the end of a trigger is remembered, from then on."""
OPEN_S: Final = 30 * 86_400.0
"""How long a trigger without an end is: its report may come a day after its validity, which may be a week."""
FORGET_EVERY: Final = 1000
"""After so many triggers what is old is forgotten, beside the start."""
METADATA: Final = MetaData()
TRIGGER: Final = Table(
    "scs_trigger",
    METADATA,
    Column("reference", BigInteger, primary_key=True, autoincrement=False),
    Column("asked_at", Float(53), nullable=False, index=True),
    Column("stage", String(8), nullable=False),
    Column("seq", BigInteger, unique=True),
    Column("status", Integer),
    Column("vendor", BigInteger),
    Column("code", BigInteger),
    Column("outcome", Integer),
    Column("took_s", Float(53), nullable=False),
    Column("error", String, nullable=False),
    Column("group_id", String(253)),
    Column("recalls", BigInteger),
)
MEMBER: Final = Table(
    "scs_group_member",
    METADATA,
    Column("reference", BigInteger, primary_key=True, autoincrement=False),
    Column("member", String(253), primary_key=True),
    Column("seq", BigInteger, nullable=False, unique=True),
    Column("outcome", Integer, nullable=False),
    Column("recall", Boolean, nullable=False),
    Column("told_at", Float(53), nullable=False, index=True),
    Column("took_s", Float(53), nullable=False),
)
"""`outcome`: Delivery-Outcome, and Request-Status where a recall was reported."""
LAST: Final = Table(
    "scs_last",
    METADATA,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
)
"""One row: the last number that was given, also when what had it is forgotten."""
MESSAGE: Final = Table(
    "scs_message",
    METADATA,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("device", String, nullable=False),
    Column("destination", String, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Column("port", Integer),
    Column("coding", Integer, nullable=False),
    Column("reference", BigInteger, nullable=False),
)
"""Short messages of devices (`nfs.scs.message_memory`) that nobody has taken."""
MESSAGE_HAD: Final = Table(
    "scs_message_had",
    METADATA,
    Column("digest", String(64), primary_key=True),
    Column("arrival", BigInteger, nullable=False, index=True),
)
MESSAGE_PART: Final = Table(
    "scs_message_part",
    METADATA,
    Column("digest", String(64), primary_key=True),
    Column("part", Integer, primary_key=True, autoincrement=False),
    Column("payload", LargeBinary, nullable=False),
    Column("arrival", BigInteger, nullable=False, index=True),
    Column("arrived_at", Float(53), nullable=False),
)
MESSAGE_LAST: Final = Table(
    "scs_message_last",
    METADATA,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("arrival", BigInteger, nullable=False),
    Column("waiting", BigInteger, nullable=False),
)
"""One row: the last numbers that were given to a message and to what came, and how many messages wait."""
OPEN: Final = Stage.SENT.value
_ALL: Final = select(TRIGGER).order_by(TRIGGER.c.asked_at, TRIGGER.c.reference)
_DELETE: Final = delete(TRIGGER).where(TRIGGER.c.reference == bindparam("which"))
_DELETE_MEMBERS: Final = delete(MEMBER).where(MEMBER.c.reference == bindparam("which"))
_AGAIN: Final = select(TRIGGER.c.reference).where(  # asked for and not answered: the network may have it all the same
    TRIGGER.c.reference == bindparam("which"),
    TRIGGER.c.group_id == bindparam("group"),
    TRIGGER.c.stage == bindparam("failed"),
)
_INSERT: Final = insert(TRIGGER)
NEXT: Final = text("UPDATE scs_last SET seq = seq + 1 RETURNING seq")
_END: Final = update(TRIGGER).where(TRIGGER.c.reference == bindparam("which"), TRIGGER.c.stage == OPEN)
_OLD: Final = delete(TRIGGER).where(
    TRIGGER.c.asked_at < bindparam("ended"),  # all that may be old, by the index
    or_(
        and_(TRIGGER.c.stage != OPEN, TRIGGER.c.asked_at + TRIGGER.c.took_s < bindparam("ended")),
        TRIGGER.c.asked_at < bindparam("open"),
    ),
)
_GROUPS: Final = select(TRIGGER.c.reference).where(TRIGGER.c.group_id.is_not(None))
_OLD_MEMBERS: Final = delete(MEMBER).where(MEMBER.c.told_at < bindparam("ended"), MEMBER.c.reference.not_in(_GROUPS))
_SINCE: Final = (
    select(TRIGGER).where(TRIGGER.c.seq > bindparam("after")).order_by(TRIGGER.c.seq).limit(bindparam("most"))
)
_MEMBERS_SINCE: Final = (
    select(MEMBER).where(MEMBER.c.seq > bindparam("after")).order_by(MEMBER.c.seq).limit(bindparam("most"))
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A report with its place in the order of all.  member: External-Identifier, where it is of one of a group."""

    seq: int
    report: Report
    member: str = ""


class Memory:
    """The rows on a Store; each method returns what fires once it is on disk (raises StoreError)."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._begun = 0

    def begin(
        self, reference: int, now: float, *, group: str | None = None, recalls: int | None = None
    ) -> Awaitable[None]:
        """Write down a trigger that is about to be asked for; one that had ended under this number goes.

        Where that was the same group and had no answer, what was reported of its members stays.

        group: whose it is.  recalls: the Reference-Number of the trigger for a group that is to be recalled.
        """
        row = {"reference": reference, "asked_at": now, "stage": OPEN, "took_s": 0.0, "error": ""}
        row |= {"group_id": group, "recalls": recalls}
        self._begun += 1
        forget = self._begun % FORGET_EVERY == 0

        def work(connection: Connection) -> None:
            if forget:
                _forget(connection, now)
            again = {"which": reference, "group": group, "failed": Stage.FAILED.value}
            if group is not None and connection.execute(_AGAIN, again).one_or_none() is None:
                connection.execute(_DELETE_MEMBERS, {"which": reference})
            connection.execute(_DELETE, {"which": reference})
            connection.execute(_INSERT, row)

        return self._store.do(work)

    def end(self, report: Report) -> Awaitable[bool]:
        """Write down how a trigger ended; False when that had been written before, or the trigger is not known."""
        vendor, code = report.result or (None, None)
        row = {
            "which": report.reference,
            "stage": report.stage.value,
            "status": report.status,
            "vendor": vendor,
            "code": code,
            "outcome": report.outcome,
            "took_s": report.took_s,
            "error": report.error,
        }

        def work(connection: Connection) -> bool:
            seq = connection.execute(NEXT).scalar_one()
            return connection.execute(_END, {**row, "seq": seq}).rowcount > 0

        return self._store.do(work)

    def load(self, now: float) -> Awaitable[tuple[dict[int, float], list[Report]]]:
        """The triggers without an end, with the time they were asked for, and the ends; what is old is forgotten."""

        def work(connection: Connection) -> tuple[dict[int, float], list[Report]]:
            _forget(connection, now)
            rows = connection.execute(_ALL).all()
            waiting = {row.reference: row.asked_at for row in rows if row.stage == OPEN}
            return waiting, [_report(row) for row in rows if row.stage != OPEN]

        return self._store.do(work)

    def since(self, after: int, most: int) -> Awaitable[list[Ended]]:
        """The reports that came after number `after`, in their order, `most` at most."""
        asked = {"after": after, "most": most}

        def work(connection: Connection) -> list[Ended]:
            found = [Ended(seq=row.seq, report=_report(row)) for row in connection.execute(_SINCE, asked)]
            found += [
                Ended(seq=row.seq, report=_of_member(row), member=row.member)
                for row in connection.execute(_MEMBERS_SINCE, asked)
            ]
            return sorted(found, key=lambda each: each.seq)[:most]

        return self._store.do(work)

    def close(self) -> Any:
        """Close the store."""
        return self._store.close()


def _forget(connection: Connection, now: float) -> None:
    """What is old; what was reported of members goes after their group."""
    connection.execute(_OLD, {"ended": now - KEEP_S, "open": now - OPEN_S})
    connection.execute(_OLD_MEMBERS, {"ended": now - KEEP_S})


def _report(row: Row[Any]) -> Report:
    return Report(
        reference=row.reference,
        stage=Stage(row.stage),
        status=row.status,
        result=None if row.code is None else (row.vendor, row.code),
        outcome=row.outcome,
        took_s=row.took_s,
        error=row.error,
    )


def _of_member(row: Row[Any]) -> Report:
    if row.recall:
        stage = Stage.RECALLED if row.outcome == RequestStatus.SUCCESS else Stage.REFUSED
        return Report(reference=row.reference, stage=stage, status=row.outcome, took_s=row.took_s)
    return Report(reference=row.reference, stage=Stage.REPORTED, outcome=row.outcome, took_s=row.took_s)
