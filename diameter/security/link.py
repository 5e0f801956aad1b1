"""What protects one link, octets to octets, and what the handshake told about the other end.

`Protector` is the seam: TLS (`security.tls`) speaks it over TCP, DTLS over SCTP will.  It does no I/O: the transport
feeds what arrived, and takes what is to be sent.  Nothing from the peer reaches the layer above before `established`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkSecurity:
    """How a link is protected and who the other end has proved to be.

    `mechanism`: "none", "tls", "dtls" or "ipsec".  `peer_names`: identities of the peer certificate, lower case,
    no trailing dot: SAN dNSName and hosts of SAN URIs with scheme aaa or aaas, then CN where the switch is on.
    `key_bits`: size of the peer's public key.  `fingerprint`: SHA-256 of the certificate, hex.
    """

    mechanism: str = "none"
    version: str = ""
    cipher: str = ""
    group: str = ""
    peer_names: tuple[str, ...] = ()
    subject: str = ""
    issuer: str = ""
    serial: int = 0
    fingerprint: str = ""
    key_type: str = ""
    key_bits: int = 0
    not_after: datetime | None = None

    @property
    def secure(self) -> bool:
        """True when octets on the link are encrypted, integrity protected and both ends authenticated."""
        return self.mechanism != "none"


CLEAR: Final = LinkSecurity()
"""A link without any protection."""


class ProtectionFailed(Exception):
    """The link cannot be protected; the text says why, in words for an operator."""


class Protector(Protocol):
    """One end of a protected link.  Every method may leave octets to be sent; take them with `outgoing`."""

    @property
    def established(self) -> bool:
        """True once both ends are authenticated; before that `protect` must not be called."""

    @property
    def closed(self) -> bool:
        """True when the peer has said that nothing more will come."""

    def start(self) -> None:
        """Begin; a client has its first flight ready after this."""

    def receive(self, octets: bytes) -> bytes:
        """Take octets from the wire; return clear octets, maybe none.  Raises ProtectionFailed."""

    def protect(self, clear: bytes) -> None:
        """Take clear octets to be sent."""

    def outgoing(self) -> bytes:
        """Return the octets to put on the wire, maybe none; each is handed out once."""

    def close(self) -> None:
        """Tell the peer that nothing more will come."""

    def security(self) -> LinkSecurity:
        """What was agreed, and with whom; only once established."""
