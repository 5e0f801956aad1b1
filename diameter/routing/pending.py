"""Requests waiting for their answer: the hop-by-hop table and its timer wheel (RFC 6733 sections 6.1.2, 6.2.1, 5.5.4).

Chooses the compiled table or the one in Python, as `wire.core` does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from diameter.wire.core import NAME

if TYPE_CHECKING or NAME == "pure":
    from diameter.routing._core_pending import Pending, PendingTable
else:
    from diameter.routing._ccore_pending import Pending, PendingTable

__all__ = ["Pending", "PendingTable"]
