"""Base messages of section 5 as octets: CER/CEA, DWR/DWA, DPR/DPA, built for one local identity and shared by its peers.

DWR and DPR never change but for their identifiers, so they are built once; the others are rare.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from diameter.message import Dictionary
    from diameter.peer.capabilities import LocalIdentity
    from diameter.peer.inputs import Identify


class BaseMessages:
    """Builder of base messages.  identify: the node's source of (Hop-by-Hop, End-to-End)."""

    def __init__(self, local: LocalIdentity, dictionary: Dictionary, identify: Identify) -> None:
        self.local = local
