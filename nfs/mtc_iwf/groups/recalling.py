"""What a recall does to the group that it is about, in the transaction that remembers it."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, select, update

from nfs.mtc_iwf.groups.ports import GroupTrigger, Member, Progress
from nfs.mtc_iwf.groups.tables import GROUP, GROUP_KEY, LOCK, MEMBERS, key_of
from nfs.mtc_iwf.triggers import TRIGGER

_STILL: Final = (Progress.WAITING.value, Progress.HELD.value, Progress.OPEN.value)
_GROUP: Final = select(GROUP).where(GROUP_KEY)
_HOLD: Final = (
    update(TRIGGER).where(MEMBERS, TRIGGER.c.state == Progress.WAITING.value).values(state=Progress.HELD.value)
)
_MEMBERS: Final = (
    select(TRIGGER.c.imsi, TRIGGER.c.external_id, TRIGGER.c.state).where(MEMBERS).order_by(TRIGGER.c.member)
)


def hold(connection: Connection, recall: GroupTrigger) -> tuple[Member, ...] | None:
    """The members of the group that `recall` is about: those that wait are handed over no more.

    Empty when nothing can be withdrawn of any; None when the SCS has no such group.
    """
    assert recall.recalls is not None
    key = key_of((recall.scs, recall.recalls))
    _ = connection.execute(LOCK, key).one_or_none()
    group = connection.execute(_GROUP, key).one_or_none()
    if group is None or group.group_id != recall.group or group.recalls is not None:
        return None
    connection.execute(_HOLD, key)
    found = connection.execute(_MEMBERS, key).all()
    if not any(each.state in _STILL for each in found):
        return ()
    return tuple(Member(imsi=each.imsi, external_id=each.external_id or "") for each in found)
