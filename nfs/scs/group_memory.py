"""What an SCS remembers of its groups over a restart: who was reported, before the MTC-IWF is told that it arrived."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Connection, Row, bindparam, insert, select, update

from nfs.common.store import Store
from nfs.common.tsp import RequestStatus
from nfs.scs.logic import Stage
from nfs.scs.memory import MEMBER, NEXT, OPEN, TRIGGER

_TAKES: Final = (OPEN, Stage.FAILED.value)
"""Stages of a group in which reports on members may come: also where the request had no answer."""
_GROUP: Final = select(TRIGGER).where(TRIGGER.c.reference == bindparam("which"), TRIGGER.c.group_id.is_not(None))
_OPEN: Final = select(TRIGGER.c.reference).where(TRIGGER.c.group_id.is_not(None), TRIGGER.c.stage.in_(_TAKES))
_MEMBERS: Final = select(MEMBER).where(MEMBER.c.reference == bindparam("which")).order_by(MEMBER.c.seq)
_MEMBER: Final = select(MEMBER.c.seq).where(
    MEMBER.c.reference == bindparam("which"), MEMBER.c.member == bindparam("who")
)
_INSERT: Final = insert(MEMBER)
_ACCEPT: Final = update(TRIGGER).where(TRIGGER.c.reference == bindparam("which"), TRIGGER.c.stage == OPEN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Remembered:
    """A group's trigger as it is kept.  members: what was reported, by External-Identifier, in that order."""

    reference: int
    stage: Stage
    asked_at: float
    status: int | None = None
    result: tuple[int, int] | None = None
    recalls: int | None = None
    error: str = ""
    members: dict[str, int] = field(default_factory=dict)


class GroupMemory:
    """The rows of groups on the Store of `nfs.scs.memory.Memory`; each method returns what fires once it is on disk.

    All raise StoreError.  That a group is asked for, and that it was refused, `Memory` writes down.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def accepted(self, reference: int) -> Awaitable[int]:
        """The MTC-IWF has taken the group."""
        row = {"which": reference, "status": int(RequestStatus.SUCCESS), "vendor": 0, "code": 2001}
        return self._store.do(lambda connection: connection.execute(_ACCEPT, row).rowcount)

    def member(self, reference: int, member: str, outcome: int, now: float) -> Awaitable[bool]:
        """Write down what was reported of a member; False when that had been written before."""
        key = {"which": reference, "who": member}

        def work(connection: Connection) -> bool:
            group = connection.execute(_GROUP, {"which": reference}).one_or_none()
            if group is None or connection.execute(_MEMBER, key).one_or_none() is not None:
                return False
            row = {"reference": reference, "member": member, "outcome": outcome, "recall": group.recalls is not None}
            row |= {"told_at": now, "took_s": now - group.asked_at}
            connection.execute(_INSERT, row | {"seq": connection.execute(NEXT).scalar_one()})
            return True

        return self._store.do(work)

    def numbers(self) -> Awaitable[set[int]]:
        """The Reference-Numbers of groups of which reports may come."""
        return self._store.do(lambda connection: set(connection.execute(_OPEN).scalars()))

    def find(self, reference: int) -> Awaitable[Remembered | None]:
        """The group under a Reference-Number."""

        def work(connection: Connection) -> Remembered | None:
            row = connection.execute(_GROUP, {"which": reference}).one_or_none()
            if row is None:
                return None
            members = {each.member: each.outcome for each in connection.execute(_MEMBERS, {"which": reference})}
            return _remembered(row, members)

        return self._store.do(work)


def _remembered(row: Row[Any], members: dict[str, int]) -> Remembered:
    """A group that was asked for and has no answer on disk was accepted if a member was reported."""
    stage, status = Stage(row.stage), row.status
    if stage is Stage.SENT and (members or status == RequestStatus.SUCCESS):
        stage, status = Stage.ACCEPTED, int(RequestStatus.SUCCESS)
    return Remembered(
        reference=row.reference,
        stage=stage,
        asked_at=row.asked_at,
        status=status,
        result=None if row.code is None else (row.vendor, row.code),
        recalls=row.recalls,
        error=row.error,
        members=members,
    )
