"""How an SCTP association ends: the cause in words, and the messages of which nothing had been sent."""

from __future__ import annotations

from typing import Final

from diameter.transport.sctp_events import Lost, SendFailed

CAUSES: Final = {
    3: "stale cookie",
    4: "the peer is out of resources",
    11: "restart with new addresses",
    12: "aborted by the peer",
    13: "protocol violation",
}
"""Error causes of RFC 9260 section 3.3.10, in words."""


class Unsent:
    """Messages that came back; the kernel tells of each piece by piece."""

    __slots__ = ("_pieces", "messages")

    def __init__(self) -> None:
        self._pieces: list[SendFailed] = []
        self.messages: list[bytes] = []
        """Those that are whole, in order."""

    def take(self, event: SendFailed) -> None:
        """Keep a message of which nothing was sent."""
        if event.first:
            self._pieces.clear()
        self._pieces.append(event)
        if event.last:
            whole = self._pieces[0].first and not any(piece.sent for piece in self._pieces)
            if whole:
                self.messages.append(b"".join(piece.data for piece in self._pieces))
            self._pieces.clear()


def cause_of(event: Lost) -> str:
    """Why an association ended, in words; "" when only the error of its socket says."""
    if not event.error:
        return ""
    text = CAUSES.get(event.error, f"error cause {event.error}")
    return f"the association could not be made: {text}" if event.failed_to_start else f"association lost: {text}"
