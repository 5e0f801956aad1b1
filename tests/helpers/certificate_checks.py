"""Each check of a certificate as a table, and two nodes of which one refuses the other, over TLS or DTLS."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import DNSName, IPAddress

from diameter.trace import Point
from helpers.certificates import BOTH, Ca, Leaf, rsa_key
from helpers.nodes import LEFT, RIGHT
from helpers.programs import until
from helpers.sctp_ways import Way
from helpers.secured import CA, RSA_CA, Secured

OTHER: Final = Ca("Other CA")
OWN_CA: Final = Ca("Own CA")
REVOKED: Final = {name: CA.issue(name) for name in (LEFT, RIGHT)}
LISTS: Final = (CA.crl(*REVOKED.values()), RSA_CA.crl())
PURPOSE: Final = {LEFT: ("clientAuth", BOTH[1:]), RIGHT: ("serverAuth", BOTH[:1])}
"""What a certificate of each end must be good for, and purposes that leave it out."""

CHECKS: Final[dict[str, tuple[Callable[[str], Leaf], str]]] = {
    "wrong CA": (OTHER.issue, "its issuer is not in the trust store"),
    "self-signed": (
        lambda _: Leaf(certificate=OWN_CA.certificate, key=OWN_CA.key, ca=OWN_CA),
        "self-signed and not in the trust store",
    ),
    "expired": (lambda name: CA.issue(name, days=(-9, -1)), "expired"),
    "not yet valid": (lambda name: CA.issue(name, days=(1, 9)), "not yet valid"),
    "revoked": (REVOKED.__getitem__, "revoked"),
    "SHA-1": (lambda name: RSA_CA.issue(name, sha1=True), "signed with sha1, not sha256 or sha384 or sha512"),
    "RSA 1024": (lambda name: CA.issue(name, key=rsa_key(1024)), "RSA key of 1024 bits, shorter than 2048"),
    "EC 224": (
        lambda name: CA.issue(name, key=ec.generate_private_key(ec.SECP224R1())),
        "key type secp224r1 is not in the profile",
    ),
    "no SAN": (lambda name: CA.issue(name, names=[]), "no subjectAltName"),
    "addresses only": (
        lambda name: CA.issue(name, names=[IPAddress(ip_address("127.0.0.1"))]),
        "subjectAltName has neither a dNSName nor an aaa URI",
    ),
    "wildcard": (
        lambda name: CA.issue(name, names=[DNSName("*.example.org")]),
        "subjectAltName has neither a dNSName nor an aaa URI (wildcards do not count)",
    ),
    "wrong EKU": (lambda name: CA.issue(name, purposes=PURPOSE[name][1]), "extended key usage lacks "),
    "no EKU": (lambda name: CA.issue(name, purposes=None), "extended key usage lacks "),
    "no signing": (lambda name: CA.issue(name, signing=False), "key usage lacks digitalSignature"),
    "CA as leaf": (lambda name: CA.issue(name, ca=True), "CA certificate used as a node's own"),
}
UNUSABLE: Final = {
    ("tls", "client", "EC 224"): "peer did not return a certificate",
    ("tls", "server", "EC 224"): "refused by the peer: ",
    ("dtls", "server", "EC 224"): "refused by the peer: ",
    ("dtls", "server", "no signing"): "refused by the peer: ",
}
"""What cannot even be shown: for nothing that we offer or ask for is such a certificate any good."""
A1: Final = ("wrong CA", "expired", "revoked", "CA as leaf")
"""Checks that are tried on the interfaces of exposure as well."""


async def refused(folder: Path, kind: str, who: str, case: str, interface: str = "Tsp", way: Way | None = None) -> None:
    """`who`, "client" or "server", shows the certificate of a case; the other one refuses it."""
    make, reason = CHECKS[case]
    host = LEFT if who == "client" else RIGHT
    leaf = make(host)
    reason = UNUSABLE.get((kind, who, case), reason)
    reason += PURPOSE[host][0] if reason.endswith("lacks ") else ""
    client_leaf, server_leaf = (leaf, None) if who == "client" else (None, leaf)
    async with Secured(
        kind, folder, client=client_leaf, server=server_leaf, careless=who, crls=LISTS, interface=interface, way=way
    ) as ends:
        client = await ends.client()
        node, said = (ends.server, ends.said) if who == "client" else (client, ends.client_said)
        await until(lambda: bool(said.refused), "a refusal")
        first = said.refused[0]
        assert (first.stage, first.code) == ("link", 0)
        assert reason in first.text
        (point,) = said.of(Point.LINK_REFUSED)
        assert (point["transport"], point["reason"]) == (kind, first.text)
        assert node.stats.links_refused == 1
        assert (node.stats.octets_in, node.stats.requests_in, node.stats.peers_opened) == (0, 0, 0)
        assert not any(peer.usable for peer in node.peers)
        if who == "server":
            (failed,) = said.of(Point.CONNECTING_FAILED)
            assert failed["reason"].endswith(first.text)
            assert client.stats.octets_out == 0
