"""What this node shows and whom it trusts: from octets of files to keys, certificates and revocation lists, checked.

The caller reads the files; a complaint says which of the parts is wrong, so that the caller can name the file.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from diameter.security import certificate as profile

PEM_CRL: Final = b"-----BEGIN X509 CRL-----"


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """The octets of the files.

    `chain`: PEM, our certificate first.  `key`: PEM.  `trust`: PEM files of CAs.  `crls`: PEM or DER files.
    `secrets`: is given each line of the NSS key log; None outside a lab.
    """

    chain: bytes
    key: bytes = field(repr=False)
    trust: tuple[bytes, ...]
    crls: tuple[bytes, ...] = ()
    minimum_version: str = "1.2"
    maximum_version: str = "1.3"
    dhe: bool = False
    common_name: bool = False
    secrets: Callable[[bytes], None] | None = field(default=None, repr=False)


class BadCredentials(ValueError):
    """One of the files cannot be used.  `part`: the field of Credentials; `index`: which of several."""

    def __init__(self, part: str, text: str, index: int = 0) -> None:
        super().__init__(text)
        self.part = part
        self.index = index


def own_chain(credentials: Credentials) -> list[x509.Certificate]:
    """Return our certificate and the intermediate ones.  Raises BadCredentials, also when the profile forbids it."""
    chain = _certificates("chain", credentials.chain)
    found = [text for initiator in (True, False) for text in profile.complaints(chain[0], initiator=initiator)]
    found += [text for issuer in chain[1:] for text in profile.issuer_complaints(issuer, anchor=False)]
    if found:
        raise BadCredentials(
            "chain", f"our own certificate does not fit the profile: {'; '.join(dict.fromkeys(found))}"
        )
    return chain


def own_key(credentials: Credentials, leaf: x509.Certificate) -> RSAPrivateKey | EllipticCurvePrivateKey:
    """Return the private key of `leaf`.  Raises BadCredentials when it is another's, or cannot be read."""
    try:
        key = load_pem_private_key(credentials.key, None)
    except TypeError:
        raise BadCredentials("key", "has a pass phrase; keep it without one in a file only the node can read") from None
    except (ValueError, UnsupportedAlgorithm):
        raise BadCredentials("key", "not a PEM private key") from None
    if not isinstance(key, RSAPrivateKey | EllipticCurvePrivateKey) or key.public_key() != leaf.public_key():
        raise BadCredentials("key", "does not belong to the certificate")
    return key


def anchors(credentials: Credentials) -> list[x509.Certificate]:
    """Return the trust store.  Raises BadCredentials for one that is not a CA or too weak."""
    found: list[x509.Certificate] = []
    for index, octets in enumerate(credentials.trust):
        certificates = _certificates("trust", octets, index)
        wrong = [text for each in certificates for text in profile.issuer_complaints(each, anchor=True)]
        if wrong:
            raise BadCredentials("trust", wrong[0], index)
        found += certificates
    return found


def revocations(credentials: Credentials) -> list[x509.CertificateRevocationList]:
    """Return every revocation list; a PEM file may hold several.  Raises BadCredentials."""
    found: list[x509.CertificateRevocationList] = []
    for index, octets in enumerate(credentials.crls):
        try:
            if PEM_CRL in octets:
                blocks = octets.split(PEM_CRL)[1:]
                found += [x509.load_pem_x509_crl(PEM_CRL + block) for block in blocks]
            else:
                found.append(x509.load_der_x509_crl(octets))
        except ValueError:
            raise BadCredentials("crls", "not a revocation list in PEM or DER", index) from None
    return found


def _certificates(part: str, octets: bytes, index: int = 0) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(octets)
    except ValueError:
        raise BadCredentials(part, "no PEM certificate in it", index) from None
