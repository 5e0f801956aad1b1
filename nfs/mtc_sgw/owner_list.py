"""Does the owner of the device let this SCS trigger it?  (TR 33.868 clause 5.8: the MTC user names who may.)

An owner without a list leaves it to the operator.  What the owner refuses looks like any other device of somebody
else.  A device is looked up under the identity that the request has: its owner holds all of its identities, or its
domain whole (`*@domain`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from nfs.common.audit import Stage
from nfs.common.identities import ExternalIdentifier, IdentityError
from nfs.mtc_sgw.association import UNAUTHORIZED_REQUESTING_ENTITY, status
from nfs.mtc_sgw.logic import Offer, Refuse

NAME: Final = "owner"


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnerLists:
    """`owners`: name of the owner by device (`local@domain`, `*@domain`, digits of an MSISDN).

    `allowed`: by owner the E.164 numbers of the SCSs that may; an owner who is not in it has no list.
    """

    owners: Mapping[str, str] = field(default_factory=dict)
    allowed: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def owner(self, identity: str) -> str | None:
        """Whose device this is, None for nobody's."""
        found = self.owners.get(identity)
        if found is None and "@" in identity:
            try:
                parsed = ExternalIdentifier.parse(identity)
            except IdentityError:
                return None
            found = self.owners.get(str(parsed)) or self.owners.get(f"*@{parsed.domain}")
        return found


class OwnerCheck:
    """The check.  `lists` is replaced whenever an owner changes something."""

    def __init__(self) -> None:
        self.lists = OwnerLists()

    def check(self, offer: Offer) -> Refuse | None:
        """As a foreign device, when the owner of one of the identities has a list without this SCS."""
        lists = self.lists
        for identity in (offer.external_identifier, offer.msisdn):
            owner = lists.owner(identity) if identity else None
            allowed = None if owner is None else lists.allowed.get(owner)
            if allowed is not None and (offer.profile is None or offer.profile.isdn not in allowed):
                return Refuse(
                    stage=Stage.AUTHORISATION,
                    reason="the owner of the device does not list the SCS",
                    status=status(
                        UNAUTHORIZED_REQUESTING_ENTITY, offer.profile.placement if offer.profile else "outside"
                    ),
                )
        return None
