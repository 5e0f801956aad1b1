"""A lab PKI: one CA, certificates in the profile of TS 33.310 6.1.3a, a revocation list.

A folder holds everything: `ca.pem`, `ca.key`, `crl.pem`, for each node `<name>.pem` and `<name>.key`, and each
certificate ever issued as `issued/<serial>.pem`.  The revocation list itself is the record of what is revoked.  Key
files have mode 0600 and no pass phrase: this is for laboratories, tests and the demonstration, not for an operator's
network.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Final, Literal, TypeAlias
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from diameter.config.private import refuse_shared
from diameter.errors import ConfigError

KeyKind = Literal["p256", "rsa3072"]
Key: TypeAlias = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

KEY_KINDS: Final[tuple[KeyKind, ...]] = ("p256", "rsa3072")
CRL_URL: Final = "http://crl.invalid/crl.pem"  # a distribution point has to be named; .invalid never resolves
RESERVED: Final = ("ca", "crl")
BACKDATED: Final = timedelta(minutes=5)  # a peer's clock may be a little behind ours
_FQDN: Final = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)(\.(?!-)[A-Za-z0-9_-]{1,63}(?<!-))*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """One certificate of the CA.  `certificate` and `key` are the files a node's configuration names."""

    name: str
    serial: str
    names: tuple[str, ...]
    key_kind: str
    not_before: datetime
    not_after: datetime
    revoked: bool
    certificate: Path
    key: Path


class Pki:
    """The PKI in one folder.  `clock` gives the time certificates are dated by."""

    def __init__(self, folder: Path | str, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        """Open the PKI in `folder`.  Raises ConfigError when there is none, or it cannot be read."""
        self.folder = Path(folder)
        self._clock = clock
        try:
            self.ca = x509.load_pem_x509_certificate(self.ca_path.read_bytes())
            key = load_pem_private_key((self.folder / "ca.key").read_bytes(), None)
        except FileNotFoundError as error:
            raise ConfigError(f"{self.folder}: no PKI here ({Path(error.filename).name} is missing)") from None
        except ValueError as error:
            raise ConfigError(f"{self.folder}: ca.pem or ca.key cannot be read: {error}") from None
        refuse_shared(self.folder / "ca.key")
        if not isinstance(key, Key):
            raise ConfigError(f"{self.folder}: ca.key is neither an elliptic curve nor an RSA key")
        self._key = key

    @classmethod
    def init(
        cls,
        folder: Path | str,
        *,
        name: str = "MTC lab CA",
        key_kind: KeyKind = "p256",
        days: int = 1825,
        crl_url: str = CRL_URL,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> Pki:
        """Make a CA and an empty revocation list in `folder`.  Raises ConfigError when a CA is there already."""
        folder, now = Path(folder), clock()
        if (folder / "ca.pem").exists() or (folder / "ca.key").exists():
            raise ConfigError(f"{folder}: there is a PKI already; it is not overwritten")
        (folder / "issued").mkdir(parents=True, exist_ok=True)
        key, subject = _new_key(key_kind), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        builder = _builder(subject, subject, key, now, days)
        for extension, critical in _ca_extensions(key, crl_url):
            builder = builder.add_extension(extension, critical)
        _write_key(folder / "ca.key", key)
        _write(folder / "ca.pem", builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM))
        pki = cls(folder, clock=clock)
        pki.write_crl()
        return pki

    @property
    def ca_path(self) -> Path:
        """The CA certificate, for `trust` of a configuration."""
        return self.folder / "ca.pem"

    @property
    def crl_path(self) -> Path:
        """The revocation list, for `crl` of a configuration."""
        return self.folder / "crl.pem"

    def issue(self, *names: str, days: int = 365, key_kind: KeyKind = "p256") -> Issued:
        """Make a key and a certificate; an earlier one of the same name stays valid until it is revoked.

        `names`: host names, `aaa://` or `aaas://` URIs, IP addresses; the first is a host name and names the files.
        Raises ConfigError for a name that is none of these.
        """
        if not names or not _FQDN.fullmatch(names[0]) or _is_address(names[0]):
            raise ConfigError(f"{names[0] if names else 'no name'}: the first name must be a host name")
        if names[0].lower() in RESERVED:
            raise ConfigError(f"{names[0]}: this name is taken by the files of the PKI itself")
        alternative = x509.SubjectAlternativeName([_general_name(name) for name in dict.fromkeys(names)])
        key, now = _new_key(key_kind), self._clock()
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0][:64])])
        builder = _builder(subject, self.ca.subject, key, now, days)
        for extension, critical in self._leaf_extensions(key, alternative):
            builder = builder.add_extension(extension, critical)
        certificate = builder.sign(self._key, hashes.SHA256())
        octets = certificate.public_bytes(Encoding.PEM)
        _write_key(self.folder / f"{names[0]}.key", key)
        _write(self.folder / f"{names[0]}.pem", octets)
        _write(self.folder / "issued" / f"{certificate.serial_number:040x}.pem", octets)
        return self._describe(certificate, frozenset())

    def revoke(self, *which: str) -> list[Issued]:
        """Put certificates on the revocation list, each named by host name (all of that name) or by serial number.

        Returns what is newly revoked.  Raises ConfigError, and changes nothing, when one of them names no certificate.
        """
        found: dict[str, Issued] = {}
        for name in which:
            hits = [issued for issued in self.show() if name.lower() in (issued.name.lower(), issued.serial)]
            if not hits:
                raise ConfigError(f"{name}: no certificate of that name or serial number in {self.folder}")
            found.update((issued.serial, issued) for issued in hits if not issued.revoked)
        self.write_crl(*(int(serial, 16) for serial in found))
        return list(found.values())

    def show(self) -> list[Issued]:
        """Every certificate ever issued, oldest first."""
        revoked = frozenset(entry.serial_number for entry in self.crl())
        found = [
            self._describe(x509.load_pem_x509_certificate(path.read_bytes()), revoked)
            for path in (self.folder / "issued").glob("*.pem")
        ]
        return sorted(found, key=lambda issued: (issued.not_before, issued.name, issued.serial))

    def crl(self) -> x509.CertificateRevocationList:
        """The revocation list as it stands.  Raises ConfigError when it cannot be read."""
        try:
            return x509.load_pem_x509_crl(self.crl_path.read_bytes())
        except (OSError, ValueError) as error:
            raise ConfigError(f"{self.crl_path}: {getattr(error, 'strerror', None) or error}") from None

    def write_crl(self, *serials: int, days: int = 365) -> None:
        """Write the revocation list anew, with `serials` added, good for `days`; the file is replaced in one step."""
        now, number, old = self._clock(), 1, list[x509.RevokedCertificate]()
        if self.crl_path.exists():
            before = self.crl()
            old = list(before)
            number = before.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number + 1
        builder = x509.CertificateRevocationListBuilder().issuer_name(self.ca.subject)
        builder = builder.last_update(now - BACKDATED).next_update(now + timedelta(days=days))
        builder = builder.add_extension(x509.CRLNumber(number), critical=False)
        builder = builder.add_extension(_authority(self._key), critical=False)
        for entry in old:
            builder = builder.add_revoked_certificate(entry)
        for serial in serials:
            entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(now).build()
            builder = builder.add_revoked_certificate(entry)
        _write(self.crl_path, builder.sign(self._key, hashes.SHA256()).public_bytes(Encoding.PEM))

    def _leaf_extensions(
        self, key: Key, alternative: x509.SubjectAlternativeName
    ) -> Iterator[tuple[x509.ExtensionType, bool]]:
        """TS 33.310 6.1.3a: either end of a Diameter link may open it, so a node is client and server."""
        points = self.ca.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
        yield x509.BasicConstraints(ca=False, path_length=None), True
        yield _usage(signing=True), True
        yield x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH]), False
        yield alternative, False
        yield x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False
        yield _authority(self._key), False
        yield points, False

    def _describe(self, certificate: x509.Certificate, revoked: frozenset[int]) -> Issued:
        alternative = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        names = tuple(str(name.value) for name in alternative)
        key = certificate.public_key()
        return Issued(
            name=names[0],
            serial=f"{certificate.serial_number:040x}",
            names=names,
            key_kind=f"rsa{key.key_size}" if isinstance(key, rsa.RSAPublicKey) else "p256",
            not_before=certificate.not_valid_before_utc,
            not_after=certificate.not_valid_after_utc,
            revoked=certificate.serial_number in revoked,
            certificate=self.folder / f"{names[0]}.pem",
            key=self.folder / f"{names[0]}.key",
        )


def _new_key(kind: KeyKind) -> Key:
    """A fresh private key.  Raises ConfigError for a kind that is not in KEY_KINDS."""
    if kind == "p256":
        return ec.generate_private_key(ec.SECP256R1())
    if kind == "rsa3072":
        return rsa.generate_private_key(65537, 3072)
    raise ConfigError(f"{kind}: no such kind of key; known: {', '.join(KEY_KINDS)}")


def _builder(subject: x509.Name, issuer: x509.Name, key: Key, now: datetime, days: int) -> x509.CertificateBuilder:
    """Subject, issuer, key, a random serial number of 20 octets and the validity."""
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number())
    return builder.not_valid_before(now - BACKDATED).not_valid_after(now + timedelta(days=days))


def _ca_extensions(key: Key, crl_url: str) -> Iterator[tuple[x509.ExtensionType, bool]]:
    """What makes a CA that issues node certificates only; the distribution point is the one they will name."""
    point = x509.DistributionPoint([x509.UniformResourceIdentifier(crl_url)], None, None, None)
    yield x509.BasicConstraints(ca=True, path_length=0), True
    yield _usage(signing=False), True
    yield x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False
    yield x509.CRLDistributionPoints([point]), False


def _usage(*, signing: bool) -> x509.KeyUsage:
    """digitalSignature alone for a node, keyCertSign and cRLSign for the CA."""
    return x509.KeyUsage(
        digital_signature=signing,
        key_cert_sign=not signing,
        crl_sign=not signing,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _authority(key: Key) -> x509.AuthorityKeyIdentifier:
    return x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key())


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _general_name(name: str) -> x509.GeneralName:
    """A subject alternative name by its form.  Raises ConfigError when it has none of the three."""
    if _is_address(name):
        return x509.IPAddress(ip_address(name))
    if urlsplit(name).scheme in ("aaa", "aaas") and _FQDN.fullmatch(urlsplit(name).hostname or ""):
        return x509.UniformResourceIdentifier(name)
    if _FQDN.fullmatch(name) and len(name) <= 253:
        return x509.DNSName(name)
    raise ConfigError(f"{name}: neither a host name, nor an IP address, nor an aaa:// URI")


def _write(path: Path, octets: bytes, mode: int = 0o644) -> None:
    """Put `octets` at `path` in one step, so that a node that reloads never reads half a file."""
    half = path.with_name(f"{path.name}.new")
    half.unlink(missing_ok=True)
    with os.fdopen(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(octets)
    half.replace(path)


def _write_key(path: Path, key: Key) -> None:
    _write(path, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), 0o600)
