"""May this SCS send this command at all?"""

from __future__ import annotations

from diameter.errors import ResultCode
from nfs.common.audit import Stage
from nfs.common.tsp import RequestStatus
from nfs.mtc_sgw.logic import ASKABLE, Offer, Refuse, ScsProfile


def check(offer: Offer) -> Refuse | None:
    """NOTAUTHORIZED for an action that the profile does not list; groups are a right of their own.

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
    if offer.profile is None or not (offer.profile.may_groups if offer.group else _lists(offer, offer.profile)):
        return Refuse(
            stage=Stage.AUTHORISATION,
            reason=f"the profile of the SCS does not list {'groups' if offer.group else 'the action'}",
            status=RequestStatus.NOTAUTHORIZED,
        )
    return None


def _lists(offer: Offer, profile: ScsProfile) -> bool:
    return offer.action in profile.commands
