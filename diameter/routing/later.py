"""A value that comes later: compiled or in Python, as `wire.core` chooses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from diameter.wire.core import NAME

if TYPE_CHECKING or NAME == "pure":
    from diameter.routing._core_later import Later
else:
    from diameter.routing._ccore_later import Later

__all__ = ["Later"]
