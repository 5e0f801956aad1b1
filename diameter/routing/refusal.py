"""Answers that the node gives by itself (RFC 6733 sections 6.2 and 7): for faults, for refusals, for what is not ours.

3xxx sets the E bit; every other class keeps the answer grammar of the command as far as the base protocol can fill it
(section 7.1.5).  The message layer writes them; here it is decided which.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from diameter.errors import REFUSE, ApplicationFault, RemoteFault, ResultCode
from diameter.message.message import Message

TEXT_LIMIT: Final = 200
"""Characters of Error-Message at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """What the audit hears of each refusal.

    `stage`: "link" (handshake or limits), "protection" (what ended a link that was up), "capabilities" (CER, CEA),
    "fault" (octets), "destination" (not for us, or not allowed to this peer), "screen", "application", "bug", or
    "outbound" (a message of ours that a screen held back).  `peer`: identity of the adjacent peer, or the address while
    there is none.  `code` with `vendor` 0 is a Result-Code; 0 when nothing was answered.
    `session_id` names the session without naming a subscriber.
    """

    stage: str
    peer: str
    application: str = ""
    command: str = ""
    code: int = 0
    vendor: int = 0
    text: str = ""
    session_id: str = ""


def first_refusing(message: Message) -> RemoteFault | None:
    """The fault to answer with: the first that is not for tools only (section 7.5)."""
    for fault in message.faults:
        if fault.verdict == REFUSE:
            return fault
    return None


def unusable(answer: Message) -> RemoteFault | None:
    """The fault for which an answer cannot be handed to whoever asked, or None.

    An answer that reports a failure may lack what only a success carries (section 7.1.5 has the E bit for that, many
    peers do not).
    """
    for fault in answer.faults:
        if fault.verdict == REFUSE and not (fault.result_code == ResultCode.MISSING_AVP and _failed(answer)):
            return fault
    return None


def _failed(answer: Message) -> bool:
    result = answer.result
    return result is not None and not 2000 <= result[1] < 3000


def refuse(request: Message, code: int, text: str = "") -> Message:
    """The answer with a Result-Code of the base protocol and Error-Message."""
    return request.answer(int(code), {"Error-Message": text[:TEXT_LIMIT]} if text else None)


def refuse_application(request: Message, fault: ApplicationFault) -> Message:
    """The answer to a request that node logic or a screen refuses: Result-Code, or Experimental-Result for a vendor."""
    return request.answer(fault.code, fault.avps, vendor=fault.vendor)


def session_of(message: Message) -> str:
    """Session-Id for audit and log, "" when there is none that can be read."""
    try:
        value = message.get("Session-Id", "")
    except RemoteFault:
        return ""
    return value if isinstance(value, str) else ""
