"""Has this request been here before, under whatever identifiers?

A Session-Id is never used twice (RFC 6733 section 8.8), and on Tsp it lives for one request (TS 29.368 6.2).  A true
copy of a request, which a failover can bring, is answered by the node before any check is asked, with what its first
copy was answered; what gets here with a Session-Id that was seen is a copy with other identifiers or other content, or
comes when the answer is forgotten.  It is PERMANENTERROR: to be sent as a request of its own, or not at all.
"""

from __future__ import annotations

from nfs.common.audit import Stage
from nfs.common.tsp import RequestStatus
from nfs.mtc_sgw.bounded import Bounded
from nfs.mtc_sgw.logic import Offer, Refuse


class Replay:
    """The Session-Ids of late.  `window_s` (0: nothing is looked at) may be replaced while running.

    remembered: so many at most.
    """

    def __init__(self, window_s: float, *, remembered: int) -> None:
        self.window_s = window_s
        self.seen: Bounded[tuple[str, str], float] = Bounded(remembered)

    def check(self, offer: Offer) -> Refuse | None:
        """PERMANENTERROR for a Session-Id that this Origin-Host has used within the window."""
        if self.window_s == 0:
            return None
        key = (offer.origin, offer.session_id)
        at = self.seen.get(key)
        if at is not None and abs(offer.now - at) < self.window_s:
            return Refuse(
                stage=Stage.AUTHORISATION,
                reason="the Session-Id has been used before",
                status=RequestStatus.PERMANENTERROR,
            )
        self.seen.put(key, offer.now)
        return None
