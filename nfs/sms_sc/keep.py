"""The SMS-SC's triggers in the store: a row each, written before anything about it is acknowledged."""

from __future__ import annotations

from collections.abc import Awaitable, Iterable
from dataclasses import fields
from typing import Any, Final, NamedTuple

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Float,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    bindparam,
    delete,
    insert,
    select,
    update,
)

from nfs.common.nodes import NodeKind, ServingNode
from nfs.common.statements import Statement
from nfs.common.store import Store
from nfs.sms_sc.answers import Acceptance
from nfs.sms_sc.details import details, message_of
from nfs.sms_sc.logic import Trigger
from nfs.sms_sc.outcomes import Diagnostic, Outcome

MIGRATIONS: Final = "nfs.sms_sc:migrations"
METADATA: Final = MetaData()
TRIGGER: Final = Table(
    "sms_sc_trigger",
    METADATA,
    Column("key", String, primary_key=True),
    Column("scs", String, nullable=False),
    Column("reference", BigInteger),
    Column("imsi", String, nullable=False),
    Column("external_identifier", String),
    Column("msisdn", String),
    Column("payload", LargeBinary, nullable=False),
    Column("port", Integer),
    Column("priority", Boolean, nullable=False),
    Column("validity_s", BigInteger),
    Column("serving_kind", String),
    Column("serving_name", String),
    Column("serving_realm", String),
    Column("serving_number", String),
    Column("iwf_host", String, nullable=False),
    Column("iwf_realm", String, nullable=False),
    Column("submission", String, nullable=False),
    Column("accepted_at", Float(53), nullable=False),
    Column("expires_at", Float(53), nullable=False),
    Column("scts", BigInteger, nullable=False),
    Column("concatenation", Integer, nullable=False),
    Column("outcome", Integer),
    Column("diagnostic", Integer),
    Column("finished_at", Float(53)),
    Column("details", String),
    Column("holder", String(255), index=True),
)
_ALL: Final = select(TRIGGER).order_by(TRIGGER.c.accepted_at, TRIGGER.c.key)
_INSERT: Final = Statement(insert(TRIGGER))
_DELETE: Final = delete(TRIGGER).where(TRIGGER.c.key.in_(bindparam("keys", expanding=True)))
_SETTLE: Final = Statement(update(TRIGGER).where(TRIGGER.c.key == bindparam("which")))
_ELSEWHERE: Final = ("serving", "outcome", "diagnostic", "others", "group")
_PLAIN: Final = tuple(f.name for f in fields(Trigger) if f.name not in _ELSEWHERE)


class Written(NamedTuple):
    """What is in the store now: the trigger, and what to answer where that is not what memory alone said.

    PENDING: another SMS-SC on the same store has it; REPORT_AGAIN: it was finished, and its report is ours to repeat.
    """

    trigger: Trigger
    acceptance: Acceptance | None = None


class Keep:
    """Reads and writes triggers; each method returns what fires once the row is on disk (raises StoreError)."""

    shared = False
    """Whether other SMS-SCs use the same store (`nfs.sms_sc.shared`)."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def add(self, trigger: Trigger) -> Awaitable[Written]:
        """Write a trigger that is not there yet."""
        row = {"key": trigger.key, **row_of(trigger)}

        def work(connection: Connection) -> Written:
            _INSERT.count(connection, row)
            return Written(trigger)

        return self._store.do(work)

    def put(self, trigger: Trigger) -> Awaitable[Written]:
        """Write a trigger, there or not."""
        row = {"key": trigger.key, **row_of(trigger)}

        def work(connection: Connection) -> Written:
            connection.execute(_DELETE, {"keys": [trigger.key]})
            _INSERT.count(connection, row)
            return Written(trigger)

        return self._store.do(work)

    def settle(self, trigger: Trigger) -> Awaitable[None]:
        """Write how a trigger ended."""
        row = {"which": trigger.key, **ending(trigger)}

        def work(connection: Connection) -> None:
            _SETTLE.count(connection, row)

        return self._store.do(work)

    def swap(self, withdrawn: Trigger | None, trigger: Trigger) -> Awaitable[Written]:
        """Write that one trigger was withdrawn, and the other one, there or not: both or neither."""
        row = {"key": trigger.key, **row_of(trigger)}
        before = None if withdrawn is None else {"which": withdrawn.key, **ending(withdrawn)}

        def work(connection: Connection) -> Written:
            if before is not None:
                _SETTLE.count(connection, before)
            connection.execute(_DELETE, {"keys": [trigger.key]})
            _INSERT.count(connection, row)
            return Written(trigger)

        return self._store.do(work)

    def remove(self, keys: Iterable[str], before: float) -> Awaitable[None]:
        """Delete the rows with these keys, which finished before that time; those not there do no harm."""
        wanted = list(keys)

        def work(connection: Connection) -> None:
            connection.execute(_DELETE, {"keys": wanted})

        return self._store.do(work)

    def load(self) -> Awaitable[list[Trigger]]:
        """Every trigger kept, in the order of acceptance."""
        return self._store.do(lambda connection: [trigger_of(row) for row in connection.execute(_ALL).mappings()])

    async def elsewhere(self, key: str) -> Trigger | None:
        """The trigger with this key that another SMS-SC has, or had."""
        return None


def row_of(trigger: Trigger) -> dict[str, object]:
    """The columns of a trigger."""
    serving = trigger.serving
    return {
        **{name: getattr(trigger, name) for name in _PLAIN},
        "serving_kind": str(serving.kind) if serving else None,
        "serving_name": serving.name if serving else None,
        "serving_realm": serving.realm if serving else None,
        "serving_number": serving.number if serving else None,
        "details": details(trigger),
        **ending(trigger),
    }


def ending(trigger: Trigger) -> dict[str, object]:
    """The columns that say how a trigger ended."""
    return {
        "outcome": None if trigger.outcome is None else int(trigger.outcome),
        "diagnostic": None if trigger.diagnostic is None else int(trigger.diagnostic),
        "finished_at": trigger.finished_at,
    }


def trigger_of(row: Any) -> Trigger:
    """The trigger of a row."""
    serving = None
    if row["serving_kind"] is not None:
        serving = ServingNode(
            kind=NodeKind(row["serving_kind"]),
            number=row["serving_number"],
            name=row["serving_name"],
            realm=row["serving_realm"],
        )
    return message_of(
        row["details"],
        **{name: row[name] for name in _PLAIN},
        serving=serving,
        outcome=None if row["outcome"] is None else Outcome(row["outcome"]),
        diagnostic=None if row["diagnostic"] is None else Diagnostic(row["diagnostic"]),
    )
