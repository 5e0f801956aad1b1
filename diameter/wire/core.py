"""Chooses the core: the compiled one when it is installed, else the pure Python one; `NAME` says which."""

from __future__ import annotations

from typing import Final

from diameter.wire import _core
from diameter.wire._core import Grammar, Nested, Row, Seen

__all__ = ["NAME", "Grammar", "Nested", "Row", "Seen", "holds", "index", "verify"]

NAME: Final = "pure"
index = _core.index
verify = _core.verify
holds = _core.holds
