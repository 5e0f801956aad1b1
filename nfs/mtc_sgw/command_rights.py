"""May this SCS send this command at all?"""

from __future__ import annotations

from diameter.errors import ResultCode
from nfs.common.audit import Stage
from nfs.common.tsp import RequestStatus
from nfs.mtc_sgw.logic import ASKABLE, Offer, Refuse


def check(offer: Offer) -> Refuse | None:
    """NOTAUTHORIZED for an action that the profile does not list.

    MISSING_AVP without a Device-Action, INVALID_AVP_VALUE for an action that no SCS can ask for.
    """
    if offer.action is None:
        return Refuse(
            stage=Stage.AUTHORISATION,
            reason="Device-Action is missing",
            result=ResultCode.MISSING_AVP,
            failed="Device-Action",
        )
    if offer.action not in ASKABLE:
        return Refuse(
            stage=Stage.AUTHORISATION,
            reason="no action for an SCS to ask for",
            result=ResultCode.INVALID_AVP_VALUE,
            failed="Action-Type",
        )
    if offer.profile is None or offer.action not in offer.profile.commands:
        return Refuse(
            stage=Stage.AUTHORISATION,
            reason="the profile of the SCS does not list the action",
            status=RequestStatus.NOTAUTHORIZED,
        )
    return None
