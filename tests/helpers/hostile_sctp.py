"""Packets of SCTP made by hand, right and wrong, for those who must stand them."""

from __future__ import annotations

from collections.abc import Sequence
from struct import pack

from diameter.transport.usrsctp_library import library

INIT, COOKIE_ECHO, ABORT = 1, 10, 6


def summed(packet: bytes) -> bytes:
    """The packet with the right check sum (CRC32c, RFC 9260 appendix A)."""
    found = library()
    octets = bytearray(packet)
    octets[8:12] = bytes(4)
    octets[8:12] = pack("=I", found.lib.usrsctp_crc32c(found.ffi.from_buffer("char[]", octets), len(octets)))
    return bytes(octets)


def packet(ours: int, theirs: int, tag: int, chunks: Sequence[bytes], *, right: bool = True) -> bytes:
    """A packet of these chunks."""
    whole = pack("!HHII", ours, theirs, tag, 0) + b"".join(chunks)
    return summed(whole) if right else whole


def chunk(kind: int, flags: int, value: bytes, length: int | None = None) -> bytes:
    """A chunk; `length`: what it claims, where that is a lie."""
    said = 4 + len(value) if length is None else length
    return pack("!BBH", kind, flags, said & 0xFFFF) + value + bytes(-len(value) % 4)


def init(*, tag: int = 1, window: int = 65_536, outbound: int = 8, inbound: int = 8, rest: bytes = b"") -> bytes:
    """An INIT chunk."""
    return chunk(INIT, 0, pack("!IIHHI", tag, window, outbound, inbound, 1) + rest)
