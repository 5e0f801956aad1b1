"""The checks of the gateway in the order that a configuration gives them.

The check of who the peer is stands first, whatever is configured: nobody's rights are looked up before (TS 33.187 asks
for both, in this order).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from diameter.errors import ConfigError
from nfs.mtc_sgw import plugins
from nfs.mtc_sgw.logic import Check
from nfs.mtc_sgw.plugins import Find, installed

INTERFACE: Final = "Tsp"
FIRST: Final = "peer-identity"
OWN: Final = (
    FIRST,
    "command-rights",
    "group",
    "completeness",
    "inbound-imsi",
    "external-identifier",
    "scs-identity",
    "replay",
    "rate",
    "quota",
)
"""The gateway's own checks, in the order that is asked when none is configured."""
COUNTED_IN_FRONT: Final = ("replay", "rate")
"""What a gateway that is a process of its own counts for whoever is behind it."""
EDGE: Final = tuple(name for name in OWN if name != "quota")
"""The checks of such a gateway: what must outlive a restart is counted behind, where the store is."""


def complaint(names: Sequence[str], find: Find = installed) -> str:
    """What is wrong with an order of checks, "" for nothing."""
    if names[:1] != (FIRST,):
        return f"{FIRST} comes first"
    return plugins.complaint(INTERFACE, names, OWN, find)


def pipeline(
    names: Sequence[str], own: Sequence[tuple[str, Check]], find: Find = installed
) -> tuple[tuple[str, Check], ...]:
    """The checks of these names in this order; those of the gateway itself are `own`.

    Raises ConfigError for a name that nobody has, and for a package whose check cannot be loaded or called.
    """
    wrong = complaint(names, find)
    if wrong:
        raise ConfigError(f"sgw.checks: {wrong}")
    return plugins.pipeline(INTERFACE, names, dict(own), find, place="sgw.checks: ", takes="an Offer")
