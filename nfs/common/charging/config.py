"""The `[charging]` table of a configuration."""

from __future__ import annotations

import ipaddress
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from diameter.config import Complaints, Identity, OutputFile, Table
from diameter.config.base import Seconds
from nfs.common.charging.files import Limits
from nfs.common.identities import e164

Number = Annotated[str, AfterValidator(lambda text: e164(text, "number"))]


def _address(text: str) -> str:
    ipaddress.ip_address(text)
    return text


class RfTable(Table):
    """The `[charging.rf]` table: the charging data function that is told by Diameter."""

    realm: Identity = Field(description="realm of the charging data function (CDF)")
    host: Identity | None = Field(default=None, description="the one that is asked; any of the realm when not given")
    service_context: str = Field(
        default="16.32274@3gpp.org", min_length=1, max_length=200, description="Service-Context-Id"
    )
    poll_s: Seconds = Field(default=1, description="wait between two looks at what is to be told")
    retry_s: Seconds = Field(
        default=5, description="wait after a failure, twice as long after each further one, up to retry_max_s"
    )
    retry_max_s: Seconds = Field(default=300, description="longest wait after a failure")


class ChargingTable(Table):
    """The `[charging]` table: what is charged, and where records go."""

    folder: OutputFile | None = Field(
        default=None, description="folder of the record files, made when it is not there; no files without it"
    )
    rf: RfTable | None = Field(
        default=None, description="the charging data function that is told too, or with no folder instead"
    )
    number: Number | None = Field(
        default=None, description="E.164 number of this node in its records; that of the SMS-SC when not given"
    )
    address: Annotated[str, AfterValidator(_address)] = Field(
        default="::", description="IP address of this node, for the header of files"
    )
    rotate_octets: int = Field(default=10_000_000, ge=1000, description="a file is closed at this size")
    rotate_records: int = Field(default=100_000, ge=1, description="a file is closed with so many records")
    rotate_s: Seconds = Field(default=900, description="a file is closed at this age")
    flush_s: Seconds = Field(default=1, description="wait between two looks at what is to be written to the file")
    waiting: int = Field(default=100_000, ge=1, description="events kept while the file cannot be written")
    full: Literal["go-on", "refuse"] = Field(
        default="go-on", description="what happens then: go on and count what is lost, or refuse what would be charged"
    )
    refused: bool = Field(default=True, description="what was refused is recorded too, with its result")
    groups: Literal["members", "group", "both"] = Field(
        default="both", description="MTC-IWF: a record for each member of a group, one for the group, or both"
    )

    @model_validator(mode="after")
    def _goes_somewhere(self) -> Self:
        if self.folder is None and self.rf is None:
            raise Complaints([("folder", "a folder, or rf, says where records go")])
        return self

    def limits(self) -> Limits:
        """When a file is closed."""
        return Limits(octets=self.rotate_octets, records=self.rotate_records, seconds=self.rotate_s)
