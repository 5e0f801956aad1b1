"""No IMSI to the outside: the last look at whatever goes to a peer that is not of the core.

Three ways it could get there: in an AVP that holds nothing else, as digits in a text or payload, as a TBCD string.
Digits are taken for an IMSI when they begin with a home network (14 or 15 of them, or 15 behind the digit of a NAI),
and so is every NAI of an operator's own domain, which covers the IMPI.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final

from nfs.common.identities import IdentityError, decode_tbcd, holds_imsi, is_imsi_like

INTERNAL: Final = frozenset({"User-Name", "LMSI", "User-Identifier", "Serving-Node", "Additional-Serving-Node"})
"""AVPs of the core reference points that have no place on Tsp."""
IMSI_BEARING: Final = frozenset({"User-Name", "LMSI"})
"""AVPs that can hold nothing but the network's own identity of a subscriber."""


def check(fields: Iterable[tuple[str, bytes]], home_plmns: Collection[str]) -> str | None:
    """Why a message of these AVPs (name and data, those inside groups too) must not leave; None when it may."""
    for name, data in fields:
        if name in INTERNAL:
            return f"{name} belongs to the core"
        if holds_imsi(data.decode("latin-1"), home_plmns) or _tbcd_imsi(data, home_plmns):
            return f"{name} holds an IMSI"
    return None


def _tbcd_imsi(data: bytes, home_plmns: Collection[str]) -> bool:
    if len(data) not in (7, 8):
        return False
    try:
        return is_imsi_like(decode_tbcd(data), home_plmns)
    except IdentityError:
        return False
