"""How much a node takes: bounds against exhaustion, and what it says to others before they are reached."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from diameter.config.base import Identity, Octets, Seconds, Table
from diameter.config.load import Complaints


class Limits(Table):
    """Bounds that keep one peer from exhausting the node."""

    send_limit: Octets = Field(default=4_194_304, description="octets waiting to be sent on one link, at most")
    message_limit: Octets = Field(default=262_144, description="octets of one message, at most")
    inbound_requests: int = Field(default=2000, ge=1, description="requests of one link in work; 3004 for more")
    requests_in_work: int = Field(default=20_000, ge=1, description="requests of all links in work; 3004 for more")
    duplicate_answers: int = Field(default=20_000, ge=0, description="answers remembered to tell duplicates; 0: none")
    duplicate_octets: Octets = Field(default=67_108_864, description="octets of the answers remembered")
    duplicate_window_s: Seconds = Field(default=240, description="time an answer is remembered, if the bounds allow")
    held_duplicates: int = Field(default=1000, ge=0, description="copies of requests in work that wait for the answer")
    outbound_requests: int = Field(default=10_000, ge=1, description="requests of ours on one link without an answer")
    held_requests: int = Field(
        default=10_000, ge=1, description="requests held back for one link, never more than outbound_requests"
    )
    transmissions: int = Field(default=3, ge=1, le=16, description="how often one request is sent, failover included")
    connections: int = Field(default=1000, ge=1, description="links of one listener at once")
    handshakes: int = Field(default=100, ge=1, description="links of one listener that are not yet authenticated")

    @model_validator(mode="after")
    def _a_message_fits(self) -> Self:
        if self.message_limit * 4 > self.send_limit:
            raise Complaints([("send_limit", "must be at least four times message_limit")])
        return self


class OverloadConfig(Table):
    """Overload control: off unless switched on, because not every peer takes AVPs that it does not know."""

    reports: bool = Field(default=False, description="hear and make overload reports, RFC 7683")
    scope: Literal["host", "realm", "both"] = Field(
        default="host",
        description="whom our reports are about: this host; its realm, at the front of which this node is; or both",
    )
    realms: tuple[Identity, ...] = Field(
        default=(), strict=False, description="realms at the front of which this agent is; our own when empty"
    )
    capacity_per_s: float = Field(
        default=0, ge=0, le=10_000_000, description="requests a second this node is to take; 0: they are not counted"
    )
    report_at: int = Field(default=80, ge=1, le=100, description="percentage of requests_in_work it is to have in work")
    cpu_at: int = Field(
        default=0, ge=0, le=100, description="percentage of one processor it is to use; 0: that is not looked at"
    )
    reduction: int = Field(
        default=0, ge=0, le=100, description="percentage fewer requests asked for, whatever the load; 0: as the load is"
    )
    validity_s: int = Field(default=30, ge=1, le=86400, description="time a report of ours holds")
    load: bool = Field(default=False, description="say our Load in answers and hear that of others, RFC 8583")
