"""The MME simulator's configuration file."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from diameter.config import FunctionConfig
from diameter.config.base import OutputFile, Table
from nfs.common.identities import imsi
from nfs.ue.logic import Behaviour


class UesTable(Table):
    """One `[[ues]]` table: a run of simulated UEs."""

    first_imsi: Annotated[str, AfterValidator(imsi)] = Field(description="IMSI of the first UE; the others follow it")
    count: int = Field(default=1, ge=1, le=1_000_000, description="how many")
    behaviour: Behaviour = Field(default=Behaviour.NORMAL, strict=False, description="how they meet a short message")
    report: bool = Field(
        default=True, description="acknowledge with an SMS-DELIVER-REPORT; without it the RP-ACK goes alone"
    )
    failures: int | None = Field(
        default=None, ge=1, description="attempts the behaviour lasts; for good when not given"
    )

    @model_validator(mode="after")
    def _imsis_keep_their_length(self) -> Self:
        if int(self.first_imsi) + self.count > 10 ** len(self.first_imsi):
            raise ValueError("so many UEs leave the length of first_imsi")
        return self


class MmeTable(Table):
    """The `[mme]` table."""

    received: OutputFile | None = Field(
        default=None, description="write a JSON line here for each trigger a UE's application gets"
    )


class MmeConfig(FunctionConfig):
    """The whole file."""

    mme: MmeTable = Field(default=MmeTable(), description="the MME")
    ues: tuple[UesTable, ...] = Field(
        default=(), strict=False, description="its UEs; a later table wins where IMSIs overlap"
    )
