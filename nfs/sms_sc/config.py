"""The SMS-SC's configuration file."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from diameter.config import FunctionConfig
from diameter.config.base import Identity, Table
from nfs.common.identities import e164

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
    keep_finished_s: int = Field(
        default=600, ge=1, description="how long a finished trigger is known, to recognise a repeat"
    )


class IwfTable(Table):
    """The `[mtc_iwf]` table."""

    hosts: tuple[Identity, ...] = Field(
        default=(),
        strict=False,
        description="MTC-IWFs on one store: a report that one does not take goes to the next",
    )


class HssTable(Table):
    """The `[hss]` table: the HSS that is asked for serving nodes, and alerts."""

    realm: Identity = Field(description="Destination-Realm of requests to it")
    host: Identity | None = Field(default=None, description="its Origin-Host; any of the realm when not given")


class SmsScConfig(FunctionConfig):
    """The whole file."""

    hss: HssTable | None = Field(
        default=None, description="the HSS, over S6c; without it messages go where T4 said, and nobody alerts"
    )
    sms_sc: SmsScTable = Field(description="the SMS-SC")
    mtc_iwf: IwfTable = Field(default=IwfTable(), description="where delivery reports may go")
