"""How a group is told from a device in Tsp, S6m and T4 (docs/groups.md).

Published Tsp and S6m name single devices (TS 29.336 6.4.11).  Ours name a group by its External Group Identifier in
External-Identifier, with Type-Of-External-Identifier beside it under `*[ AVP ]`, as S6t does (8.4.64): no new codes.
"""

from __future__ import annotations

from typing import Final

from diameter.message import Grouped

TYPE: Final = "Type-Of-External-Identifier"
DEVICE: Final = 0
GROUP: Final = 1


def names_group(identity: Grouped) -> bool:
    """Whether a Device-Action or User-Identifier names a group."""
    return bool(identity.get(TYPE) == GROUP)
