"""Chooses what Message and Grouped are built on, as `wire.core` does: the compiled classes or those in Python."""

from __future__ import annotations

from typing import TYPE_CHECKING

from diameter.wire.core import NAME

if TYPE_CHECKING or NAME == "pure":
    from diameter.message._core import Frame, Lookup, Members
    from diameter.message._core_body import Body
else:
    from diameter.message._ccore import Frame, Lookup, Members
    from diameter.message._ccore_body import Body

__all__ = ["Body", "Frame", "Lookup", "Members"]
