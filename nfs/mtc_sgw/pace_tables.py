"""The tables of a configuration that say how much may be asked, and how masses of triggers are spread."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from diameter.config import Identity, Table
from nfs.mtc_sgw.logic import Quota, Rate, device_pattern, plain
from nfs.mtc_sgw.spreading import Area, Pace

LONGEST_S = 30.0
"""An SCS waits no longer for an answer."""


class RateTable(Table):
    """A token bucket."""

    per_s: float = Field(gt=0, le=1e6, description="requests a second in the long run")
    burst: int = Field(ge=1, le=1_000_000, description="requests at once after a pause")

    def rate(self) -> Rate:
        """The table as the checks take it."""
        return Rate(per_s=self.per_s, burst=self.burst)


class QuotaTable(Table):
    """So many triggers in a period."""

    triggers: int = Field(ge=0, lt=2**32, description="triggers and replaces that may pass in a period")
    period_s: int = Field(default=86_400, ge=1, le=366 * 86_400, description="its length; 86,400 are days in UTC")

    def quota(self) -> Quota:
        """The table as the checks take it."""
        return Quota(triggers=self.triggers, period_s=self.period_s)


class PaceTable(Table):
    """A token bucket whose tokens are waited for."""

    per_s: float = Field(gt=0, le=1e6, description="triggers a second in the long run")
    burst: int = Field(ge=1, le=1_000_000, description="triggers at once after a pause")
    up_to_s: float = Field(
        default=0,
        ge=0,
        le=LONGEST_S,
        description="how long a trigger may wait for its turn, below what its SCS waits for an answer; 0: not at all",
    )

    def pace(self) -> Pace:
        """The table as the check takes it."""
        return Pace(rate=Rate(per_s=self.per_s, burst=self.burst), up_to_s=self.up_to_s)


class SpreadTable(PaceTable):
    """The pace of everybody."""

    jitter_s: float = Field(
        default=0, ge=0, le=LONGEST_S, description="each trigger waits up to so much more, by chance"
    )


class AreaTable(PaceTable):
    """An area with a pace of its own: a Tracking Area as far as names tell."""

    name: str = Field(min_length=1, max_length=64, description="what the audit calls it")
    devices: tuple[str, ...] = Field(
        default=(), strict=False, description="External Identifiers or MSISDNs in it, with * and ? as in file names"
    )
    nodes: tuple[Identity, ...] = Field(
        default=(), strict=False, description="names of MMEs and other serving nodes whose devices are in it"
    )

    @model_validator(mode="after")
    def _somebody_is_in_it(self) -> Self:
        if not self.devices and not self.nodes:
            raise ValueError("nobody is in it: give devices or nodes")
        return self

    def area(self) -> Area:
        """The table as the check takes it."""
        nodes = frozenset(plain(node) for node in self.nodes)
        return Area(name=self.name, pace=self.pace(), devices=tuple(map(device_pattern, self.devices)), nodes=nodes)
