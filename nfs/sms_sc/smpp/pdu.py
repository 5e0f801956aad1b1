"""PDUs of SMPP 3.4: values to octets and back, and a stream of octets cut into PDUs.

Any octets give a `Pdu` or a `PduError` with the command_status to answer.  Libraries on the index that were tried for
this and not taken: smpp34 1.5 (no bind and no answer as a PDU of its own, a second event loop and TLS beside ours),
smpplib 2.2 and aiosmpplib 0.7 (clients that own their sockets), smpp.pdu (its source distribution does not build with
a setuptools of 2026).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import IntEnum
from typing import Any, Final

from nfs.sms_sc.smpp.layout import BIND, BIND_ANSWER, EMPTY, HEADER, MESSAGE, MESSAGE_ANSWER, TpduError, build, parse

HEADER_OCTETS: Final = 16
MAX_OCTETS: Final = 66_000
"""Of a whole PDU: a message_payload of 64 Ki octets and what stands around it."""
ANSWER: Final = 0x8000_0000


class Command(IntEnum):
    """command_id of the requests used here (5.1.2.1); an answer has bit 31 set."""

    BIND_RECEIVER = 0x01
    BIND_TRANSMITTER = 0x02
    SUBMIT_SM = 0x04
    DELIVER_SM = 0x05
    UNBIND = 0x06
    BIND_TRANSCEIVER = 0x09
    ENQUIRE_LINK = 0x15


GENERIC_NACK: Final = 0x8000_0000


class Status(IntEnum):
    """command_status (5.1.3), as far as it is used here."""

    OK = 0x00
    INVALID_MESSAGE_LENGTH = 0x01
    INVALID_COMMAND_LENGTH = 0x02
    INVALID_COMMAND = 0x03
    WRONG_BIND_STATE = 0x04
    ALREADY_BOUND = 0x05
    INVALID_PRIORITY = 0x06
    INVALID_REGISTERED_DELIVERY = 0x07
    SYSTEM_ERROR = 0x08
    INVALID_SOURCE = 0x0A
    INVALID_DESTINATION = 0x0B
    BIND_FAILED = 0x0D
    INVALID_PASSWORD = 0x0E
    INVALID_SYSTEM_ID = 0x0F
    QUEUE_FULL = 0x14
    INVALID_ESM_CLASS = 0x43
    SUBMIT_FAILED = 0x45
    INVALID_REPLACE_FLAG = 0x54
    THROTTLED = 0x58
    INVALID_SCHEDULE = 0x61
    INVALID_VALIDITY = 0x62
    INVALID_DEFAULT_MESSAGE = 0x63
    INVALID_TLV_STREAM = 0xC0
    TLV_NOT_ALLOWED = 0xC1
    INVALID_TLV_VALUE = 0xC4


class Tag(IntEnum):
    """Optional parameters (5.3.2)."""

    SOURCE_PORT = 0x020A
    DESTINATION_PORT = 0x020B
    SAR_REFERENCE = 0x020C
    SAR_TOTAL = 0x020E
    SAR_NUMBER = 0x020F
    SC_INTERFACE_VERSION = 0x0210
    RECEIPTED_MESSAGE_ID = 0x001E
    MESSAGE_PAYLOAD = 0x0424
    MESSAGE_STATE = 0x0427


class PduError(ValueError):
    """These octets are no PDU; `status` and `sequence` are for the generic_nack, `fatal`: the stream is lost."""

    def __init__(self, status: Status, why: str, *, sequence: int = 0, fatal: bool = False) -> None:
        super().__init__(why)
        self.status = status
        self.sequence = sequence
        self.fatal = fatal


Tlvs = tuple[tuple[int, bytes], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bind:
    """bind_transmitter, bind_receiver, bind_transceiver (4.1)."""

    system_id: bytes
    password: bytes = field(default=b"", repr=False)
    system_type: bytes = b""
    interface_version: int = 0x34
    ton: int = 0
    npi: int = 0
    address_range: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class BindAnswer:
    """Their answers."""

    system_id: bytes
    tlvs: Tlvs = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sms:
    """submit_sm and deliver_sm (4.4.1, 4.6.1): the same fields."""

    service_type: bytes = b""
    source_ton: int = 1
    source_npi: int = 1
    source: bytes = b""
    destination_ton: int = 1
    destination_npi: int = 1
    destination: bytes = b""
    esm_class: int = 0
    protocol_id: int = 0
    priority: int = 0
    schedule: bytes = b""
    validity: bytes = b""
    registered: int = 0
    replace: int = 0
    coding: int = 0
    default_message: int = 0
    text: bytes = b""
    tlvs: Tlvs = ()

    def tlv(self, tag: int) -> bytes | None:
        """The value of an optional parameter, the first where it comes twice."""
        return next((value for name, value in self.tlvs if name == tag), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class SmsAnswer:
    """Their answers; a deliver_sm_resp has an empty message_id."""

    message_id: bytes = b""
    tlvs: Tlvs = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Empty:
    """The body of what has none."""


Body = Bind | BindAnswer | Sms | SmsAnswer | Empty
_BINDS: Final = (Command.BIND_RECEIVER, Command.BIND_TRANSMITTER, Command.BIND_TRANSCEIVER)
_SHORT: Final = (Command.SUBMIT_SM, Command.DELIVER_SM)
_BARE: Final = (Command.UNBIND, Command.ENQUIRE_LINK)
_BODIES: Final[Mapping[int, tuple[type[Any], Any]]] = {
    **{int(command): (Bind, BIND) for command in _BINDS},
    **{command | ANSWER: (BindAnswer, BIND_ANSWER) for command in _BINDS},
    **{int(command): (Sms, MESSAGE) for command in _SHORT},
    **{command | ANSWER: (SmsAnswer, MESSAGE_ANSWER) for command in _SHORT},
    **{int(command): (Empty, EMPTY) for command in _BARE},
    **{command | ANSWER: (Empty, EMPTY) for command in _BARE},
    GENERIC_NACK: (Empty, EMPTY),
}
_LONGEST: Final[Mapping[str, int]] = {
    "system_id": 15, "password": 8, "system_type": 12, "address_range": 40, "service_type": 5, "source": 20,
    "destination": 20, "schedule": 16, "validity": 16, "message_id": 64,
}  # fmt: skip
"""Octets of a text without its NUL (5.2)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pdu:
    """One PDU.  An answer that refuses may come without its body, which is then `Empty`."""

    command: int
    sequence: int
    status: int = 0
    body: Body = Empty()

    def encode(self) -> bytes:
        """The octets; raises PduError for what does not fit a field."""
        layout = EMPTY if isinstance(self.body, Empty) else _BODIES[self.command][1]
        body = self.body
        given: dict[str, Any] = {each.name: getattr(body, each.name) for each in fields(body)}
        if "tlvs" in given:
            given["tlvs"] = [{"tag": tag, "value": value} for tag, value in given["tlvs"]]
        _check(given, self.sequence)
        try:
            octets = build(layout, given)
            head = {"length": HEADER_OCTETS + len(octets), "command": self.command}
            return build(HEADER, {**head, "status": self.status, "sequence": self.sequence}) + octets
        except TpduError as wrong:
            raise PduError(Status.SYSTEM_ERROR, str(wrong), sequence=self.sequence) from None


def decode(octets: bytes) -> Pdu:
    """One whole PDU.  Raises PduError."""
    try:
        head = parse(HEADER, octets[:HEADER_OCTETS])
    except TpduError:
        raise PduError(Status.INVALID_COMMAND_LENGTH, "shorter than a header", fatal=True) from None
    command, status, sequence = head["command"], head["status"], head["sequence"]
    if head["length"] != len(octets):
        raise PduError(Status.INVALID_COMMAND_LENGTH, "command_length", sequence=sequence, fatal=True)
    if command not in _BODIES:
        raise PduError(Status.INVALID_COMMAND, f"command {command:#010x}", sequence=sequence)
    kind, layout = _BODIES[command]
    body = octets[HEADER_OCTETS:]
    if not body and (command & ANSWER or kind is Empty):
        return Pdu(command=command, status=status, sequence=sequence)
    try:
        read = parse(layout, body)
    except TpduError:
        raise PduError(Status.INVALID_COMMAND_LENGTH, "body cut short or too long", sequence=sequence) from None
    given = {each.name: read[each.name] for each in fields(kind)}
    if "tlvs" in given:
        given["tlvs"] = tuple((each["tag"], each["value"]) for each in given["tlvs"])
    _check(given, sequence)
    return Pdu(command=command, status=status, sequence=sequence, body=kind(**given))


def _check(given: Mapping[str, Any], sequence: int) -> None:
    for name, longest in _LONGEST.items():
        text = given.get(name, b"")
        if len(text) > longest or not text.isascii() or b"\0" in text:
            raise PduError(
                Status.INVALID_COMMAND_LENGTH, f"{name}: {longest} ASCII characters at most", sequence=sequence
            )


class Reader:
    """Octets as they come into whole PDUs.  `limit`: the longest one taken."""

    def __init__(self, limit: int = MAX_OCTETS) -> None:
        self.limit = limit
        self._kept = bytearray()

    def feed(self, octets: bytes) -> None:
        """Take octets."""
        self._kept += octets

    def next(self) -> bytes | None:
        """The next whole PDU, None while it is not there.  Raises PduError, fatal, for a length that cannot be."""
        if len(self._kept) < HEADER_OCTETS:
            return None
        length = int.from_bytes(self._kept[:4], "big")
        if not HEADER_OCTETS <= length <= self.limit:
            raise PduError(Status.INVALID_COMMAND_LENGTH, f"a PDU of {length} octets", fatal=True)
        if len(self._kept) < length:
            return None
        octets = bytes(self._kept[:length])
        del self._kept[:length]
        return octets
