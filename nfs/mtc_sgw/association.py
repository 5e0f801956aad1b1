"""SCS and device belong together: the HSS says so (S6m), and what it says is told to an SCS without telling too much.

The mapping is TS 29.368 6.4.9, with one departure.  Read word for word, an SCS learns whether a device it has no right
to exists: 102 for an unknown one, 105 for somebody else's.  Towards an SCS outside the operator's domain both are
102; an SCS inside gets the word of the clause.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from nfs.common.tsp import RequestStatus
from nfs.mtc_sgw.logic import Placement

USER_UNKNOWN: Final = 5001
UNAUTHORIZED_REQUESTING_ENTITY: Final = 5510
UNAUTHORIZED_SERVICE: Final = 5511

STATUS: Final[Mapping[int, RequestStatus]] = {
    USER_UNKNOWN: RequestStatus.INVEXTID,
    UNAUTHORIZED_REQUESTING_ENTITY: RequestStatus.NOTAUTHORIZED,
    UNAUTHORIZED_SERVICE: RequestStatus.SERVICEUNAVAILABLE,
}


def status(error: int, placement: Placement) -> RequestStatus:
    """Request-Status for an Experimental-Result-Code (vendor 10415) of the HSS; any other is TEMPORARYERROR."""
    if error == UNAUTHORIZED_REQUESTING_ENTITY and placement == "outside":
        return RequestStatus.INVEXTID
    return STATUS.get(error, RequestStatus.TEMPORARYERROR)
