"""TUAK (TS 35.231): f1, f1*, f2 to f5 and f5* on the permutation Keccak-f[1600].

The input block of the specification, 96 octets followed by 1F, zeros and 80 in octet 135, is what SHAKE256 (FIPS 202)
makes of a message of 96 octets, and each further iteration is one more block squeezed out of it.  So the permutation
comes from hashlib, and nothing of it is written here.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import shake_256
from typing import Final

from nfs.common.aka import AkaError, Outputs

RATE: Final = 136
"""Octets that one permutation of SHAKE256 gives; TUAK reads the first 102."""
_NAME: Final = b"TUAK1.0"[::-1]
_ZERO_AMF: Final = bytes(2)
_ZERO_SQN: Final = bytes(6)
_LENGTH: Final = {4: 0x00, 8: 0x08, 16: 0x10, 32: 0x20}
"""INSTANCE bits for the octets of MAC and RES; RES alone may have 4."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lengths:
    """Octets of what TUAK gives; HSS and UE must agree on all of them, for they go into the input."""

    mac: int = 8
    res: int = 8
    ck: int = 16
    ik: int = 16

    def __post_init__(self) -> None:
        wrong = self.mac not in (8, 16, 32) or self.res not in _LENGTH or not {self.ck, self.ik} <= {16, 32}
        if wrong:
            raise AkaError("TUAK: MAC of 64, 128 or 256 bits, RES of 32 too, CK and IK of 128 or 256 bits expected")


def _permuted(block: bytes, iterations: int) -> bytes:
    return shake_256(block).digest(RATE * iterations)[-RATE:]


def _block(top: bytes, instance: int, rand: bytes, amf: bytes, sqn: bytes, k: bytes) -> bytes:
    """The 96 octets in front of the padding: each value last octet first (TS 35.231 clause 6)."""
    instance |= len(k) == 32
    head = top[::-1] + bytes((instance,)) + _NAME + rand[::-1] + amf[::-1] + sqn[::-1]
    return head + k[::-1] + bytes(32 - len(k))


def _check(k: bytes, top: bytes, iterations: int) -> None:
    if len(k) not in (16, 32) or len(top) != 32 or iterations < 1:
        raise AkaError("TUAK: K of 128 or 256 bits, TOP and TOPc of 256 bits and one iteration or more expected")


def topc_of(k: bytes, top: bytes, iterations: int = 1) -> bytes:
    """TOPc of an operator's TOP for one K.  Raises AkaError for lengths that are none."""
    _check(k, top, iterations)
    return _permuted(_block(top, 0x00, bytes(16), _ZERO_AMF, _ZERO_SQN, k), iterations)[:32][::-1]


class Tuak:
    """The functions of one subscriber.  Raises AkaError for keys of a wrong length."""

    __slots__ = ("_iterations", "_k", "_lengths", "_topc")

    def __init__(self, k: bytes, topc: bytes, lengths: Lengths | None = None, iterations: int = 1) -> None:
        _check(k, topc, iterations)
        self._k = k
        self._topc = topc
        self._lengths = lengths or Lengths()
        self._iterations = iterations

    def outputs(self, rand: bytes, sqn: bytes, amf: bytes) -> Outputs:
        """f1 and f2 to f5."""
        size = self._lengths
        instance = 0x40 | _LENGTH[size.res] | (0x04 if size.ck == 32 else 0) | (0x02 if size.ik == 32 else 0)
        out = self._run(instance, rand, _ZERO_AMF, _ZERO_SQN)
        return Outputs(
            self._mac(0x00, rand, sqn, amf),
            out[: size.res][::-1],
            out[32 : 32 + size.ck][::-1],
            out[64 : 64 + size.ik][::-1],
            out[96:102][::-1],
        )

    def mac_s(self, rand: bytes, sqn: bytes, amf: bytes) -> bytes:
        """f1*."""
        return self._mac(0x80, rand, sqn, amf)

    def ak_s(self, rand: bytes) -> bytes:
        """f5*."""
        return self._run(0xC0, rand, _ZERO_AMF, _ZERO_SQN)[96:102][::-1]

    def _mac(self, instance: int, rand: bytes, sqn: bytes, amf: bytes) -> bytes:
        return self._run(instance | _LENGTH[self._lengths.mac], rand, amf, sqn)[: self._lengths.mac][::-1]

    def _run(self, instance: int, rand: bytes, amf: bytes, sqn: bytes) -> bytes:
        return _permuted(_block(self._topc, instance, rand, amf, sqn, self._k), self._iterations)
