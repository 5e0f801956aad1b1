"""What each link must have, in numbers, and the level that a link reaches.

A peer is placed inside or outside the operator's domain; each placement has a `LinkProfile` of thresholds, and the
configuration refuses an outside profile weaker than the inside one (R-TSP-11).  Clear text passes only on a link that
is declared physically protected, with a reason; loopback is no exception (R-TSP-13).  Nothing here is negotiated with
the peer: what it offers either reaches the thresholds or the link ends (E-TSP-21).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from diameter.config import CLEAR, LinkProfile, PeerConfig, SecurityConfig
from diameter.errors import ResultCode
from diameter.security.link import LinkSecurity

STRENGTH_OF_GROUP: Final = {"MODP_2048": 112}
"""Bits of security of the groups that have less than 128; of IPsec, where the key of the peer is not known."""
STRENGTH_OF_RSA: Final = ((15360, 256), (7680, 192), (3072, 128), (2048, 112))
"""(bits of the modulus, bits of security), NIST SP 800-57 part 1, table 2."""


class Level(IntEnum):
    """How well a link is protected; shown in reports and comparable."""

    CLEAR = 0
    PHYSICAL = 1
    PROTECTED = 2
    """Encrypted and mutually authenticated, with a key of less than 128 bits of security (RSA 2048)."""
    STRONG = 3
    """The same with at least 128 bits."""
    MODERN = 4
    """The same under TLS or DTLS 1.3."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Complaint:
    """Why a peer or link is refused.  `code`: the Result-Code to answer with; `rule`: a name for audit and counters."""

    rule: str
    text: str
    code: int


def strength(security: LinkSecurity) -> int:
    """Return the bits of security of the peer's key; 0 where it is not known.

    Of IPsec without a known key: those of the group, at most 128; keys set by hand have 128 at least.
    """
    if security.mechanism == "ipsec" and not security.key_bits:
        return STRENGTH_OF_GROUP.get(security.group, 128)
    if security.key_type == "RSA":
        return next((bits for size, bits in STRENGTH_OF_RSA if security.key_bits >= size), 0)
    return security.key_bits // 2


def level(security: LinkSecurity, *, physical: bool = False) -> Level:
    """Return the level that a link reaches; `physical`: it is declared physically protected."""
    if not security.secure:
        return Level.PHYSICAL if physical else Level.CLEAR
    if strength(security) < 128:
        return Level.PROTECTED
    return Level.MODERN if _tls_version(security) == "1.3" else Level.STRONG


def profile_of(peer: PeerConfig, policy: SecurityConfig) -> LinkProfile:
    """Return the thresholds for a peer, by its placement."""
    return policy.inside if peer.placement == "inside" else policy.outside


def profile_under_ipsec(policy: SecurityConfig, peers: Iterable[PeerConfig]) -> LinkProfile:
    """Return the thresholds for whoever comes by a listener under IPsec.

    An IKE daemon learns who a peer is together with its certificate and says nothing of the key, so it is told the
    stricter thresholds beforehand: those outside, unless every peer under IPsec is inside.
    """
    placed = {peer.placement for peer in peers if peer.security == "ipsec"}
    return policy.inside if placed == {"inside"} else policy.outside


def check_link(peer: PeerConfig, security: LinkSecurity, policy: SecurityConfig) -> Complaint | None:
    """Return why this link may not carry this peer's messages, or None."""
    profile = profile_of(peer, policy)
    text = _kind(peer, security, profile) or (_numbers(security, profile) if security.secure else "")
    return Complaint(rule="link", text=text, code=ResultCode.NO_COMMON_SECURITY) if text else None


def _kind(peer: PeerConfig, security: LinkSecurity, profile: LinkProfile) -> str:
    if profile.nds_ip and security.mechanism != "ipsec":
        return f"the link is {security.mechanism}, and every link to a peer {peer.placement} has to be under IPsec"
    if security.secure:
        kind_is_right = peer.mechanism == security.mechanism
        return (
            ""
            if kind_is_right
            else f"the link is {security.mechanism}, but {peer.mechanism} is agreed with {peer.host}"
        )
    if peer.mechanism not in CLEAR:
        return f"the link is in clear, but {peer.mechanism} is agreed with {peer.host}"
    if not (peer.physical_protection and peer.physical_protection_reason):
        return f"the link to {peer.host} is in clear and not declared physically protected"
    if not profile.physical_protection:
        return f"no link to a peer {peer.placement} may be in clear, protected or not"
    return ""


def _numbers(security: LinkSecurity, profile: LinkProfile) -> str:
    if _tls_version(security) and _tls_version(security) < profile.minimum_tls:
        return f"{security.version} is below {profile.minimum_tls}"
    if security.mechanism == "ipsec" and not security.key_bits:
        return ""  # the daemon has checked the certificate, and says nothing of its key
    rsa = security.key_type == "RSA"
    least = profile.rsa_bits if rsa else profile.ec_bits
    if security.key_bits < least:
        return f"{'RSA' if rsa else 'elliptic curve'} key of {security.key_bits} bits is shorter than {least}"
    return ""


def _tls_version(security: LinkSecurity) -> str:
    """Return "1.3" of "TLSv1.3", "" of what is not TLS or DTLS."""
    return "" if security.mechanism == "ipsec" else security.version.rpartition("v")[2]
