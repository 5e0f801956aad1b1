"""Numbers of Tsp that both of its ends, and the gateway between them, speak of (TS 29.368 clause 6.4)."""

from __future__ import annotations

from enum import IntEnum


class ActionType(IntEnum):
    """Action-Type (6.4.6)."""

    TRIGGER = 1
    REPORT = 2
    RECALL = 3
    REPLACE = 4
    MO_SMS = 5


class RequestStatus(IntEnum):
    """Request-Status (6.4.9)."""

    SUCCESS = 0
    INVPAYLOAD = 101
    INVEXTID = 102
    INVSCSID = 103
    INVPERIOD = 104
    NOTAUTHORIZED = 105
    SERVICEUNAVAILABLE = 106
    PERMANENTERROR = 107
    QUOTAEXCEEDED = 108
    RATEEXCEEDED = 109
    REPLACEFAIL = 110
    RECALLFAIL = 111
    ORIGINALMESSAGESENT = 112
    TEMPORARYERROR = 201


class DeliveryOutcome(IntEnum):
    """Delivery-Outcome (6.4.10)."""

    SUCCESS = 0
    EXPIRED = 1
    TEMPORARYERROR = 2
    UNDELIVERABLE = 3
    UNCONFIRMED = 4
