"""Answers to requests while a capture is read: same link, other direction, same identifiers (RFC 6733 section 6.2)."""

from __future__ import annotations

from typing import Final, Generic, NamedTuple, TypeVar

from diameter.capture.records import Captured

WAITING: Final = 65_536
"""Requests remembered that have no answer yet; beyond it the oldest is forgotten."""
T = TypeVar("T")


class Asked(NamedTuple, Generic[T]):
    """The request of an answer.  `latency_ns`: from it to the answer, as captured; `mark`: what was noted of it."""

    frame: int
    latency_ns: int
    mark: T


class Pairing(Generic[T]):
    """Feed it every message in order.  `mark` may be anything that is wanted back with the answer."""

    __slots__ = ("_waiting",)

    def __init__(self) -> None:
        self._waiting: dict[tuple[object, ...], tuple[int, int, T]] = {}

    def request(self, captured: Captured, mark: T) -> None:
        """Remember a request."""
        waiting = self._waiting
        if len(waiting) >= WAITING:
            del waiting[next(iter(waiting))]
        key = captured[10], captured[1], captured[3][12:20]
        waiting[key] = captured[0], captured[6], mark

    def answer(self, captured: Captured) -> Asked[T] | None:
        """The request that this answers; None when it was not captured."""
        found = self._waiting.pop((captured[10], captured[2], captured[3][12:20]), None)
        return None if found is None else Asked(found[1], captured[0] - found[0], found[2])
