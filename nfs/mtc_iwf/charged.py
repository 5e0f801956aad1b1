"""Charging at the MTC-IWF: a record for each trigger, replace and recall that went over T4, and one for each group.

The record is written when the SMS-SC has answered and before the SCS is told.  In the same transaction the trigger is
marked, so that what an SCS or a process repeats after a kill is charged once.  The end of a group is found by looking:
a group is charged when every member's report is there, or when its time is over.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Final

from sqlalchemy import Connection, bindparam, or_, select, update

from nfs.common.charging.events import Event, Group, Indicator, Interface, Kind
from nfs.common.charging.service import Charging, ChargingFull
from nfs.common.charging.standing import Shown
from nfs.common.statements import Statement
from nfs.common.store import Store, StoreError
from nfs.common.t4 import T4Result, TriggerAction
from nfs.common.tsp import RequestStatus
from nfs.mtc_iwf import statuses
from nfs.mtc_iwf.config import IwfConfig
from nfs.mtc_iwf.groups.tables import GROUP
from nfs.mtc_iwf.ports import SmsSc, Submission, Taken, Unavailable
from nfs.mtc_iwf.triggers import TRIGGER

REQUESTED: Final = 1
RECALLED: Final = 2
"""Bits of the mark: which events of a trigger are charged."""
GROUPS_AT_ONCE: Final = 100

_KEY: Final = (
    (TRIGGER.c.scs == bindparam("key_scs"))
    & (TRIGGER.c.reference == bindparam("key_reference"))
    & (TRIGGER.c.member == bindparam("key_member"))
)
_MARK: Final = {
    bit: Statement(
        update(TRIGGER)
        .where(_KEY, or_(TRIGGER.c.charged == 0, TRIGGER.c.charged == other))
        .values(charged=TRIGGER.c.charged + bit)
    )
    for bit, other in ((REQUESTED, RECALLED), (RECALLED, REQUESTED))
}
_GROUP_KEY: Final = (GROUP.c.scs == bindparam("key_scs")) & (GROUP.c.reference == bindparam("key_reference"))
_NAME: Final = select(GROUP.c.group_id).where(_GROUP_KEY)
_OVER: Final = (
    select(GROUP)
    .where(GROUP.c.charged == 0, GROUP.c.recalls.is_(None))
    .where(or_(GROUP.c.unreported <= 0, GROUP.c.expires_at <= bindparam("now")))
    .limit(GROUPS_AT_ONCE)
)
_CHARGE: Final = update(GROUP).where(_GROUP_KEY, GROUP.c.charged == 0).values(charged=1)
_INDICATORS: Final = {
    TriggerAction.TRIGGER: Indicator.REQUEST,
    TriggerAction.REPLACE: Indicator.REPLACE,
    TriggerAction.RECALL: Indicator.RECALL,
}


class ChargedT4:
    """T4 with a record behind each answer.  host: of this MTC-IWF.  members: what is handed over belongs to groups."""

    def __init__(self, t4: SmsSc, charging: Charging, host: str, *, members: bool = False) -> None:
        self._t4 = t4
        self._charging = charging
        self._host = host
        self._members = members

    async def submit(self, submission: Submission) -> Taken:
        """Hand a trigger over, and write down what became of it.  Raises Unavailable."""
        charging = self._charging
        try:
            charging.check()
            taken = await self._t4.submit(submission)
            if self._members and charging.table.groups == "group":
                return taken
            event = event_of(submission, taken, charging.now, self._host)
            late = submission.action is TriggerAction.REPLACE and event.result == T4Result.ORIGINAL_MESSAGE_NOT_PENDING
            if event.result is None or late:  # late: the new one stands, as a trigger of its own
                await charging.store.do(lambda connection: self._enter(connection, submission, event))
            elif charging.table.refused:
                await charging.store.do(lambda connection: self._refused(connection, submission, event))
        except (ChargingFull, StoreError) as error:
            raise Unavailable(str(error)) from None
        return taken

    def _enter(self, connection: Connection, submission: Submission, event: Event) -> None:
        """Once for each trigger, and once for its recall."""
        recall = submission.action is TriggerAction.RECALL
        key = {
            "key_scs": submission.scs,
            "key_reference": submission.old_reference if recall else submission.reference,
            "key_member": submission.imsi if self._members else "",
        }
        if _MARK[RECALLED if recall else REQUESTED].count(connection, key):
            self._charging.enter(connection, self._in_group(connection, submission, event))

    def _refused(self, connection: Connection, submission: Submission, event: Event) -> None:
        self._charging.enter(connection, self._in_group(connection, submission, event))

    def _in_group(self, connection: Connection, submission: Submission, event: Event) -> Event:
        if not self._members:
            return event
        key = {"key_scs": submission.scs, "key_reference": submission.reference}
        name = connection.execute(_NAME, key).scalar_one_or_none()
        return with_group(event, Group(identifier=name or "", reference=submission.reference, number=submission.scs))


def event_of(submission: Submission, taken: Taken, now: float, host: str) -> Event:
    """What is charged for a trigger that the SMS-SC has answered."""
    status = statuses.of_submission(taken.result)
    good = status is RequestStatus.SUCCESS
    return Event(
        kind=Kind.TRIGGER,
        at=now,
        imsi=submission.imsi,
        msisdn=submission.device.msisdn,
        external_id=submission.device.external_id,
        originator=submission.scs,
        originator_interface=Interface.DEVICE_TRIGGER,
        indicator=_INDICATORS[submission.action],
        iwf=host,
        reference=submission.reference,
        serving=next(iter(submission.nodes), None),
        validity_s=submission.validity_s,
        priority=submission.priority,
        port=submission.port,
        result=None if good else (0 if taken.result is None else taken.result[1]),
    )


def with_group(event: Event, group: Group) -> Event:
    """The event as one of a group."""
    return replace(event, group=group)


def sweep(charging: Charging, host: str, connection: Connection) -> None:
    """Enter a record for each group that has come to its end."""
    if charging.table.groups == "members":
        return
    for row in connection.execute(_OVER, {"now": charging.now}).all():
        if connection.execute(_CHARGE, {"key_scs": row.scs, "key_reference": row.reference}).rowcount:
            charging.enter(connection, _of_group(row._mapping, charging.now, host))


def _of_group(found: Mapping[Any, Any], now: float, host: str) -> Event:
    return Event(
        kind=Kind.TRIGGER,
        at=now,
        external_id=found["group_id"],
        originator=found["scs"],
        originator_interface=Interface.DEVICE_TRIGGER,
        indicator=Indicator.REQUEST,
        iwf=host,
        reference=found["reference"],
        validity_s=found["validity_s"],
        priority=found["priority"],
        port=found["port"],
        group=Group(
            identifier=found["group_id"],
            reference=found["reference"],
            number=found["scs"],
            members=found["members"],
            reached=found["reached"],
            closed=found["unreported"] <= 0,
        ),
    )


class Charged:
    """Charging, hung in between the procedures of an MTC-IWF and T4; without `[charging]` it is T4 as it is.

    `t4`: for triggers of devices.  `members`: for those of groups.  say: writes a line to the log.
    """

    def __init__(self, config: IwfConfig, store: Store, clock: Any, t4: SmsSc, say: Callable[[str], None]) -> None:
        host = config.node.origin_host
        self.t4 = self.members = t4
        self.charging = charging = Charging.of(config.charging, host, "", store, clock, say)
        self.shown = Shown(charging)
        self.applications = () if charging is None else charging.applications
        if charging is not None:
            self.t4 = ChargedT4(t4, charging, host)
            self.members = ChargedT4(t4, charging, host, members=True)
            charging.sweep = partial(sweep, charging, host) if config.hss.groups else None

    def start(self, spawn: Callable[[Coroutine[Any, Any, None]], object]) -> None:
        """Take up what an earlier process has left."""
        if self.charging is not None:
            self.charging.start(spawn)

    async def stop(self, store: Store) -> None:
        """Write what is left to be written, and close the store."""
        if self.charging is not None:
            await self.charging.stop()
        await store.close()

    def reload(self, config: IwfConfig) -> None:
        """Take over limits and choices."""
        if self.charging is not None:
            self.charging.renew(config.charging)
