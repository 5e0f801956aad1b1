"""Certificates against the profile of TS 33.310 6.1.3a, and the identities they carry.

Each rule has a number below which a certificate is refused; OpenSSL checks the chain (signatures, time, CA bits, path)
and this module what OpenSSL leaves to policy.  A complaint is a sentence for an operator.  A rule that the public
specification leaves open is not asked for: key usage and CRL distribution points may be absent, but a key usage that
is there must allow signing.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final, TypeVar
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

T = TypeVar("T", bound=x509.ExtensionType)

RSA_BITS: Final = 2048
CURVES: Final = ("secp256r1", "secp384r1", "secp521r1")
HASHES: Final = ("sha256", "sha384", "sha512")
UNREADABLE: Final = (
    ValueError,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)
"""What cryptography raises, often only when a field is looked at, for a certificate that OpenSSL has let through."""
URI_SCHEMES: Final = ("aaa", "aaas")
"""Schemes of a DiameterURI (RFC 6733 section 4.3.1); other URIs in a certificate are not Diameter identities."""


def complaints(leaf: x509.Certificate, *, initiator: bool, common_name: bool = False) -> list[str]:
    """Return what a peer's own certificate lacks; `initiator`: the peer opened the link, so it acts as TLS client.

    An empty list means that it fits the profile.  Never raises: a certificate that cannot be read is a complaint.
    """
    try:
        lifetime(leaf)
        return _strength(leaf) + _role(leaf, initiator) + _names(leaf, common_name)
    except UNREADABLE as error:
        return [f"certificate cannot be read: {error}"]


def issuer_complaints(issuer: x509.Certificate, *, anchor: bool) -> list[str]:
    """Return what a CA certificate of the chain lacks; the hash of a trust anchor's signature does not matter."""
    try:
        found = _strength(issuer, signature=not anchor)
        return found if _is_ca(issuer) else [*found, "issuer is not a CA (basicConstraints CA:TRUE missing)"]
    except UNREADABLE as error:
        return [f"CA certificate cannot be read: {error}"]


def identities(leaf: x509.Certificate, *, common_name: bool = False) -> tuple[str, ...]:
    """Return the Diameter identities of a certificate: lower case, no trailing dot, no wildcard, none twice.

    SAN dNSName, then the hosts of SAN URIs with scheme aaa or aaas, then the subject's CN if `common_name`.
    """
    names: list[str] = []
    alternative = _extension(leaf, x509.SubjectAlternativeName)
    if alternative is not None:
        names += alternative.get_values_for_type(x509.DNSName)
        names += [_uri_host(uri) for uri in alternative.get_values_for_type(x509.UniformResourceIdentifier)]
    if common_name:
        names += [str(each.value) for each in leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    plain = (name.removesuffix(".").lower() for name in names)
    return tuple(dict.fromkeys(name for name in plain if name and "*" not in name and not name.isspace()))


def key_of(certificate: x509.Certificate) -> tuple[str, int]:
    """Return (type, bits) of the public key: ("RSA", 3072), ("secp256r1", 256), or (class name, 0) for another."""
    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        return "RSA", key.key_size
    if isinstance(key, ec.EllipticCurvePublicKey):
        return key.curve.name, key.key_size
    return type(key).__name__.removesuffix("PublicKey").lstrip("_"), 0


def name_of(name: Callable[[], x509.Name]) -> str:
    """Return what `name` gives as text (RFC 4514), "nobody" for an empty name, "?" for one that cannot be read."""
    try:
        return name().rfc4514_string() or "nobody"
    except UNREADABLE:
        return "?"


def fingerprint(certificate: x509.Certificate) -> str:
    """Return the SHA-256 fingerprint, lower-case hex without colons."""
    return certificate.fingerprint(hashes.SHA256()).hex()


def lifetime(certificate: x509.Certificate) -> tuple[datetime, datetime]:
    """Return (not before, not after), aware, in UTC."""
    return certificate.not_valid_before_utc, certificate.not_valid_after_utc


def _strength(certificate: x509.Certificate, *, signature: bool = True) -> list[str]:
    found: list[str] = []
    kind, bits = key_of(certificate)
    if kind == "RSA":
        if bits < RSA_BITS:
            found.append(f"RSA key of {bits} bits, shorter than {RSA_BITS}")
    elif kind not in CURVES:
        found.append(f"key type {kind} is not in the profile (RSA, {', '.join(CURVES)})")
    digest = certificate.signature_hash_algorithm
    if signature and (digest is None or digest.name not in HASHES):
        found.append(f"signed with {digest.name if digest else 'an algorithm without hash'}, not {' or '.join(HASHES)}")
    return found


def _role(leaf: x509.Certificate, initiator: bool) -> list[str]:
    """Purposes: a node on TLS needs both, because either side may open the link; the one in use now is asked for."""
    found = ["CA certificate used as a node's own (basicConstraints CA:TRUE)"] if _is_ca(leaf) else []
    wanted, name = (
        (ExtendedKeyUsageOID.CLIENT_AUTH, "clientAuth")
        if initiator
        else (ExtendedKeyUsageOID.SERVER_AUTH, "serverAuth")
    )
    purposes = _extension(leaf, x509.ExtendedKeyUsage)
    if purposes is None or wanted not in purposes:
        found.append(f"extended key usage lacks {name}")
    usage = _extension(leaf, x509.KeyUsage)
    if usage is not None and not usage.digital_signature:
        found.append("key usage lacks digitalSignature")
    return found


def _names(leaf: x509.Certificate, common_name: bool) -> list[str]:
    if identities(leaf, common_name=common_name):
        return []
    if _extension(leaf, x509.SubjectAlternativeName) is None:
        return ["no subjectAltName"]
    return ["subjectAltName has neither a dNSName nor an aaa URI (wildcards do not count)"]


def _is_ca(certificate: x509.Certificate) -> bool:
    constraints = _extension(certificate, x509.BasicConstraints)
    return constraints is not None and constraints.ca


def _extension(certificate: x509.Certificate, kind: type[T]) -> T | None:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def _uri_host(uri: str) -> str:
    """Return the host of an aaa or aaas URI, else nothing; RFC 6733 4.3.1 writes parameters after semicolons."""
    scheme, _, rest = uri.partition("://")
    if scheme.lower() not in URI_SCHEMES:
        return ""
    try:
        return urlsplit(f"//{rest.partition(';')[0]}").hostname or ""
    except ValueError:
        return ""
