"""Does the request name both parties, the SCS and the device?  (TR 33.868 clause 7.4.1.1)"""

from __future__ import annotations

from diameter.errors import ResultCode
from nfs.common.audit import Stage
from nfs.mtc_sgw.logic import Offer, Refuse


def check(offer: Offer) -> Refuse | None:
    """MISSING_AVP unless there are SCS-Identity and External-Identifier or MSISDN."""
    if offer.scs_identity is None:
        return _missing("SCS-Identity")
    if offer.external_identifier is None and offer.msisdn is None:
        return _missing("External-Identifier")
    return None


def _missing(name: str) -> Refuse:
    return Refuse(stage=Stage.AUTHORISATION, reason=f"{name} is missing", result=ResultCode.MISSING_AVP, failed=name)
