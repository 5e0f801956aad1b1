"""Copies of one request: sent again after a failover, with the same End-to-End Identifier (RFC 6733 section 5.5.4).

A copy is no replay and takes no second token: it gets the answer of the first, or goes the way of the first, where
whoever is asked knows it as well.  It is one only when all of it is the same but for what agents on its way write.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Final

from diameter import Message, encode
from diameter.config import Limits
from diameter.routing.duplicates import Duplicates, again
from nfs.mtc_sgw.bounded import Bounded

WRITTEN_BY_AGENTS: Final = frozenset((282, 284))
"""Route-Record, Proxy-Info."""


class Copies:
    """Requests that have passed, and their answers.  clock: seconds.  limits: bounds of what any node keeps."""

    def __init__(self, limits: Limits, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._window_s = limits.duplicate_window_s
        self._passed: Bounded[bytes, float] = Bounded(max(limits.duplicate_answers, 1))
        self._answers: Duplicates[None] = Duplicates(
            answers=limits.duplicate_answers, octets=limits.duplicate_octets, window_s=limits.duplicate_window_s
        )

    def known(self, mark: bytes) -> bool:
        """Whether a request with this mark has passed within the window."""
        at = self._passed.get(mark)
        return at is not None and 0 <= self._clock() - at < self._window_s

    def answer(self, mark: bytes, request: Message) -> Message | None:
        """What the first of them was answered, under the identifiers of `request`."""
        octets = self._answers.answer(mark)
        return None if octets is None else Message(again(octets, request), request.dictionary)

    def passed(self, mark: bytes) -> None:
        """A request goes on."""
        self._passed.put(mark, self._clock())

    def answered(self, mark: bytes, answer: Message) -> None:
        """It has its answer."""
        self._answers.keep(mark, encode(answer), self._clock())


def mark_of(request: Message) -> bytes:
    """What all copies of a request have in common and no other has."""
    octets = request.octets
    body = octets[20:]
    if not WRITTEN_BY_AGENTS.isdisjoint(request.keys):
        body = b"".join(avp.octets for avp in request.avps if avp.code not in WRITTEN_BY_AGENTS)
    return hashlib.blake2b(octets[5:12] + octets[16:20] + body, digest_size=16).digest()
