"""An SCTP association made up around messages that were read and written through a socket (RFC 9260).

Every message is one DATA chunk, or several where it is longer than a packet, with PPID 46, so that every Wireshark
knows it for Diameter, whatever stood on the wire: peers send PPID 0, and under DTLS it is 47.  The PPID of the wire
goes into the packet's comment.  Streams stay below the link, so all messages are on stream 0, in the order in which
the node met them.  TSNs start at 1; no handshake is made up.  The checksum is 0, which is also what a capture of the
loopback interface has where the kernel leaves it out: CRC32c in Python would cost more than everything else together.
"""

from __future__ import annotations

import re
import struct
from functools import lru_cache
from typing import Final

from diameter.capture.ipframes import SCTP, ip_packet, packed_pair
from diameter.capture.records import Endpoint

PPID: Final = 46
MAX_CHUNK: Final = 65_000
"""Octets of a message in one packet."""
_DATA: Final = 0
_BEGIN: Final = 2
_END: Final = 1
_SAID: Final = re.compile(r"(sctp|dtls), .*\bPPID ([0-9]{1,10})")


@lru_cache(maxsize=4096)
def wire_of(comment: str) -> tuple[str, int] | None:
    """(transport, PPID) of the wire as the comment of a packet has them; None where it is no node's."""
    found = _SAID.fullmatch(comment)
    return None if found is None else (found[1], int(found[2]))


class SctpStream:
    """Packets of one association; side 0 is the one named first.

    `number`: of the association in its file, so that one which comes after another on the same ports, and counts from 1
    again, has tags of its own and is not taken for a repetition.
    """

    __slots__ = ("_addresses", "_ports", "_sequence", "_tags", "_tsn")

    def __init__(self, one: Endpoint, other: Endpoint, number: int = 1) -> None:
        first, second = packed_pair(one, other)
        self._addresses = (first + second, second + first)
        self._ports = ((one[1], other[1]), (other[1], one[1]))
        self._tags = (2 * number, 2 * number - 1)
        self._tsn = [1, 1]
        self._sequence = [0, 0]

    def data(self, side: int, octets: bytes) -> list[bytes]:
        """The packets that carry one message of `side`; more than one only above MAX_CHUNK."""
        packets = []
        sequence = self._sequence[side]
        self._sequence[side] = (sequence + 1) & 0xFFFF
        for at in range(0, len(octets) or 1, MAX_CHUNK):
            piece = octets[at : at + MAX_CHUNK]
            flags = (0 if at else _BEGIN) | (_END if at + MAX_CHUNK >= len(octets) else 0)
            tsn = self._tsn[side]
            self._tsn[side] = (tsn + 1) & 0xFFFFFFFF
            size = len(piece)
            head = struct.pack(
                ">HHIIBBHIHHI", *self._ports[side], self._tags[side], 0,
                _DATA, flags, 16 + size, tsn, 0, sequence, PPID,
            )  # fmt: skip
            packets.append(ip_packet(SCTP, self._addresses[side], head + piece + bytes(-size % 4)))
        return packets
