"""What a listening and a configured link have in common: transport, port, TLS files, SCTP options."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from diameter.config.base import InputFile, OutputFile, Port, Table, one_line
from diameter.config.ipsec import XFRM, IpsecConfig
from diameter.config.load import Complaints
from diameter.config.private import CertificateKeyFile
from diameter.config.sctp import SctpConfig, SctpKind

Transport = Literal["tcp", "tls", "sctp", "dtls"]
TlsVersion = Literal["1.2", "1.3"]

CLEAR: Final = frozenset({"tcp", "sctp"})
"""Transports whose octets anybody on the way can read."""
ASSOCIATIONS: Final = frozenset({"sctp", "dtls"})
"""Transports that are SCTP associations."""
CERTIFIED: Final = frozenset({"tls", "dtls"})
"""Transports whose ends show certificates."""
CLEAR_PORT: Final = 3868
"""Diameter over TCP or SCTP in clear, RFC 6733 section 2.1."""
SECURE_PORT: Final = 5868
"""Diameter over TLS/TCP or DTLS/SCTP, RFC 6733 section 11.4 and erratum 3997 (the body's 5658 is a mistake)."""


class TlsConfig(Table):
    """Certificate, key and trust store of this node (facts: TS 33.210 6.2, TS 33.310 6.1.3a)."""

    certificate: InputFile = Field(description="PEM: our certificate, then the intermediate ones, leaf first")
    key: CertificateKeyFile = Field(description="PEM: private key of the certificate, without a pass phrase")
    trust: tuple[InputFile, ...] = Field(
        strict=False, min_length=1, description="PEM: CAs that may vouch for a Diameter peer; never the web's roots"
    )
    crl: tuple[InputFile, ...] = Field(
        default=(), strict=False, description="PEM or DER revocation lists; with one given, every CA needs one"
    )
    minimum_version: TlsVersion = Field(default="1.2", description="lowest TLS version spoken")
    maximum_version: TlsVersion = Field(default="1.3", description="highest TLS version spoken")
    dhe: bool = Field(default=False, description="also offer DHE-RSA suites in TLS 1.2")
    common_name: bool = Field(default=False, description="also take the subject's CN for an identity of the peer")
    warn_days: int = Field(
        default=30, ge=0, le=3650, description="days before a certificate or list runs out from which on the log warns"
    )
    key_log: OutputFile | None = Field(default=None, description="lab only: write session secrets in NSS format here")

    @model_validator(mode="after")
    def _versions_in_order(self) -> Self:
        if self.maximum_version < self.minimum_version:
            raise Complaints([("maximum_version", "lower than minimum_version")])
        return self


class LinkTable(Table):
    """What a listening and a configured link have in common."""

    transport: Transport = Field(
        default="tls", description="tls or dtls (over SCTP), or tcp or sctp where a physically protected link allows it"
    )
    port: Port | None = Field(default=None, description="3868 for tcp and sctp, 5868 for tls and dtls when not given")
    sctp: SctpKind = Field(default="auto", description="which SCTP: of the kernel, or libusrsctp over UDP or raw IP")
    association: SctpConfig = Field(default=SctpConfig(), description="options of SCTP")
    security: Literal["ipsec"] | None = Field(
        default=None, description="ipsec: protected below the transport; tcp and sctp are then no clear text"
    )
    ipsec: IpsecConfig = Field(default=IpsecConfig(), description="how, where security is ipsec")
    physical_protection: bool = Field(default=False, description="clear text is allowed on this link")
    physical_protection_reason: Annotated[str, AfterValidator(one_line)] = Field(
        default="", max_length=500, description="why it may be in clear; shown in the security report"
    )

    @model_validator(mode="after")
    def _clear_text_has_a_reason(self) -> Self:
        """R-TSP-13: no link in clear, loopback included, unless somebody says that it is protected, and how."""
        if self.transport in CLEAR and not self.physical_protection and self.security is None:
            raise ValueError(
                f'transport = "{self.transport}" is clear text: set physical_protection = true and give a reason'
            )
        if self.physical_protection and self.security is not None:
            raise Complaints([("physical_protection", 'means nothing with security = "ipsec": it is protected')])
        if self.physical_protection and not self.physical_protection_reason:
            raise ValueError('physical_protection = true needs physical_protection_reason = "..."')
        return self

    @model_validator(mode="after")
    def _options_of_sctp_need_sctp(self) -> Self:
        fields = type(self).model_fields
        given = [name for name in ("sctp", "association") if getattr(self, name) != fields[name].default]
        if given and self.transport not in ASSOCIATIONS:
            raise Complaints([(name, 'means nothing without transport = "sctp" or "dtls"') for name in given])
        if self.transport == "sctp":
            only = [name for name in ("auth", "label_with_nul", "rekey_after_s") if getattr(self.association, name)]
            if only:
                raise Complaints([(f"association.{name}", 'means nothing without transport = "dtls"') for name in only])
        return self

    @model_validator(mode="after")
    def _ipsec_is_asked_for(self) -> Self:
        if self.security is None and self.ipsec != type(self).model_fields["ipsec"].default:
            raise Complaints([("ipsec", 'means nothing without security = "ipsec"')])
        if self.security is not None and self.port == 0:
            raise Complaints([("port", 'must be given with security = "ipsec"')])
        if self.security == "ipsec" and self.ipsec.hook == XFRM and not self.ipsec.sa:
            raise Complaints([("ipsec.sa", f'missing: hook = "{XFRM}" has keys set by hand')])
        return self

    @property
    def mechanism(self) -> str:
        """What protects the link, as `LinkSecurity.mechanism` says it; of one in clear its transport."""
        return "ipsec" if self.security == "ipsec" and self.transport in CLEAR else self.transport

    @property
    def port_number(self) -> int:
        """The port to use: as configured, else the registered one."""
        if self.port is not None:
            return self.port
        return SECURE_PORT if self.transport in CERTIFIED else CLEAR_PORT


class ListenConfig(LinkTable):
    """One address to accept links on."""

    host: str = Field(default="127.0.0.1", description="IPv4 or IPv6 address of an interface; :: is all of them")

    @model_validator(mode="after")
    def _host_is_an_address(self) -> Self:
        try:
            ip_address(self.host.partition("%")[0])
        except ValueError:
            raise Complaints([("host", "not an IPv4 or IPv6 address")]) from None
        return self
