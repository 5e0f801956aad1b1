"""Is the sender who it says it is?  Link certificate, capabilities exchange, Origin-Host and SCS profile agree."""

from __future__ import annotations

from typing import Final

from nfs.common.audit import Stage
from nfs.common.tsp import RequestStatus
from nfs.mtc_sgw.logic import Offer, Refuse

AGENTS: Final = 2
"""One on the side of the SCS, one on ours (TS 29.368 clause 6.3.2)."""
ANOTHER: Final = "the certificate of the link does not carry the identity of the peer"


def check(offer: Offer) -> Refuse | None:
    """INVSCSID unless the peer is the SCS, or an agent that its profile lists, under a certificate that carries it.

    Every agent on its way, as Route-Record tells, is listed too, and there are no more than one on each side.
    Authorisation goes by what is proven here and by nothing that the request claims.  A proven peer without a profile
    is no SCS: NOTAUTHORIZED.
    """
    if offer.proven is not None and offer.peer not in offer.proven:
        return unproven(ANOTHER)
    profile = offer.profile
    if offer.origin != offer.peer and (profile is None or offer.peer not in profile.agents):
        return unproven("Origin-Host is not the peer's own, and the peer is no agent of that SCS")
    if profile is None:
        return Refuse(
            stage=Stage.AUTHORISATION,
            reason="no SCS profile has this Origin-Host",
            status=RequestStatus.NOTAUTHORIZED,
        )
    passed = {host for host in (*offer.route, offer.peer) if host != offer.origin}
    if not passed <= profile.agents:
        return unproven("an agent on its way is not listed for that SCS")
    if len(passed) > AGENTS:
        return unproven("more agents on its way than one on each side")
    return None


def unproven(reason: str) -> Refuse:
    """INVSCSID: somebody is not who it says it is."""
    return Refuse(stage=Stage.AUTHENTICATION, reason=reason, status=RequestStatus.INVSCSID)
