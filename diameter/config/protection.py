"""Do the links of a configuration fit its security policy?  Checked whole, before anything is opened.

What the policy forbids would be refused link by link while the node runs; that a link can never come up, or would be
weaker outside than inside, shows in the file already.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from diameter.config.links import CERTIFIED, CLEAR, LinkTable

if TYPE_CHECKING:
    from diameter.config.models import LinkProfile, NodeTable, PeerConfig

Lines = list[tuple[str, str]]


def in_clear(link: LinkTable) -> bool:
    """Nothing protects the link but the declaration that it is protected physically."""
    return link.transport in CLEAR and link.physical_protection


def unprotected(node: NodeTable, peers: Sequence[PeerConfig], prefix: str) -> Lines:
    """Return (place, what is wrong) for each peer whose link the policy cannot allow; `prefix`: the node's table."""
    found: Lines = []
    for at, peer in enumerate(peers):
        profile = node.security.inside if peer.placement == "inside" else node.security.outside
        rule = f"{prefix}security.{peer.placement}"
        found += [(f"peer.{at}.{key}", text) for key, text in _against(peer, profile, rule)]
        found += _versions(node, peer, profile, f"peer.{at}", prefix)
    return found + _weaker_outside(peers) + _outside_tunnels(node, prefix)


def _against(peer: PeerConfig, profile: LinkProfile, rule: str) -> Lines:
    found: Lines = []
    if profile.nds_ip and peer.mechanism != "ipsec":
        found.append(("security", f'{rule}.nds_ip asks for "ipsec" and transport = "tcp" or "sctp"'))
    elif profile.nds_ip and (peer.connect or peer.discover) and peer.ipsec.mode != "tunnel":
        found.append(("ipsec.mode", f'{rule}.nds_ip asks for "tunnel"'))
    if in_clear(peer) and not profile.physical_protection:
        found.append(("physical_protection", f"{rule}.physical_protection allows no link in clear"))
    if peer.transport == "dtls" and profile.minimum_tls > "1.2":
        found.append(("transport", f"dtls has no version above 1.2, and {rule}.minimum_tls is {profile.minimum_tls}"))
    return found


def _versions(node: NodeTable, peer: PeerConfig, profile: LinkProfile, place: str, prefix: str) -> Lines:
    if peer.transport not in CERTIFIED or peer.transport == "dtls" or node.tls is None:
        return []
    if node.tls.maximum_version >= profile.minimum_tls:
        return []
    rule = f"{prefix}security.{peer.placement}.minimum_tls"
    return [(place, f"{prefix}tls.maximum_version is {node.tls.maximum_version}, and {rule} is {profile.minimum_tls}")]


def _outside_tunnels(node: NodeTable, prefix: str) -> Lines:
    """A listener cannot tell the domain of who comes, so where one placement asks for tunnels, all of IPsec are."""
    asking = [name for name in ("inside", "outside") if getattr(node.security, name).nds_ip]
    return [
        (f"{prefix}listen.{at}.ipsec.mode", f'{prefix}security.{asking[0]}.nds_ip asks for "tunnel"')
        for at, one in enumerate(node.listen)
        if asking and one.mechanism == "ipsec" and one.ipsec.mode != "tunnel"
    ]


def _weaker_outside(peers: Sequence[PeerConfig]) -> Lines:
    """R-TSP-11: nobody outside is in clear where everybody inside is protected."""
    inside = [(at, peer) for at, peer in enumerate(peers) if peer.placement == "inside"]
    if not inside or any(in_clear(peer) for _, peer in inside):
        return []
    first, known = inside[0]
    text = f"an outside peer in clear is weaker protected than those inside (peer.{first} has {known.transport})"
    return [
        (f"peer.{at}.transport", text)
        for at, peer in enumerate(peers)
        if peer.placement == "outside" and in_clear(peer)
    ]
