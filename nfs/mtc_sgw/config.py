"""The gateway's tables in a configuration: `[sgw]`, beside `[[scs]]`; the file of its own process."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from diameter.config import Identity, InputFile, KeyFile, Table
from nfs.common.audited import AuditedConfig
from nfs.common.identities import plmn
from nfs.mtc_sgw.known import KnownLimits
from nfs.mtc_sgw.order import COUNTED_IN_FRONT, EDGE, OWN, complaint
from nfs.mtc_sgw.pace_tables import AreaTable, QuotaTable, RateTable, SpreadTable
from nfs.mtc_sgw.quotas import QuotaLimits
from nfs.mtc_sgw.rates import RateLimits
from nfs.mtc_sgw.scs_tables import ScsTable, check_profiles
from nfs.mtc_sgw.spreading import SpreadLimits
from nfs.mtc_sgw.unwanted import Wish
from nfs.mtc_sgw.wish_tables import WishTable

Sharing = Literal["order", "weight", "outstanding"]


def _checks(names: tuple[str, ...]) -> tuple[str, ...]:
    wrong = complaint(names)
    if wrong:
        raise ValueError(wrong)
    return names


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


class OwnersKept(Table):
    """The `[owners]` table of a gateway in front."""

    database: str = Field(description="the owners' database, that of the MTC-IWF: a SQLite file, or a database URL")


class SgwConfig(AuditedConfig):
    """The whole file of a gateway that is a process of its own."""

    mtc_iwf: InnerTable = Field(description="the MTC-IWF behind")
    sgw: EdgeTable = Field(description="what is checked here")
    owners: OwnersKept | None = Field(
        default=None, description="where refusals are kept for the owners of devices; nowhere if not given"
    )
    session_key: KeyFile | None = Field(
        default=None,
        description="file whose first line is a secret from which Session-Ids of the inside get their names outside; "
        "another one at each start when not given",
    )
    scs: tuple[ScsTable, ...] = Field(default=(), strict=False, description="the SCSs served; no other is")

    @model_validator(mode="after")
    def _scs_differ(self) -> Self:
        check_profiles(self.scs)
        return self
