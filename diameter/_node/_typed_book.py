"""Answers of one link counted, written for C types: the twin of `_node._core_book`, built as `_ccore_book`."""

from __future__ import annotations

from typing import Any

import diameter.wire._octets as o
from diameter._node._core_book import KEPT
from diameter._node.tally import HEADER, USUAL


class Book:
    """The counts of one link in one direction, found without its peer's name."""

    __slots__ = ("_counts", "_outgoing", "_peer", "_tally")

    def __init__(self, tally: Any, peer: str, outgoing: bool) -> None:
        self._tally = tally
        self._peer = peer
        self._outgoing = outgoing
        self._counts: dict[bytes, list[int]] = {}

    def count(self, octets: bytes) -> None:
        """As `Tally.count`, by one."""
        at = octets.find(USUAL, HEADER)
        if at >= 0 and at & 3 == 0 and at + 12 <= len(octets):
            key = o.pieces(octets, 5, 12, at + 8, at + 12, 0, 0, 0, 0)
        else:
            key = self._tally.key(octets)
        found = self._counts.get(key)
        if found is None:
            found = self._tally.found(self._peer, octets, self._outgoing)
            if len(self._counts) < KEPT:
                self._counts[key] = found
        count = found
        count[0] += 1
