"""Answers of one link counted, for the interpreter; `_node._typed_book` is the same for C types."""

from __future__ import annotations

from typing import Final

from diameter._node.tally import HEADER, USUAL, Tally

KEPT: Final = 64
"""Rows that a link finds by itself."""


class Book:
    """The counts of one link in one direction, found without its peer's name."""

    __slots__ = ("_counts", "_outgoing", "_peer", "_tally")

    def __init__(self, tally: Tally, peer: str, outgoing: bool) -> None:
        self._tally = tally
        self._peer = peer
        self._outgoing = outgoing
        self._counts: dict[bytes, list[int]] = {}

    def count(self, octets: bytes) -> None:
        """As `Tally.count`, by one."""
        at = octets.find(USUAL, HEADER)
        key = octets[5:12] + octets[at + 8 : at + 12] if at >= 0 and not at & 3 else self._tally.key(octets)
        count = self._counts.get(key)
        if count is None:
            count = self._tally.found(self._peer, octets, self._outgoing)
            if len(self._counts) < KEPT:
                self._counts[key] = count
        count[0] += 1
