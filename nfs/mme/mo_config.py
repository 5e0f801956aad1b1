"""The `[sms_sc]` and `[[sends]]` tables of an MME: short messages that its UEs send."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from diameter.config import Complaints
from diameter.config.base import Identity, Table
from nfs.common import identities
from nfs.common.identities import e164
from nfs.common.sms_layout import TpduError
from nfs.mme.mo_sms import Order
from nfs.ue.mo_sms import is_short_code


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


Destination = Annotated[str, AfterValidator(_destination)]


class SendsTable(Table):
    """One `[[sends]]` table: a short message that a UE sends once the SMS-SC is there."""

    imsi: Annotated[str, AfterValidator(identities.imsi)] = Field(description="which UE")
    to: Destination = Field(description="number of the SCS, or its short code (up to six digits)")
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


def check(sends: tuple[SendsTable, ...], sms_sc: SmsScTable | None, known: Callable[[str], bool]) -> None:
    """Raise Complaints for messages without an SMS-SC, or of UEs that are not `known`."""
    if sends and sms_sc is None:
        raise Complaints([("sms_sc", "missing: [[sends]] needs to know where to")])
    wrong = [
        (f"sends.{at}.imsi", "none of the UEs of [[ues]] has it")
        for at, table in enumerate(sends)
        if not known(table.imsi)
    ]
    if wrong:
        raise Complaints(wrong)
