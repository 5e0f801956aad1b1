"""TCP segments to Diameter messages: each direction of each connection is one stream (RFC 9293, RFC 6733 section 2.1).

Segments that come again or overlap are cut to what is new, one that comes early waits for those before it.  A stream
whose beginning was not captured is joined at the first segment that starts like a Diameter header; so is one that has
lost octets for good.  A stream that never looks like Diameter (TLS, HTTP) costs its first octets and no more.
"""

from __future__ import annotations

from typing import Final

from diameter.capture.layers import FIN, RST, SYN, Segment
from diameter.capture.records import Endpoint
from diameter.wire.framing import Framer

MESSAGE_LIMIT: Final = (1 << 24) - 4
"""Octets: as long as Message Length can say; a tool shows what a node would refuse."""
EARLY_LIMIT: Final = 1 << 20
"""Octets that may wait for a lost segment before the stream goes on without it."""
EARLY_SEGMENTS: Final = 1024
"""Segments that may; each one is looked at whenever the stream moves on."""
STREAM_LIMIT: Final = 65_536
"""Directions followed at once; beyond it the oldest is dropped."""
_WRAP: Final = 1 << 32


class TcpReassembly:
    """All streams of a capture.  `unframed`: octets of Diameter streams that belong to no message."""

    def __init__(self) -> None:
        self.unframed = 0
        self._streams: dict[tuple[Endpoint, Endpoint], _Stream] = {}

    def feed(self, segment: Segment) -> list[bytes]:
        """The messages that this segment completes, in order."""
        key = (segment.source, segment.destination)
        stream = self._streams.get(key)
        if stream is None or segment.flags & SYN:
            if stream is None and len(self._streams) >= STREAM_LIMIT:
                self._end(next(iter(self._streams)))
            elif stream is not None:
                self.unframed += stream.left
            stream = self._streams[key] = _Stream(segment)
        messages = stream.feed((segment.sequence + bool(segment.flags & SYN)) % _WRAP, segment.payload)
        if segment.flags & (FIN | RST) and not stream.waiting:
            self._end(key)
        return messages

    def _end(self, key: tuple[Endpoint, Endpoint]) -> None:
        self.unframed += self._streams.pop(key).left


class _Stream:
    __slots__ = ("_early", "_framer", "_next", "_synchronised", "unframed", "waiting")

    def __init__(self, first: Segment) -> None:
        self._next = (first.sequence + bool(first.flags & SYN)) % _WRAP
        self._framer = Framer(MESSAGE_LIMIT)
        self._synchronised = False
        self._early: dict[int, bytes] = {}
        self.waiting = 0
        self.unframed = 0

    @property
    def left(self) -> int:
        """Octets that became no message, those still held included."""
        return self.unframed + self._framer.buffered + self.waiting

    def feed(self, sequence: int, payload: bytes) -> list[bytes]:
        if not payload:
            return []
        ahead = (sequence - self._next) % _WRAP
        if ahead and ahead < _WRAP // 2:
            self.waiting += len(payload) - len(self._early.get(sequence, b""))
            self._early[sequence] = payload
            full = self.waiting > EARLY_LIMIT or len(self._early) > EARLY_SEGMENTS
            return self._skip() if full else []
        messages = self._advance(payload[(_WRAP - ahead) % _WRAP :])
        while self._early:
            messages_of_early = self._take_early()
            if messages_of_early is None:
                break
            messages += messages_of_early
        return messages

    def _take_early(self) -> list[bytes] | None:
        """A waiting segment that has become due; None when all still wait."""
        for sequence, payload in self._early.items():
            behind = (self._next - sequence) % _WRAP
            if behind < _WRAP // 2:
                del self._early[sequence]
                self.waiting -= len(payload)
                return self._advance(payload[behind:])
        return None

    def _skip(self) -> list[bytes]:
        """Octets are lost for good: go on at the first waiting segment, as if the capture began there."""
        nearest = min(self._early, key=lambda sequence: (sequence - self._next) % _WRAP)
        self._lose()
        self._next = nearest
        payload = self._early.pop(nearest)
        self.waiting -= len(payload)
        return self.feed(nearest, payload)

    def _advance(self, octets: bytes) -> list[bytes]:
        self._next = (self._next + len(octets)) % _WRAP
        if not octets:
            return []
        if not self._synchronised:
            if not looks_like_diameter(octets):
                return []
            self._synchronised = True
        messages = self._framer.feed(octets)
        if self._framer.fault is not None:
            self._lose()
        return messages

    def _lose(self) -> None:
        """Position is lost: what is held is no message, and a new one is looked for."""
        self.unframed += self._framer.buffered
        self._framer = Framer(MESSAGE_LIMIT)
        self._synchronised = False


def looks_like_diameter(octets: bytes) -> bool:
    """Whether `octets` may be the beginning of a message: version 1, a possible length, no reserved flag."""
    if len(octets) < 5:
        return octets[:1] == b"\x01"
    length = int.from_bytes(octets[1:4])
    return octets[0] == 1 and length >= 20 and not length & 3 and not octets[4] & 0x0F
