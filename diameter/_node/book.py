"""Answers of one link counted: compiled or in Python, as `wire.core` chooses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from diameter.wire.core import NAME

if TYPE_CHECKING or NAME == "pure":
    from diameter._node._core_book import Book
else:
    from diameter._node._ccore_book import Book

__all__ = ["Book"]
