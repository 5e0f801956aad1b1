"""What is inside an envelope of `nfs.common.cose`: the content under the key of its audience.

Encrypted (COSE_Encrypt0, AES-256-GCM) or, where a region allows no confidentiality, readable and vouched for
(COSE_Mac0, HMAC 256/256).  Either names its algorithm in its protected header and the number of the key, and the
signature of the envelope is over all of it.  A key is not used with two algorithms: HMAC has one derived from it.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from diameter.errors import LocalError
from nfs.common import cbor
from nfs.common.cbor import CborError, Tagged, Value

ENCRYPT0, MAC0 = 16, 17  # CBOR tags
ALG, KID, IV = 1, 4, 5  # header parameters
A256GCM, HMAC_256_256 = 3, 5  # algorithms (RFC 9053)
IV_OCTETS, TAG_OCTETS, NUMBER_OCTETS = 12, 32, 4
_ENCRYPTING: Final = cbor.encode({ALG: A256GCM})
_VOUCHING: Final = cbor.encode({ALG: HMAC_256_256})
_INTEGRITY: Final = b"MTC-GRP-INTEGRITY"


class EnvelopeError(LocalError):
    """What came is not an envelope that may be opened; `reason` says why in words without any of its octets."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"envelope: {reason}")
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What stands in an envelope.  algorithm: A256GCM or HMAC_256_256; number: of the key, 0 for none.

    body: what is encrypted, or what is said; extra: the IV, or the tag.
    """

    algorithm: int
    number: int
    body: bytes
    extra: bytes

    @property
    def encrypted(self) -> bool:
        """False: only those who have the key have written it, but everybody reads it."""
        return self.algorithm == A256GCM

    def open(self, key: bytes) -> bytes:
        """What is in it.  Raises EnvelopeError for another key."""
        if not self.encrypted:
            if not hmac.compare_digest(self.extra, _tag(key, self.number, self.body)):
                raise EnvelopeError("vouched for under another key")
            return self.body
        try:
            return AESGCM(key).decrypt(self.extra, self.body, cbor.encode(["Encrypt0", _ENCRYPTING, b""]))
        except InvalidTag:
            raise EnvelopeError("encrypted under another key") from None


def encrypted(content: bytes, key: bytes, number: int, iv: bytes) -> bytes:
    """Content that only its audience reads.  iv: 12 octets, never twice with a key."""
    sealed = AESGCM(key).encrypt(iv, content, cbor.encode(["Encrypt0", _ENCRYPTING, b""]))
    return cbor.encode(Tagged(ENCRYPT0, [_ENCRYPTING, {IV: iv, **_named(number)}, sealed]))


def vouched(content: bytes, key: bytes, number: int) -> bytes:
    """Content that everybody reads, and only who has the key can have written."""
    return cbor.encode(Tagged(MAC0, [_VOUCHING, _named(number), content, _tag(key, number, content)]))


def integrity_key(key: bytes, number: int) -> bytes:
    """The key of HMAC, made of a group's key as TS 33.220 B.2 makes keys; FC 0xF1 is ours."""
    text = b"\xf1" + _INTEGRITY + len(_INTEGRITY).to_bytes(2) + number.to_bytes(NUMBER_OCTETS) + b"\0\4"
    return hmac.digest(key, text, "sha256")


def parsed(octets: bytes) -> Content:
    """The parts of it.  Raises EnvelopeError for anything else: content that is bare, or under no known algorithm."""
    try:
        value = cbor.decode(octets)
    except CborError:
        raise EnvelopeError("not encrypted") from None
    if isinstance(value, Tagged) and isinstance(value.value, list):
        found = None
        if value.tag == ENCRYPT0 and len(value.value) == 3:
            found = _of_encrypt0(*value.value)
        elif value.tag == MAC0 and len(value.value) == 4:
            found = _of_mac0(*value.value)
        if found is not None:
            return found
    raise EnvelopeError("not encrypted")


def _of_encrypt0(protected: Value, header: Value, sealed: Value) -> Content | None:
    if protected != _ENCRYPTING or not isinstance(header, Mapping) or not isinstance(sealed, bytes):
        return None
    iv, number = header.get(IV), _number(header)
    if not isinstance(iv, bytes) or len(iv) != IV_OCTETS or number is None or set(header) - {IV, KID}:
        return None
    return Content(algorithm=A256GCM, number=number, body=sealed, extra=iv)


def _of_mac0(protected: Value, header: Value, content: Value, tag: Value) -> Content | None:
    if protected != _VOUCHING or not isinstance(header, Mapping) or not isinstance(content, bytes):
        return None
    number = _number(header)
    if not isinstance(tag, bytes) or len(tag) != TAG_OCTETS or number is None or set(header) - {KID}:
        return None
    return Content(algorithm=HMAC_256_256, number=number, body=content, extra=tag)


def _named(number: int) -> dict[int, bytes]:
    return {KID: number.to_bytes(NUMBER_OCTETS)} if number else {}


def _number(header: Mapping[int, Value]) -> int | None:
    """The number of the key, 0 where none is named; None for one that is none."""
    kid = header.get(KID)
    if kid is None:
        return 0
    number = int.from_bytes(kid) if isinstance(kid, bytes) and len(kid) == NUMBER_OCTETS else 0
    return number or None


def _tag(key: bytes, number: int, content: bytes) -> bytes:
    """The tag over MAC_structure (RFC 9052 6.3)."""
    said = cbor.encode(["MAC0", _VOUCHING, b"", content])
    return hmac.digest(integrity_key(key, number), said, "sha256")
