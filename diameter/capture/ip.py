"""IPv4 and IPv6: from a packet to what it carries, with fragments put together (RFC 791, RFC 8200, RFC 5722).

No object per packet: addresses stay octets, the payload stays where it is, said by two offsets.
"""

from __future__ import annotations

from typing import Final

TCP: Final = 6
UDP: Final = 17
SCTP: Final = 132
_FRAGMENT: Final = 44
_HEADERS: Final = frozenset({0, 43, 60, 135, 139, 140, 253, 254})
"""IPv6 extension headers of the usual form: hop-by-hop, routing, destination options and the like."""
_AUTHENTICATION: Final = 51
DATAGRAMS: Final = 256
"""Datagrams that may wait for fragments; beyond it the oldest is given up."""
DEEPEST: Final = 4
"""IP in IP in IP."""

Carried = tuple[int, bytes, bytes, int, int]
"""Protocol, source and destination address one behind the other, octets, start and end of the payload in them."""
NOTHING: Final[Carried] = (-1, b"", b"", 0, 0)
"""No IP."""
HELD: Final[Carried] = (-2, b"", b"", 0, 0)
"""A fragment that completes nothing yet."""


class Datagrams:
    """IP packets in, payloads out; holds fragments.  `lost`: fragments given up, because too many waited."""

    __slots__ = ("_waiting", "lost")

    def __init__(self) -> None:
        self.lost = 0
        self._waiting: dict[bytes, _Pieces] = {}

    @property
    def incomplete(self) -> int:
        """Fragments that never became a whole datagram."""
        return self.lost + sum(len(pieces.at) for pieces in self._waiting.values())

    def carried(self, data: bytes, at: int, depth: int = 0) -> Carried:
        """What the IP packet at `at` carries; NOTHING where there is none, HELD for a fragment.  Never raises."""
        size = len(data)
        if at + 20 > size:
            return NOTHING
        first = data[at]
        if first >> 4 == 4:
            header = (first & 15) * 4
            start = at + header
            end = at + (data[at + 2] << 8 | data[at + 3]) or size
            if end == at or end > size:  # segmentation offload leaves no length
                end = size
            if header < 20 or start > end:
                return NOTHING
            place = (data[at + 6] << 8 | data[at + 7]) & 0x3FFF
            protocol, hosts = data[at + 9], data[at + 12 : at + 20]
            if place:
                key = data[at + 4 : at + 6] + data[at + 9 : at + 10] + hosts
                more = bool(place & 0x2000)
                return self._piece(key, protocol, hosts, data[start:end], (place & 0x1FFF) * 8, more, depth)
        elif first >> 4 == 6:
            return self._six(data, at, size, depth)
        else:
            return NOTHING
        if protocol in (4, 41) and depth < DEEPEST:
            return self.carried(data[:end], start, depth + 1)
        return protocol, hosts, data, start, end

    def _six(self, data: bytes, at: int, size: int, depth: int) -> Carried:
        if at + 40 > size:
            return NOTHING
        hosts = data[at + 8 : at + 40]
        end = at + 40 + (data[at + 4] << 8 | data[at + 5])
        if end == at + 40 or end > size:  # a jumbogram or segmentation offload
            end = size
        protocol, start = data[at + 6], at + 40
        while protocol not in (TCP, SCTP, UDP):
            if start + 8 > end:
                return NOTHING
            if protocol in _HEADERS:
                protocol, start = data[start], start + 8 + data[start + 1] * 8
            elif protocol == _AUTHENTICATION:
                protocol, start = data[start], start + 8 + data[start + 1] * 4
            elif protocol == _FRAGMENT:
                place = data[start + 2] << 8 | data[start + 3]
                if place & 0xFFF9:
                    key = data[start + 4 : start + 8] + hosts
                    rest = data[start + 8 : end]
                    return self._piece(key, data[start], hosts, rest, place & 0xFFF8, bool(place & 1), depth)
                protocol, start = data[start], start + 8
            elif protocol in (4, 41) and depth < DEEPEST:
                return self.carried(data[:end], start, depth + 1)
            else:
                break
        return (protocol, hosts, data, start, end) if start <= end else NOTHING

    def _piece(
        self, key: bytes, protocol: int, hosts: bytes, piece: bytes, offset: int, more: bool, depth: int
    ) -> Carried:
        waiting = self._waiting
        pieces = waiting.get(key)
        if pieces is None:
            if len(waiting) >= DATAGRAMS:
                self.lost += len(waiting.pop(next(iter(waiting))).at)
            pieces = waiting[key] = _Pieces()
        if offset == 0:
            pieces.protocol = protocol
        whole = pieces.add(offset, piece, more)
        if not whole:
            return HELD
        del waiting[key]
        if pieces.protocol in (4, 41) and depth < DEEPEST:
            return self.carried(whole, 0, depth + 1)
        return pieces.protocol, hosts, whole, 0, len(whole)


class _Pieces:
    """Fragments of one datagram, by offset.  Where they overlap, what came first stays."""

    __slots__ = ("at", "end", "protocol")

    def __init__(self) -> None:
        self.at: dict[int, bytes] = {}
        self.end = -1
        self.protocol = 0

    def add(self, offset: int, piece: bytes, more: bool) -> bytes:
        """The whole datagram when nothing is missing any longer, else b""."""
        if not more:
            self.end = offset + len(piece)
        if len(piece) > len(self.at.get(offset, b"")):
            self.at[offset] = self.at.get(offset, b"") + piece[len(self.at.get(offset, b"")) :]
        if self.end < 0 or len(self.at) > 8192:
            return b""
        whole = bytearray()
        for start in sorted(self.at):
            if start > len(whole):
                return b""
            whole += self.at[start][len(whole) - start :]
        return bytes(whole[: self.end]) if len(whole) >= self.end else b""
