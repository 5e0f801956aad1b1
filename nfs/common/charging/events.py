"""What is charged, as plain values; a record is made of one when it goes to the file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from enum import IntEnum, StrEnum
from typing import Any, Final

from nfs.common.nodes import NodeKind, ServingNode


class Kind(StrEnum):
    """Which record an event makes (TS 32.298; TS 32.274 clause 5.2.2)."""

    TRIGGER = "trigger"  # over T4: request, replace, recall
    MO = "mo"  # submitted to the SMS-SC
    MO_T4 = "mo-t4"  # of a device without MSISDN, passed on over T4
    MT = "mt"  # how a message, or a trigger, ended


class Indicator(IntEnum):
    """SMDeviceTriggerIndicator."""

    NOT_A_TRIGGER = 0
    REQUEST = 1
    REPLACE = 2
    RECALL = 3


class Interface(IntEnum):
    """SMInterfaceType."""

    MOBILE_ORIGINATING = 1
    MOBILE_TERMINATING = 2
    APPLICATION_ORIGINATING = 3
    APPLICATION_TERMINATING = 4
    DEVICE_TRIGGER = 5


class MessageType(IntEnum):
    """SMMessageType of records; the AVP SM-Message-Type has other numbers."""

    SUBMISSION = 0
    DELIVERY = 3
    T4_DEVICE_TRIGGER = 4
    SM_DEVICE_TRIGGER = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """The group trigger that an event belongs to; with `members` it is about the whole of it.

    number: E.164 digits of the SCS.  reached: members that have it.  closed: the end of every member is known.
    """

    identifier: str
    reference: int
    number: str
    members: int | None = None
    reached: int | None = None
    closed: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One event.  `at`, `submitted_at`: seconds since 1970.  Numbers are E.164 digits; what is not known is absent.

    originator: digits, or other text when `originator_type` says so (SMAddressType).  reference: Reference-Number of
    T4.  message_reference: TP-MR, or the message_id of an SME.  size: octets or septets of user data.  result: a
    Result-Code or Experimental-Result-Code, of an unsuccessful event only.
    """

    kind: Kind
    at: float
    imsi: str | None = None
    msisdn: str | None = None
    external_id: str | None = None
    recipient: str | None = None
    originator: str | None = None
    originator_type: int = 1
    originator_id: str | None = None
    originator_interface: int | None = None
    indicator: int | None = None
    iwf: str | None = None
    reference: int | None = None
    serving: ServingNode | None = None
    validity_s: int | None = None
    priority: bool | None = None
    port: int | None = None
    message_reference: bytes | None = None
    size: int | None = None
    dcs: int | None = None
    pid: int | None = None
    header: bytes | None = None
    report: bool | None = None
    message_type: int | None = None
    parts: int | None = None
    submitted_at: float | None = None
    result: int | None = None
    group: Group | None = None


_DEFAULTS: Final = {field.name: field.default for field in fields(Event)}
_OCTETS: Final = ("message_reference", "header")
_node_fields: Final = ("kind", "number", "name", "realm")


def to_text(event: Event) -> str:
    """An event as it is kept in a store."""
    found: dict[str, Any] = {}
    for name, default in _DEFAULTS.items():
        value = getattr(event, name)
        if value != default:
            found[name] = value
    for name in _OCTETS:
        if name in found:
            found[name] = found[name].hex()
    if event.serving is not None:
        found["serving"] = [getattr(event.serving, name) for name in _node_fields]
    if event.group is not None:
        found["group"] = asdict(event.group)
    return json.dumps(found, separators=(",", ":"))


def from_text(text: str) -> Event:
    """The event again."""
    found: Mapping[str, Any] = json.loads(text)
    values = dict(found, kind=Kind(found["kind"]))
    for name in _OCTETS:
        if name in values:
            values[name] = bytes.fromhex(values[name])
    if "serving" in values:
        kind, number, name, realm = values["serving"]
        values["serving"] = ServingNode(kind=NodeKind(kind), number=number, name=name, realm=realm)
    if "group" in values:
        values["group"] = Group(**values["group"])
    return Event(**values)
