"""Packets as a network makes them, for captures of tests: IP with fragments, TCP, SCTP, link layers, files."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterable, Iterator
from ipaddress import ip_address
from typing import Final

from diameter.capture import blocks

A: Final = ("10.0.0.1", 40_000)
B: Final = ("10.0.0.2", 3868)
Endpoint = tuple[str, int]
MAC: Final = bytes.fromhex("020000000001020000000002")


def diameter(number: int, size: int = 20, *, request: bool = True, command: int = 280) -> bytes:
    """A message whose identifiers are `number`; beyond its header one AVP of octets."""
    head = b"\1" + size.to_bytes(3) + (b"\x80" if request else b"\0") + command.to_bytes(3)
    octets = head + struct.pack(">III", 0, number, number)
    if size > 20:
        octets += struct.pack(">IBxH", 1, 0x40, 0)[:5] + (size - 20).to_bytes(3) + bytes(size - 28)
    return octets


def tcp(
    source: Endpoint, destination: Endpoint, sequence: int, payload: bytes, flags: int = 0x18, ack: int = 0
) -> bytes:
    """A segment without its IP header."""
    ports = source[1].to_bytes(2) + destination[1].to_bytes(2)
    return ports + struct.pack(">IIBBHHH", sequence % (1 << 32), ack, 0x50, flags, 65535, 0, 0) + payload


def ip(source: str, destination: str, protocol: int, payload: bytes, *, ident: int = 0, place: int = 0) -> bytes:
    """One IP packet; `place`: the fragment word of IPv4, or that of an IPv6 fragment header, which it then gets."""
    one, other = ip_address(source).packed, ip_address(destination).packed
    if len(one) == 4:
        head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(payload), ident, place, 64, protocol, 0) + one + other
        total = sum(struct.unpack(">10H", head))
        total = (total & 0xFFFF) + (total >> 16)
        whole: bytes = head[:10] + (0xFFFF - ((total & 0xFFFF) + (total >> 16))).to_bytes(2) + head[12:] + payload
        return whole
    if ident:
        payload = struct.pack(">BxHI", protocol, place, ident) + payload
        protocol = 44
    return struct.pack(">IHBB", 6 << 28, len(payload), protocol, 64) + one + other + payload


def fragments(source: str, destination: str, protocol: int, payload: bytes, *, ident: int, size: int) -> list[bytes]:
    """An IP packet in pieces of `size` octets, a multiple of 8."""
    four = ":" not in source
    out = []
    for at in range(0, len(payload), size):
        more = at + size < len(payload)
        place = (at // 8) | (0x2000 if more else 0) if four else at | int(more)
        out.append(ip(source, destination, protocol, payload[at : at + size], ident=ident, place=place))
    return out


def segments(
    octets: bytes, size: int, *, source: Endpoint = A, destination: Endpoint = B, start: int = 1
) -> list[bytes]:
    """IP packets that carry `octets` over TCP in segments of `size`."""
    return [
        ip(source[0], destination[0], 6, tcp(source, destination, start + at, octets[at : at + size]))
        for at in range(0, len(octets), size)
    ]


def sctp(source: Endpoint, destination: Endpoint, tag: int, *chunks: bytes) -> bytes:
    """A packet without its IP header; the checksum is that of RFC 9260."""
    packet = struct.pack(">HHII", source[1], destination[1], tag, 0) + b"".join(chunks)
    return packet[:8] + struct.pack("<I", crc32c(packet)) + packet[12:]


def chunk(kind: int, flags: int, value: bytes) -> bytes:
    return struct.pack(">BBH", kind, flags, 4 + len(value)) + value + bytes(-len(value) & 3)


def data(tsn: int, octets: bytes, *, stream: int = 0, number: int = 0, ppid: int = 46, flags: int = 3) -> bytes:
    """A DATA chunk; flags 3: a whole message."""
    return chunk(0, flags, struct.pack(">IHHI", tsn % (1 << 32), stream, number, ppid) + octets)


def i_data(tsn: int, octets: bytes, *, stream: int = 0, number: int = 0, word: int = 46, flags: int = 3) -> bytes:
    """An I-DATA chunk; `word`: the PPID of a first one, else the number of the fragment."""
    return chunk(64, flags, struct.pack(">IHHII", tsn % (1 << 32), stream, 0, number, word) + octets)


def pieces(tsn: int, octets: bytes, size: int, **options: int) -> list[bytes]:
    """DATA chunks that carry one message in fragments of `size` octets."""
    count = -(-len(octets) // size)
    return [
        data(tsn + one, octets[one * size : (one + 1) * size], flags=2 * (one == 0) + (one == count - 1), **options)
        for one in range(count)
    ]


def init(kind: int, tag: int, first: int, *hosts: str) -> bytes:
    """INIT (1) or INIT ACK (2) with the addresses it lists."""
    value = struct.pack(">IIHHI", tag, 65536, 16, 16, first)
    for host in hosts:
        packed = ip_address(host).packed
        value += struct.pack(">HH", 5 if len(packed) == 4 else 6, 4 + len(packed)) + packed
    return chunk(kind, 0, value)


def udp(source: int, destination: int, payload: bytes) -> bytes:
    return struct.pack(">HHHH", source, destination, 8 + len(payload), 0) + payload


def _entry(value: int) -> int:
    for _ in range(8):
        value = (value >> 1) ^ (0x82F63B78 if value & 1 else 0)
    return value


_TABLE: Final = [_entry(one) for one in range(256)]


def crc32c(octets: bytes) -> int:
    """The checksum of SCTP."""
    value = 0xFFFFFFFF
    for octet in octets:
        value = (value >> 8) ^ _TABLE[(value ^ octet) & 0xFF]
    return value ^ 0xFFFFFFFF


# ---- link layers and files -----------------------------------------------------------------------------------------


def _kind(packet: bytes) -> bytes:
    return b"\x86\xdd" if packet[0] >> 4 == 6 else b"\x08\0"


def linked(packet: bytes, link_type: int, *, vlans: int = 0) -> bytes:
    """An IP packet in its link layer; `vlans`: so many tags, Ethernet only."""
    if link_type == 1:
        return (
            MAC
            + b"".join(b"\x88\xa8\0\x07" if one else b"\x81\0\0\x07" for one in range(vlans))
            + _kind(packet)
            + packet
        )
    if link_type == 113:
        return struct.pack(">HHH8s", 0, 1, 6, MAC[:6]) + _kind(packet) + packet
    if link_type == 276:
        return _kind(packet) + struct.pack(">HIHBB8s", 0, 1, 1, 0, 6, MAC[:6]) + packet
    if link_type == 0:
        return struct.pack("<I", 30 if packet[0] >> 4 == 6 else 2) + packet
    if link_type == 108:
        return struct.pack(">I", 30 if packet[0] >> 4 == 6 else 2) + packet
    if link_type == 9:
        return b"\xff\x03" + (b"\x00\x57" if packet[0] >> 4 == 6 else b"\x00\x21") + packet
    return packet


def pcap(packets: Iterable[bytes], *, link_type: int = 101, order: str = "<", nanoseconds: bool = False) -> bytes:
    """A file of savefile(5), a packet a millisecond."""
    magic = 0xA1B23C4D if nanoseconds else 0xA1B2C3D4
    out = struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, 262_144, link_type)
    unit = 1_000_000 if nanoseconds else 1000
    for number, one in enumerate(packets):
        one = linked(one, link_type)
        out += (
            struct.pack(order + "IIII", 1_700_000_000 + number // 1000, number % 1000 * unit, len(one), len(one)) + one
        )
    return out


def pcapng(packets: Iterable[bytes]) -> bytes:
    """The same as pcapng, raw IP."""
    parts = [blocks.section("test"), blocks.interface(blocks.LINK_RAW_IP, "x", "")]
    parts += [blocks.packet(0, 10**18 + number * 10**6, one, b"") for number, one in enumerate(packets)]
    return b"".join(parts)


def stream(octets: bytes) -> io.BytesIO:
    return io.BytesIO(octets)


def numbers(messages: Iterable[bytes]) -> Iterator[int]:
    """The Hop-by-Hop Identifiers."""
    for one in messages:
        yield int.from_bytes(one[12:16])
