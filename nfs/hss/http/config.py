"""The `[provisioning]` table of an HSS."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from diameter.config import Complaints, Identity, InputFile, Port, Table
from diameter.config.base import one_line


class ProvisioningTable(Table):
    """The HTTP interface for provisioning, and who may use it: who has the token, the certificate, or both."""

    host: str = Field(default="127.0.0.1", description="address of the HTTP interface for provisioning")
    port: Port = Field(description="its port; 0 takes a free one")
    token: InputFile | None = Field(
        default=None, description="file whose first line is the bearer token that a request must carry"
    )
    certificate: InputFile | None = Field(default=None, description="PEM: its certificate, then intermediate ones")
    key: InputFile | None = Field(default=None, description="PEM: private key of the certificate")
    trust: InputFile | None = Field(
        default=None, description="PEM: CAs of the certificates that clients must show; none asked for without it"
    )
    clients: tuple[Identity, ...] = Field(
        default=(), strict=False, description="DNS names of certificates that may; others of the same CAs may not"
    )
    physical_protection: bool = Field(default=False, description="HTTP in clear is allowed, instead of a certificate")
    physical_protection_reason: Annotated[str, AfterValidator(one_line)] = Field(
        default="", max_length=500, description="why it may be in clear"
    )

    @model_validator(mode="after")
    def _protected(self) -> Self:
        try:
            ip_address(self.host)
        except ValueError:
            raise Complaints([("host", "not an IPv4 or IPv6 address")]) from None
        if (self.certificate is None) != (self.key is None):
            raise Complaints([("key", "certificate and key go together")])
        if self.certificate is None and not (self.physical_protection and self.physical_protection_reason):
            raise ValueError(
                "HTTP without a certificate is clear text: set physical_protection = true and give a reason in"
                " physical_protection_reason"
            )
        if self.certificate is not None and self.physical_protection:
            raise Complaints([("physical_protection", "means nothing with a certificate: it is protected")])
        if self.trust is None and self.token is None:
            raise Complaints([("token", "a token, or trust with clients, says who may")])
        if (self.trust is None) != (not self.clients):
            raise Complaints([("clients", "trust and clients go together")])
        if self.trust is not None and self.certificate is None:
            raise Complaints([("trust", "certificates of clients need one of ours")])
        return self
