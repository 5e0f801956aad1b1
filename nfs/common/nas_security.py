"""NAS security between an MME and a UE (TS 33.401, TS 24.301 clause 4.4): 128-EEA2 and 128-EIA2 under keys of K_ASME.

One `NasContext` at each end of the same K_ASME.  What it protects is a security protected NAS message, integrity
protected and ciphered (24.301 9.1, 9.3.1): octet of header type and protocol discriminator, MAC of 4 octets, sequence
number, and the ciphered message.  Whoever receives takes each NAS COUNT once, in rising order.
"""

from __future__ import annotations

import hmac
from enum import IntEnum
from typing import Final

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.cmac import CMAC

from diameter.errors import LocalError

EEA2: Final = 2
EIA2: Final = 2
"""Identities of the algorithms, both on AES (33.401 5.1.3.2, 5.1.4.2)."""
NAS_ENC, NAS_INT = 1, 2  # algorithm type distinguishers (33.401 annex A.7)
PROTECTED: Final = 0x27
"""First octet: integrity protected and ciphered, EPS mobility management."""
HEADER_OCTETS: Final = 6
LAST_COUNT: Final = (1 << 24) - 1
_BEARER: Final = 0  # 33.401 annex B, 8.1.1: NAS has one


class Direction(IntEnum):
    """Where a message goes (33.401 annex B.1.1)."""

    UPLINK = 0
    DOWNLINK = 1


class NasError(LocalError):
    """A message that is dropped; `reason` in words."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"NAS: {reason}")
        self.reason = reason


def nas_key(kasme: bytes, distinguisher: int, algorithm: int) -> bytes:
    """K_NASenc or K_NASint, 16 octets: the last half of the KDF's output, FC 0x15 (33.401 annex A.7)."""
    text = b"\x15" + bytes((distinguisher,)) + b"\0\1" + bytes((algorithm,)) + b"\0\1"
    return hmac.digest(kasme, text, "sha256")[16:]


def eea2(key: bytes, count: int, bearer: int, direction: int, message: bytes) -> bytes:
    """128-EEA2, both ways: AES in counter mode, the first block of the counter as in 33.401 annex B.1.3."""
    block = count.to_bytes(4) + bytes((bearer << 3 | direction << 2,)) + bytes(11)
    encryptor = Cipher(algorithms.AES(key), modes.CTR(block)).encryptor()
    return encryptor.update(message) + encryptor.finalize()


def eia2(key: bytes, count: int, bearer: int, direction: int, message: bytes) -> bytes:
    """128-EIA2: four octets of AES-CMAC over count, bearer, direction and message (33.401 annex B.2.3)."""
    mac = CMAC(algorithms.AES(key))
    mac.update(count.to_bytes(4) + bytes((bearer << 3 | direction << 2,)) + bytes(3) + message)
    return mac.finalize()[:4]


class NasContext:
    """One end of an EPS NAS security context.  Without its keys in its `repr`.

    sends: which way messages go that it protects; NAS COUNTs begin at 0 (24.301 4.4.3.1).
    """

    __slots__ = ("_enc", "_int", "_next", "_sends", "_taken")

    def __init__(self, kasme: bytes, sends: Direction) -> None:
        self._enc = nas_key(kasme, NAS_ENC, EEA2)
        self._int = nas_key(kasme, NAS_INT, EIA2)
        self._sends = sends
        self._next = 0
        self._taken = -1

    def protect(self, message: bytes) -> bytes:
        """A message for the other end.  Raises NasError when the context has no NAS COUNT left."""
        if self._next > LAST_COUNT:
            raise NasError("no NAS COUNT left: a new authentication is due")
        count, self._next = self._next, self._next + 1
        inner = bytes((count & 0xFF,)) + eea2(self._enc, count, _BEARER, self._sends, message)
        return bytes((PROTECTED,)) + eia2(self._int, count, _BEARER, self._sends, inner) + inner

    def unprotect(self, octets: bytes) -> bytes:
        """The message that the other end protected.  Raises NasError for any other octets, and for a replay."""
        if len(octets) <= HEADER_OCTETS or octets[0] != PROTECTED:
            raise NasError("not protected")
        mac, inner = octets[1:5], octets[5:]
        comes = Direction(1 - self._sends)
        count = self._estimated(inner[0])
        if count > LAST_COUNT or not hmac.compare_digest(mac, eia2(self._int, count, _BEARER, comes, inner)):
            raise NasError("a replay" if self._was_taken(mac, inner, comes) else "integrity")
        self._taken = count
        return eea2(self._enc, count, _BEARER, comes, inner[1:])

    def _estimated(self, sequence: int) -> int:
        """The lowest NAS COUNT above those taken that ends in this sequence number (24.301 4.4.3.1)."""
        after = self._taken + 1
        return after + (sequence - after) % 256

    def _was_taken(self, mac: bytes, inner: bytes, comes: Direction) -> bool:
        """Whether it is good for the COUNT that has this sequence number and is not above those taken."""
        count = self._estimated(inner[0]) - 256
        return count >= 0 and hmac.compare_digest(mac, eia2(self._int, count, _BEARER, comes, inner))
