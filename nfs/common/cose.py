"""The envelope between an SCS and the applications of devices: COSE, encrypted and then signed (RFC 9052).

A COSE_Sign1 (EdDSA) around a COSE_Encrypt0 (AES-256-GCM), or a COSE_Mac0 where nothing may be encrypted
(`nfs.common.cose_content`).  Whoever verifies looks at the signature first, so that what nobody has signed is never
decrypted.  Signed with it, in the protected header, are the number of the signer's key and CWT Claims (RFC 9597):
`aud` whom it is for, `iat` when it was made, `cti` its number, which one signer never uses twice (RFC 8392 3.1.3,
3.1.6, 3.1.7).  An envelope takes some 150 octets more than what is in it.

Why not a library: pycose brings four more, of which two have had no release for years; cwt holds back cbor2; both give
Any.  What is needed of CBOR is in `nfs.common.cbor`, all cryptography comes from `cryptography`, and a vector made by
cwt is among the tests.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from nfs.common import cbor
from nfs.common.cbor import CborError, Tagged, Value
from nfs.common.cose_content import ALG, ENCRYPT0, KID, MAC0, EnvelopeError, encrypted, parsed, vouched

SIGN1: Final = 18  # CBOR tag
CWT_CLAIMS: Final = 15  # header parameter
EDDSA: Final = -8  # algorithm
AUD, IAT, CTI = 3, 6, 7  # claims
KEY_OCTETS, NUMBER_OCTETS, SIGNATURE_OCTETS = 32, 8, 64
KID_OCTETS: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """What is signed beside the content.  made_at: whole seconds since 1970; number: of the signer, 64 bits."""

    signer: bytes
    audience: str
    made_at: int
    number: int


@dataclass(frozen=True, slots=True)
class _Parts:
    protected: bytes
    content: bytes
    signature: bytes
    claims: Claims


def public_of(secret: bytes) -> bytes:
    """The public key, 32 octets, of a secret one (Ed25519)."""
    return Ed25519PrivateKey.from_private_bytes(secret).public_key().public_bytes_raw()


def protect(
    content: bytes, claims: Claims, *, secret: bytes, key: bytes, iv: bytes, number: int = 0, hidden: bool = True
) -> bytes:
    """The envelope.  secret, key: of the signer and of the audience, 32 octets; iv: 12, never twice with a key.

    number: of the key, 0 where it has none; hidden: encrypted, or else readable for everybody.
    """
    inner = encrypted(content, key, number, iv) if hidden else vouched(content, key, number)
    protected = cbor.encode(
        {
            ALG: EDDSA,
            KID: claims.signer,
            CWT_CLAIMS: {AUD: claims.audience, IAT: claims.made_at, CTI: claims.number.to_bytes(NUMBER_OCTETS)},
        }
    )
    signature = Ed25519PrivateKey.from_private_bytes(secret).sign(_signed(protected, inner))
    return cbor.encode(Tagged(SIGN1, [protected, {}, inner, signature]))


def is_envelope(octets: bytes) -> bool:
    """Whether these octets have the form of an envelope; nothing is verified, for which one needs keys."""
    try:
        parsed(_parts(octets).content)
    except EnvelopeError:
        return False
    return True


def verified(octets: bytes, signer: Callable[[bytes], bytes | None]) -> tuple[Claims, bytes]:
    """Claims and sealed content of an envelope whose signature is good.  signer: the public key with a number, or None.

    Raises EnvelopeError.
    """
    parts = _parts(octets)
    public = signer(parts.claims.signer)
    if public is None:
        raise EnvelopeError("an unknown signer")
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(parts.signature, _signed(parts.protected, parts.content))
    except InvalidSignature:
        raise EnvelopeError("the signature is wrong") from None
    return parts.claims, parts.content


def opened(content: bytes, key: bytes) -> bytes:
    """What is in the sealed content that `verified` gives.  Raises EnvelopeError."""
    return parsed(content).open(key)


def _signed(protected: bytes, content: bytes) -> bytes:
    """Sig_structure (RFC 9052 4.4)."""
    return cbor.encode(["Signature1", protected, b"", content])


def _parts(octets: bytes) -> _Parts:
    try:
        value = cbor.decode(octets)
        if isinstance(value, Tagged) and value.tag in (ENCRYPT0, MAC0):
            raise EnvelopeError("not signed")
        if isinstance(value, Tagged) and value.tag == SIGN1 and isinstance(value.value, list) and len(value.value) == 4:
            protected, header, content, signature = value.value
            if (
                header == {}
                and isinstance(protected, bytes)
                and isinstance(content, bytes)
                and isinstance(signature, bytes)
                and len(signature) == SIGNATURE_OCTETS
            ):
                return _Parts(protected, content, signature, _claims(cbor.decode(protected)))
    except CborError:
        pass
    raise EnvelopeError("not in an envelope")


def _claims(header: Value) -> Claims:
    if isinstance(header, Mapping) and set(header) == {ALG, KID, CWT_CLAIMS} and header[ALG] == EDDSA:
        claims, signer = header[CWT_CLAIMS], header[KID]
        if isinstance(claims, Mapping) and set(claims) == {AUD, IAT, CTI} and isinstance(signer, bytes):
            audience, made_at, number = claims[AUD], claims[IAT], claims[CTI]
            if not isinstance(audience, str) or not isinstance(made_at, int) or not isinstance(number, bytes):
                raise EnvelopeError("not signed and numbered")
            if made_at >= 0 and len(number) == NUMBER_OCTETS:
                return Claims(signer=signer, audience=audience, made_at=made_at, number=int.from_bytes(number))
    raise EnvelopeError("not signed and numbered")
