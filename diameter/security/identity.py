"""Who may claim an Origin-Host.

RFC 6733 asks for mutual authentication but binds no Origin-Host to a certificate; these rules do.  1: the identities of
a peer are the SAN dNSNames and aaa URIs of its certificate (`security.certificate`).  2: the Origin-Host of CER or CEA
must be one of them, exactly; case and one trailing dot do not count, wildcards never match.  Origin-Realm must be the
configured one, listed for the peer, or a part of the configured realm that its own host lies in: a mere suffix would
let `a.example.com` speak for `com`.  3: a later request comes from the peer itself, or, through a configured agent,
from a realm that this agent may bring, with the Route-Record that the way leaves behind (RFC 6733 section 6.1.9).
A link that is declared physically protected has no certificate; there the peer table alone says who may be there.
"""

from __future__ import annotations

from collections.abc import Sequence

from diameter.config import NodeTable, PeerConfig
from diameter.errors import ResultCode
from diameter.security.link import LinkSecurity
from diameter.security.policy import Complaint, check_link

__all__ = ["Complaint", "lies_in", "may_claim", "may_send", "plain"]


def plain(name: str) -> str:
    """Return a DiameterIdentity for comparison: lower case, without one trailing dot."""
    return name.removesuffix(".").lower()


def lies_in(host: str, realm: str) -> bool:
    """True when `host` is `realm` or below it, whole labels counted."""
    name, domain = plain(host), plain(realm)
    return name == domain or (bool(domain) and name.endswith(f".{domain}"))


def may_claim(
    peer: PeerConfig, origin_host: str, origin_realm: str | None, security: LinkSecurity, node: NodeTable
) -> Complaint | None:
    """Return why whoever is at the end of this link may not be `peer`, or None.

    Called with the Origin-Host and Origin-Realm of CER or CEA; and with our own expectation and None as soon as a link
    that we dialled is up, so that nothing is sent to an impostor.  Code 5017 for the link, 3010 for the identity.
    """
    complaint = check_link(peer, security, node.security)
    if complaint is not None:
        return complaint
    name = plain(origin_host)
    if name != plain(peer.host):
        return _unknown("host", f"{origin_host} is not {peer.host}")
    if name == plain(node.origin_host):
        return _unknown("host", f"{origin_host} is our own identity")
    if security.secure and name not in security.peer_names:
        carried = ", ".join(security.peer_names) or "none"
        return _unknown("certificate", f"{_who(security)} does not carry {origin_host} (identities: {carried})")
    lacking = [each for each in peer.certificate_names if security.secure and plain(each) not in security.peer_names]
    if lacking:
        return _unknown("certificate", f"{_who(security)} does not carry {', '.join(lacking)}")
    if origin_realm is not None and not _realm_fits(peer, origin_realm):
        return _unknown("realm", f"{origin_realm} is not a realm of {peer.host}")
    return None


def may_send(
    peer: PeerConfig, origin_host: str, origin_realm: str, route_record: Sequence[str] = ()
) -> Complaint | None:
    """Return why `peer` may not send a request with this origin, or None (rule 3)."""
    if plain(origin_host) == plain(peer.host):
        if not _realm_fits(peer, origin_realm):
            return _not_for("origin-realm", f"{origin_realm} is not a realm of {peer.host}")
        if route_record:
            return _not_for("route-record", f"a request of {peer.host} itself has been routed")
        return None
    if not peer.agent:
        return _not_for("origin-host", f"{peer.host} is no agent and may not send for {origin_host}")
    if plain(origin_realm) not in {plain(realm) for realm in peer.agent_realms}:
        return _not_for("origin-realm", f"{peer.host} may not bring requests of realm {origin_realm}")
    if not lies_in(origin_host, origin_realm):
        return _not_for("origin-host", f"{origin_host} does not lie in {origin_realm}")
    if not route_record or plain(route_record[0]) != plain(origin_host):
        return _not_for("route-record", f"Route-Record does not begin with {origin_host}")
    if plain(peer.host) in {plain(hop) for hop in route_record}:
        return _not_for("route-record", f"Route-Record names {peer.host}, which is the last hop and not in it")
    return None


def _realm_fits(peer: PeerConfig, realm: str) -> bool:
    if plain(realm) in {plain(each) for each in (peer.realm, *peer.realms)}:
        return True
    return lies_in(peer.host, realm) and lies_in(realm, peer.realm)


def _who(security: LinkSecurity) -> str:
    return "the identity proved by IPsec" if security.mechanism == "ipsec" else "the certificate"


def _unknown(rule: str, text: str) -> Complaint:
    return Complaint(rule=rule, text=text, code=ResultCode.UNKNOWN_PEER)


def _not_for(rule: str, text: str) -> Complaint:
    return Complaint(rule=rule, text=text, code=ResultCode.AUTHORIZATION_REJECTED)
