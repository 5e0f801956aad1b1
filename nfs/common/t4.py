"""Numbers of T4 that both of its ends speak of (TS 29.337 clauses 6.3 and 7.3)."""

from __future__ import annotations

from enum import IntEnum


class TriggerAction(IntEnum):
    """Trigger-Action (6.3.6)."""

    TRIGGER = 0
    RECALL = 1
    REPLACE = 2


class ErrorDiagnostic(IntEnum):
    """MTC-Error-Diagnostic (6.3.7): why a replace failed."""

    ORIGINAL_MESSAGE_NOT_DELETED = 0
    NEW_MESSAGE_NOT_STORED = 1


class T4Result(IntEnum):
    """Experimental-Result-Code of vendor 10415 (7.3)."""

    USER_UNKNOWN = 5001
    INVALID_SME_ADDRESS = 5530
    SC_CONGESTION = 5531
    SM_PROTOCOL = 5532
    TRIGGER_REPLACE_FAILURE = 5533
    TRIGGER_RECALL_FAILURE = 5534
    ORIGINAL_MESSAGE_NOT_PENDING = 5535
