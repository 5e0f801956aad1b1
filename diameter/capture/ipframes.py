"""IP packets made up around messages that were read and written through a socket: raw IP, so that no Ethernet address
has to be invented.
"""

from __future__ import annotations

import struct
from typing import Final

from diameter.capture.exported import address
from diameter.capture.records import Endpoint

TCP: Final = 6
SCTP: Final = 132
_HOP_LIMIT: Final = 64


def packed_pair(one: Endpoint, other: Endpoint) -> tuple[bytes, bytes]:
    """Both addresses as 4 or 16 octets, of one family; 127.0.0.1 where there is only a name."""
    found = []
    for end in (one, other):
        parsed = address(end[0])
        found.append(b"\x7f\0\0\1" if parsed is None else parsed.packed)
    if len(found[0]) != len(found[1]):
        found = [bytes(10) + b"\xff\xff" + host if len(host) == 4 else host for host in found]
    return found[0], found[1]


def ip_packet(protocol: int, addresses: bytes, payload: bytes) -> bytes:
    """The packet; `addresses`: source and destination of `packed_pair`, one behind the other."""
    if len(addresses) == 32:
        return struct.pack(">IHBB", 6 << 28, len(payload), protocol, _HOP_LIMIT) + addresses + payload
    size = 20 + len(payload)
    head = struct.pack(">BBHHHBBH", 0x45, 0, size, 0, 0x4000, _HOP_LIMIT, protocol, 0) + addresses
    return head[:10] + complement(ones_sum(head)) + head[12:] + payload


def ones_sum(octets: bytes) -> int:
    """Ones' complement sum of 16-bit words (RFC 1071): the octets as one number, modulo 65,535; 0.4 us for 600."""
    if len(octets) & 1:
        octets += b"\0"
    return int.from_bytes(octets) % 0xFFFF


def complement(total: int) -> bytes:
    """The two octets of an Internet checksum over what sums up to `total`."""
    return (0xFFFF - total % 0xFFFF).to_bytes(2)
