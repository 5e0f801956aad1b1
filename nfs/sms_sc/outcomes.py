"""How an attempt to deliver ended, and what T4 calls it: from the codes of SGd to the report of TS 29.337.

TS 29.338 clauses 5.3.3.20, 6.3.3.6 and 7.3 on the one side, TS 29.337 clauses 6.3.1 and 6.3.2 on the other.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, IntEnum
from typing import Final

TGPP: Final = 10415


class Outcome(IntEnum):
    """SM-Delivery-Outcome-T4 (TS 29.337 6.3.1)."""

    ABSENT_SUBSCRIBER = 0
    UE_MEMORY_CAPACITY_EXCEEDED = 1
    SUCCESSFUL_TRANSFER = 2
    VALIDITY_TIME_EXPIRED = 3


class Diagnostic(IntEnum):
    """Absent-Subscriber-Diagnostic-T4 (TS 29.337 6.3.2)."""

    NO_PAGING_RESPONSE = 0
    UE_DETACHED = 1
    UE_DEREGISTERED = 2
    UE_PURGED = 3
    ROAMING_RESTRICTION = 4
    UNIDENTIFIED_SUBSCRIBER = 5


class Failure(Enum):
    """Why one attempt did not deliver."""

    ABSENT = "absent"
    MEMORY_FULL = "memory-full"
    TEMPORARY = "temporary"  # busy, congestion, no answer
    PERMANENT = "permanent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """How an attempt ended; `failure` None: the UE acknowledged.

    `absent`: the value of Absent-User-Diagnostic-SM; `retry_at`: when the serving node wants the next attempt.
    """

    failure: Failure | None = None
    diagnostic: Diagnostic | None = None
    absent: int | None = field(default=None, compare=False)
    retry_at: float | None = None


_DIAGNOSTICS: Final[Mapping[int, Diagnostic]] = {  # Absent-User-Diagnostic-SM; 12 and 13 have no counterpart
    0: Diagnostic.NO_PAGING_RESPONSE,
    1: Diagnostic.UE_DETACHED,
    2: Diagnostic.ROAMING_RESTRICTION,
    3: Diagnostic.UE_DEREGISTERED,
    4: Diagnostic.UE_PURGED,
    5: Diagnostic.NO_PAGING_RESPONSE,
    6: Diagnostic.UE_DETACHED,
    7: Diagnostic.UE_DEREGISTERED,
    8: Diagnostic.UE_PURGED,
    9: Diagnostic.UNIDENTIFIED_SUBSCRIBER,
    10: Diagnostic.UNIDENTIFIED_SUBSCRIBER,
    11: Diagnostic.UE_DEREGISTERED,
}
_CAUSES: Final[Mapping[int, Failure]] = {
    0: Failure.MEMORY_FULL,
    4: Failure.TEMPORARY,
}  # SM-Enumerated-Delivery-Failure-Cause


def of_answer(result: tuple[int, int] | None, *, absent: int | None = None, cause: int | None = None) -> Delivered:
    """What a TFA means: its (vendor, code), Absent-User-Diagnostic-SM and failure cause as numbers."""
    vendor, code = result or (0, 0)
    if vendor == 0:
        if 2000 <= code < 3000:
            return Delivered()
        return Delivered(failure=Failure.PERMANENT if code >= 5000 else Failure.TEMPORARY)
    if (vendor, code) == (TGPP, 5550):
        diagnostic = None if absent is None else _DIAGNOSTICS.get(absent)
        return Delivered(failure=Failure.ABSENT, diagnostic=diagnostic, absent=absent)
    if (vendor, code) == (TGPP, 5555):
        return Delivered(failure=Failure.PERMANENT if cause is None else _CAUSES.get(cause, Failure.PERMANENT))
    if (vendor, code) == (TGPP, 5001):
        return Delivered(failure=Failure.PERMANENT, diagnostic=Diagnostic.UNIDENTIFIED_SUBSCRIBER)
    return Delivered(failure=Failure.TEMPORARY if (vendor, code) == (TGPP, 5551) else Failure.PERMANENT)


def final(result: Delivered) -> tuple[Outcome, Diagnostic | None]:
    """The report for a failure that is not tried again; T4 has no "refused", and absent is undeliverable too."""
    if result.failure is Failure.MEMORY_FULL:
        return Outcome.UE_MEMORY_CAPACITY_EXCEEDED, None
    return Outcome.ABSENT_SUBSCRIBER, result.diagnostic
