"""What an HSS with S6t is told: `[[scef]]` and `[monitoring]`."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from diameter.config import Table
from diameter.config.base import Identity
from nfs.hss.monitoring.logic import MOST, Range, Service

Named = Annotated[Service, Field(strict=False)]


def _ordered(value: tuple[int, int]) -> tuple[int, int]:
    if not 0 <= value[0] <= value[1] <= MOST:
        raise ValueError("[LEAST, MOST] expected")
    return value


Bound = Annotated[tuple[int, int], Field(strict=False), AfterValidator(_ordered)]


class ScefTable(Table):
    """One `[[scef]]` table: who may ask on S6t, and for what at all."""

    host: Identity = Field(description="Origin-Host of the SCEF, and its SCEF-ID")
    services: tuple[Named, ...] = Field(
        min_length=1, strict=False, description="what it may ask for, of devices that allow it (docs/s6t.md)"
    )
    via: tuple[Identity, ...] = Field(
        default=(), strict=False, description="relays it may come through; none: it is a peer itself"
    )
    most_events: int | None = Field(default=None, ge=0, description="monitoring events of one type that it may have")


class MonitoringTable(Table):
    """The `[monitoring]` table: what an operator allows."""

    detection_s: Bound = Field(default=(60, 604_800), description="[LEAST, MOST] of Maximum-Detection-Time")
    latency_s: Bound = Field(default=(1, 604_800), description="[LEAST, MOST] of Maximum-Latency")
    response_s: Bound = Field(default=(1, 86_400), description="[LEAST, MOST] of Maximum-Response-Time")
    packet_count: Bound = Field(default=(1, 100), description="[LEAST, MOST] of DL-Buffering-Suggested-Packet-Count")
    longest_nidd_s: int = Field(default=31_536_000, ge=1, description="longest authorisation of NIDD that is given")
    keep_s: int = Field(default=86_400, ge=1, description="how long a report is tried whose event has no duration")
    poll_s: float = Field(default=2.0, gt=0, le=3600, description="how often the database is looked at for reports")
    group_items: int = Field(default=50, ge=1, le=1000, description="devices in one report of a group, and one answer")

    @property
    def detection(self) -> Range:
        """Range of Maximum-Detection-Time."""
        return Range(*self.detection_s)

    @property
    def latency(self) -> Range:
        """Range of Maximum-Latency."""
        return Range(*self.latency_s)

    @property
    def response(self) -> Range:
        """Range of Maximum-Response-Time."""
        return Range(*self.response_s)

    @property
    def packets(self) -> Range:
        """Range of DL-Buffering-Suggested-Packet-Count."""
        return Range(*self.packet_count)


class Exposing(Table):
    """Both, for a configuration that has them."""

    scef: tuple[ScefTable, ...] = Field(default=(), strict=False, description="who may ask on S6t; none: no S6t")
    monitoring: MonitoringTable = Field(default=MonitoringTable(), description="what SCEFs may have watched")

    @model_validator(mode="after")
    def _a_scef_is_there_once(self) -> Self:
        hosts = [each.host.lower() for each in self.scef]
        if len(set(hosts)) < len(hosts):
            raise ValueError("scef: a host is there twice")
        return self
