"""The `[owners]` table of an MTC-IWF."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from diameter.config import Complaints, Identity, InputFile, Port, Table
from diameter.config.base import one_line


class OwnersTable(Table):
    """Where owners of devices are kept, and the HTTP interface through which they speak."""

    database: str = Field(default="owners.db", description="SQLite file, or a database URL")
    host: str = Field(default="127.0.0.1", description="address of the HTTP interface for owners")
    port: Port = Field(description="its port; 0 takes a free one")
    certificate: InputFile | None = Field(default=None, description="PEM: its certificate, then intermediate ones")
    key: InputFile | None = Field(default=None, description="PEM: private key of the certificate")
    physical_protection: bool = Field(default=False, description="HTTP in clear is allowed, instead of a certificate")
    physical_protection_reason: Annotated[str, AfterValidator(one_line)] = Field(
        default="", max_length=500, description="why it may be in clear"
    )
    requests_per_s: float = Field(default=5, gt=0, le=1000, description="what one owner may ask in a second")
    burst: int = Field(default=20, ge=1, le=10_000, description="what an owner may ask at once")
    webhook_hosts: tuple[Identity, ...] = Field(
        default=(), strict=False, description="hosts to which owners may have their refusals pushed; none when empty"
    )
    webhook_trust: InputFile | None = Field(
        default=None, description="PEM: CAs that vouch for these hosts; those of the system when not given"
    )

    @model_validator(mode="after")
    def _protected(self) -> Self:
        try:
            ip_address(self.host)
        except ValueError:
            raise Complaints([("host", "not an IPv4 or IPv6 address")]) from None
        if (self.certificate is None) != (self.key is None):
            raise Complaints([("key", "certificate and key go together")])
        if self.certificate is None and not self.physical_protection:
            raise ValueError(
                "HTTP without a certificate is clear text: set physical_protection = true and give a reason"
            )
        if self.certificate is not None and self.physical_protection:
            raise Complaints([("physical_protection", "means nothing with a certificate: it is protected")])
        if self.physical_protection and not self.physical_protection_reason:
            raise ValueError('physical_protection = true needs physical_protection_reason = "..."')
        return self
