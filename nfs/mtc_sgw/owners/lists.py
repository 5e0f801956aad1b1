"""Whose a device is, and which SCSs its owner lets trigger it (TR 33.868 clause 5.8: the MTC user names who may)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from nfs.common.identities import ExternalIdentifier, IdentityError


@dataclass(frozen=True, kw_only=True)  # no slots: `by_name` is found once
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

    @cached_property
    def by_name(self) -> frozenset[str]:
        """Owners with a list who hold devices by their External Identifiers."""
        return frozenset(owner for identity, owner in self.owners.items() if "@" in identity and owner in self.allowed)


class OwnerCheck:
    """What stands in `lists` now; they are replaced whenever an owner changes something."""

    def __init__(self) -> None:
        self.lists = OwnerLists()

    def refuses(self, identity: str | None, scs: str) -> bool:
        """True when the owner of a device has a list without the SCS with this number."""
        owner = self.lists.owner(identity) if identity else None
        allowed = None if owner is None else self.lists.allowed.get(owner)
        return allowed is not None and scs not in allowed

    def refuses_unnamed(self, msisdn: str | None, scs: str) -> bool:
        """True when it may be the device of an owner whose list lacks the SCS: he has names, and nobody the MSISDN."""
        lists = self.lists
        if msisdn is not None and lists.owner(msisdn) is not None:
            return False  # whose it is is known
        return any(scs not in lists.allowed[owner] for owner in lists.by_name)
