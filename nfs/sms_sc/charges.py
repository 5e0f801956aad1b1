"""Events of the SMS-SC: what a message, a trigger, or a short message of a device is to charging."""

from __future__ import annotations

from typing import Any, Final

from nfs.common.charging.events import Event, Indicator, Interface, Kind, MessageType
from nfs.common.sms import IEI_PORT_16
from nfs.common.t4 import T4Result
from nfs.sms_sc.logic import Trigger
from nfs.sms_sc.mo_sms import Submission
from nfs.sms_sc.outcomes import Outcome
from nfs.sms_sc.sme import ShortMessage

RESULTS: Final = {
    Outcome.SUCCESSFUL_TRANSFER: None,
    Outcome.ABSENT_SUBSCRIBER: 5550,
    Outcome.UE_MEMORY_CAPACITY_EXCEEDED: 5555,
    Outcome.VALIDITY_TIME_EXPIRED: 3002,
}
"""An outcome as a result: those of SGd (TS 29.338 clause 7.3), and UNABLE_TO_DELIVER for one that ran out."""
ALPHANUMERIC: Final = 5
_TON_ALPHANUMERIC: Final = 5


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


def replacement(withdrawn: Trigger | None, trigger: Trigger, now: float) -> Event:
    """The event of a trigger that was to replace another one, told when that was no longer pending."""
    late = None if withdrawn is not None else int(T4Result.ORIGINAL_MESSAGE_NOT_PENDING)
    return submitted(trigger, now, Indicator.REPLACE, late)


def recalled(trigger: Trigger, now: float) -> Event:
    """The event of a trigger that was taken back."""
    return submitted(trigger, now, Indicator.RECALL)


def over(trigger: Trigger, now: float) -> Event | None:
    """The event of a message whose end is written: an outcome, or a recall."""
    return recalled(trigger, now) if trigger.withdrawn else ended(trigger, now)


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
