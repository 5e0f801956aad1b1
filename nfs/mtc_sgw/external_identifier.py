"""Does the device belong to this SCS as far as its name tells?  Costs no question to the HSS."""

from __future__ import annotations

from nfs.common.audit import Stage
from nfs.common.identities import ExternalIdentifier, IdentityError
from nfs.common.tsp import RequestStatus
from nfs.mtc_sgw.logic import Offer, Refuse


def check(offer: Offer) -> Refuse | None:
    """INVEXTID for an identity that is none, and for a domain that the profile does not list.

    The status is the one for an unknown device: an SCS must not learn which devices others have.
    """
    if offer.msisdn == "":
        return _refuse("MSISDN is no number")
    if offer.external_identifier is None:
        return None
    try:
        domain = ExternalIdentifier.parse(offer.external_identifier).domain
    except IdentityError as error:
        return _refuse(str(error))
    if offer.profile is None or domain not in offer.profile.domains:
        return _refuse("the profile of the SCS does not list the domain")
    return None


def _refuse(reason: str) -> Refuse:
    return Refuse(stage=Stage.AUTHORISATION, reason=reason, status=RequestStatus.INVEXTID)
