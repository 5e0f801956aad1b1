"""Optional features as peers tell each other of them: Supported-Features (TS 29.229 6.3.29) on Tsp and T4.

TS 29.368 6.5.2 names two features; the places of their bits are not in any text that we could read, so they are here
and nowhere else.  Feature-Supported-In-Final-Target (6.4.13) has bit 0 for the same first feature.
"""

from __future__ import annotations

from enum import IntFlag
from typing import Any, Final

from diameter.message import Message

TGPP: Final = 10415
LIST: Final = 1
"""Feature-List-ID."""


class Feature(IntFlag):
    """Feature-List 1 of Tsp and T4."""

    RECALL_REPLACE = 1
    """Device-Trigger-Recall-Replace."""
    MO_SMS = 2
    """MSISDN-less MO-SMS Delivery."""


NONE: Final = Feature(0)
KNOWN: Final = Feature.RECALL_REPLACE | Feature.MO_SMS


def offer(features: Feature) -> dict[str, Any]:
    """Supported-Features that says so; M stays clear, since nobody has to understand it."""
    return {"Vendor-Id": TGPP, "Feature-List-ID": LIST, "Feature-List": int(features)}


def heard(message: Message) -> Feature | None:
    """What the other side supports of list 1; None when it says nothing of it.  Bits that nobody knows are left out."""
    found: Feature | None = None
    for group in message.all("Supported-Features"):
        if (group["Vendor-Id"], group["Feature-List-ID"]) == (TGPP, LIST):
            found = (found or NONE) | (Feature(group["Feature-List"] & int(KNOWN)))
    return found
