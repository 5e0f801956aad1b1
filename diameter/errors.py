"""Exceptions and Result-Codes: who erred, and how the wire says so (RFC 6733 section 7).

Four families, never mixed.  `LocalError`: we were asked for nonsense; nothing is sent.  `RemoteFault`: octets of
the peer are wrong; the class carries the Result-Code, the instance what Failed-AVP must show.  `ApplicationFault`:
node logic refuses; becomes Result-Code or Experimental-Result.  `RequestError`: a request of ours got no useful
answer.  Anything else that escapes is a bug.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any, ClassVar, Final

REFUSE: Final = "refuse"
"""Verdict: a request with this fault is answered with the fault's Result-Code."""
REPORT: Final = "report"
"""Verdict: shown by tools, never a reason to refuse."""


class ResultCode(IntEnum):
    """Values of Result-Code, AVP 268 (RFC 6733 section 7.1)."""

    MULTI_ROUND_AUTH = 1001
    SUCCESS = 2001
    LIMITED_SUCCESS = 2002
    COMMAND_UNSUPPORTED = 3001
    UNABLE_TO_DELIVER = 3002
    REALM_NOT_SERVED = 3003
    TOO_BUSY = 3004
    LOOP_DETECTED = 3005
    REDIRECT_INDICATION = 3006
    APPLICATION_UNSUPPORTED = 3007
    INVALID_HDR_BITS = 3008
    INVALID_AVP_BITS = 3009
    UNKNOWN_PEER = 3010
    REALM_REDIRECT_INDICATION = 3011
    AUTHENTICATION_REJECTED = 4001
    OUT_OF_SPACE = 4002
    ELECTION_LOST = 4003
    AVP_UNSUPPORTED = 5001
    UNKNOWN_SESSION_ID = 5002
    AUTHORIZATION_REJECTED = 5003
    INVALID_AVP_VALUE = 5004
    MISSING_AVP = 5005
    RESOURCES_EXCEEDED = 5006
    CONTRADICTING_AVPS = 5007
    AVP_NOT_ALLOWED = 5008
    AVP_OCCURS_TOO_MANY_TIMES = 5009
    NO_COMMON_APPLICATION = 5010
    UNSUPPORTED_VERSION = 5011
    UNABLE_TO_COMPLY = 5012
    INVALID_BIT_IN_HEADER = 5013
    INVALID_AVP_LENGTH = 5014
    INVALID_MESSAGE_LENGTH = 5015
    INVALID_AVP_BIT_COMBO = 5016
    NO_COMMON_SECURITY = 5017


class DiameterError(Exception):
    """Root of everything this project raises on purpose."""


class LocalError(DiameterError):
    """We were asked for something that cannot be; never answered, never sent."""


class EncodeError(LocalError):
    """A message cannot be built: unknown name, value out of range, arity of the command or a group violated."""


class UnknownName(LocalError, KeyError):
    """A name that no loaded dictionary knows; also a KeyError, because it is met in `message[name]`."""

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""


class NotOpen(LocalError):
    """The peer or link that was asked to send is not open."""


class DictionaryError(LocalError):
    """A dictionary file is wrong, or an application, command or AVP was asked for that none defines."""


class ConfigError(LocalError):
    """A configuration cannot be used.  `lines`: one complaint each, ready to print."""

    def __init__(self, *lines: str) -> None:
        super().__init__("\n".join(lines))
        self.lines: tuple[str, ...] = lines


class RemoteFault(DiameterError):
    """The peer sent something wrong; `result_code` says how to answer (RFC 6733 section 7.1).

    `failed_avp`: octets of the AVPs that belong into Failed-AVP (section 7.5), maybe empty.  `verdict`: REFUSE or
    REPORT.  `offset`: octets from the start of the message, or -1.  `path`: names from the top-level AVP down.
    """

    result_code: ClassVar[int] = ResultCode.UNABLE_TO_COMPLY
    clause: ClassVar[str] = "RFC 6733 section 7.1.5"
    fatal: ClassVar[bool] = False
    """True: the position in the stream is lost; answer, then close."""

    __slots__ = ("failed_avp", "offset", "path", "text", "verdict")

    def __init__(
        self,
        text: str,
        *,
        failed_avp: bytes = b"",
        verdict: str = REFUSE,
        offset: int = -1,
        path: tuple[str, ...] = (),
    ) -> None:
        super().__init__(text)
        self.text = text
        self.failed_avp = failed_avp
        self.verdict = verdict
        self.offset = offset
        self.path = path

    @property
    def protocol_error(self) -> bool:
        """True for 3xxx: the answer has the E bit and the grammar of section 7.2."""
        return 3000 <= self.result_code < 4000

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.result_code}, {self.text!r}, {self.verdict})"


class CommandUnsupported(RemoteFault):
    """3001: a known application without this command code."""

    result_code = ResultCode.COMMAND_UNSUPPORTED
    clause = "RFC 6733 section 7.1.3"


class ApplicationUnsupported(RemoteFault):
    """3007: an application that no loaded dictionary defines."""

    result_code = ResultCode.APPLICATION_UNSUPPORTED
    clause = "RFC 6733 section 7.1.3"


class InvalidHdrBits(RemoteFault):
    """3008: header flags that contradict each other or the command's definition."""

    result_code = ResultCode.INVALID_HDR_BITS
    clause = "RFC 6733 section 7.1.3"


class InvalidAvpBits(RemoteFault):
    """3009: reserved AVP flags set, or an AVP header with Vendor-Id 0 behind the V bit."""

    result_code = ResultCode.INVALID_AVP_BITS
    clause = "RFC 6733 section 7.1.3"


class AvpUnsupported(RemoteFault):
    """5001: an AVP with the M bit that no loaded dictionary knows."""

    result_code = ResultCode.AVP_UNSUPPORTED


class InvalidAvpValue(RemoteFault):
    """5004: right length, impossible value."""

    result_code = ResultCode.INVALID_AVP_VALUE


class MissingAvp(RemoteFault):
    """5005: the grammar of the command or group requires an AVP that is not there."""

    result_code = ResultCode.MISSING_AVP


class ContradictingAvps(RemoteFault):
    """5007: AVPs of the message contradict each other or the header."""

    result_code = ResultCode.CONTRADICTING_AVPS


class AvpNotAllowed(RemoteFault):
    """5008: an AVP where the grammar has no place for it and no `*[ AVP ]`."""

    result_code = ResultCode.AVP_NOT_ALLOWED


class AvpOccursTooManyTimes(RemoteFault):
    """5009: more instances than the grammar allows; the first one in excess is the failed one."""

    result_code = ResultCode.AVP_OCCURS_TOO_MANY_TIMES


class UnsupportedVersion(RemoteFault):
    """5011: not version 1; nothing after it can be trusted."""

    result_code = ResultCode.UNSUPPORTED_VERSION
    fatal = True


class UnableToComply(RemoteFault):
    """5012: a limit of this implementation (nesting, number of AVPs, size)."""

    result_code = ResultCode.UNABLE_TO_COMPLY


class InvalidBitInHeader(RemoteFault):
    """5013: a reserved header bit is set."""

    result_code = ResultCode.INVALID_BIT_IN_HEADER


class InvalidAvpLength(RemoteFault):
    """5014: an AVP Length that is too short, too long, or wrong for the type."""

    result_code = ResultCode.INVALID_AVP_LENGTH


class InvalidMessageLength(RemoteFault):
    """5015: a Message Length below 20, not a multiple of 4, or over the limit; position in the stream is lost."""

    result_code = ResultCode.INVALID_MESSAGE_LENGTH
    fatal = True


class InvalidAvpBitCombo(RemoteFault):
    """5016: M or P of a known AVP differs from its definition."""

    result_code = ResultCode.INVALID_AVP_BIT_COMBO


class ApplicationFault(DiameterError):
    """Raised by node logic: the request is refused for a reason of the application.

    `vendor` 0 becomes Result-Code `code`; otherwise Experimental-Result {vendor, code} (RFC 6733 section 7.6).
    `avps`: further AVPs for the answer, in the form that `Message.answer` takes.
    """

    def __init__(self, code: int, text: str = "", *, vendor: int = 0, avps: dict[str, Any] | None = None) -> None:
        super().__init__(text or f"refused with {code}")
        self.code = code
        self.vendor = vendor
        self.text = text
        self.avps = avps


class RequestError(DiameterError):
    """A request of ours failed."""


class RequestTimeout(RequestError):
    """No answer arrived within the request timeout."""


class Undeliverable(RequestError):
    """No peer could take the request; the text says why, candidate by candidate."""


class ErrorAnswer(RequestError):
    """The answer has the E bit (a protocol error, RFC 6733 section 7.2).  `answer`: the Message."""

    def __init__(self, text: str, answer: Any) -> None:
        super().__init__(text)
        self.answer = answer
