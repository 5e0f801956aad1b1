"""Values that many peers have in common, kept once: of ten thousand peers nearly all advertise the same."""

from __future__ import annotations

from collections.abc import Hashable
from functools import lru_cache
from typing import TypeVar

H = TypeVar("H", bound=Hashable)


def shared(value: H) -> H:
    """An equal value that others hold already, or this one."""
    found: H = _kept(value)
    return found


@lru_cache(4096)
def _kept(value: H) -> H:
    return value
