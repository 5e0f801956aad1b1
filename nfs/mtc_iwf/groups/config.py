"""The `[mtc_iwf.groups]` table: how large groups may be, and how fast their members are triggered."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from diameter.config import Complaints, Table
from nfs.mtc_iwf.groups.fanout import Pace
from nfs.mtc_iwf.groups.logic import Size


class GroupsTable(Table):
    """Limits of group triggers."""

    min_members: int = Field(default=1, ge=1, description="a group that reaches fewer devices is not triggered")
    max_members: int = Field(default=1000, ge=1, le=100_000, description="a group that reaches more is not either")
    outstanding: int = Field(
        default=20, ge=1, le=10_000, description="triggers of groups at once without an answer of the SMS-SC"
    )
    per_s: float = Field(default=50, gt=0, le=10_000, description="triggers of groups a second, of all groups together")
    attempts: int = Field(
        default=3, ge=1, le=1000, description="how often a member is offered to an SMS-SC that gives no final answer"
    )
    named: bool = Field(
        default=True, description="the SMS-SC and the device are told the group; it takes room in the short message"
    )
    require_app_protection: bool = Field(
        default=False, description="a group is sent nothing that the SCS has not put into an envelope (docs/groups.md)"
    )
    retry_s: float = Field(
        default=15, gt=0, le=3600, description="pause between attempts, and between offers of a report to the SCS"
    )

    @model_validator(mode="after")
    def _bounds(self) -> Self:
        if self.min_members > self.max_members:
            raise Complaints([("min_members", "more than max_members")])
        return self

    def size(self) -> Size:
        """How many members."""
        return Size(at_least=self.min_members, at_most=self.max_members)

    def pace(self) -> Pace:
        """How fast."""
        return Pace(outstanding=self.outstanding, per_s=self.per_s, attempts=self.attempts, named=self.named)
