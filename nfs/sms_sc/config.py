"""The SMS-SC's configuration file."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from diameter.config import Complaints
from diameter.config.base import Identity, Seconds, Table
from nfs.common.audited import AuditedConfig
from nfs.common.charging.config import ChargingTable
from nfs.common.identities import e164, plmn
from nfs.sms_sc.mo_config import MoRouteTable, routes
from nfs.sms_sc.smpp.config import SmeTable, SmppTable, check

Number = Annotated[str, AfterValidator(lambda text: e164(text, "number"))]


class SmsScTable(Table):
    """The `[sms_sc]` table."""

    number: Number = Field(description="E.164 number of this SMS-SC, for SC-Address")
    database: str = Field(default="sms-sc.db", description="SQLite file, or a database URL")
    scs: tuple[Number, ...] = Field(
        default=(), strict=False, description="ISDN numbers of the SCSs served; every one when empty"
    )
    capacity: int = Field(default=100_000, ge=1, description="triggers kept at once; beyond it T4 gets 5531")
    default_validity_s: int = Field(
        default=86_400, ge=1, description="how long a trigger without Validity-Time is tried"
    )
    max_validity_s: int = Field(default=604_800, ge=1, description="a longer Validity-Time is cut to this")
    retry_s: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        default=(30, 60, 120, 300, 600),
        strict=False,
        min_length=1,
        description="waits after each failed attempt; the last one repeats",
    )
    absent_retry_s: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        default=(), strict=False, description="waits while the device is absent; as retry_s when empty"
    )
    memory_full_retry_s: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        default=(), strict=False, description="waits while the memory of the device is full; as retry_s when empty"
    )
    trigger_ports: tuple[Annotated[int, Field(ge=0, le=0xFFFF)], ...] = Field(
        default=(), strict=False, description="application ports that only triggers over T4 may go to"
    )
    deliveries: int = Field(
        default=1000, ge=1, le=100_000, description="devices to which something is on its way at once"
    )
    keep_finished_s: int = Field(
        default=600, ge=1, description="how long a finished trigger is known, to recognise a repeat"
    )
    lease_s: Seconds = Field(
        default=15, ge=1, description="on a store that several share: silence after which others take messages over"
    )
    bearers: tuple[str, ...] = Field(
        default=("sgd", "gdd"),
        strict=False,
        min_length=1,
        description="ways to devices; the first that takes a serving node has it, others are of installed packages",
    )
    submit_report: bool = Field(
        default=True, description="confirm with an SMS-SUBMIT-REPORT; without it the RP-ACK goes alone"
    )
    mo_sms_at_once: int = Field(
        default=1000, ge=1, le=1_000_000, description="short messages of devices on their way; beyond it congestion"
    )


class IwfTable(Table):
    """The `[mtc_iwf]` table."""

    hosts: tuple[Identity, ...] = Field(
        default=(),
        strict=False,
        description="MTC-IWFs on one store: a report that one does not take goes to the next",
    )
    retry_s: Seconds = Field(
        default=5, gt=0, description="wait before a report that nobody took is sent again; twice as long each time"
    )
    retry_max_s: Seconds = Field(default=300, gt=0, description="the longest such wait")


class HssTable(Table):
    """The `[hss]` table: the HSS that is asked for serving nodes, and alerts."""

    realm: Identity = Field(description="Destination-Realm of requests to it")
    host: Identity | None = Field(default=None, description="its Origin-Host; any of the realm when not given")


class HomeRouterTable(Table):
    """The `[home_router]` table: short messages of other networks go through here, and learn no IMSI and no node."""

    realms: tuple[Identity, ...] = Field(strict=False, min_length=1, description="Origin-Realms of networks served")
    plmn: Annotated[str, AfterValidator(plmn)] = Field(description="MCC+MNC that stands in the place of the IMSI's")
    valid_s: Seconds = Field(default=60, description="how long an answer may be used for messages")


class SmsScConfig(AuditedConfig):
    """The whole file."""

    hss: HssTable | None = Field(
        default=None, description="the HSS, over S6c; without it messages go where T4 said, and nobody alerts"
    )
    sms_sc: SmsScTable = Field(description="the SMS-SC")
    smpp: SmppTable | None = Field(default=None, description="Tsms for external short message entities; none if absent")
    sme: tuple[SmeTable, ...] = Field(default=(), strict=False, description="those entities; no other may bind")
    home_router: HomeRouterTable | None = Field(
        default=None, description="SMS Router for other networks; none if absent"
    )
    charging: ChargingTable | None = Field(default=None, description="charging records; none when not given")
    mtc_iwf: IwfTable = Field(default=IwfTable(), description="where delivery reports may go")
    mo_sms: tuple[MoRouteTable, ...] = Field(
        default=(), strict=False, description="MTC-IWFs for short messages that devices send; none when empty"
    )

    @model_validator(mode="after")
    def _tables_fit(self) -> Self:
        routes(self.mo_sms)
        if self.home_router is not None and self.hss is None:
            raise Complaints([("home_router", "needs [hss]: it says where a device is")])
        check(self.smpp, self.sme, tls=self.node.tls, hss=self.hss is not None)
        return self
