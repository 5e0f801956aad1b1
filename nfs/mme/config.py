"""The MME simulator's configuration file."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from diameter.config import Complaints, FunctionConfig
from diameter.config.base import Identity, OutputFile, Table
from nfs.common import identities
from nfs.common.identities import e164
from nfs.common.sms_layout import TpduError
from nfs.mme.mo_sms import Order
from nfs.ue.logic import Behaviour
from nfs.ue.mo_sms import is_short_code


class UesTable(Table):
    """One `[[ues]]` table: a run of simulated UEs."""

    first_imsi: Annotated[str, AfterValidator(identities.imsi)] = Field(
        description="IMSI of the first UE; the others follow it"
    )
    count: int = Field(default=1, ge=1, le=1_000_000, description="how many")
    behaviour: Behaviour = Field(default=Behaviour.NORMAL, strict=False, description="how they meet a short message")
    report: bool = Field(
        default=True, description="acknowledge with an SMS-DELIVER-REPORT; without it the RP-ACK goes alone"
    )
    failures: int | None = Field(
        default=None, ge=1, description="attempts the behaviour lasts; for good when not given"
    )

    def has(self, imsi: str) -> bool:
        """Whether a UE of this run has this IMSI."""
        return len(imsi) == len(self.first_imsi) and 0 <= int(imsi) - int(self.first_imsi) < self.count

    @model_validator(mode="after")
    def _imsis_keep_their_length(self) -> Self:
        if int(self.first_imsi) + self.count > 10 ** len(self.first_imsi):
            raise ValueError("so many UEs leave the length of first_imsi")
        return self


class SmsScTable(Table):
    """The `[sms_sc]` table: where the short messages of the UEs go."""

    host: Identity = Field(description="Origin-Host of the SMS-SC")
    realm: Identity = Field(description="its realm")
    number: Annotated[str, AfterValidator(lambda text: e164(text, "number"))] = Field(
        description="its E.164 number, for SC-Address"
    )


def _destination(text: str) -> str:
    digits = text.removeprefix("+")
    try:
        is_short_code(digits)
    except TpduError as wrong:
        raise ValueError(str(wrong)) from None
    return digits


class SendsTable(Table):
    """One `[[sends]]` table: a short message that a UE sends once the SMS-SC is there."""

    imsi: Annotated[str, AfterValidator(identities.imsi)] = Field(description="which UE")
    to: Annotated[str, AfterValidator(_destination)] = Field(
        description="number of the SCS, or its short code (up to six digits)"
    )
    payload: str = Field(description="what it says, as text")
    port: int | None = Field(default=None, ge=0, le=0xFFFF, description="application port")
    report: bool = Field(default=True, description="ask for an SMS-STATUS-REPORT")
    after_s: float = Field(default=0.0, ge=0, le=86_400, description="how long after the SMS-SC is there")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if len(self.payload.encode()) > 127 * 255:
            raise ValueError("payload: longer than 255 short messages")
        return self

    def order(self) -> Order:
        """The table as the UE takes it."""
        return Order(
            imsi=self.imsi,
            to=self.to,
            payload=self.payload.encode(),
            port=self.port,
            report=self.report,
            after_s=self.after_s,
        )


class MmeTable(Table):
    """The `[mme]` table."""

    received: OutputFile | None = Field(
        default=None, description="write a JSON line here for each trigger a UE's application gets"
    )
    heard: OutputFile | None = Field(
        default=None, description="write a JSON line here for what a UE hears of each short message that it sent"
    )


class MmeConfig(FunctionConfig):
    """The whole file."""

    mme: MmeTable = Field(default=MmeTable(), description="the MME")
    ues: tuple[UesTable, ...] = Field(
        default=(), strict=False, description="its UEs; a later table wins where IMSIs overlap"
    )
    sms_sc: SmsScTable | None = Field(
        default=None, description="where the UEs' own short messages go; none when not given"
    )
    sends: tuple[SendsTable, ...] = Field(default=(), strict=False, description="short messages that UEs send")

    @model_validator(mode="after")
    def _senders_are_there(self) -> Self:
        if self.sends and self.sms_sc is None:
            raise Complaints([("sms_sc", "missing: [[sends]] needs to know where to")])
        wrong = [
            (f"sends.{at}.imsi", "none of the UEs of [[ues]] has it")
            for at, table in enumerate(self.sends)
            if not any(each.has(table.imsi) for each in self.ues)
        ]
        if wrong:
            raise Complaints(wrong)
        return self
