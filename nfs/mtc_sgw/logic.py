"""What the gateway knows about an SCS and about a request, and the order of its checks; nothing of Diameter.

A check is a function of an `Offer`: None lets it pass, a `Refuse` ends the walk.  Checks know nothing of each other,
so that taking one away leaves the rest as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, Literal

from nfs.common.audit import Stage
from nfs.common.groups import GROUP
from nfs.common.tsp import ActionType, RequestStatus

Placement = Literal["inside", "outside"]


LONGEST_NAME: Final = 253
"""Characters of a name under which something is counted; a database has room for no more."""
ASKABLE = (ActionType.TRIGGER, ActionType.RECALL, ActionType.REPLACE)
"""What an SCS may ask for; the others travel the other way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """A token bucket: `per_s` tokens come in a second, and `burst` find room."""

    per_s: float
    burst: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """So many triggers in a period."""

    triggers: int
    period_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ScsProfile:
    """One SCS: the identities it may use, and what it may ask for.

    `hosts`: its Origin-Hosts, lower case.  `agents`: peers that may bring its requests.  `isdn`: its E.164 number, the
    SCS-Identity and the SM-RP-SMEA.  `domains`: of the External Identifiers it may name, lower case.  `rate`, `quota`:
    what it may ask at most, None for no limit.  `hides`: a device that it has no right to looks unknown to it.
    `report_to`: hosts that take its reports for each other.
    `may_groups`: it may trigger groups, which no right to trigger devices includes; `groups`: names of those that it
    may, with * and ? as in file names, None for all of its domains; `group_rate`: a bound of their own.
    """

    name: str
    hosts: frozenset[str]
    isdn: str
    domains: frozenset[str]
    commands: frozenset[ActionType]
    agents: frozenset[str] = frozenset()
    placement: Placement = "outside"
    rate: Rate | None = None
    quota: Quota | None = None
    hides: bool = True
    may_groups: bool = False
    groups: tuple[str, ...] | None = None
    group_rate: Rate | None = None
    report_to: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Profiles:
    """All SCS profiles, found by Origin-Host or by ISDN number; both are unique (the configuration sees to it)."""

    by_host: Mapping[str, ScsProfile]
    by_isdn: Mapping[str, ScsProfile]

    @classmethod
    def of(cls, profiles: Iterable[ScsProfile]) -> Profiles:
        """Index `profiles`."""
        every = tuple(profiles)
        return cls({host: each for each in every for host in each.hosts}, {each.isdn: each for each in every})

    def named(self, host: str) -> ScsProfile | None:
        """The profile with this Origin-Host, however it is written."""
        return self.by_host.get(plain(host))


def device_name(external_identifier: str | None, msisdn: str | None) -> str:
    """One name for a device, however the domain of its External Identifier is written."""
    if external_identifier is None:
        return msisdn or ""
    local, _, domain = external_identifier.rpartition("@")
    return f"{local}@{plain(domain)}"


def device_pattern(text: str) -> str:
    """Names of devices with * and ? as in file names, written as `device_name` writes what is held against them."""
    return device_name(text, None) if "@" in text else text.removeprefix("+")


def pair_name(profile: ScsProfile | None, device: str) -> str:
    """One name for a device as one SCS sees it (`Offer.pair`)."""
    name = f"{profile.isdn if profile else ''} {device}"
    return name if len(name) <= LONGEST_NAME else sha256(name.encode()).hexdigest()


def plain(host: str) -> str:
    """A DiameterIdentity as profiles and certificates have it: lower case, no dot at the end."""
    return host.lower().removesuffix(".")


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A Device-Action-Request as the checks see it.

    `peer`: the adjacent peer, as its capabilities exchange said; `proven`: the identities of its certificate, None on
    a link without one (which the node only has where clear text was allowed).  `origin`: the Origin-Host of the
    request.  `profile`: that of `origin`.  `action`: Action-Type, None without Device-Action.  `scs_identity`,
    `msisdn`: digits, "" when they make no number, None when absent.  `imsi_avps`: names of AVPs anywhere in the
    request that can only hold an internal identity.  `now`: seconds since 1970.  `route`: the Route-Records.
    `identifier_type`: Type-Of-External-Identifier.
    """

    peer: str
    origin: str
    profile: ScsProfile | None
    action: int | None
    proven: tuple[str, ...] | None = None
    external_identifier: str | None = None
    msisdn: str | None = None
    identifier_type: int | None = None
    scs_identity: str | None = None
    imsi_avps: tuple[str, ...] = ()
    home_plmns: frozenset[str] = frozenset()
    fifteen_digits: bool = False
    session_id: str = ""
    now: float = 0.0
    route: tuple[str, ...] = ()

    @property
    def group(self) -> bool:
        """Whether it names a group and no device."""
        return self.identifier_type == GROUP

    @property
    def device(self) -> str:
        """One name for the device however it is written; a device with several identities has as many."""
        return device_name(self.external_identifier, self.msisdn)

    @property
    def pair(self) -> str:
        """One name for the device as this SCS sees it: nobody learns, or uses up, what is left to another SCS."""
        return pair_name(self.profile, self.device)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refuse:
    """A check's no.  `status` goes into a Device-Notification beside Result-Code 2001.

    Where Tsp has no status, `result` is a Result-Code of the base protocol and `failed` names the AVP that Failed-AVP
    shows.
    """

    stage: Stage
    reason: str
    status: RequestStatus | None = None
    result: int = 2001
    failed: str = ""


Check = Callable[[Offer], Refuse | None]


def run(offer: Offer, checks: Sequence[tuple[str, Check]]) -> tuple[str, Refuse] | None:
    """The first check that refuses, with its name; None when all let the offer pass.

    Checks of stage AUTHENTICATION stand first, so that no right is looked up for somebody unproven.
    """
    for name, check in checks:
        refused = check(offer)
        if refused is not None:
            return name, refused
    return None
