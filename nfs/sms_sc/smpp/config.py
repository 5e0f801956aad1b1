"""The tables of Tsms in the SMS-SC's configuration file."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from diameter.config import Complaints, Identity, InputFile, Port, Seconds, Table, TlsConfig
from nfs.common.identities import e164

Number = Annotated[str, AfterValidator(lambda text: e164(text, "number"))]
Name = Annotated[str, Field(min_length=1, max_length=15, pattern=r"^[!-~]+$")]
SECRET_OCTETS: Final = 8
"""The longest password SMPP has a place for."""


def _address(text: str) -> str:
    return str(ip_address(text))


class SmppTable(Table):
    """The `[smpp]` table: where external short message entities connect (Tsms, SMPP 3.4)."""

    host: Annotated[str, AfterValidator(_address)] = Field(default="127.0.0.1", description="address to listen on")
    port: Port = Field(default=2775, description="port; 0 takes a free one")
    transport: Literal["tls", "tcp"] = Field(
        default="tls", description="tls, or tcp where a physically protected link allows it"
    )
    tls: TlsConfig | None = Field(default=None, description="certificate, key and trust; [node.tls] when not given")
    physical_protection: bool = Field(default=False, description="clear text is allowed on this port")
    physical_protection_reason: str = Field(default="", max_length=500, description="why it may be in clear")
    system_id: Name = Field(default="sms-sc", description="what a bind is answered with")
    connections: int = Field(default=100, ge=1, description="connections at once; a further one is closed")
    bind_s: Seconds = Field(default=30, description="seconds a connection has for its bind")
    enquire_s: Seconds = Field(default=60, description="pause between two enquire_link")
    answer_s: Seconds = Field(default=30, description="seconds an SME has to answer one")

    @model_validator(mode="after")
    def _clear_text_has_a_reason(self) -> Self:
        """R-TSP-13, as on every link of the node."""
        if self.transport == "tcp" and not self.physical_protection:
            raise Complaints([("transport", "tcp is clear text: set physical_protection = true and give a reason")])
        if self.physical_protection and not self.physical_protection_reason.strip():
            raise Complaints([("physical_protection_reason", "missing")])
        return self


class SmeTable(Table):
    """One `[[sme]]` table: an external short message entity, and its rights."""

    system_id: Name = Field(description="its name in a bind")
    password: InputFile = Field(description="file whose first line is its password, of 8 characters at most")
    number: Number = Field(description="E.164 number its messages come from where they name none")
    sources: tuple[str, ...] = Field(
        default=(), strict=False, description='further addresses it may send from; "1555*" is every one beginning so'
    )
    destinations: tuple[str, ...] = Field(
        default=(), strict=False, description="numbers of the devices it may reach, likewise; none when empty"
    )
    bind: tuple[Literal["transmitter", "receiver"], ...] = Field(
        default=("transmitter", "receiver"), strict=False, description="what it may bind as; both allow transceiver"
    )
    window: int = Field(default=10, ge=1, le=10_000, description="PDUs without an answer, each way")
    rate: float = Field(default=0, ge=0, description="messages a second, 0 for any number; beyond it 0x58")
    messages: int = Field(default=10_000, ge=1, description="messages and receipts kept for it at once; beyond it 0x14")
    sessions: int = Field(default=2, ge=1, le=1000, description="connections it may be bound on")
    certificate_names: tuple[Identity, ...] = Field(
        default=(), strict=False, description="names of which its certificate must carry one; needed over tls"
    )
    addresses: tuple[Annotated[str, AfterValidator(_address)], ...] = Field(
        default=(), strict=False, description="addresses it may connect from; everywhere when empty"
    )


def check(smpp: SmppTable | None, smes: tuple[SmeTable, ...], *, tls: TlsConfig | None, hss: bool) -> None:
    """What the tables ask of each other; raises Complaints."""
    wrong = []
    if smpp is not None and not hss:
        wrong.append(("smpp", "needs [hss]: it says whose number it is"))
    if smpp is not None and smpp.transport == "tls" and smpp.tls is None and tls is None:
        wrong.append(("smpp.tls", "missing, and there is no [node.tls]"))
    if smes and smpp is None:
        wrong.append(("sme", "means nothing without [smpp]"))
    names = [sme.system_id for sme in smes]
    for at, sme in enumerate(smes):
        if names.index(sme.system_id) < at:
            wrong.append((f"sme.{at}.system_id", "named twice"))
        if smpp is not None and smpp.transport == "tls" and not sme.certificate_names:
            wrong.append((f"sme.{at}.certificate_names", "missing: over tls an SME shows a certificate"))
    if wrong:
        raise Complaints(wrong)
