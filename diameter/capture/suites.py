"""Cipher suites with AEAD, and keys from secrets (RFC 5246 section 6.3, RFC 8446 section 7, RFC 5288, 7905, 6655).

For reading what was recorded, with secrets from a key log.  Suites without AEAD are not here: no profile of Diameter's
users allows them any more.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Final, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESCCM, AESGCM, ChaCha20Poly1305


class Suite(NamedTuple):
    """`kind`: "gcm", "ccm" or "chacha"; `key`: octets; `hash`: of the key schedule; `tag`: octets."""

    kind: str
    key: int
    hash: str
    tag: int = 16


_GCM_128: Final = Suite("gcm", 16, "sha256")
_GCM_256: Final = Suite("gcm", 32, "sha384")
_CHACHA: Final = Suite("chacha", 32, "sha256")
SUITES: Final[dict[int, Suite]] = {
    0x1301: _GCM_128,
    0x1302: _GCM_256,
    0x1303: _CHACHA,
    0x1304: Suite("ccm", 16, "sha256"),
    0x1305: Suite("ccm", 16, "sha256", 8),
    **dict.fromkeys((0x9C, 0x9E, 0xA0, 0xA2, 0xA4, 0xA8, 0xAA, 0xAC, 0xC02B, 0xC02D, 0xC02F, 0xC031), _GCM_128),
    **dict.fromkeys((0x9D, 0x9F, 0xA1, 0xA3, 0xA5, 0xA9, 0xAB, 0xAD, 0xC02C, 0xC02E, 0xC030, 0xC032), _GCM_256),
    **dict.fromkeys(range(0xCCA8, 0xCCAF), _CHACHA),
    **dict.fromkeys((0xC09C, 0xC09E, 0xC0AC), Suite("ccm", 16, "sha256")),
    **dict.fromkeys((0xC09D, 0xC09F, 0xC0AD), Suite("ccm", 32, "sha256")),
    **dict.fromkeys((0xC0A0, 0xC0A2, 0xC0AE), Suite("ccm", 16, "sha256", 8)),
    **dict.fromkeys((0xC0A1, 0xC0A3, 0xC0AF), Suite("ccm", 32, "sha256", 8)),
}
"""By the number that ServerHello says."""


class Opener:
    """Opens records of one direction under one key.  `explicit`: octets of the nonce that stand in each record."""

    __slots__ = ("_aead", "_iv", "_number", "explicit", "tag")

    def __init__(self, suite: Suite, key: bytes, iv: bytes) -> None:
        self.tag = suite.tag
        self._iv = iv
        self._number = int.from_bytes(iv)
        self.explicit = 8 if len(iv) == 4 else 0
        self._aead: AESGCM | AESCCM | ChaCha20Poly1305
        if suite.kind == "gcm":
            self._aead = AESGCM(key)
        elif suite.kind == "ccm":
            self._aead = AESCCM(key, tag_length=suite.tag)
        else:
            self._aead = ChaCha20Poly1305(key)

    def open(self, number: int, body: bytes, associated: bytes) -> bytes | None:
        """The clear octets; None when the tag does not fit.  `number`: of the record; `body`: with explicit nonce."""
        if len(body) < self.explicit + self.tag:
            return None
        if self.explicit:
            nonce, body = self._iv + body[:8], body[8:]
        else:
            nonce = (self._number ^ number).to_bytes(12)
        try:
            return self._aead.decrypt(nonce, body, associated)
        except InvalidTag:
            return None


def openers_12(suite: Suite, master: bytes, client: bytes, server: bytes) -> tuple[Opener, Opener]:
    """Client's and server's of TLS and DTLS 1.2, from the master secret and both randoms."""
    iv = 12 if suite.kind == "chacha" else 4
    block = prf(suite.hash, master, b"key expansion" + server + client, 2 * (suite.key + iv))
    keys = block[: suite.key], block[suite.key : 2 * suite.key]
    rest = block[2 * suite.key :]
    return Opener(suite, keys[0], rest[:iv]), Opener(suite, keys[1], rest[iv:])


def opener_13(suite: Suite, secret: bytes) -> Opener:
    """That of TLS 1.3 under a traffic secret."""
    return Opener(suite, expand(suite.hash, secret, b"key", suite.key), expand(suite.hash, secret, b"iv", 12))


def next_secret(suite: Suite, secret: bytes) -> bytes:
    """The traffic secret after a KeyUpdate."""
    return expand(suite.hash, secret, b"traffic upd", hashlib.new(suite.hash).digest_size)


def prf(name: str, secret: bytes, seed: bytes, size: int) -> bytes:
    """P_hash of RFC 5246 section 5; `seed` with its label in front."""
    out, link = b"", seed
    while len(out) < size:
        link = hmac.digest(secret, link, name)
        out += hmac.digest(secret, link + seed, name)
    return out[:size]


def expand(name: str, secret: bytes, label: bytes, size: int) -> bytes:
    """HKDF-Expand-Label of RFC 8446 section 7.1 with an empty context."""
    label = b"tls13 " + label
    info = size.to_bytes(2) + bytes([len(label)]) + label + b"\0"
    out, block = b"", b""
    while len(out) < size:
        block = hmac.digest(secret, block + info + bytes([len(out) // hashlib.new(name).digest_size + 1]), name)
        out += block
    return out[:size]
