"""The configuration of an MTC-IWF: the node, its SCSs, and where HSS and SMS-SC are."""

from __future__ import annotations

from functools import cached_property
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from diameter.config import Complaints, Identity, NodeConfig, Table
from diameter.routing.redirect import Redirection, Usage
from diameter.wire.types import parse_uri
from nfs.common.audited import AuditedConfig
from nfs.common.charging.config import ChargingTable
from nfs.mtc_iwf.busy import Relief
from nfs.mtc_iwf.groups.config import GroupsTable
from nfs.mtc_iwf.mo_config import MoSmsTable
from nfs.mtc_iwf.owners.config import OwnersTable
from nfs.mtc_sgw.config import GatewayTable
from nfs.mtc_sgw.firewall.tables import FirewallTable
from nfs.mtc_sgw.scs_tables import ScsTable, check_profiles


class CoreTable(Table):
    """Where a function of the core is: its realm, and its Origin-Host unless routing may pick one."""

    realm: Identity = Field(description="Destination-Realm of requests to it")
    host: Identity | None = Field(default=None, description="its Origin-Host; any of the realm when not given")


def _uri(text: str) -> str:
    parse_uri(text)
    return text


class ReliefTable(Table):
    """Other MTC-IWFs on the same store, for what comes when this one has enough to do."""

    at: int = Field(ge=1, description="Device-Actions in work from which on further ones are redirected")
    hosts: tuple[Annotated[str, AfterValidator(_uri)], ...] = Field(
        strict=False, min_length=1, description="where to, the best first, as aaas://HOST:PORT"
    )
    cache_s: int = Field(
        default=0, ge=0, le=86_400, description="how long an SCS may go there without asking here; 0: not at all"
    )

    def relief(self) -> Relief:
        """The table as the reference point takes it."""
        usage = Usage.ALL_HOST if self.cache_s else Usage.DONT_CACHE
        return Relief(at=self.at, to=Redirection(hosts=self.hosts, usage=usage, cache_s=self.cache_s))


class HssTable(CoreTable):
    """The HSS."""

    groups: bool = Field(default=False, description="it answers for groups on S6m, an extension of ours")


class SmsScTable(CoreTable):
    """The SMS-SC, or several."""

    hosts: tuple[Identity, ...] = Field(
        default=(), strict=False, description="SMS-SCs on one store: what one does not take goes to the next"
    )


class IwfTable(Table):
    """The `[mtc_iwf]` table: limits of what an SCS may ask, and where state is kept."""

    database: str = Field(default="mtc-iwf.db", description="SQLite file, or a database URL")
    max_payload_octets: int = Field(default=1024, ge=1, le=32640, description="longest payload of a trigger")
    max_validity_s: int = Field(default=604_800, ge=0, lt=2**32, description="longest Validity-Time taken")
    default_validity_s: int = Field(
        default=86_400, ge=1, lt=2**32, description="how long a trigger without Validity-Time waits for its report"
    )
    redirect: ReliefTable | None = Field(
        default=None, description="MTC-IWFs that take over under load; none when not given"
    )
    groups: GroupsTable = Field(default=GroupsTable(), description="triggers for groups")


class IwfConfig(AuditedConfig):
    """The whole file."""

    mtc_iwf: IwfTable = Field(default=IwfTable(), description="limits and database")
    hss: HssTable = Field(description="the HSS, over S6m")
    sms_sc: SmsScTable = Field(description="the SMS-SC, over T4")
    sgw: GatewayTable = Field(description="the MTC Security GW in front")
    firewall: FirewallTable | None = Field(default=None, description="checks of what comes on S6m and T4")
    owners: OwnersTable | None = Field(default=None, description="owners of devices; none when not given")
    mo_sms: MoSmsTable | None = Field(
        default=None, description="short messages from devices without an MSISDN; none taken when not given"
    )
    charging: ChargingTable | None = Field(default=None, description="charging records; none when not given")
    scs: tuple[ScsTable, ...] = Field(default=(), strict=False, description="the SCSs served; no other is")

    @model_validator(mode="after")
    def _scs_differ(self) -> Self:
        check_profiles(self.scs)
        if self.mo_sms is not None:
            self.mo_sms.check({each.name for each in self.scs})
        return self

    @model_validator(mode="after")
    def _records_have_a_number(self) -> Self:
        if self.charging is not None and self.charging.number is None:
            raise Complaints([("charging.number", "an MTC-IWF has no number to take instead")])
        return self

    @model_validator(mode="after")
    def _gateways_are_agents(self) -> Self:
        agents = {peer.host.lower() for peer in self.peer if peer.agent}
        if wrong := [host for host in self.sgw.gateways if host.lower() not in agents]:
            text = "no peer with agent = true has this host"
            raise Complaints([("sgw.gateways", f"{host}: {text}") for host in wrong])
        return self

    @cached_property
    def node_config(self) -> NodeConfig:
        """The node; whoever is not of the core is offered Tsp alone, unless its row says which applications it has.

        So the capabilities exchange does not tell outside what this node speaks with the core, and a request of the
        core's applications is answered there like one of an application that nobody has.
        """
        whole = super().node_config
        outside = {host.lower() for table in self.scs for host in (*table.hosts, *table.agents)}
        peers = tuple(
            peer.model_copy(update={"applications": ("Tsp",)})
            if not peer.applications and (peer.placement == "outside" or peer.host.lower() in outside)
            else peer
            for peer in whole.peer
        )
        return whole.model_copy(update={"peer": peers})
