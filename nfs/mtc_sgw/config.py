"""The gateway's tables in a configuration: `[[scs]]`, one for each SCS, and `[sgw]`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from diameter.config import Complaints, Identity, Placement, Table
from nfs.common.identities import OPERATOR_DOMAIN, domain_name, e164, plmn
from nfs.common.tsp import ActionType
from nfs.mtc_sgw.logic import Profiles, ScsProfile, plain

Command = Literal["trigger", "recall", "replace"]
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
    isdn: Annotated[str, AfterValidator(_isdn)] = Field(
        description="its E.164 number: the SCS-Identity on Tsp and S6m, the SME address on T4"
    )
    domains: tuple[Annotated[str, AfterValidator(_domain)], ...] = Field(
        strict=False, min_length=1, description="domains of the External Identifiers it may name"
    )
    commands: tuple[Command, ...] = Field(strict=False, description="what it may ask: trigger, recall, replace")
    agents: tuple[Identity, ...] = Field(
        default=(), strict=False, description="peers that may bring its requests beside itself"
    )
    placement: Placement = Field(
        default="outside",
        description="inside or outside the operator's domain; outside, a device it has no right to looks unknown",
    )

    def profile(self) -> ScsProfile:
        """The table as the checks take it."""
        return ScsProfile(
            name=self.name,
            hosts=frozenset(plain(host) for host in self.hosts),
            isdn=self.isdn,
            domains=frozenset(self.domains),
            commands=frozenset(_COMMANDS[command] for command in self.commands),
            agents=frozenset(plain(agent) for agent in self.agents),
            placement=self.placement,
        )


class GatewayTable(Table):
    """The `[sgw]` table."""

    home_plmns: tuple[Annotated[str, AfterValidator(plmn)], ...] = Field(
        strict=False, min_length=1, description="MCC+MNC of the networks whose IMSIs must never cross"
    )
    fifteen_digit_local_ids: bool = Field(
        default=False,
        description="take External Identifiers whose local part is 15 digits, unless of a home network",
    )


def check_profiles(tables: Sequence[ScsTable]) -> None:
    """Raise Complaints when two profiles share what tells one SCS from another: name, ISDN number, Origin-Host."""
    found: list[tuple[str, str]] = []
    seen: dict[tuple[str, str], int] = {}
    for at, table in enumerate(tables):
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
