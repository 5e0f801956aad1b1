"""The USIM of a simulated UE: it checks a network's AUTN, and says by AUTS where its sequence numbers are.

TS 33.102 6.3.3 and annex C.2: of each of the 32 indexes it keeps the highest SEQ it took; one that is not above that
of its index, or too far ahead of all, is answered with AUTS.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import Final

from nfs.common.aka import Algorithm, Outputs, auts
from nfs.common.identities import IdentityError

IND_BITS: Final = 5
FAR: Final = 1 << 28
"""How far ahead of the highest SEQ a new one may be."""


class NotOurNetwork(IdentityError):
    """The MAC of an AUTN is wrong: whoever sent it has other keys."""


@dataclass(frozen=True, slots=True)
class OutOfStep:
    """The sequence number is not met: Re-Synchronization-Info for the HSS, RAND || AUTS."""

    info: bytes


class Usim:
    """One USIM.  `sqn`: the highest it has taken so far, 48 bits."""

    __slots__ = ("_functions", "_highest", "_taken")

    def __init__(self, functions: Algorithm, sqn: int = 0) -> None:
        self._functions = functions
        self._highest = sqn
        self._taken = [sqn >> IND_BITS] * (1 << IND_BITS)

    def authenticate(self, rand: bytes, autn: bytes) -> Outputs | OutOfStep:
        """RES, CK and IK for a challenge, or where the USIM is.  Raises NotOurNetwork."""
        if len(rand) != 16 or len(autn) != 16:
            raise NotOurNetwork("RAND and AUTN of 16 octets expected")
        ak = self._functions.outputs(rand, bytes(6), bytes(2)).ak
        sqn = bytes(one ^ other for one, other in zip(autn[:6], ak, strict=True))
        out = self._functions.outputs(rand, sqn, autn[6:8])
        if not hmac.compare_digest(out.mac_a, autn[8:]):
            raise NotOurNetwork("AUTN: its MAC is not of these keys")
        number = int.from_bytes(sqn)
        seq, ind = number >> IND_BITS, number & (1 << IND_BITS) - 1
        if seq <= self._taken_of(ind) or seq - (self._highest >> IND_BITS) > FAR:
            return OutOfStep(rand + auts(self._functions, rand, self._highest.to_bytes(6)))
        self._highest = max(self._highest, number)
        self._take(ind, seq)
        return out

    def _taken_of(self, ind: int) -> int:
        """The highest SEQ taken of an index."""
        return self._taken[ind]

    def _take(self, ind: int, seq: int) -> None:
        """Keep it, and `_highest`."""
        self._taken[ind] = seq
