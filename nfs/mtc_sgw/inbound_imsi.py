"""No IMSI from outside: it is the network's own name for a subscriber, and whoever uses it outside has leaked it.

Where one could hide: AVPs that hold nothing else (User-Name, and User-Identifier with it), an External Identifier made
from one (its digits as local part, bare or behind the digit of a NAI; a domain under 3gppnetwork.org), its digits as
MSISDN.  A local part of 15 digits is refused whatever the digits, unless the operator says that customers use such
names; a real MSISDN of 15 digits exists (machine numbering ranges), so only those of a home network are taken for
IMSIs.  The payload is opaque and not looked at (it is the device's own affair).
"""

from __future__ import annotations

from nfs.common.audit import Stage
from nfs.common.identities import OPERATOR_DOMAIN, is_imsi_like
from nfs.common.tsp import RequestStatus
from nfs.mtc_sgw.logic import Offer, Refuse


def check(offer: Offer) -> Refuse | None:
    """INVEXTID when the request offers an IMSI in any of its disguises; the answer must not repeat it."""
    if offer.imsi_avps:
        return _found(f"{offer.imsi_avps[0]} holds an internal identity")
    if offer.external_identifier is not None:
        local, _, domain = offer.external_identifier.partition("@")
        domain = domain.lower().rstrip(".")
        if domain == OPERATOR_DOMAIN or domain.endswith("." + OPERATOR_DOMAIN):
            return _found("External-Identifier lies in an operator's own domain")
        fifteen = len(local) == 15 and local.isascii() and local.isdigit() and not offer.fifteen_digits
        if fifteen or is_imsi_like(local, offer.home_plmns):
            return _found("the local part of External-Identifier has the form of an IMSI")
    if offer.msisdn is not None and is_imsi_like(offer.msisdn, offer.home_plmns):
        return _found("MSISDN has the form of an IMSI of the home network")
    return None


def _found(reason: str) -> Refuse:
    return Refuse(stage=Stage.AUTHORISATION, reason=reason, status=RequestStatus.INVEXTID)
