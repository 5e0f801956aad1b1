"""What the SMS-SC says to a trigger, a recall and a replace (TS 29.337 clause 7)."""

from enum import Enum
from typing import Final

from nfs.common.t4 import ErrorDiagnostic, T4Result

INVALID_SME_ADDRESS: Final = T4Result.INVALID_SME_ADDRESS
SC_CONGESTION: Final = T4Result.SC_CONGESTION
SM_PROTOCOL: Final = T4Result.SM_PROTOCOL


class Refused(Exception):
    """The trigger is not taken; `code` is the 3GPP Experimental-Result-Code of TS 29.337 clause 7.3.

    diagnostic: MTC-Error-Diagnostic of a replace.
    """

    def __init__(self, code: T4Result, why: str, diagnostic: ErrorDiagnostic | None = None) -> None:
        super().__init__(why)
        self.code = code
        self.diagnostic = diagnostic


class Standing(Enum):
    """How far a trigger has come that somebody wants back."""

    WAITING = "waiting"
    SENDING = "sending"  # one of its SMS is on its way to the UE
    WITHDRAWN = "withdrawn"  # recalled or replaced before
    OVER = "over"  # delivered, expired, or never heard of


class Acceptance(Enum):
    """What `accept` did."""

    NEW = "new"
    RENEWED = "renewed"  # a new trigger under the number of a finished one
    PENDING = "pending"  # the same trigger again, still to be delivered or reported
    REPORT_AGAIN = "report-again"  # the same trigger again, finished: its report goes out once more
