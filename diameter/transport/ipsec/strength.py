"""What two IKE daemons have agreed upon, held against the profile of TS 33.210, by strongSwan's names for algorithms.

A configuration proposes nothing weaker; this reads what was reported, so that a daemon with a mind of its own, or a
connection that somebody loaded beside ours, is found.  A name that is not known is never taken for a strong one.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal, NamedTuple

from diameter.config.proposals import Profile

AEAD: Final = frozenset({"AES_GCM_16"})
"""Ciphers with an integrity of their own."""
CBC: Final = frozenset({"AES_CBC"})
INTEGRITY: Final = frozenset({"HMAC_SHA2_256_128", "HMAC_SHA2_384_192", "HMAC_SHA2_512_256"})
PRF: Final = frozenset({"PRF_HMAC_SHA2_256", "PRF_HMAC_SHA2_384", "PRF_HMAC_SHA2_512"})
GROUPS: Final = frozenset(
    {
        "MODP_2048", "MODP_3072", "MODP_4096", "MODP_6144", "MODP_8192", "ECP_256", "ECP_384", "ECP_521",
        "CURVE_25519",
    }
)  # fmt: skip
LEAST_BITS: Final[Mapping[Profile, int]] = MappingProxyType({"ts33210": 128, "ts33210-256": 256})
SHORT_GROUPS: Final[Mapping[Profile, frozenset[str]]] = MappingProxyType(
    {"ts33210": frozenset(), "ts33210-256": frozenset({"MODP_2048", "MODP_3072", "ECP_256", "CURVE_25519"})}
)


class Agreed(NamedTuple):
    """Algorithms of one security association; "" where it has none.  `bits`: of the cipher's key."""

    cipher: str
    bits: int
    integrity: str
    prf: str
    group: str

    def __str__(self) -> str:
        cipher = f"{self.cipher}_{self.bits}"
        return f"{cipher}/{self.integrity}" if self.integrity else cipher


def weakness(kind: Literal["IKE", "ESP"], agreed: Agreed, profile: Profile) -> str:
    """Return what of it is weaker than the profile, or "".

    ESP has no pseudo-random function, and no group of its own where its keys come from the exchange of the IKE SA.
    """
    cipher, bits, integrity, prf, group = agreed
    if cipher not in AEAD | CBC:
        return f"{kind} with the cipher {cipher or 'NULL'}"
    if bits < LEAST_BITS[profile]:
        return f"{kind} with a key of {bits} bits"
    if cipher in CBC and integrity not in INTEGRITY:
        return f"{kind} with {integrity or 'no'} integrity"
    if kind == "IKE" and prf not in PRF:
        return f"IKE with the pseudo-random function {prf or 'none'}"
    if (group or kind == "IKE") and group not in GROUPS - SHORT_GROUPS[profile]:
        return f"{kind} with the group {group or 'none'}"
    return ""
