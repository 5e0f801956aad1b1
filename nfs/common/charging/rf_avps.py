"""An event as the AVPs of an Accounting-Request (TS 32.299 6.2.2, 7.2; what goes into which: TS 32.274 5.2.2).

What the AVPs have no place for is left out: the name of an MTC-IWF (MTC-IWF-Address is an IP address), groups, and the
type "delivery" of an ordinary message that ended.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from nfs.common.charging.events import Event, Indicator, Interface, Kind
from nfs.common.nodes import to_avps

EVENT_RECORD: Final = 1
ACCOUNTING: Final = 3
SMS_SC: Final = 3  # SMS-Node
SUBMISSION, T4_TRIGGER, SM_TRIGGER, MO_T4 = 0, 3, 4, 5  # SM-Message-Type: not the numbers of records
MSISDN, OTHER = 1, 6  # Address-Type; it has no more than 0 to 7
ADDRESS_TYPES: Final = 7
TO_E164, TO_IMSI = 0, 1  # Subscription-Id-Type


def avps_of(event: Event, context: str) -> dict[str, Any]:
    """The request but for Session-Id, and what every request has.  context: Service-Context-Id."""
    users = [(TO_IMSI, event.imsi), (TO_E164, event.msisdn)]
    service: dict[str, Any] = {
        "Subscription-Id": [
            {"Subscription-Id-Type": kind, "Subscription-Id-Data": text} for kind, text in users if text is not None
        ],
        "SMS-Information": _some(_information(event)),
    }
    return {
        "Accounting-Record-Type": EVENT_RECORD,
        "Accounting-Record-Number": 0,
        "Acct-Application-Id": ACCOUNTING,
        "Event-Timestamp": datetime.fromtimestamp(int(event.at), UTC),
        "Service-Context-Id": context,
        "Service-Information": service,
    }


def _information(event: Event) -> dict[str, Any]:
    on_its_own = event.kind is Kind.MO_T4
    return {
        "SMS-Node": SMS_SC,
        "Data-Coding-Scheme": event.dcs,
        "SM-Message-Type": _type(event),
        "Originator-Interface": _some(
            {"Interface-Id": event.originator_id, "Interface-Type": _interface(event.originator_interface)}
        ),
        "SM-Protocol-ID": _octet(event.pid) if event.kind is not Kind.MT else None,
        "SM-User-Data-Header": event.header or None,
        "Number-Of-Messages-Sent": event.parts,
        "Recipient-Info": _recipient(event),
        "Originator-Received-Address": _address(event.originator, event.originator_type),
        "SMS-Result": event.result,
        "SM-Device-Trigger-Indicator": event.indicator,
        "SM-Device-Trigger-Information": _trigger(event),
        "Application-Port-Identifier": event.port if on_its_own else None,
        "External-Identifier": event.external_id,
    }


def _type(event: Event) -> int | None:
    if event.kind is Kind.TRIGGER:
        return T4_TRIGGER
    if event.kind is Kind.MT:
        return SM_TRIGGER if event.indicator == Indicator.REQUEST else None
    return MO_T4 if event.kind is Kind.MO_T4 else SUBMISSION


def _interface(value: int | None) -> int | None:
    """Interface-Type, which ends before "device trigger": the indicator says that."""
    return int(Interface.APPLICATION_ORIGINATING) if value == Interface.DEVICE_TRIGGER else value


def _recipient(event: Event) -> dict[str, Any] | None:
    return _some(
        {
            "Recipient-Address": _address(event.msisdn if event.kind is not Kind.MO_T4 else None, MSISDN),
            "Recipient-Received-Address": _address(event.recipient, MSISDN),
            "SM-Protocol-ID": _octet(event.pid) if event.kind is Kind.MT else None,
        }
    )


def _trigger(event: Event) -> dict[str, Any] | None:
    if event.kind is not Kind.TRIGGER and not (event.kind is Kind.MT and event.indicator == Indicator.REQUEST):
        return None
    return _some(
        {
            "Reference-Number": event.reference,
            "Serving-Node": None if event.serving is None else to_avps(event.serving),
            "Validity-Time": event.validity_s,
            "Priority-Indication": None if event.priority is None else int(event.priority),
            "Application-Port-Identifier": event.port,
        }
    )


def _address(text: str | None, kind: int) -> dict[str, Any] | None:
    return None if text is None else {"Address-Type": OTHER if kind > ADDRESS_TYPES else kind, "Address-Data": text}


def _octet(value: int | None) -> bytes | None:
    return None if value is None else bytes((value,))


def _some(members: dict[str, Any]) -> dict[str, Any] | None:
    return {name: value for name, value in members.items() if value is not None} or None
