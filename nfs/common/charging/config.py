"""The `[charging]` table of a configuration."""

from __future__ import annotations

import ipaddress
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from diameter.config import OutputFile, Table
from diameter.config.base import Seconds
from nfs.common.charging.files import Limits
from nfs.common.identities import e164

Number = Annotated[str, AfterValidator(lambda text: e164(text, "number"))]


def _address(text: str) -> str:
    ipaddress.ip_address(text)
    return text


class ChargingTable(Table):
    """The `[charging]` table: what is charged, and where records go."""

    folder: OutputFile = Field(description="folder of the record files, made when it is not there")
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

    def limits(self) -> Limits:
        """When a file is closed."""
        return Limits(octets=self.rotate_octets, records=self.rotate_records, seconds=self.rotate_s)
