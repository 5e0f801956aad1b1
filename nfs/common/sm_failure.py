"""Why a short message is not delivered, as SGd says it at each of its ends (TS 29.338 6.3.3.5, 6.3.3.6 and 7.3)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final

TGPP: Final = 10415
USER_UNKNOWN: Final = 5001
FACILITY_NOT_SUPPORTED: Final = 5552
SM_DELIVERY_FAILURE: Final = 5555


class FailureCause(IntEnum):
    """SM-Enumerated-Delivery-Failure-Cause (6.3.3.6)."""

    MEMORY_CAPACITY_EXCEEDED = 0
    EQUIPMENT_PROTOCOL_ERROR = 1
    EQUIPMENT_NOT_SM_EQUIPPED = 2
    UNKNOWN_SERVICE_CENTRE = 3
    SC_CONGESTION = 4
    INVALID_SME_ADDRESS = 5
    USER_NOT_SC_USER = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """How a short message ended at some hop: (vendor, code), with the cause that belongs to 5555 and why in words."""

    result: tuple[int, int] = (0, 2001)
    cause: FailureCause | None = None
    reason: str = ""

    @property
    def good(self) -> bool:
        """Whether the next hop has the message."""
        return self.result == (0, 2001)

    def avps(self, diagnostic: bytes | None = None) -> dict[str, Any]:
        """SM-Delivery-Failure-Cause of an answer, with a TPDU in it if given; nothing without a cause."""
        if self.cause is None:
            return {}
        inside: dict[str, Any] = {"SM-Enumerated-Delivery-Failure-Cause": int(self.cause)}
        return {
            "SM-Delivery-Failure-Cause": inside if diagnostic is None else {**inside, "SM-Diagnostic-Info": diagnostic}
        }


def failure(cause: FailureCause, reason: str) -> Verdict:
    """DIAMETER_ERROR_SM_DELIVERY_FAILURE with its cause."""
    return Verdict(result=(TGPP, SM_DELIVERY_FAILURE), cause=cause, reason=reason)


def cause_of(number: int | None) -> FailureCause | None:
    """The cause with this number; None for one nobody knows."""
    return FailureCause(number) if number in tuple(FailureCause) else None
