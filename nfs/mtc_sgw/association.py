"""SCS and device belong together: the HSS says so (S6m), and what it says is told to an SCS without telling too much.

The mapping is TS 29.368 6.4.9, with one departure.  Read word for word, an SCS learns whether a device it has no right
to exists: 102 for an unknown one, 105 for somebody else's.  Towards an SCS that foreign devices are hidden from (each
one outside the operator's domain, unless its profile says otherwise) both are 102, and both take the same time (see
`nfs.mtc_iwf.holding`); another one gets the word of the clause.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from nfs.common.tsp import RequestStatus

USER_UNKNOWN: Final = 5001
UNAUTHORIZED_REQUESTING_ENTITY: Final = 5510
UNAUTHORIZED_SERVICE: Final = 5511

STATUS: Final[Mapping[int, RequestStatus]] = {
    USER_UNKNOWN: RequestStatus.INVEXTID,
    UNAUTHORIZED_REQUESTING_ENTITY: RequestStatus.NOTAUTHORIZED,
    UNAUTHORIZED_SERVICE: RequestStatus.SERVICEUNAVAILABLE,
}


def status(error: int, *, hides: bool) -> RequestStatus:
    """Request-Status for an Experimental-Result-Code (vendor 10415) of the HSS; any other is TEMPORARYERROR."""
    if error == UNAUTHORIZED_REQUESTING_ENTITY and hides:
        return RequestStatus.INVEXTID
    return STATUS.get(error, RequestStatus.TEMPORARYERROR)


def hidden(error: int, *, hides: bool) -> bool:
    """Whether the answer must not tell this refusal from that of an unknown device, not even by its time."""
    return hides and error in (USER_UNKNOWN, UNAUTHORIZED_REQUESTING_ENTITY)
