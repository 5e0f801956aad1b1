"""Chooses what Message and Grouped are built on, as `wire.core` does: the compiled classes or those in Python."""

from __future__ import annotations

from typing import TYPE_CHECKING

from diameter.wire.core import NAME

if TYPE_CHECKING or NAME == "pure":
    from diameter.message._core import Lookup, Members
    from diameter.message._core_body import Body
    from diameter.message._core_frame import Frame
else:
    from diameter.message._ccore import Frame, Members
    from diameter.message._ccore_body import Body
    from diameter.message._ccore_lookup import Lookup

__all__ = ["Body", "Frame", "Lookup", "Members"]
