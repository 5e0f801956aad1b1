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
    """The `[charging.rf]` table: the charging data function that gets Accounting-Requests."""

    realm: Identity = Field(description="Destination-Realm of requests to it")
    host: Identity | None = Field(default=None, description="its Origin-Host; any of the realm when not given")
    window: int = Field(default=20, ge=1, le=1000, description="requests without an answer at once")
    retry_s: Seconds = Field(default=10, description="wait after it could not be reached; the same each time")
    context: str = Field(
        default="17.32274@3gpp.org", pattern=r"^[!-~]+$", max_length=253, description="Service-Context-Id"
    )


class ChargingTable(Table):
    """The `[charging]` table: what is charged, and where records go."""

    folder: OutputFile | None = Field(
        default=None, description="folder of the record files, made when it is not there; no files without it"
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
    waiting: int = Field(
        default=100_000, ge=1, description="events kept while the file, or the CDF, does not take them"
    )
    full: Literal["go-on", "refuse"] = Field(
        default="go-on", description="what happens then: go on and count what is lost, or refuse what would be charged"
    )
    refused: bool = Field(default=True, description="what was refused is recorded too, with its result")
    groups: Literal["members", "group", "both"] = Field(
        default="both", description="MTC-IWF: a record for each member of a group, one for the group, or both"
    )
    rf: RfTable | None = Field(default=None, description="accounting over Rf; none when not given")

    @model_validator(mode="after")
    def _goes_somewhere(self) -> Self:
        if self.folder is None and self.rf is None:
            raise Complaints([("", "folder, rf, or both: where records go")])
        return self

    def limits(self) -> Limits:
        """When a file is closed."""
        return Limits(octets=self.rotate_octets, records=self.rotate_records, seconds=self.rotate_s)
