"""The SCS's configuration file; `mtc trigger -c` reads the same."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from diameter.config import FunctionConfig
from diameter.config.base import Identity, InputFile, Port, Seconds, Table
from nfs.common.identities import e164
from nfs.scs.protection import ProtectionTable

Number = Annotated[str, AfterValidator(lambda text: e164(text, "number"))]


class ScsTable(Table):
    """The `[scs]` table."""

    number: Number = Field(description="ISDN number of this SCS, for SCS-Identity")
    realm: Identity | None = Field(
        default=None, description="realm of the MTC-IWF; the domain of each External-Identifier when not given"
    )
    database: str | None = Field(
        default=None,
        description="SQLite file, or a database URL, for triggers, reports and messages; in memory only when not given",
    )
    mtc_iwf: Identity | None = Field(
        default=None, description="Origin-Host of the MTC-IWF; any of the realm when not given"
    )


class HttpTable(Table):
    """The `[http]` table: where applications submit triggers (`mtc trigger --via`)."""

    port: Port = Field(description="port on 127.0.0.1; 0 takes a free one")
    token: InputFile = Field(description="file whose first line is the bearer token that a request must carry")
    wait_s: Seconds = Field(default=60, description="how long a request for a report may stay open")
    messages: int = Field(
        default=1000, ge=0, le=1_000_000, description="short messages of devices that wait here at most; 0: none taken"
    )


class ScsConfig(FunctionConfig):
    """The whole file."""

    scs: ScsTable = Field(description="the SCS")
    http: HttpTable | None = Field(default=None, description="submission by HTTP; none when not given")
    protection: ProtectionTable | None = Field(
        default=None, description="payloads are protected end to end; as they are when not given"
    )
