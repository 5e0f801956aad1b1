"""Chooses the core: the compiled one when it is installed, else the pure Python one; `NAME` says which.

`DIAMETER_PURE=1` in the environment forces the pure one.  It is read here and nowhere else, once.
"""

from __future__ import annotations

import importlib
import os
from typing import Final

from diameter.wire import _core
from diameter.wire._core import Grammar, Nested, Row, Seen

__all__ = ["NAME", "Grammar", "Nested", "Row", "Seen", "holds", "index"]


def _choose() -> str:
    if os.environ.get("DIAMETER_PURE") == "1":
        return "pure"
    try:
        importlib.import_module("diameter.wire._ccore")
    except ImportError:
        return "pure"
    return "compiled"


NAME: Final = _choose()
index = _core.index
holds = _core.holds
