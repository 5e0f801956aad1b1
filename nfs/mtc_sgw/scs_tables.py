"""`[[scs]]`: one table for each SCS, who it is and what it may ask."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from diameter.config import Complaints, Identity, Placement, Table
from nfs.common.identities import OPERATOR_DOMAIN, domain_name, e164
from nfs.common.tsp import ActionType
from nfs.mtc_sgw.logic import Profiles, Rate, ScsProfile, device_pattern, plain
from nfs.mtc_sgw.pace_tables import QuotaTable, RateTable

Command = Literal["trigger", "recall", "replace", "group"]
GROUP_RATE: Final = Rate(per_s=0.1, burst=3)
"""Where none is given: one request for a group does what many for devices do."""
_COMMANDS: Final = {"trigger": ActionType.TRIGGER, "recall": ActionType.RECALL, "replace": ActionType.REPLACE}


def _domain(text: str) -> str:
    name = domain_name(text)
    if name == OPERATOR_DOMAIN or name.endswith("." + OPERATOR_DOMAIN):
        raise ValueError(f"{OPERATOR_DOMAIN} is for the operators' own identities")
    return name


def scs_number(text: str) -> str:
    """The E.164 number of an SCS, digits.  Raises IdentityError."""
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
    isdn: Annotated[str, AfterValidator(scs_number)] = Field(
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
