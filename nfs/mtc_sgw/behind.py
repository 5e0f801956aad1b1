"""Who brings requests to an MTC-IWF that has its security gateway in front of it: the gateway and nobody else."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from nfs.mtc_sgw import peer_identity
from nfs.mtc_sgw.logic import Check, Offer, Refuse

ANYONE_ELSE: Final = "only a security gateway brings requests here"


def only(gateways: Iterable[str]) -> Check:
    """The check `peer-identity` behind these gateways (DiameterIdentities, lower case).

    INVSCSID for a request that none of them has brought; what they bring is looked at as if they were agents of every
    SCS, beside the one on each side.
    """
    trusted = frozenset(gateways)

    def check(offer: Offer) -> Refuse | None:
        if offer.peer not in trusted:
            return peer_identity.unproven(ANYONE_ELSE)
        if offer.proven is not None and offer.peer not in offer.proven:
            return peer_identity.unproven(peer_identity.ANOTHER)
        before = tuple(host for host in offer.route if host not in trusted)
        brought_by = before[-1] if before else offer.origin
        return peer_identity.check(replace(offer, peer=brought_by, proven=None, route=before))

    return check
