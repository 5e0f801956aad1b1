"""May this SCS send this command at all?"""

from __future__ import annotations

from diameter.errors import ResultCode
from nfs.common.audit import Stage
from nfs.common.tsp import ActionType, RequestStatus
from nfs.mtc_sgw.logic import ASKABLE, Offer, Refuse, ScsProfile


def check(offer: Offer) -> Refuse | None:
    """NOTAUTHORIZED for an action that the profile does not list.

    Groups are a right of their own, to trigger them; to recall or replace takes both rights.

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
    lacks = "the action" if offer.profile is None else _lacks(offer, offer.profile)
    if lacks:
        return Refuse(
            stage=Stage.AUTHORISATION,
            reason=f"the profile of the SCS does not list {lacks}",
            status=RequestStatus.NOTAUTHORIZED,
        )
    return None


def _lacks(offer: Offer, profile: ScsProfile) -> str:
    """What the profile would have to list, "" for nothing."""
    if offer.group and not profile.may_groups:
        return "groups"
    with_groups = offer.group and offer.action == ActionType.TRIGGER
    return "" if with_groups or offer.action in profile.commands else "the action"
