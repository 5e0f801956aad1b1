"""How a group is told from a device in Tsp, S6m and T4 (docs/groups.md).

Published Tsp and S6m name single devices (TS 29.336 6.4.11).  Ours name a group by its External Group Identifier in
External-Identifier, with Type-Of-External-Identifier beside it under `*[ AVP ]`, as S6t does (8.4.64): no new codes.
On T4 the same two stand in the Device-Trigger-Request for a member, so that whoever sees it sees of which group it is.
"""

from __future__ import annotations

from typing import Final

from diameter.message import Grouped, Message

TYPE: Final = "Type-Of-External-Identifier"
DEVICE: Final = 0
GROUP: Final = 1


def names_group(identity: Grouped | Message) -> bool:
    """Whether a Device-Action, User-Identifier or Device-Trigger-Request names a group."""
    return bool(identity.get(TYPE) == GROUP)
