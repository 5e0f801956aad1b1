"""A TCP connection made up around messages that were read and written through a socket.

The kernel keeps the real segments to itself; what the node knows is addresses, ports and octets.  Sequence numbers
therefore start at 0, every message starts a segment, acknowledgements are those of a receiver that is never late, and
checksums are right.
"""

from __future__ import annotations

import struct
from typing import Final

from diameter.capture.ipframes import TCP, complement, ip_packet, ones_sum, packed_pair
from diameter.capture.records import Endpoint

MAX_SEGMENT: Final = 65_000
"""Octets of payload per packet: an IPv4 packet holds 65,535 with its headers."""
_FIN: Final = 0x01
_SYN: Final = 0x02
_RST: Final = 0x04
_PUSH: Final = 0x08
_ACK: Final = 0x10
_WINDOW: Final = 65_535


class TcpStream:
    """Packets of one connection.  Side 0 is the client: the end whose port is not the well-known one."""

    __slots__ = ("_next", "_ports", "_pseudo", "opened")

    def __init__(self, client: Endpoint, server: Endpoint) -> None:
        one, other = packed_pair(client, server)
        self._pseudo = (one + other, other + one)
        self._ports = ((client[1], server[1]), (server[1], client[1]))
        self._next = [0, 0]
        self.opened = False

    def handshake(self) -> list[bytes]:
        """SYN, SYN-ACK, ACK; then both sides count from 1."""
        self.opened = True
        first = self._packet(0, _SYN, b"")
        self._next[0] = 1
        second = self._packet(1, _SYN | _ACK, b"")
        self._next[1] = 1
        return [first, second, self._packet(0, _ACK, b"")]

    def data(self, side: int, octets: bytes) -> list[bytes]:
        """The packets that carry `octets` from `side`; more than one only above MAX_SEGMENT."""
        packets = []
        for at in range(0, len(octets), MAX_SEGMENT):
            piece = octets[at : at + MAX_SEGMENT]
            packets.append(self._packet(side, _PUSH | _ACK, piece))
            self._next[side] = (self._next[side] + len(piece)) & 0xFFFFFFFF
        return packets

    def close(self, side: int, *, reset: bool = False) -> list[bytes]:
        """FIN of `side`, FIN of the other, last ACK; or one RST."""
        self.opened = False
        if reset:
            return [self._packet(side, _RST | _ACK, b"")]
        packets = []
        for end in (side, 1 - side):
            packets.append(self._packet(end, _FIN | _ACK, b""))
            self._next[end] = (self._next[end] + 1) & 0xFFFFFFFF
        return [*packets, self._packet(side, _ACK, b"")]

    def _packet(self, side: int, flags: int, payload: bytes) -> bytes:
        source, destination = self._ports[side]
        acknowledged = self._next[1 - side] if flags & _ACK else 0
        segment = struct.pack(
            ">HHIIBBHHH", source, destination, self._next[side], acknowledged, 5 << 4, flags, _WINDOW, 0, 0
        )
        addresses, size = self._pseudo[side], 20 + len(payload)
        total = ones_sum(addresses) + TCP + size + ones_sum(segment) + ones_sum(payload)
        return ip_packet(TCP, addresses, segment[:16] + complement(total) + segment[18:] + payload)
