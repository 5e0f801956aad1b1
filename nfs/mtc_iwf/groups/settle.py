"""How a member's trigger ends in the store, and with the last member its group."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Connection, select, update

from nfs.mtc_iwf.groups.ports import Entry, Progress
from nfs.mtc_iwf.groups.tables import GROUP, GROUP_KEY, OF_MEMBER, OWN, key_of, key_of_member
from nfs.mtc_iwf.ports import State
from nfs.mtc_iwf.triggers import KEEP_S, TRIGGER

_OVER: Final = (Progress.REPORTED.value, Progress.RECALLED.value)
_OPEN: Final = update(TRIGGER).where(OF_MEMBER, TRIGGER.c.state.not_in(_OVER))
_BUSY: Final = update(GROUP).where(GROUP_KEY).values(busy=True)
_LEFT: Final = select(GROUP.c.unreported).where(GROUP_KEY)


def owe(connection: Connection, entry: Entry, outcome: int) -> bool:
    """The SCS is to hear of a member; False when it has."""
    connection.execute(_BUSY, key_of((entry.scs, entry.reference)))
    row = {**key_of_member(entry), "state": Progress.OWED.value, "outcome": outcome}
    return connection.execute(_OPEN, row).rowcount > 0


def end(connection: Connection, entry: Entry, progress: Progress, outcome: int | None, now: float) -> bool:
    """A member is over for good, `progress` says how; False when it was before."""
    row = {**key_of_member(entry), "state": progress.value, "outcome": outcome, "expires_at": now + KEEP_S}
    if not connection.execute(_OPEN, row).rowcount:
        return False
    key = key_of((entry.scs, entry.reference))
    counts: dict[str, Any] = {"unreported": GROUP.c.unreported - 1, "reached": GROUP.c.reached + int(outcome == 0)}
    connection.execute(update(GROUP).where(GROUP_KEY).values(counts), key)
    if connection.execute(_LEFT, key).scalar() == 0:
        over = {**key, "state": State.REPORTED.value, "expires_at": now + KEEP_S}
        connection.execute(update(TRIGGER).where(OWN), over)
        connection.execute(update(GROUP).where(GROUP_KEY), {**key, "expires_at": now + KEEP_S})
    return True
