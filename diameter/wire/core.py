"""Chooses the core: the compiled one when it is installed, else the pure Python one; `NAME` says which."""

from __future__ import annotations

from typing import Final

from diameter.wire import _core

NAME: Final = "pure"
index = _core.index
verify = _core.verify
holds = _core.holds
