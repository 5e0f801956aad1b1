"""Authentication and key agreement (TS 33.102, TS 33.401): Milenage, AUTN and AUTS, KASME, and keys sealed for a disk.

Milenage (TS 35.206) needs AES-128 alone, which comes from `cryptography`; TUAK stands in `nfs.common.tuak`.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable
from typing import Final, NamedTuple, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from diameter.errors import LocalError

_MASK: Final = (1 << 128) - 1
_NO_AMF: Final = bytes(2)
"""The AMF of the MAC-S in an AUTS (TS 33.102 6.3.3)."""
RESYNC_OCTETS: Final = 30
"""RAND and AUTS, as Re-Synchronization-Info carries them."""
SEAL_KEY_OCTETS: Final = 32
_NONCE_OCTETS: Final = 12
_SEALED: Final = b"\x01"
"""First octet of what `Seal` makes: AES-256-GCM, nonce, ciphertext with tag."""


class AkaError(LocalError):
    """A key, an AUTS or something sealed is not what it should be; the text never repeats octets of it."""


class Outputs(NamedTuple):
    """f1 to f5 for one RAND, SQN and AMF."""

    mac_a: bytes
    res: bytes
    ck: bytes
    ik: bytes
    ak: bytes


class Algorithm(Protocol):
    """What Milenage and TUAK can do with the keys of one subscriber."""

    def outputs(self, rand: bytes, sqn: bytes, amf: bytes) -> Outputs: ...

    def mac_s(self, rand: bytes, sqn: bytes, amf: bytes) -> bytes: ...

    def ak_s(self, rand: bytes) -> bytes: ...


def _left(value: int, bits: int) -> int:
    """`value` of 128 bits rotated to the left."""
    return (value << bits | value >> 128 - bits) & _MASK


def _cipher(k: bytes) -> CipherContext:
    if len(k) != 16:
        raise AkaError("Milenage: K of 128 bits expected")
    return Cipher(algorithms.AES(k), modes.ECB()).encryptor()


def opc_of(k: bytes, op: bytes) -> bytes:
    """OPc of an operator's OP for one K.  Raises AkaError for lengths that are none."""
    if len(op) != 16:
        raise AkaError("Milenage: OP of 128 bits expected")
    return _xor(_cipher(k).update(op), op)


def _xor(one: bytes, other: bytes) -> bytes:
    return (int.from_bytes(one) ^ int.from_bytes(other)).to_bytes(len(one))


class Milenage:
    """The functions of one subscriber (TS 35.206).  Raises AkaError for keys of a wrong length."""

    __slots__ = ("_encrypt", "_opc", "_opc4")

    def __init__(self, k: bytes, opc: bytes) -> None:
        if len(opc) != 16:
            raise AkaError("Milenage: OPc of 128 bits expected")
        self._encrypt = _cipher(k).update
        self._opc = int.from_bytes(opc)
        self._opc4 = int.from_bytes(opc * 4)

    def outputs(self, rand: bytes, sqn: bytes, amf: bytes) -> Outputs:
        """f1 and f2 to f5, with two runs of the cipher: one block, then four."""
        temp = self._temp(rand)
        base = temp ^ self._opc
        blocks = self._first(temp, sqn, amf) << 384 | (base ^ 1) << 256
        blocks |= (_left(base, 32) ^ 2) << 128 | _left(base, 64) ^ 4
        out = (int.from_bytes(self._encrypt(blocks.to_bytes(64))) ^ self._opc4).to_bytes(64)
        return Outputs(out[:8], out[24:32], out[32:48], out[48:64], out[16:22])

    def mac_s(self, rand: bytes, sqn: bytes, amf: bytes) -> bytes:
        """f1*."""
        return self._out(self._first(self._temp(rand), sqn, amf))[8:16]

    def ak_s(self, rand: bytes) -> bytes:
        """f5*."""
        return self._out(_left(self._temp(rand) ^ self._opc, 96) ^ 8)[:6]

    def _temp(self, rand: bytes) -> int:
        return int.from_bytes(self._encrypt((int.from_bytes(rand) ^ self._opc).to_bytes(16)))

    def _first(self, temp: int, sqn: bytes, amf: bytes) -> int:
        """What f1 and f1* encrypt."""
        return temp ^ _left(int.from_bytes((sqn + amf) * 2) ^ self._opc, 64)

    def _out(self, block: int) -> bytes:
        return (int.from_bytes(self._encrypt(block.to_bytes(16))) ^ self._opc).to_bytes(16)


def autn(outputs: Outputs, sqn: bytes, amf: bytes) -> bytes:
    """(SQN xor AK) || AMF || MAC-A (TS 33.102 6.3.2)."""
    return _xor(sqn, outputs.ak) + amf + outputs.mac_a


def auts(algorithm: Algorithm, rand: bytes, sqn_ms: bytes) -> bytes:
    """(SQN_MS xor AK*) || MAC-S: what a USIM says whose sequence number is not met (TS 33.102 6.3.3)."""
    return _xor(sqn_ms, algorithm.ak_s(rand)) + algorithm.mac_s(rand, sqn_ms, _NO_AMF)


def resynchronise(algorithm: Algorithm, info: bytes) -> bytes:
    """SQN_MS of a Re-Synchronization-Info, RAND || AUTS.  Raises AkaError when the MAC-S is wrong (TS 33.102 6.3.5)."""
    if len(info) != RESYNC_OCTETS:
        raise AkaError(f"Re-Synchronization-Info: {RESYNC_OCTETS} octets expected")
    rand, hidden, mac = info[:16], info[16:22], info[22:]
    sqn_ms = _xor(hidden, algorithm.ak_s(rand))
    if not hmac.compare_digest(mac, algorithm.mac_s(rand, sqn_ms, _NO_AMF)):
        raise AkaError("AUTS: its MAC-S is not of these keys")
    return sqn_ms


def kasme(ck: bytes, ik: bytes, plmn: bytes, sqn_xor_ak: bytes) -> bytes:
    """K_ASME of 32 octets; `plmn`: the three octets of Visited-PLMN-Id (TS 33.401 annex A.2)."""
    return hmac.digest(ck + ik, b"\x10" + plmn + b"\x00\x03" + sqn_xor_ak + b"\x00\x06", "sha256")


class Seal:
    """Secrets as they lie in a database: AES-256-GCM under the key of a file, bound to a context.

    `random`: gives octets, for the nonce.  Raises AkaError for a key of a wrong length.
    """

    __slots__ = ("_aead", "_random")

    def __init__(self, key: bytes, random: Callable[[int], bytes] = secrets.token_bytes) -> None:
        if len(key) != SEAL_KEY_OCTETS:
            raise AkaError(f"key: {SEAL_KEY_OCTETS * 2} hexadecimal digits expected")
        self._aead = AESGCM(key)
        self._random = random

    def seal(self, secret: bytes, context: str) -> bytes:
        """`secret` for the disk; only with the same `context` is it opened again."""
        nonce = self._random(_NONCE_OCTETS)
        return _SEALED + nonce + self._aead.encrypt(nonce, secret, context.encode())

    def open(self, sealed: bytes, context: str) -> bytes:
        """What was sealed.  Raises AkaError when it was changed, moved, or sealed under another key."""
        nonce = sealed[1 : 1 + _NONCE_OCTETS]
        if sealed[:1] != _SEALED or len(nonce) < _NONCE_OCTETS:
            raise AkaError("sealed keys: not of a form known here")
        try:
            return self._aead.decrypt(nonce, sealed[1 + _NONCE_OCTETS :], context.encode())
        except InvalidTag:
            raise AkaError("sealed keys: sealed under another key, or changed") from None
