"""Charging at the SMS-SC: a record for what is submitted, over T4, by an SME or by a device, and for how it ended.

What is kept is charged in the transaction that keeps it, and once: a message that comes again is known by the time at
which it was accepted, an outcome or a withdrawal that is written again by what is there already.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final

from sqlalchemy import Connection, bindparam, select

from diameter import Message
from nfs.common.charging.events import Event, Indicator, Interface, Kind, MessageType
from nfs.common.charging.service import Charging
from nfs.common.sm_failure import Verdict
from nfs.common.sms import IEI_PORT_16
from nfs.common.store import Store, StoreError, Work
from nfs.common.t4 import T4Result, TriggerAction
from nfs.sms_sc.answers import Refused
from nfs.sms_sc.config import SmsScConfig
from nfs.sms_sc.keep import TRIGGER, Keep
from nfs.sms_sc.logic import ServiceCentre, Trigger
from nfs.sms_sc.mo_sms import MoSms, Submission
from nfs.sms_sc.outcomes import Outcome
from nfs.sms_sc.sme import ShortMessage
from nfs.sms_sc.t4 import T4, read

_WHICH: Final = select(TRIGGER.c.accepted_at, TRIGGER.c.outcome, TRIGGER.c.finished_at).where(
    TRIGGER.c.key == bindparam("which")
)
_INDICATORS: Final = {
    TriggerAction.TRIGGER: Indicator.REQUEST,
    TriggerAction.REPLACE: Indicator.REPLACE,
    TriggerAction.RECALL: Indicator.RECALL,
}
RESULTS: Final = {
    Outcome.SUCCESSFUL_TRANSFER: None,
    Outcome.ABSENT_SUBSCRIBER: 5550,
    Outcome.UE_MEMORY_CAPACITY_EXCEEDED: 5555,
    Outcome.VALIDITY_TIME_EXPIRED: 3002,
}
"""An outcome as a result: those of SGd (TS 29.338 clause 7.3), and UNABLE_TO_DELIVER for one that ran out."""
ALPHANUMERIC: Final = 5
_TON_ALPHANUMERIC: Final = 5


class _Along:
    """A store whose next piece of work enters an event as well."""

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

    def add(self, trigger: Trigger) -> Awaitable[None]:
        """Write a message that is not there yet, and that it was submitted."""
        self._charging.check()
        event = submitted(trigger, self._charging.now)
        self._along.first = lambda connection: self._charging.enter(connection, event)
        return super().add(trigger)

    def put(self, trigger: Trigger) -> Awaitable[None]:
        """Write a message, and that it was submitted unless it is there already."""
        event = submitted(trigger, self._charging.now)
        self._along.first = lambda connection: self._enter_new(connection, trigger, event)
        return super().put(trigger)

    def swap(self, withdrawn: Trigger | None, trigger: Trigger) -> Awaitable[None]:
        """Write a replacement, and that it was submitted unless it is there already."""
        self._charging.check()
        late = None if withdrawn is not None else int(T4Result.ORIGINAL_MESSAGE_NOT_PENDING)
        event = submitted(trigger, self._charging.now, Indicator.REPLACE, late)
        self._along.first = lambda connection: self._enter_new(connection, trigger, event)
        return super().swap(withdrawn, trigger)

    def settle(self, trigger: Trigger) -> Awaitable[None]:
        """Write how a message ended, or that it was recalled, and enter that once."""
        now = self._charging.now
        event = recalled(trigger, now) if trigger.withdrawn else ended(trigger, now)
        if event is not None:
            self._along.first = lambda connection: self._enter_end(connection, trigger, event)
        return super().settle(trigger)

    def _enter_new(self, connection: Connection, trigger: Trigger, event: Event) -> None:
        row = connection.execute(_WHICH, {"which": trigger.key}).one_or_none()
        if row is None or row.accepted_at != trigger.accepted_at:
            self._charging.enter(connection, event)

    def _enter_end(self, connection: Connection, trigger: Trigger, event: Event) -> None:
        row = connection.execute(_WHICH, {"which": trigger.key}).one_or_none()
        if row is not None and row.outcome is None and row.finished_at is None:
            self._charging.enter(connection, event)


def submitted(
    trigger: Trigger, now: float, indicator: Indicator = Indicator.REQUEST, result: int | None = None
) -> Event:
    """The event of a message that was taken, or refused with a result."""
    if isinstance(trigger, ShortMessage):
        return Event(
            kind=Kind.MO,
            at=now,
            message_reference=bytes.fromhex(trigger.submission),
            report=bool(trigger.receipt),
            parts=len(trigger.segments()),
            **{**_text(trigger), **_device(trigger), "message_type": MessageType.SUBMISSION},
        )
    return Event(
        kind=Kind.TRIGGER,
        at=now,
        originator=trigger.scs,
        originator_interface=Interface.DEVICE_TRIGGER,
        indicator=indicator,
        result=result,
        **_over_t4(trigger),
        **_device(trigger),
    )


def recalled(trigger: Trigger, now: float) -> Event:
    """The event of a trigger that was taken back."""
    return submitted(trigger, now, Indicator.RECALL)


def ended(trigger: Trigger, now: float) -> Event | None:
    """The event of a message that was delivered, or not; None while that is open."""
    if trigger.outcome is None:
        return None
    text = _text(trigger) if isinstance(trigger, ShortMessage) else _of_trigger(trigger)
    return Event(
        kind=Kind.MT,
        at=now,
        submitted_at=float(trigger.scts),
        parts=len(trigger.segments()),
        result=RESULTS[trigger.outcome],
        **text,
        **_device(trigger),
    )


def _device(trigger: Trigger) -> dict[str, Any]:
    return {"imsi": trigger.imsi, "msisdn": trigger.msisdn, "external_id": trigger.external_identifier}


def _over_t4(trigger: Trigger) -> dict[str, Any]:
    return {
        "iwf": trigger.iwf_host,
        "reference": trigger.reference,
        "serving": trigger.serving,
        "validity_s": trigger.validity_s,
        "priority": trigger.priority,
        "port": trigger.port,
    }


def _of_trigger(trigger: Trigger) -> dict[str, Any]:
    return {
        **_over_t4(trigger),
        "indicator": Indicator.REQUEST,
        "message_type": MessageType.SM_DEVICE_TRIGGER,
        "originator": trigger.scs,
        "size": len(trigger.payload),
        "pid": trigger.pid,
        "dcs": trigger.dcs,
    }


def _text(message: ShortMessage) -> dict[str, Any]:
    """What is known of a message of an SME."""
    header = b"".join(bytes((iei, len(data))) + data for iei, data in message.elements)
    return {
        "message_type": MessageType.DELIVERY,
        "originator": message.originator,
        "originator_type": ALPHANUMERIC if message.originator_ton == _TON_ALPHANUMERIC else 1,
        "originator_id": message.sme,
        "originator_interface": Interface.APPLICATION_ORIGINATING,
        "priority": message.priority,
        "port": message.port,
        "size": len(message.payload),
        "pid": message.pid,
        "dcs": message.dcs,
        "header": bytes((len(header),)) + header if header else None,
    }


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


def from_device(submission: Submission, now: float, result: int | None = None) -> Event:
    """The event of a short message of a device."""
    submit = submission.submit
    ports = [each.data for each in submit.user_data.header if each.iei == IEI_PORT_16 and len(each.data) == 4]
    header = b"".join(bytes((each.iei, len(each.data))) + each.data for each in submit.user_data.header)
    return Event(
        kind=Kind.MO_T4,
        at=now,
        imsi=submission.imsi,
        recipient=submit.destination.digits,
        originator_interface=Interface.MOBILE_ORIGINATING,
        iwf=submission.route.host,
        port=int.from_bytes(ports[0][:2]) if ports else None,
        message_reference=bytes((submit.reference,)),
        size=len(submit.user_data.data),
        pid=submit.pid,
        dcs=submit.dcs,
        report=submit.status_report,
        message_type=MessageType.SUBMISSION,
        header=bytes((len(header),)) + header if header else None,
        result=result,
    )


class Charged:
    """Charging, hung into an SMS-SC; without `[charging]` its store, T4 and SGd are as they are.

    say: writes a line to the log.
    """

    def __init__(self, config: SmsScConfig, store: Store, clock: Any, say: Callable[[str], None]) -> None:
        number = config.sms_sc.number
        self.charging = Charging.of(config.charging, config.node.origin_host, number, store, clock, say)
        self.keep = Keep(store) if self.charging is None else ChargedKeep(store, self.charging)

    def t4(self, centre: ServiceCentre, clock: Callable[[], float]) -> T4:
        """The T4 that is charged."""
        if self.charging is None:
            return T4(centre, self.keep, clock)
        t4 = ChargedT4(centre, self.keep, clock)
        t4.charging = self.charging
        return t4

    def devices(self, mo_sms: MoSms) -> MoSms:
        """What devices send, charged."""
        charging = self.charging
        if charging is not None:
            mo_sms.charge, mo_sms.full = MoCharge(charging), lambda: charging.refusing
        return mo_sms

    async def start(self, spawn: Callable[[Coroutine[Any, Any, None]], object]) -> None:
        """Take up what an earlier process has left."""
        if self.charging is not None:
            await self.charging.start(spawn)

    async def stop(self, store: Store) -> None:
        """Write what is left to be written, and close the store."""
        if self.charging is not None:
            await self.charging.stop()
        await store.close()

    def reload(self, config: SmsScConfig) -> None:
        """Take over limits and choices."""
        if self.charging is not None:
            self.charging.renew(config.charging)
