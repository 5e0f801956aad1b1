"""The last messages of a node, kept in memory for whoever looks at it; watchdogs are not worth their place."""

from __future__ import annotations

from collections import deque
from typing import Any, Final

from diameter.capture.lanes import Link, comment_of
from diameter.capture.records import Captured

WATCHDOG: Final = b"\x00\x01\x18"
OCTETS: Final = 1 << 22
"""Octets of messages that are kept at most, whatever their number."""


class Recent:
    """A tap for a node that keeps the last `limit` messages, and passes everything on to `writer`, a tap as well.

    Keeping a message is keeping a reference to octets that are there already.
    """

    __slots__ = ("_kept", "_limit", "_octets", "writer")

    def __init__(self, limit: int, writer: Any = None) -> None:
        self._kept: deque[tuple[float, bool, Link, bytes, str]] = deque()
        self._limit = limit
        self._octets = 0
        self.writer = writer

    def message(self, time: float, outgoing: bool, link: Link, octets: bytes, peer: str = "") -> None:
        """One whole message (see `CaptureWriter.message`)."""
        if octets[5:8] != WATCHDOG:
            kept = self._kept
            kept.append((time, outgoing, link, octets, peer))
            self._octets += len(octets)
            while len(kept) > self._limit or self._octets > OCTETS:
                self._octets -= len(kept.popleft()[3])
        if self.writer is not None:
            self.writer.message(time, outgoing, link, octets, peer)

    def event(self, time: float, link: Link | None, name: str, text: str) -> None:
        """Something that happened to a link: not kept."""
        if self.writer is not None:
            self.writer.event(time, link, name, text)

    def records(self) -> list[Captured]:
        """The messages that are kept, oldest first."""
        return [_captured(*one) for one in tuple(self._kept)]


def _captured(time: float, outgoing: bool, link: Link, octets: bytes, peer: str) -> Captured:
    source, destination = (link.local, link.remote) if outgoing else (link.remote, link.local)
    return Captured(
        time_ns=round(time * 1e6) * 1000,
        source=source,
        destination=destination,
        octets=octets,
        transport=link.transport,
        outgoing=outgoing,
        comment=comment_of(link, outgoing, peer),
    )
