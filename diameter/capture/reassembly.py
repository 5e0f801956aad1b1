"""TCP segments to the octets of a stream: each direction of each connection is one lane (RFC 9293).

Segments that come again or overlap are cut to what is new, one that comes early waits for those before it.  A capture
misses packets for good now and then; when too much waits, or what waits has been acknowledged by the other side, the
lane goes on behind the gap, and whoever reads the stream must look for a beginning again.
"""

from __future__ import annotations

from typing import Final

EARLY_LIMIT: Final = 1 << 20
"""Octets that may wait for a lost segment before the stream goes on without it."""
EARLY_SEGMENTS: Final = 1024
"""Segments that may."""
FIN: Final = 1
SYN: Final = 2
RST: Final = 4
ACK: Final = 16
_WRAP: Final = 1 << 32
_HALF: Final = 1 << 31
PATIENCE_NS: Final = 1_000_000_000
"""How long a segment waits whose predecessors the receiver has acknowledged: they were not captured."""
LONG_NS: Final = 10 * PATIENCE_NS
"""How long where nobody acknowledges."""
ACKNOWLEDGEMENTS: Final = 8
"""So many of them are as good as PATIENCE_NS; not the first, because packets are also captured in another order."""
_FAR: Final = 1 << 26
"""Octets ahead or behind that no window spans: another connection on the same ports."""


class TcpLane:
    """One direction: segments in, runs of octets out.

    `gap` is set when octets were lost before what was last given out, `late` when it had to wait, `again` to the
    number of octets that the last segment repeated; who reads them clears them.
    """

    __slots__ = ("_early", "_since_ns", "_told", "again", "gap", "late", "next", "waiting")

    def __init__(self, sequence: int) -> None:
        self.next = sequence
        """Sequence number of the octet that is due."""
        self.waiting = 0
        self.gap = self.late = False
        self.again = 0
        self._told = self._since_ns = 0
        self._early: dict[int, bytes] = {}

    def feed(self, sequence: int, payload: bytes, now_ns: int) -> bytes:
        """What has become due with this segment, maybe nothing."""
        ahead = (sequence - self.next) % _WRAP
        if ahead == 0:
            self.next = (sequence + len(payload)) % _WRAP
            return payload if not self._early else payload + self._due()
        if ahead < _HALF:
            if ahead > _FAR:
                return self._restart(sequence, payload)
            return self._wait(sequence, payload, now_ns)
        behind = _WRAP - ahead
        if behind > _FAR:
            return self._restart(sequence, payload)
        self.again = min(len(payload), behind)
        if behind >= len(payload):
            return b""
        fresh = payload[behind:]
        self.next = (self.next + len(fresh)) % _WRAP
        return fresh + self._due() if self._early else fresh

    def acknowledged(self, number: int, now_ns: int) -> bytes:
        """The receiver has everything before `number`; what has become due because nothing more will come."""
        if not self._early:
            return b""
        nearest = self._nearest()
        if not 0 < (number - nearest) % _WRAP < _FAR:
            return b""
        self._told += 1
        if self._told < ACKNOWLEDGEMENTS and now_ns - self._since_ns < PATIENCE_NS:
            return b""
        return self._skip(nearest)

    def finish(self) -> bytes:
        """Nothing more comes: what still waits, behind its gap."""
        return self._skip(self._nearest()) if self._early else b""

    def _nearest(self) -> int:
        return min(self._early, key=lambda sequence: (sequence - self.next) % _WRAP)

    def _restart(self, sequence: int, payload: bytes) -> bytes:
        self._early.clear()
        self.waiting = 0
        self.gap = True
        self.next = (sequence + len(payload)) % _WRAP
        return payload

    def _wait(self, sequence: int, payload: bytes, now_ns: int) -> bytes:
        if not payload:
            return b""
        if not self._early:
            self._since_ns, self._told = now_ns, 0
        known = self._early.get(sequence, b"")
        if len(payload) <= len(known):
            self.again = len(payload)
            return b""
        self.waiting += len(payload) - len(known)
        self._early[sequence] = payload
        full = self.waiting > EARLY_LIMIT or len(self._early) > EARLY_SEGMENTS
        if full or now_ns - self._since_ns > LONG_NS:
            return self._skip(self._nearest())
        return b""

    def _skip(self, nearest: int) -> bytes:
        """Octets are lost for good: go on at the first waiting segment."""
        self.gap = True
        self.next = nearest
        self._told = 0
        return self._due()

    def _due(self) -> bytes:
        """Everything that waited and has become due."""
        early = self._early
        due: list[bytes] = []
        for sequence in sorted(early, key=lambda one: (one - self.next + _FAR) % _WRAP):
            behind = (self.next - sequence) % _WRAP
            if behind > _FAR:
                break
            payload = early.pop(sequence)
            self.waiting -= len(payload)
            fresh = payload[behind:]
            if fresh:
                due.append(fresh)
                self.next = (self.next + len(fresh)) % _WRAP
        if due:
            self.late = True
        return b"".join(due)
