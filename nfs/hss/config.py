"""The configuration of an HSS."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from diameter.config import KeyFile, Table
from nfs.common.audited import AuditedConfig
from nfs.hss.http.config import ProvisioningTable
from nfs.hss.monitoring.config import Exposing
from nfs.hss.profiles import ProfileTable, by_name


class HssTable(Table):
    """The `[hss]` table."""

    database: str = Field(default="hss.db", description="SQLite file, or a database URL, with the subscribers")
    key_file: KeyFile | None = Field(
        default=None, description="file with the key that seals subscribers' keys; without it nobody is authenticated"
    )
    cache_entries: int = Field(default=50_000, ge=0, description="identities kept in memory, unknown ones too")
    cache_s: float = Field(
        default=1.0, ge=0, le=3600, description="how long; what another process changes is seen after this"
    )
    away_s: float = Field(
        default=30.0,
        ge=0,
        le=86_400,
        description="how much longer while the database is away: S6m and vectors go on with what was read last",
    )
    mwd_list: int = Field(
        default=10, ge=1, le=1000, description="service centres that may wait for one device; beyond it S6c gets 5558"
    )
    groups: bool = Field(default=True, description="answer for groups of devices on S6m, an extension of ours")
    group_members: int = Field(
        default=5000, ge=1, le=100_000, description="members of a group that an answer may have; none of a larger one"
    )
    orders_s: float = Field(
        default=0.0,
        ge=0,
        le=3600,
        description="how often orders of `mtc subscriber update`, `withdraw`, `locate`, `detach`, `reset` and `remove`"
        " are looked for; 0: never, but with `[provisioning]` each minute",
    )
    initial_attach: bool = Field(
        default=True,
        description="Cancel-Location-Requests after an initial attach say INITIAL_ATTACH_PROCEDURE; false: "
        "MME_UPDATE_PROCEDURE or SGSN_UPDATE_PROCEDURE, for nodes that know no other",
    )
    every_name: bool = Field(
        default=False,
        description="of a device to be triggered say each External Identifier on S6m, in a User-Identifier of its own "
        "behind that with IMSI and MSISDN: so the word of its owner counts by whatever name it is asked for",
    )


class HssConfig(AuditedConfig, Exposing):
    """The whole file."""

    hss: HssTable = Field(default=HssTable(), description="subscribers")
    provisioning: ProvisioningTable | None = Field(
        default=None, description="the HTTP interface for provisioning; none when not given"
    )
    profile: tuple[ProfileTable, ...] = Field(default=(), strict=False, description="what subscriptions may do in EPS")

    @model_validator(mode="after")
    def _a_profile_is_there_once(self) -> Self:
        by_name(self.profile)
        return self
