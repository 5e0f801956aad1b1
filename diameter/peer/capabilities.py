"""Capabilities exchange, RFC 6733 section 5.3: what we say of ourselves, what a peer said, and whether the two go together.

Nothing here sends: `check_cer` and `check_cea` return a `Refusal` (how to answer, and why) or None.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from diameter.errors import RemoteFault, ResultCode
from diameter.peer.election import same_identity

if TYPE_CHECKING:
    from ipaddress import IPv4Address, IPv6Address

    from diameter.message import Message

RELAY: Final = 0xFFFFFFFF
"""Application-Id of relays: has every application in common with everybody (section 2.4)."""

NO_INBAND_SECURITY: Final = 0
TLS: Final = 1


@dataclass(frozen=True, slots=True, order=True)
class Advertised:
    """One application as CER and CEA name it: bare, or with `vendor` inside a Vendor-Specific-Application-Id (section 6.11)."""

    id: int
    vendor: int = 0
    accounting: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalIdentity:
    """What this node says of itself in CER and CEA.

    origin_state_id: 0 says nothing (section 8.16).  addresses: Host-IP-Address when a link cannot tell its own.
    """

    origin_host: str
    origin_realm: str
    product_name: str = "mtc-diameter"
    vendor_id: int = 0
    firmware_revision: int | None = None
    supported_vendors: tuple[int, ...] = ()
    applications: tuple[Advertised, ...] = ()
    origin_state_id: int = 0
    addresses: tuple[IPv4Address | IPv6Address, ...] = ()

    @property
    def application_ids(self) -> frozenset[int]:
        """Ids of every application advertised."""
        return frozenset(application.id for application in self.applications)


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a peer's CER or CEA said (sections 5.3.1, 5.3.2)."""

    origin_host: str
    origin_realm: str
    product_name: str = ""
    vendor_id: int = 0
    firmware_revision: int | None = None
    addresses: tuple[object, ...] = ()
    supported_vendors: frozenset[int] = frozenset()
    applications: frozenset[Advertised] = frozenset()
    inband_security: frozenset[int] = frozenset()
    origin_state_id: int = 0
    application_ids: frozenset[int] = field(default=frozenset())

    @property
    def relay(self) -> bool:
        """True when the peer advertises the relay application."""
        return RELAY in self.application_ids

    def supports(self, application_id: int) -> bool:
        """True when requests of this application may be sent to the peer (section 5.3): it, or relaying, is advertised."""
        return application_id in self.application_ids or RELAY in self.application_ids
