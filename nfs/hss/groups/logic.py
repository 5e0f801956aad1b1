"""What the HSS answers about a group, without a word of Diameter.

Published S6m names single users only (TS 29.336 6.4.11); that a group is asked for, and how, is an extension of ours
(docs/groups.md).  The checks have the order of 5.2.1.2: who is it, may this SCS, and then whom it stands for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from nfs.common import identities
from nfs.common.identities import ExternalIdentifier, IdentityError
from nfs.hss.logic import Error, Refused, Service


class TraitKind(StrEnum):
    """What members of a group may have in common (TR 33.868; TS 22.368 7.2.14)."""

    AREA = "area"
    FEATURE = "feature"
    OWNER = "owner"


@dataclass(frozen=True, slots=True, order=True)
class Trait:
    """One thing that a device has, or a group wants of its members: tracking area, feature or owner."""

    kind: TraitKind
    value: str

    def __post_init__(self) -> None:
        if not self.value or len(self.value) > 128 or not self.value.isprintable():
            raise IdentityError(f"{self.kind}: 1 to 128 printable characters expected")

    def __str__(self) -> str:
        return f"{self.kind}:{self.value}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A group of devices.

    external_id: its External Group Identifier, `local@domain`, unique across networks because the domain is registered
    (TS 23.003 19.7.3).  local_id: the operator's own name of it, "" without; it never leaves the operator.
    members: External Identifiers.  rules: whoever has, of each kind that is named, one of the values belongs too.
    rights: (E.164 number of an SCS, service) pairs, default deny.
    """

    external_id: str
    local_id: str = ""
    members: tuple[str, ...] = ()
    rules: frozenset[Trait] = frozenset()
    rights: frozenset[tuple[str, Service]] = frozenset()

    def __post_init__(self) -> None:
        object.__setattr__(self, "external_id", str(ExternalIdentifier.parse(self.external_id)))
        members = tuple(str(ExternalIdentifier.parse(each)) for each in self.members)
        if len(set(members)) < len(members):
            raise IdentityError("members: named twice")
        if self.external_id in members:
            raise IdentityError("members: the group itself")
        if len(self.local_id) > 64 or (self.local_id and not self.local_id.isprintable()):
            raise IdentityError("local_id: 64 printable characters at most")
        object.__setattr__(self, "members", members)
        rights = frozenset((identities.e164(scs, "SCS"), service) for scs, service in self.rights)
        object.__setattr__(self, "rights", rights)


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A device that the definition of a group names, as the database has it.  `imsi` None: nobody has the identity.

    subscribed: the service is in its subscription.  by_rule: no list names it, a rule does.
    """

    external_id: str
    imsi: str | None = None
    subscribed: bool = False
    sms: bool = True
    barred: bool = False
    by_rule: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """What became of a candidate; `left_out` says why it is none, "" for a member."""

    external_id: str
    imsi: str
    by_rule: bool
    left_out: str = ""


def authorise(group: Group | None, scs: str | None, service: int | None) -> Group:
    """The group, if this SCS may message it with this service.  Raises Refused."""
    if group is None:
        raise Refused(Error.USER_UNKNOWN)
    if not any(number == scs and (service is None or right == service) for number, right in group.rights):
        raise Refused(Error.UNAUTHORIZED_REQUESTING_ENTITY)
    return group


def wanted(rules: Iterable[Trait], holders: Iterable[tuple[str, Trait]]) -> tuple[str, ...]:
    """Devices that fulfil the rules of a group, by name: of each kind that is named, one value at least.

    holders: (External Identifier, trait) of whoever has a trait that a rule names.
    """
    kinds = {rule.kind for rule in rules}
    had: dict[str, set[TraitKind]] = {}
    for name, trait in holders:
        had.setdefault(name, set()).add(trait.kind)
    return tuple(sorted(name for name, has in had.items() if kinds and has == kinds))


def resolve(candidates: Iterable[Candidate]) -> Iterator[Member]:
    """Each candidate as a member or as one left out, each device once, in the order given."""
    seen: set[str] = set()
    for each in candidates:
        why = _why_not(each)
        if not why and each.imsi in seen:
            why = "the same device under another name"
        if not why and each.imsi is not None:
            seen.add(each.imsi)
        yield Member(external_id=each.external_id, imsi=each.imsi or "", by_rule=each.by_rule, left_out=why)


def _why_not(candidate: Candidate) -> str:
    if candidate.imsi is None:
        return "no subscriber has this identity"
    if not candidate.subscribed:
        return "the service is not in its subscription"
    if not candidate.sms:
        return "no SMS in its subscription"
    return "barred" if candidate.barred else ""
