"""Is the number under which the SCS asks its own?"""

from __future__ import annotations

from nfs.common.audit import Stage
from nfs.common.tsp import RequestStatus
from nfs.mtc_sgw.logic import Offer, Refuse


def check(offer: Offer) -> Refuse | None:
    """INVSCSID unless SCS-Identity is the one ISDN number of the profile."""
    if offer.profile is None or offer.scs_identity != offer.profile.isdn:
        return Refuse(
            stage=Stage.AUTHORISATION,
            reason="SCS-Identity is not the number of this SCS",
            status=RequestStatus.INVSCSID,
        )
    return None
