"""SCTP packets to messages: chunks, fragments, repetitions (RFC 9260, I-DATA of RFC 8260).

A message of SCTP is a Diameter message as it is, so each is given out when it is whole; nothing waits for what went
before it.  What has been there before is told by its TSN, on whatever path it came again.
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct
from typing import Final, NamedTuple

DATA: Final = 0
INIT: Final = 1
INIT_ACK: Final = 2
SACK: Final = 3
HEARTBEAT: Final = 4
ABORT: Final = 6
SHUTDOWN: Final = 7
ERROR: Final = 9
I_DATA: Final = 64
_LAST: Final = 1
_FIRST: Final = 2
_UNORDERED: Final = 4
DIAMETER: Final = 46
DIAMETER_DTLS: Final = 47
"""Payload protocol identifiers (RFC 6733 section 11.4)."""
HELD_LIMIT: Final = 1 << 24
HELD_CHUNKS: Final = 1 << 14
"""Octets and chunks of fragments that may wait; beyond it those that came first are given up."""
WINDOW: Final = 1 << 16
"""TSNs ahead or behind that belong to the same association."""
AHEAD: Final = 4096
"""TSNs remembered beyond the first that is missing; more, and what is missing was not captured."""
_WRAP: Final = 1 << 32
_HALF: Final = 1 << 31
_chunk = Struct(">BBH").unpack_from
_data = Struct(">IHHI").unpack_from
_i_data = Struct(">IHHII").unpack_from
CAUSES: Final[dict[int, str]] = {
    1: "invalid stream identifier", 2: "missing mandatory parameter", 3: "stale cookie", 4: "out of resource",
    5: "unresolvable address", 6: "unrecognized chunk type", 7: "invalid mandatory parameter",
    8: "unrecognized parameters", 9: "no user data", 10: "cookie received while shutting down",
    11: "restart with new addresses", 12: "user-initiated abort", 13: "protocol violation",
}  # fmt: skip


def plausible(data: bytes, at: int, end: int) -> bool:
    """Whether an SCTP packet stands in data[at:end]: chunks of known types that fill it; for UDP on odd ports."""
    at += 12
    if end - at < 4 or end - at & 3:
        return False
    while at + 4 <= end:
        kind, _, length = _chunk(data, at)
        if (kind > 15 and kind not in (I_DATA, 0x80, 0x82, 0x84, 0xC0, 0xC1, 0xC2)) or length < 4:
            return False
        at += length + (-length & 3)
    return at == end


class Chunk(NamedTuple):
    """One user message.  `first`: TSN of its first chunk."""

    octets: bytes
    stream: int
    ppid: int
    first: int


class SctpLane:
    """One direction of an association: DATA chunks in, user messages out.

    `again`: octets that the last chunk repeated.  `missing`: TSNs that were never captured; `gap` is set when a message
    came behind such a one, `late` when it came before one that belongs in front of it; who reads them clears them.
    """

    __slots__ = (
        "_above", "_before", "_interleaved", "_parts", "_size", "_start", "again", "gap", "late", "missing", "next",
    )  # fmt: skip

    def __init__(self, first: int = -1) -> None:
        self.next = self._start = first
        """The TSN that is due; -1 before any was seen."""
        self.again = 0
        self.missing = 0
        self.gap = self.late = False
        self._above: set[int] = set()
        self._before: set[int] | None = set() if first < 0 else None
        self._parts: dict[int, tuple[int, int, int, bytes]] = {}
        self._interleaved: dict[tuple[int, int, int], dict[int, tuple[int, int, bytes]]] = {}
        self._size = 0

    @property
    def held(self) -> int:
        """Octets waiting for the rest of their message."""
        return self._size

    def data(self, packet: bytes, at: int, end: int, flags: int) -> Chunk | None:
        """One DATA chunk whose value is packet[at:end]; the message that it completes."""
        if end - at < 12:
            return None
        tsn, stream, _, ppid = _data(packet, at)
        octets = packet[at + 12 : end]
        if tsn == self.next:
            self.next = (tsn + 1) % _WRAP
            if self._above:
                self._advance()
        elif not self._new(tsn):
            self.again = len(octets)
            return None
        if flags & 3 == 3:
            return Chunk(octets, stream, ppid, tsn)
        return self._part(tsn, flags, stream, ppid, octets)

    def i_data(self, packet: bytes, at: int, end: int, flags: int) -> Chunk | None:
        """The same of an I-DATA chunk."""
        if end - at < 16:
            return None
        tsn, stream, _, number, word = _i_data(packet, at)
        octets = packet[at + 16 : end]
        if not self._new(tsn):
            self.again = len(octets)
            return None
        if flags & 3 == 3:
            return Chunk(octets, stream, word, tsn)
        parts = self._interleaved.setdefault((stream, flags & _UNORDERED, number), {})
        place = 0 if flags & _FIRST else word
        parts[place] = (flags, word if flags & _FIRST else 0, octets)
        self._count(len(octets))
        last = next((one for one, part in parts.items() if part[0] & _LAST), -1)
        if 0 not in parts or last < 0 or len(parts) <= last or any(one not in parts for one in range(last + 1)):
            return None
        self._interleaved.pop((stream, flags & _UNORDERED, number), None)
        whole = b"".join(parts[one][2] for one in range(last + 1))
        self._size = max(0, self._size - len(whole))
        return Chunk(whole, stream, parts[0][1], tsn)

    # ---- what has been there -----------------------------------------------------------------------------------------

    def _new(self, tsn: int) -> bool:
        """Note a TSN; False when it was there before."""
        if self.next < 0:
            self.next = self._start = tsn
        ahead = (tsn - self.next) % _WRAP
        if ahead == 0:
            self.next = (tsn + 1) % _WRAP
            self._advance()
            return True
        if ahead >= _HALF:
            return self._old(tsn, _WRAP - ahead)
        if ahead > WINDOW:
            self._forget(tsn)
            return True
        if tsn in self._above:
            return False
        self._above.add(tsn)
        self.late = True
        if len(self._above) > AHEAD:
            first = min(self._above, key=lambda one: (one - self.next) % _WRAP)
            self.missing += (first - self.next) % _WRAP
            self.gap = True
            self.next = first
            self._advance()
        return True

    def _old(self, tsn: int, behind: int) -> bool:
        """A TSN before the one that is due: a repetition, or from before the capture began."""
        if behind > WINDOW:
            self._forget(tsn)
            return True
        before = self._before
        if before is None or tsn in before or not 0 < (self._start - tsn) % _WRAP <= AHEAD:
            return False
        before.add(tsn)
        return True

    def _forget(self, tsn: int) -> None:
        """Another association under the same tag, or a very long gap."""
        self._above.clear()
        self._parts.clear()
        self._interleaved.clear()
        self._size = 0
        self.gap = True
        self.next = (tsn + 1) % _WRAP

    def _advance(self) -> None:
        above = self._above
        while self.next in above:
            above.discard(self.next)
            self.next = (self.next + 1) % _WRAP

    # ---- fragments ---------------------------------------------------------------------------------------------------

    def _part(self, tsn: int, flags: int, stream: int, ppid: int, octets: bytes) -> Chunk | None:
        parts = self._parts
        parts[tsn] = (flags, stream, ppid, octets)
        self._count(len(octets))
        last = tsn
        while not parts[last][0] & _LAST:
            last = (last + 1) % _WRAP
            if last not in parts or parts[last][0] & _FIRST:
                return None
        first = tsn
        while not parts[first][0] & _FIRST:
            first = (first - 1) % _WRAP
            if first not in parts or parts[first][0] & _LAST:
                return None
        pieces = [parts.pop((first + one) % _WRAP) for one in range((last - first) % _WRAP + 1)]
        whole = b"".join(piece[3] for piece in pieces)
        self._size = max(0, self._size - len(whole))
        return Chunk(whole, pieces[0][1], pieces[0][2], first)

    def _count(self, octets: int) -> None:
        """Keep within the limits; the message whose fragments came first is the one that is given up."""
        self._size += octets
        while self._size > HELD_LIMIT or len(self._parts) > HELD_CHUNKS:
            if not self._parts:
                self._interleaved.clear()
                self._size = 0
                return
            self._size -= len(self._parts.pop(next(iter(self._parts)))[3])
        if len(self._interleaved) > 1024:
            del self._interleaved[next(iter(self._interleaved))]


def addresses(packet: bytes, at: int, end: int) -> Iterator[bytes]:
    """The addresses that INIT or INIT ACK lists; packet[at:end] is the chunk's value (RFC 9260 section 3.3.2.1)."""
    at += 16
    while at + 4 <= end:
        kind, length = int.from_bytes(packet[at : at + 2]), int.from_bytes(packet[at + 2 : at + 4])
        if length < 4:
            return
        if kind in (5, 6) and at + length <= end:
            yield packet[at + 4 : at + length]
        at += length + (-length & 3)


def cause(packet: bytes, at: int, end: int) -> str:
    """The first cause of ABORT or ERROR in words."""
    if end - at < 4:
        return ""
    code, length = int.from_bytes(packet[at : at + 2]), int.from_bytes(packet[at + 2 : at + 4])
    text = CAUSES.get(code, f"cause {code}")
    said = packet[at + 4 : min(at + length, end)]
    return f"{text}: {said.decode()}" if code == 12 and said.isascii() and said.decode().isprintable() else text
