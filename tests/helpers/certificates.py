"""Certificates for tests: good ones, and one for each way of being wrong that the lab PKI refuses to make."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from diameter.security.credentials import Credentials
from helpers.private import private

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
BOTH: Final = (ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH)
SHA256_WITH_RSA: Final = bytes.fromhex("2a864886f70d01010b")
SHA1_WITH_RSA: Final = bytes.fromhex("2a864886f70d010105")


@cache
def rsa_key(bits: int) -> rsa.RSAPrivateKey:
    """An RSA key of this size; making one is slow, so a test run makes each size once."""
    return rsa.generate_private_key(65537, bits)


def name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def pem(thing: x509.Certificate | x509.CertificateRevocationList | Key | ed25519.Ed25519PrivateKey) -> bytes:
    """PEM of a certificate, a list or an unencrypted key."""
    if isinstance(thing, x509.Certificate | x509.CertificateRevocationList):
        return thing.public_bytes(serialization.Encoding.PEM)
    return thing.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


@dataclass(frozen=True, kw_only=True)
class Leaf:
    """A certificate with its key and the CA that made it."""

    certificate: x509.Certificate
    key: Key
    ca: Ca

    def credentials(
        self, *, crls: Sequence[bytes] = (), minimum_version: str = "1.2", dhe: bool = False
    ) -> Credentials:
        return Credentials(
            chain=pem(self.certificate),
            key=pem(self.key),
            trust=(pem(self.ca.certificate),),
            crls=tuple(crls),
            minimum_version=minimum_version,
            dhe=dhe,
        )

    def write(self, folder: Path, stem: str) -> dict[str, str]:
        """Write STEM.pem and STEM.key and the CA into `folder`; return them as keys of a TlsConfig."""
        (folder / f"{stem}.pem").write_bytes(pem(self.certificate))
        private(folder / f"{stem}.key", pem(self.key))
        (folder / f"{stem}-ca.pem").write_bytes(pem(self.ca.certificate))
        return {"certificate": str(folder / f"{stem}.pem"), "key": str(folder / f"{stem}.key")}


class Ca:
    """A certificate authority."""

    def __init__(self, common_name: str = "Lab CA", *, key: Key | None = None, issuer: Ca | None = None) -> None:
        self.key: Key = key or ec.generate_private_key(ec.SECP256R1())
        self.name = name(common_name)
        parent = issuer or self
        builder = _builder(self.name, parent.name, self.key).add_extension(x509.BasicConstraints(True, None), True)
        self.certificate = builder.sign(parent.key, hashes.SHA256())

    def issue(
        self,
        host: str = "peer.example",
        *,
        names: Sequence[x509.GeneralName] | None = None,
        purposes: Sequence[x509.ObjectIdentifier] | None = BOTH,
        key: Key | None = None,
        ca: bool = False,
        signing: bool = True,
        days: tuple[float, float] = (-1, 30),
        sha1: bool = False,
    ) -> Leaf:
        """A node's certificate; without arguments one that fits the profile.  `names` empty: no subjectAltName."""
        key = key or ec.generate_private_key(ec.SECP256R1())
        builder = _builder(name(host), self.name, key, days)
        builder = builder.add_extension(x509.BasicConstraints(ca, None), True)
        usage = [signing, False, not signing, False, False, ca, ca, False, False]
        builder = builder.add_extension(x509.KeyUsage(*usage), True)
        if purposes is not None:
            builder = builder.add_extension(x509.ExtendedKeyUsage(purposes), False)
        subject = [x509.DNSName(host)] if names is None else names
        if subject:
            builder = builder.add_extension(x509.SubjectAlternativeName(subject), False)
        certificate = builder.sign(self.key, hashes.SHA256())
        return Leaf(certificate=_with_sha1(certificate, self.key) if sha1 else certificate, key=key, ca=self)

    def crl(self, *revoked: Leaf, days: tuple[float, float] = (-1, 30)) -> x509.CertificateRevocationList:
        """A revocation list in force from `days[0]` to `days[1]`, counted from now."""
        begin, end = _days(days)
        builder = x509.CertificateRevocationListBuilder().issuer_name(self.name).last_update(begin).next_update(end)
        for leaf in revoked:
            serial = leaf.certificate.serial_number
            builder = builder.add_revoked_certificate(
                x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(begin).build()
            )
        return builder.sign(self.key, hashes.SHA256())


def _days(days: tuple[float, float]) -> tuple[datetime, datetime]:
    now = datetime.now(UTC)
    return now + timedelta(days=days[0]), now + timedelta(days=days[1])


def _builder(
    subject: x509.Name, issuer: x509.Name, key: Key, days: tuple[float, float] = (-2, 30)
) -> x509.CertificateBuilder:
    begin, end = _days(days)
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
    return builder.serial_number(x509.random_serial_number()).not_valid_before(begin).not_valid_after(end)


def _with_sha1(certificate: x509.Certificate, key: Key) -> x509.Certificate:
    """The same certificate signed with SHA-1, which no library makes any more: only one octet of the OID differs."""
    assert isinstance(key, rsa.RSAPrivateKey)
    tbs = certificate.tbs_certificate_bytes.replace(SHA256_WITH_RSA, SHA1_WITH_RSA)
    signature = key.sign(tbs, padding.PKCS1v15(), hashes.SHA1())
    whole = certificate.public_bytes(serialization.Encoding.DER)
    whole = whole.replace(SHA256_WITH_RSA, SHA1_WITH_RSA).replace(certificate.signature, signature)
    return x509.load_der_x509_certificate(whole)
