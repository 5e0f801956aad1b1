"""Is it clear whether a device or a group is meant?  One request for a group does what many for devices would do."""

from __future__ import annotations

from typing import Final

from diameter.errors import ResultCode
from nfs.common.audit import Stage
from nfs.common.groups import DEVICE, GROUP, TYPE
from nfs.mtc_sgw.logic import Offer, Refuse

AVP_NOT_ALLOWED: Final = 5008


def check(offer: Offer) -> Refuse | None:
    """AVP_NOT_ALLOWED for a device beside a group, MISSING_AVP for a group without name, INVALID_AVP_VALUE for a kind
    of identity that nobody knows.
    """
    if offer.identifier_type not in (None, DEVICE, GROUP):
        return _refuse("no kind of external identity", ResultCode.INVALID_AVP_VALUE, TYPE)
    if not offer.group:
        return None
    if offer.external_identifier is None:
        return _refuse("a group without its name", ResultCode.MISSING_AVP, "External-Identifier")
    if offer.msisdn is not None:
        return _refuse("a device and a group in one request", AVP_NOT_ALLOWED, "MSISDN")
    return None


def _refuse(reason: str, result: int, failed: str) -> Refuse:
    return Refuse(stage=Stage.AUTHORISATION, reason=reason, result=result, failed=failed)
