"""Charging at the SMS-SC: a record for what is submitted, over T4, by an SME or by a device, and for how it ended.

What is kept is charged in the transaction that keeps it, and once: a message that comes again is known by the time at
which it was accepted, an outcome or a withdrawal that is written again by what is there already.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final

from sqlalchemy import Connection, bindparam, select

from diameter import Message
from nfs.common.charging.events import Event, Indicator
from nfs.common.charging.service import Charging
from nfs.common.charging.standing import Shown
from nfs.common.sm_failure import Verdict
from nfs.common.statements import Statement
from nfs.common.store import Store, StoreError, Work
from nfs.common.t4 import T4Result, TriggerAction
from nfs.sms_sc.answers import Refused
from nfs.sms_sc.charges import from_device, over, replacement, submitted
from nfs.sms_sc.config import SmsScConfig
from nfs.sms_sc.keep import TRIGGER, Keep, Written
from nfs.sms_sc.logic import ServiceCentre, Trigger
from nfs.sms_sc.mo_config import routes
from nfs.sms_sc.mo_sms import MoSms, Submission
from nfs.sms_sc.shared import SharedKeep
from nfs.sms_sc.t4 import T4, read

_WHICH: Final = Statement(
    select(TRIGGER.c.accepted_at, TRIGGER.c.outcome, TRIGGER.c.finished_at, TRIGGER.c.holder).where(
        TRIGGER.c.key == bindparam("which")
    )
)
_INDICATORS: Final = {
    TriggerAction.TRIGGER: Indicator.REQUEST,
    TriggerAction.REPLACE: Indicator.REPLACE,
    TriggerAction.RECALL: Indicator.RECALL,
}


class _Along:
    """A store whose next piece of work has another one in front of it."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.first: Work[None] | None = None

    def do(self, work: Work[Any]) -> Awaitable[Any]:
        """See `Store.do`."""
        first, self.first = self.first, None
        if first is None:
            return self.store.do(work)

        def both(connection: Connection) -> Any:
            first(connection)
            return work(connection)

        return self.store.do(both)


class ChargedKeep(Keep):
    """A Keep that enters an event for what it writes for the first time.  Adding raises ChargingFull as it is."""

    def __init__(self, store: Store, charging: Charging) -> None:
        self._along = _Along(store)
        super().__init__(self._along)  # type: ignore[arg-type]  # all that a Keep asks of its store is `do`
        self._charging = charging

    def add(self, trigger: Trigger) -> Awaitable[Written]:
        """Write a message that is not there yet, and that it was submitted."""
        self._charging.check()
        event = submitted(trigger, self._charging.now)
        self._along.first = lambda connection: self._charging.enter(connection, event)
        return super().add(trigger)

    def put(self, trigger: Trigger) -> Awaitable[Written]:
        """Write a message, and that it was submitted unless it is there already."""
        event = submitted(trigger, self._charging.now)
        self._along.first = lambda connection: self._enter_new(connection, trigger, event)
        return super().put(trigger)

    def swap(self, withdrawn: Trigger | None, trigger: Trigger) -> Awaitable[Written]:
        """Write a replacement, and that it was submitted unless it is there already."""
        self._charging.check()
        event = replacement(withdrawn, trigger, self._charging.now)
        self._along.first = lambda connection: self._enter_new(connection, trigger, event)
        return super().swap(withdrawn, trigger)

    def settle(self, trigger: Trigger) -> Awaitable[None]:
        """Write how a message ended, or that it was recalled, and enter that once."""
        event = over(trigger, self._charging.now)
        if event is not None:
            self._along.first = lambda connection: enter_end(self._charging, connection, trigger, event)
        return super().settle(trigger)

    def _enter_new(self, connection: Connection, trigger: Trigger, event: Event) -> None:
        if not known(connection, trigger):
            self._charging.enter(connection, event)


class ChargedSharedKeep(SharedKeep):
    """The same on a store that others use too: what another one has taken, or holds, is charged there."""

    def __init__(self, store: Store, name: str, token: str, clock: Callable[[], float], charging: Charging) -> None:
        self._along = _Along(store)
        super().__init__(self._along, name, token, clock)  # type: ignore[arg-type]  # as above
        self._charging = charging
        self._replacing: dict[str, Trigger | None] = {}

    async def add(self, trigger: Trigger) -> Written:
        """Write a message, unless another one has taken it, and that it was submitted."""
        self._charging.check()
        return await super().add(trigger)

    async def swap(self, withdrawn: Trigger | None, trigger: Trigger) -> Written:
        """Write a replacement, and that it was submitted unless it is there already."""
        self._charging.check()
        self._replacing[trigger.key] = withdrawn
        try:
            return await super().swap(withdrawn, trigger)
        finally:
            self._replacing.pop(trigger.key, None)

    def settle(self, trigger: Trigger) -> Awaitable[None]:
        """Write how a message of ours ended, or that it was recalled, and enter that once."""
        event = over(trigger, self._charging.now)
        if event is not None:
            self._along.first = lambda connection: enter_end(
                self._charging, connection, trigger, event, holder=self._name
            )
        return super().settle(trigger)

    def _write(self, connection: Connection, trigger: Trigger) -> Written:
        before = known(connection, trigger)
        written = super()._write(connection, trigger)
        if not before and written.acceptance is None and written.trigger.accepted_at == trigger.accepted_at:
            now, key = self._charging.now, trigger.key
            replaces = key in self._replacing
            event = replacement(self._replacing[key], trigger, now) if replaces else submitted(trigger, now)
            self._charging.enter(connection, event)
        return written


def known(connection: Connection, trigger: Trigger) -> bool:
    """Whether a message is written already, as it was accepted; one under the number of a finished one is not."""
    row = _WHICH.one(connection, {"which": trigger.key})
    return row is not None and row.accepted_at == trigger.accepted_at


def enter_end(
    charging: Charging, connection: Connection, trigger: Trigger, event: Event, holder: str | None = None
) -> None:
    """Enter how a message ended, unless that is written already, or the message is no longer ours."""
    row = _WHICH.one(connection, {"which": trigger.key})
    if row is not None and row.outcome is None and row.finished_at is None and row.holder == holder:
        charging.enter(connection, event)


class ChargedT4(T4):
    """T4 that enters what it refuses, too."""

    charging: Charging

    async def _asked(self, request: Message) -> Message:
        try:
            return await super()._asked(request)
        except Refused as refusal:
            action = TriggerAction(request.get("Trigger-Action", TriggerAction.TRIGGER))
            late = action is TriggerAction.REPLACE and refusal.code is T4Result.ORIGINAL_MESSAGE_NOT_PENDING
            if self.charging.table.refused and not late:  # late: the new one was taken, and entered
                event = submitted(read(request), self.charging.now, _INDICATORS[action], int(refusal.code))
                _ = self.spawn(self._enter(event))
            raise

    async def _enter(self, event: Event) -> None:
        try:
            await self.charging.add(event)
        except StoreError:
            self.charging.book.figures.lost += 1


class MoCharge:
    """Enters short messages of devices before these hear that they were taken."""

    def __init__(self, charging: Charging) -> None:
        self._charging = charging

    async def __call__(self, submission: Submission, verdict: Verdict | None) -> bool:
        """A message that is about to go on, or one of which it is known how it ended; False when it must not go on."""
        bad = verdict is not None and not verdict.good
        if bad and not self._charging.table.refused:
            return True
        result = verdict.result[1] if verdict is not None and bad else None
        try:
            await self._charging.add(from_device(submission, self._charging.now, result))
        except StoreError:
            self._charging.book.figures.lost += verdict is not None
            return verdict is not None
        return True


class Charged:
    """Charging, hung into an SMS-SC; without `[charging]` its store, T4 and SGd are as they are.

    say: writes a line to the log.
    """

    def __init__(self, config: SmsScConfig, store: Store, clock: Any, say: Callable[[str], None]) -> None:
        number = config.sms_sc.number
        self.charging = Charging.of(config.charging, config.node.origin_host, number, store, clock, say)
        self.shown = Shown(self.charging)
        self.applications = () if self.charging is None else self.charging.applications
        self._store = store

    def alone(self) -> Keep:
        """The keep on a store of its own."""
        return Keep(self._store) if self.charging is None else ChargedKeep(self._store, self.charging)

    def shared(self, name: str, token: str, clock: Callable[[], float]) -> SharedKeep:
        """The keep on a store that others use too."""
        if self.charging is None:
            return SharedKeep(self._store, name, token, clock)
        return ChargedSharedKeep(self._store, name, token, clock, self.charging)

    def t4(self, centre: ServiceCentre, keep: Keep, clock: Callable[[], float]) -> T4:
        """The T4 that is charged."""
        if self.charging is None:
            return T4(centre, keep, clock)
        t4 = ChargedT4(centre, keep, clock)
        t4.charging = self.charging
        return t4

    def devices(self, config: SmsScConfig) -> MoSms:
        """What devices send."""
        table, charging = config.sms_sc, self.charging
        mo_sms = MoSms(table.number, routes(config.mo_sms), at_once=table.mo_sms_at_once)
        if charging is not None:
            mo_sms.charge, mo_sms.full = MoCharge(charging), lambda: charging.refusing
        return mo_sms

    def start(self, spawn: Callable[[Coroutine[Any, Any, None]], object]) -> None:
        """Take up what an earlier process has left."""
        if self.charging is not None:
            self.charging.start(spawn)

    async def stop(self) -> None:
        """Write what is left to be written; the store is still open."""
        if self.charging is not None:
            await self.charging.stop()

    def reload(self, config: SmsScConfig) -> None:
        """Take over limits and choices."""
        if self.charging is not None:
            self.charging.renew(config.charging)
