"""The gateway's tables in a configuration: `[[scs]]`, one for each SCS, and `[sgw]`; the file of its own process."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from diameter.config import Complaints, Identity, InputFile, Placement, Table
from nfs.common.audited import AuditedConfig
from nfs.common.identities import OPERATOR_DOMAIN, domain_name, e164, plmn
from nfs.common.tsp import ActionType
from nfs.mtc_sgw.known import KnownLimits
from nfs.mtc_sgw.logic import Profiles, Rate, ScsProfile, device_pattern, plain
from nfs.mtc_sgw.pace_tables import AreaTable, QuotaTable, RateTable, SpreadTable
from nfs.mtc_sgw.plugins import COUNTED_IN_FRONT, EDGE, OWN, complaint
from nfs.mtc_sgw.quotas import QuotaLimits
from nfs.mtc_sgw.rates import RateLimits
from nfs.mtc_sgw.spreading import SpreadLimits
from nfs.mtc_sgw.unwanted import ANY, Wish

Command = Literal["trigger", "recall", "replace", "group"]
Sharing = Literal["order", "weight", "outstanding"]
_HOURS = re.compile(r"((?:[01][0-9]|2[0-3]):[0-5][0-9])-((?:[01][0-9]|2[0-3]):[0-5][0-9])")
GROUP_RATE = Rate(per_s=0.1, burst=3)
"""Where none is given: one request for a group does what many for devices do."""
_COMMANDS = {"trigger": ActionType.TRIGGER, "recall": ActionType.RECALL, "replace": ActionType.REPLACE}


def _domain(text: str) -> str:
    name = domain_name(text)
    if name == OPERATOR_DOMAIN or name.endswith("." + OPERATOR_DOMAIN):
        raise ValueError(f"{OPERATOR_DOMAIN} is for the operators' own identities")
    return name


def _isdn(text: str) -> str:
    return e164(text, "ISDN number")


class ScsTable(Table):
    """One SCS: who it is, which devices it may name and what it may ask."""

    name: str = Field(min_length=1, max_length=64, description="what logs and audit call it")
    hosts: tuple[Identity, ...] = Field(strict=False, min_length=1, description="its Origin-Hosts")
    report_to: tuple[Identity, ...] = Field(
        default=(),
        strict=False,
        description="those of `hosts` that take reports for each other: one that does not take it, the next does",
    )
    isdn: Annotated[str, AfterValidator(_isdn)] = Field(
        description="its E.164 number: the SCS-Identity on Tsp and S6m, the SME address on T4"
    )
    domains: tuple[Annotated[str, AfterValidator(_domain)], ...] = Field(
        strict=False, min_length=1, description="domains of the External Identifiers it may name"
    )
    commands: tuple[Command, ...] = Field(
        strict=False, description="what it may ask: trigger, recall, replace for devices, group for groups"
    )
    agents: tuple[Identity, ...] = Field(
        default=(), strict=False, description="peers that may bring its requests beside itself, and agents before them"
    )
    placement: Placement = Field(
        default="outside",
        description="inside or outside the operator's domain",
    )

    rate: RateTable | None = Field(default=None, description="how fast it may ask; no limit when not given")
    quota: QuotaTable | None = Field(default=None, description="how much it may ask; no limit when not given")

    groups: tuple[str, ...] | None = Field(
        default=None,
        strict=False,
        description="groups that it may trigger, with * and ? as in file names; those of its domains when not given",
    )
    group_rate: RateTable | None = Field(
        default=None, description="how fast it may ask for groups, beside `rate`; one in 10 s, 3 at once if not given"
    )

    hide_foreign_devices: bool | None = Field(
        default=None,
        description="a device that it has no right to looks unknown to it; when not given, to an SCS outside only",
    )

    @model_validator(mode="after")
    def _groups_are_slower(self) -> Self:
        given, whole = self.group_rate, self.rate
        if given is not None and whole is not None and given.per_s > whole.per_s:
            raise Complaints([("group_rate.per_s", "more than rate.per_s: groups have the lower limit")])
        return self

    def profile(self) -> ScsProfile:
        """The table as the checks take it."""
        return ScsProfile(
            name=self.name,
            hosts=frozenset(plain(host) for host in self.hosts),
            isdn=self.isdn,
            domains=frozenset(self.domains),
            commands=frozenset(_COMMANDS[command] for command in self.commands if command != "group"),
            agents=frozenset(plain(agent) for agent in self.agents),
            placement=self.placement,
            rate=None if self.rate is None else self.rate.rate(),
            quota=None if self.quota is None else self.quota.quota(),
            may_groups="group" in self.commands,
            groups=None if self.groups is None else tuple(map(device_pattern, self.groups)),
            group_rate=GROUP_RATE if self.group_rate is None else self.group_rate.rate(),
            report_to=self.report_to,
            hides=self.placement == "outside" if self.hide_foreign_devices is None else self.hide_foreign_devices,
        )


def _checks(names: tuple[str, ...]) -> tuple[str, ...]:
    wrong = complaint(names)
    if wrong:
        raise ValueError(wrong)
    return names


def _blocked(text: str) -> str:
    return text if text == ANY else _isdn(text)


def _quiet(text: str) -> str:
    found = _HOURS.fullmatch(text)
    if found is None or found[1] == found[2]:
        raise ValueError("quiet hours: HH:MM-HH:MM in UTC, from and to not the same")
    return text


def _seconds(clock: str) -> int:
    return int(clock[:2]) * 3600 + int(clock[3:]) * 60


class WishTable(Table):
    """What the owner of some devices wants of triggers for them."""

    devices: tuple[str, ...] = Field(
        strict=False, min_length=1, description="External Identifiers or MSISDNs, with * and ? as in file names"
    )
    blocked: tuple[Annotated[str, AfterValidator(_blocked)], ...] = Field(
        default=(), strict=False, description='ISDN numbers of SCSs that must not reach them; "*": none may'
    )
    granted: tuple[Annotated[str, AfterValidator(_isdn)], ...] | None = Field(
        default=None,
        strict=False,
        description="ISDN numbers of the only SCSs that may; all that the HSS lets if not given",
    )
    quiet: tuple[Annotated[str, AfterValidator(_quiet)], ...] = Field(
        default=(), strict=False, description='times of the day in UTC without triggers: "22:00-06:00"'
    )
    per_hour: int | None = Field(default=None, ge=0, le=1000, description="triggers for one device in any hour")

    def wish(self) -> Wish:
        """The table as the check takes it."""
        return Wish(
            devices=tuple(map(device_pattern, self.devices)),
            blocked=frozenset(self.blocked),
            granted=None if self.granted is None else frozenset(self.granted),
            quiet=tuple((_seconds(each[:5]), _seconds(each[6:])) for each in self.quiet),
            per_hour=self.per_hour,
        )


class EdgeTable(Table):
    """The `[sgw]` table: what is checked where requests come in."""

    home_plmns: tuple[Annotated[str, AfterValidator(plmn)], ...] = Field(
        strict=False, min_length=1, description="MCC+MNC of the networks whose IMSIs must never cross"
    )
    fifteen_digit_local_ids: bool = Field(
        default=False,
        description="take External Identifiers whose local part is 15 digits, unless of a home network",
    )
    checks: Annotated[tuple[str, ...], AfterValidator(_checks)] = Field(
        default=EDGE, strict=False, description="the checks of a request in their order; of installed packages too"
    )
    never_outside: tuple[Annotated[str, Field(min_length=3)], ...] = Field(
        default=(), strict=False, description="words that no message to the outside may hold: Local Group Ids, names"
    )
    rate: RateTable | None = Field(default=None, description="how fast all SCSs together may ask")
    device_rate: RateTable | None = Field(default=None, description="how fast each SCS may trigger one device")
    remembered: int = Field(
        default=100_000, ge=1, le=10_000_000, description="buckets and counts kept at most, of each kind"
    )
    replay_window_s: float = Field(
        default=240,
        ge=0,
        le=86_400,
        description="how long a Session-Id is remembered, to refuse what comes with it again",
    )

    def rates(self) -> RateLimits:
        """What the rate check takes."""
        return RateLimits(
            gateway=None if self.rate is None else self.rate.rate(),
            device=None if self.device_rate is None else self.device_rate.rate(),
        )

    def quotas(self) -> QuotaLimits:
        """What the quota check takes: at the edge there is no store to keep counts, so those of the SCSs are all."""
        return QuotaLimits()


class GatewayTable(EdgeTable):
    """The `[sgw]` table."""

    gateways: tuple[Identity, ...] = Field(
        default=(), strict=False, description="peers that are the MTC Security GW in front: only they bring requests"
    )
    checks: Annotated[tuple[str, ...], AfterValidator(_checks)] = Field(
        default=OWN,
        strict=False,
        description="the checks of a request in their order; of installed packages too; `replay` and `rate` are left "
        "to `gateways` unless named here",
    )
    quota: QuotaTable | None = Field(default=None, description="how much all SCSs together may ask")
    device_quota: QuotaTable | None = Field(default=None, description="how much each SCS may trigger one device")

    refused_s: float = Field(
        default=30, ge=0, le=86_400, description="how long a device that the HSS refused is refused without asking it"
    )
    granted_s: float = Field(
        default=0, ge=0, le=86_400, description="how long what the HSS granted is good for; 0: it is asked each time"
    )
    hss_budget: RateTable | None = Field(
        default=RateTable(per_s=10, burst=1000),
        description="how often each SCS may have the HSS asked about devices that it has never been granted",
    )
    hide_delay_s: float = Field(
        default=0.2, ge=0, le=10, description="how long every answer takes that hides a foreign device; 0: no time"
    )
    held_answers: int = Field(
        default=1000, ge=1, le=1_000_000, description="answers that wait for their time, for each SCS"
    )

    device: tuple[WishTable, ...] = Field(default=(), strict=False, description="what owners of devices want")
    spread: SpreadTable | None = Field(default=None, description="triggers in masses wait for each other")
    area: tuple[AreaTable, ...] = Field(default=(), strict=False, description="areas with a pace of their own")
    associations: InputFile | None = Field(
        default=None, description="CSV file (scs,device,until) of the only pairs for which the HSS is asked"
    )

    def spreading(self) -> SpreadLimits:
        """The paces."""
        return SpreadLimits(
            everybody=None if self.spread is None else self.spread.pace(),
            areas=tuple(table.area() for table in self.area),
            jitter_s=0.0 if self.spread is None else self.spread.jitter_s,
        )

    @property
    def order(self) -> tuple[str, ...]:
        """The checks to be asked, behind gateways without those that count there already unless they are named."""
        if self.gateways and "checks" not in self.model_fields_set:
            return tuple(name for name in OWN if name not in COUNTED_IN_FRONT)
        return self.checks

    def wishes(self) -> tuple[Wish, ...]:
        """What is unwanted."""
        return tuple(table.wish() for table in self.device)

    def known(self) -> KnownLimits:
        """What is remembered of the HSS."""
        budget = None if self.hss_budget is None else self.hss_budget.rate()
        return KnownLimits(refused_s=self.refused_s, granted_s=self.granted_s, budget=budget)

    def quotas(self) -> QuotaLimits:
        """What the quota check takes."""
        return QuotaLimits(
            gateway=None if self.quota is None else self.quota.quota(),
            device=None if self.device_quota is None else self.device_quota.quota(),
        )


class InnerTable(Table):
    """The `[mtc_iwf]` table: whom the gateway stands in front of."""

    realm: Identity = Field(description="Destination-Realm of requests to it")
    hosts: tuple[Identity, ...] = Field(strict=False, min_length=1, description="Origin-Hosts, the preferred first")
    balance: Sharing = Field(default="order", description="how several of them share the requests")


class SgwConfig(AuditedConfig):
    """The whole file of a gateway that is a process of its own."""

    mtc_iwf: InnerTable = Field(description="the MTC-IWF behind")
    sgw: EdgeTable = Field(description="what is checked here")
    session_key: InputFile | None = Field(
        default=None,
        description="file whose first line is a secret from which Session-Ids of the inside get their names outside; "
        "another one at each start when not given",
    )
    scs: tuple[ScsTable, ...] = Field(default=(), strict=False, description="the SCSs served; no other is")

    @model_validator(mode="after")
    def _scs_differ(self) -> Self:
        check_profiles(self.scs)
        return self


def check_profiles(tables: Sequence[ScsTable]) -> None:
    """Raise Complaints when two profiles share what tells one SCS from another: name, ISDN number, Origin-Host."""
    found: list[tuple[str, str]] = []
    seen: dict[tuple[str, str], int] = {}
    for at, table in enumerate(tables):
        hosts = {plain(host) for host in table.hosts}
        found += [
            (f"scs.{at}.report_to", f"{host}: is not among `hosts`")
            for host in table.report_to
            if plain(host) not in hosts
        ]
        own = [("name", table.name), ("isdn", table.isdn), *(("hosts", plain(host)) for host in table.hosts)]
        for key, value in own:
            first = seen.setdefault((key, value), at)
            if first != at:
                found.append((f"scs.{at}.{key}", f"same as scs.{first}.{key}: an SCS has its own"))
    if found:
        raise Complaints(found)


def profiles(tables: Sequence[ScsTable]) -> Profiles:
    """All profiles, indexed."""
    return Profiles.of(table.profile() for table in tables)
