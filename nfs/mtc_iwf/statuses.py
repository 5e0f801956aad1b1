"""What each failure of T4 is called on Tsp, and each outcome (TS 29.368 6.4.9 and 6.4.10).

Results are (vendor, code): vendor 0 is Result-Code, else Experimental-Result.  The S6m side is in
`nfs.mtc_sgw.association`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from diameter.errors import ResultCode
from nfs.common.tsp import DeliveryOutcome, RequestStatus

TGPP: Final = 10415
Result = tuple[int, int]
DONE: Final[Result] = (0, int(ResultCode.SUCCESS))
LATER: Final[Result] = (0, int(ResultCode.UNABLE_TO_DELIVER))
USER_UNKNOWN: Final[Result] = (TGPP, 5001)

SUBMISSION: Final[Mapping[int, RequestStatus]] = {  # Experimental-Result-Code of TS 29.337 7.3
    5001: RequestStatus.PERMANENTERROR,  # USER_UNKNOWN
    5530: RequestStatus.PERMANENTERROR,  # INVALID_SME_ADDRESS
    5531: RequestStatus.PERMANENTERROR,  # SC_CONGESTION: has no status of its own either
    5532: RequestStatus.PERMANENTERROR,  # SM_PROTOCOL
    5533: RequestStatus.REPLACEFAIL,  # TRIGGER_REPLACE_FAILURE
    5534: RequestStatus.RECALLFAIL,  # TRIGGER_RECALL_FAILURE
    5535: RequestStatus.ORIGINALMESSAGESENT,  # ORIGINAL_MESSAGE_NOT_PENDING
}


_OUTCOMES: Final[Mapping[int, DeliveryOutcome]] = {  # SM-Delivery-Outcome-T4, TS 29.337 6.3.1
    0: DeliveryOutcome.UNDELIVERABLE,  # ABSENT_SUBSCRIBER
    1: DeliveryOutcome.UNDELIVERABLE,  # UE_MEMORY_CAPACITY_EXCEEDED
    2: DeliveryOutcome.SUCCESS,  # SUCCESSFUL_TRANSFER
    3: DeliveryOutcome.EXPIRED,  # VALIDITY_TIME_EXPIRED
}


def of_outcome(outcome: int) -> DeliveryOutcome:
    """Delivery-Outcome for an SM-Delivery-Outcome-T4; a number that nobody knows confirms nothing."""
    return _OUTCOMES.get(outcome, DeliveryOutcome.UNCONFIRMED)


def of_submission(result: Result | None) -> RequestStatus:
    """Request-Status for the result of a DTA; None: it had no result.

    Permanent failures without a status of their own are PERMANENTERROR by the clause; protocol errors and transient
    failures may pass, and are TEMPORARYERROR.
    """
    if result is None:
        return RequestStatus.TEMPORARYERROR
    vendor, code = result
    if 2000 <= code < 3000:
        return RequestStatus.SUCCESS
    if vendor == TGPP and code in SUBMISSION:
        return SUBMISSION[code]
    return RequestStatus.PERMANENTERROR if 5000 <= code < 6000 else RequestStatus.TEMPORARYERROR


def unmet(result: Result | None) -> bool:
    """True when an SCS that answered so may take the same report later: no result, a protocol or transient error.

    A permanent failure is final: the SCS has heard the report and wants none of it.
    """
    return result is None or 3000 <= result[1] < 5000
