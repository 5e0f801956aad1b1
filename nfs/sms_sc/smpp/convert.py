"""From submit_sm to a short message, and from how it ended to a receipt (SMPP 3.4 clauses 4.4, 5.2, appendix B)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from nfs.common.identities import IdentityError, e164
from nfs.common.sms import IEI_CONCAT_16, IEI_PORT_8, IEI_PORT_16
from nfs.common.sms_layout import HEADER, TpduError, parse, septets
from nfs.sms_sc.outcomes import Outcome
from nfs.sms_sc.sme import OCTETS, SEPTETS, UCS2, Receipt, ShortMessage
from nfs.sms_sc.smpp.pdu import Sms, Status, Tag

UDHI, REPLY_PATH, TYPE, MODE = 0x40, 0x80, 0x3C, 0x03  # esm_class (5.2.12)
DATAGRAM, TRANSACTION = 1, 2
DELIVERY_RECEIPT: Final = 0x04
ALPHANUMERIC: Final = 5
_CODINGS: Final[Mapping[int, int]] = {0: SEPTETS, 2: OCTETS, 4: OCTETS, 8: UCS2}
_TEXTS: Final[Mapping[int, str]] = {1: "ascii", 3: "latin-1"}
_ENDS: Final[Mapping[Outcome, tuple[int, str]]] = {
    Outcome.SUCCESSFUL_TRANSFER: (2, "DELIVRD"),
    Outcome.VALIDITY_TIME_EXPIRED: (3, "EXPIRED"),
    Outcome.ABSENT_SUBSCRIBER: (5, "UNDELIV"),
    Outcome.UE_MEMORY_CAPACITY_EXCEEDED: (5, "UNDELIV"),
}
"""message_state (5.2.28) and its word in a receipt."""


class Rejected(Exception):
    """The message is not taken; `status` is answered."""

    def __init__(self, status: Status, why: str) -> None:
        super().__init__(why)
        self.status = status


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A submit_sm as the rest of the SMS-SC takes it.  `source`: "" for the number of the SME."""

    source: str
    source_ton: int
    source_npi: int
    msisdn: str
    pid: int
    dcs: int
    payload: bytes
    elements: tuple[tuple[int, bytes], ...]
    port: int | None
    priority: bool
    validity_s: int | None
    receipt: Receipt

    @property
    def ports(self) -> tuple[int | None, ...]:
        """Every application port it names."""
        widths = {IEI_PORT_8: 1, IEI_PORT_16: 2}  # by the element, not by its length: a device may not look at that
        named = (data[: widths[iei]] for iei, data in self.elements if iei in widths)
        return (self.port, *(int.from_bytes(octets, "big") for octets in named))


def read(sms: Sms, now: float) -> Wanted:
    """What a submit_sm asks for; raises Rejected with the status for what is wrong or not done here."""
    mode = sms.esm_class & MODE
    if mode == TRANSACTION or sms.esm_class & (TYPE | REPLY_PATH):
        raise Rejected(Status.INVALID_ESM_CLASS, "esm_class: datagram, or store and forward, without reply path")
    if sms.priority > 3:
        raise Rejected(Status.INVALID_PRIORITY, "priority_flag: 0 to 3")
    if sms.registered & 3 == 3:
        raise Rejected(Status.INVALID_REGISTERED_DELIVERY, "registered_delivery: 0, 1 or 2")
    if sms.schedule:
        raise Rejected(Status.INVALID_SCHEDULE, "schedule_delivery_time: not here")
    if sms.replace:
        raise Rejected(Status.INVALID_REPLACE_FLAG, "replace_if_present_flag: not here")
    if sms.default_message:
        raise Rejected(Status.INVALID_DEFAULT_MESSAGE, "sm_default_msg_id: not here")
    text, elements = _text(sms)
    dcs, payload = _coded(sms.coding, text)
    return Wanted(
        source=sms.source.decode("ascii"),
        source_ton=sms.source_ton,
        source_npi=sms.source_npi,
        msisdn=_destination(sms),
        pid=sms.protocol_id,
        dcs=dcs,
        payload=payload,
        elements=elements,
        port=_port(sms, elements),
        priority=sms.priority > 0,
        validity_s=0 if mode == DATAGRAM else _validity(sms.validity.decode("ascii"), now),
        receipt=Receipt(sms.registered & 3),
    )


def _destination(sms: Sms) -> str:
    if sms.destination_ton not in (0, 1) or sms.destination_npi not in (0, 1):
        raise Rejected(Status.INVALID_DESTINATION, "destination: an international ISDN number expected")
    try:
        return e164(sms.destination.decode("ascii"), "destination")
    except IdentityError as wrong:
        raise Rejected(Status.INVALID_DESTINATION, str(wrong)) from None


def _text(sms: Sms) -> tuple[bytes, tuple[tuple[int, bytes], ...]]:
    """What follows the header, and the header: from the text, or from the parameters that stand for one."""
    payload = sms.tlv(Tag.MESSAGE_PAYLOAD)
    if payload is not None and sms.text:
        raise Rejected(Status.TLV_NOT_ALLOWED, "short_message and message_payload together")
    text = sms.text if payload is None else payload
    parts = [sms.tlv(tag) for tag in (Tag.SAR_REFERENCE, Tag.SAR_TOTAL, Tag.SAR_NUMBER)]
    if sms.esm_class & UDHI:
        if any(part is not None for part in parts) or sms.tlv(Tag.DESTINATION_PORT) is not None:
            raise Rejected(Status.TLV_NOT_ALLOWED, "a user data header, and parameters that stand for one")
        try:
            read = parse(HEADER, text)
        except TpduError as wrong:
            raise Rejected(Status.INVALID_ESM_CLASS, f"user data header: {wrong}") from None
        return read["data"], tuple((each["iei"], each["data"]) for each in read["elements"])
    if all(part is None for part in parts):
        return text, ()
    reference, total, number = parts
    if reference is None or total is None or number is None or (len(reference), len(total), len(number)) != (2, 1, 1):
        raise Rejected(Status.INVALID_TLV_VALUE, "sar_msg_ref_num, sar_total_segments and sar_segment_seqnum together")
    if not 1 <= number[0] <= total[0]:
        raise Rejected(Status.INVALID_TLV_VALUE, f"segment {number[0]} of {total[0]}")
    return text, ((IEI_CONCAT_16, reference + total + number),)


def _coded(coding: int, text: bytes) -> tuple[int, bytes]:
    """TP-DCS and the text in it."""
    if coding in _TEXTS:
        try:
            words = text.decode(_TEXTS[coding])
        except UnicodeDecodeError:
            raise Rejected(Status.SUBMIT_FAILED, "data_coding 1: ASCII expected") from None
        try:
            return SEPTETS, septets(words)
        except TpduError:
            return UCS2, words.encode("utf-16-be")
    if coding not in _CODINGS:
        raise Rejected(Status.SUBMIT_FAILED, f"data_coding {coding}: 0, 1, 2, 3, 4 or 8 expected")
    dcs = _CODINGS[coding]
    if (dcs == SEPTETS and not text.isascii()) or (dcs == UCS2 and len(text) % 2):
        raise Rejected(Status.SUBMIT_FAILED, f"data_coding {coding}: not such a text")
    return dcs, text


def _port(sms: Sms, elements: tuple[tuple[int, bytes], ...]) -> int | None:
    port = sms.tlv(Tag.DESTINATION_PORT)
    if port is None:
        return None
    if len(port) != 2 or elements[1:]:
        raise Rejected(Status.INVALID_TLV_VALUE, "destination_port: two octets expected")
    return int.from_bytes(port, "big")


def _validity(text: str, now: float) -> int | None:
    """Seconds from now; None for the default.  7.1.1: YYMMDDhhmmss, a tenth, quarter hours, and "+", "-" or "R"."""
    if not text:
        return None
    digits, kind = text[:-1], text[-1]
    if len(digits) != 15 or not digits.isdigit() or kind not in "+-R":
        raise Rejected(Status.INVALID_VALIDITY, "validity_period: 15 digits and +, - or R expected")
    year, month, day, hour, minute, second = (int(digits[at : at + 2]) for at in range(0, 12, 2))
    if kind == "R":
        days = year * 365 + month * 30 + day
        return int(timedelta(days=days, hours=hour, minutes=minute, seconds=second).total_seconds())
    try:
        local = datetime(2000 + year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError as wrong:
        raise Rejected(Status.INVALID_VALIDITY, f"validity_period: {wrong}") from None
    offset = timedelta(minutes=15 * int(digits[13:]))
    seconds = (local - (offset if kind == "+" else -offset)).timestamp() - now
    if seconds <= 0:
        raise Rejected(Status.INVALID_VALIDITY, "validity_period: over")
    return int(seconds)


def receipt(message: ShortMessage, outcome: Outcome, now: float) -> Sms:
    """The deliver_sm that tells an SME how its message ended."""
    state, word = _ENDS[outcome]
    whole = int(outcome is Outcome.SUCCESSFUL_TRANSFER)
    submitted, done = (datetime.fromtimestamp(at, UTC).strftime("%y%m%d%H%M") for at in (message.accepted_at, now))
    text = (
        f"id:{message.submission} sub:001 dlvrd:{whole:03} submit date:{submitted} done date:{done} "
        f"stat:{word} err:{0 if whole else 1 + int(outcome):03} text:"
    )
    return Sms(
        source=(message.msisdn or "").encode("ascii"),
        destination_ton=message.originator_ton,
        destination_npi=message.originator_npi,
        destination=message.originator.encode("ascii"),
        esm_class=DELIVERY_RECEIPT,
        text=text.encode("ascii"),
        tlvs=(
            (Tag.RECEIPTED_MESSAGE_ID, message.submission.encode("ascii") + b"\0"),
            (Tag.MESSAGE_STATE, bytes((state,))),
        ),
    )
