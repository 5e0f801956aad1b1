"""An event as the record that TS 32.298 has for it.

    TRIGGER  SCDVTT4Record (110): of the SMS-SC, and of the MTC-IWF, which has no record of its own there
    MO       SCSMORecord (93)
    MO_T4    SCSMOT4Record (111)
    MT       SCSMTRecord (94)

Members are put in the order of their tags.  What is not known is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from nfs.common.charging.asn1 import Record, encode_as
from nfs.common.charging.events import Event, Indicator, Kind
from nfs.common.charging.values import address, tbcd, timestamp
from nfs.common.nodes import NodeKind, ServingNode

GROUP_EXTENSION: Final = "2.25.280594103728641905472310358926407715493"
"""Identifier of GroupInformation in recordExtensions: an arc made of a UUID, which nobody need register."""
INDICATORS: Final = ("notDeviceTrigger", "deviceTriggerRequest", "deviceTriggerReplace", "deviceTriggerRecall")
INTERFACES: Final = (
    "unkown",  # so spelled
    "mobileOriginating",
    "mobileTerminating",
    "applicationOriginating",
    "applicationTerminating",
    "deviceTrigger",
)
MESSAGE_TYPES: Final = (
    "submission",
    "deliveryReport",
    "sMServiceRequest",
    "delivery",
    "t4DeviceTrigger",
    "sMDeviceTrigger",
)
ADDRESS_TYPES: Final = (
    "emailAddress",
    "mSISDN",
    "iPv4Address",
    "iPv6Address",
    "numericShortCode",
    "alphanumericShortCode",
    "other",
    "iMSI",
    "nAI",
    "externalId",
)
EXTERNAL_ID: Final = 9


@dataclass(frozen=True, slots=True)
class Maker:
    """Makes records of one node.  number: E.164 digits of the node that writes them."""

    number: str

    def record(self, event: Event, local_sequence_number: int) -> Record:
        """The record of an event."""
        name, kind, members = _KINDS[event.kind]
        found = {
            "recordType": kind,
            "sMSNodeAddress": address(self.number),
            "eventtimestamp": timestamp(event.at),
            **members(event),
            "localSequenceNumber": local_sequence_number,
            "recordExtensions": _extensions(event),
        }
        return name, {member: value for member, value in found.items() if value is not None}


def _trigger(event: Event) -> dict[str, Any]:
    return {
        "originatorInfo": _originator(event),
        "recipientInfo": _recipient(event),
        "sMDeviceTriggerIndicator": _name(INDICATORS, event.indicator),
        "sMDeviceTriggerInformation": _information(event),
        "sMSResult": _result(event),
    }


def _message(event: Event) -> dict[str, Any]:
    """What the three records of messages have in common."""
    return {
        "originatorInfo": _originator(event),
        "messageReference": event.message_reference,
        "messageSize": event.size,
        "sMdeliveryReportRequested": event.report,
        "sMDataCodingScheme": event.dcs,
        "sMMessageType": _name(MESSAGE_TYPES, event.message_type),
        "sMUserDataHeader": event.header or None,
        "sMSResult": _result(event),
    }


def _mo(event: Event) -> dict[str, Any]:
    recipient = _recipient(event)
    return {
        **_message(event),
        "recipientInfo": None if recipient is None else [recipient],
        "messageReference": event.message_reference or b"",
        "sMTotalNumber": event.parts,
    }


def _mo_t4(event: Event) -> dict[str, Any]:
    return {
        **_message(event),
        "recipientInfo": _recipient(event),
        "messageReference": event.message_reference or b"",
        "mTCIWFAddress": None if event.iwf is None else ("domainName", event.iwf),
        "sMSApplicationPortID": event.port,
    }


def _mt(event: Event) -> dict[str, Any]:
    triggered = event.indicator == Indicator.REQUEST
    return {
        **_message(event),
        "recipientInfo": _recipient(event),
        "submissionTime": None if event.submitted_at is None else timestamp(event.submitted_at),
        "sMPriority": None if event.priority is None else ("high" if event.priority else "normal"),
        "sMTotalNumber": event.parts,
        "sMDeviceTriggerInformation": _information(event) if triggered else None,
    }


_KINDS: Final[Mapping[Kind, tuple[str, int, Callable[[Event], dict[str, Any]]]]] = {
    Kind.TRIGGER: ("sCDVTT4Record", 110, _trigger),
    Kind.MO: ("sCSMORecord", 93, _mo),
    Kind.MO_T4: ("sCSMOT4Record", 111, _mo_t4),
    Kind.MT: ("sCSMTRecord", 94, _mt),
}


def _name(names: tuple[str, ...], value: int | None) -> str | None:
    return None if value is None else names[value]


def _originator(event: Event) -> dict[str, Any] | None:
    imsi = event.imsi if event.kind is Kind.MO_T4 else None
    interface = {
        "interfaceId": None if event.originator_id is None else _ascii(event.originator_id),
        "interfaceType": _name(INTERFACES, event.originator_interface),
    }
    return _some(
        originatorIMSI=None if imsi is None else tbcd(imsi),
        originatorReceivedAddress=_address_info(event.originator, event.originator_type),
        sMOriginatorInterface=_some(**interface),
        sMOriginatorProtocolID=_octet(event.pid) if event.kind in (Kind.MO, Kind.MO_T4) else None,
    )


def _recipient(event: Event) -> dict[str, Any] | None:
    imsi = None if event.kind is Kind.MO_T4 else event.imsi
    return _some(
        recipientIMSI=None if imsi is None else tbcd(imsi),
        recipientMSISDN=None if event.msisdn is None else address(event.msisdn),
        recipientOtherAddress=_address_info(event.external_id, EXTERNAL_ID),
        recipientReceivedAddress=_address_info(event.recipient, 1),
        sMRecipientProtocolID=_octet(event.pid) if event.kind is Kind.MT else None,
    )


def _information(event: Event) -> dict[str, Any] | None:
    priority = None if event.priority is None else ("priority" if event.priority else "nonpriority")
    return _some(
        mTCIWFAddress=None if event.iwf is None else ("domainName", event.iwf),
        sMDTReferenceNumber=event.reference,
        sMServingNode=None if event.serving is None else _serving(event.serving),
        sMDTValidityPeriod=event.validity_s,
        sMDTPriorityIndication=priority,
        sMSApplicationPortID=event.port,
    )


_NODES: Final[Mapping[NodeKind, tuple[str, str, str]]] = {  # number, name, realm
    NodeKind.SGSN: ("sGSNNumber", "sGSNName", "sGSNRealm"),
    NodeKind.MME: ("mMENumberForMTSMS", "mMEName", "mMERealm"),
    NodeKind.MSC: ("mSCNumber", "mMEName", "mMERealm"),
    NodeKind.IP_SM_GW: ("iPSMGWNumber", "iPSMGWName", ""),
}


def _serving(node: ServingNode) -> dict[str, Any] | None:
    names = _NODES.get(node.kind)
    if names is None:  # the record has no place for it
        return None
    number, name, realm = names
    found: dict[str, Any] = {number: address(node.number)}
    if node.name:
        found[name] = node.name.encode()
        if realm:
            found[realm] = node.realm.encode()
    return found


def _result(event: Event) -> tuple[str, int] | None:
    return None if event.result is None else ("diameterResultCodeAndExperimentalResult", event.result)


def _extensions(event: Event) -> list[dict[str, Any]] | None:
    group = event.group
    if group is None:
        return None
    value = {
        "groupIdentifier": group.identifier,
        "groupReference": group.reference,
        "sCSNumber": address(group.number),
        "members": group.members,
        "reached": group.reached,
        "closed": group.closed,
    }
    known = {name: each for name, each in value.items() if each is not None}
    return [{"identifier": GROUP_EXTENSION, "information": encode_as("GroupInformation", known)}]


def _address_info(text: str | None, kind: int) -> dict[str, Any] | None:
    return None if text is None else {"sMAddressType": ADDRESS_TYPES[kind], "sMAddressData": _ascii(text)}


def _ascii(text: str) -> str:
    """Text for a GraphicString: what it has no place for becomes a question mark."""
    return text.encode("ascii", "replace").decode()


def _octet(value: int | None) -> bytes | None:
    return None if value is None else bytes((value,))


def _some(**members: Any) -> dict[str, Any] | None:
    """The members that are there; None when none is."""
    found = {name: value for name, value in members.items() if value is not None}
    return found or None
