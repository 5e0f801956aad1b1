"""Records in an order that OpenSSL takes, each once.

OpenSSL drops, without a word, a DTLS record whose number lags the highest one by 64 or more.  SCTP delivers streams
independently, so a valid record may lag by any number; since SCTP is reliable, what is missing always comes.  A record
that runs 64 or more ahead of the lowest missing one is therefore held back until that gap is closed: no valid record
ever meets the window, and a number that was there before is still refused.

Rejected: one ordered stream for everything, which brings back the head-of-line blocking that SCTP is there to avoid; at
most 63 records in flight, which asks the kernel for the state of the association at each message and helps only with
peers that do the same.
"""

from __future__ import annotations

from heapq import heappop, heappush
from typing import Final

from diameter.security.link import ProtectionFailed

WINDOW: Final = 64
"""Numbers that OpenSSL tells apart."""
HELD: Final = 8192
"""Records held back, at most: twice the distance between TSNs that Linux allows."""
HELD_OCTETS: Final = 16_777_216


class HoldBack:
    """The records of one epoch, by number.  `replayed`: refused because their number was there before."""

    __slots__ = ("_ahead", "_held", "_octets", "_order", "missing", "replayed")

    def __init__(self) -> None:
        self.missing = 0
        """The lowest number that has not been let through."""
        self.replayed = 0
        self._ahead: set[int] = set()
        self._held: dict[int, bytes] = {}
        self._order: list[int] = []
        self._octets = 0

    @property
    def held(self) -> int:
        """Records that wait."""
        return len(self._held)

    def admit(self, number: int, record: bytes) -> bool:
        """True when this record may be opened now.  Otherwise it is held back, or refused as a replay.

        Raises ProtectionFailed when too much is held back: what is missing will not come.
        """
        if number < self.missing or number in self._ahead or number in self._held:
            self.replayed += 1
            return False
        if number < self.missing + WINDOW:
            return True
        if len(self._held) >= HELD or self._octets + len(record) > HELD_OCTETS:
            raise ProtectionFailed(f"DTLS record {self.missing} is missing, {len(self._held)} later ones have arrived")
        self._held[number] = record
        self._octets += len(record)
        heappush(self._order, number)
        return False

    def passed(self, number: int) -> None:
        """The record with this number was genuine and is used up."""
        if number != self.missing:
            self._ahead.add(number)
            return
        number += 1
        ahead = self._ahead
        while ahead and number in ahead:
            ahead.remove(number)
            number += 1
        self.missing = number

    def next_held(self) -> tuple[int, bytes] | None:
        """Hand out a record that need not be held back any longer, lowest number first."""
        if not self._order or self._order[0] >= self.missing + WINDOW:
            return None
        number = heappop(self._order)
        record = self._held.pop(number)
        self._octets -= len(record)
        return number, record
