"""A stream of octets cut into messages by Message Length (RFC 6733 section 3), whatever the chunks."""

from __future__ import annotations

from typing import Final

from diameter.errors import InvalidMessageLength, RemoteFault, UnsupportedVersion
from diameter.wire.core import frames
from diameter.wire.header import LENGTH, VERSION

DEFAULT_LIMIT: Final = 1 << 20
"""Octets a message may have unless the configuration says otherwise."""


class Framer:
    """Octets in, whole messages out; one per byte-stream link.

    `fault`: None, or what made the position in the stream unknown (5011, 5015); from then on nothing more comes out.
    `rest`: the octets that could not be framed, starting with the offending header.
    """

    __slots__ = ("_held", "_limit", "_want", "fault")

    def __init__(self, limit: int = DEFAULT_LIMIT) -> None:
        self._held = bytearray()
        self._limit = limit
        self._want = LENGTH
        self.fault: RemoteFault | None = None

    @property
    def buffered(self) -> int:
        """Octets held back for a message that is not yet whole."""
        return len(self._held)

    @property
    def rest(self) -> bytes:
        """What is held: the beginning of a message, or, after a fault, the octets in fault."""
        return bytes(self._held)

    def feed(self, data: bytes) -> list[bytes]:
        """The messages that `data` completes, in order, each with exactly Message Length octets.  Never raises."""
        if self.fault is not None:
            return []
        held = self._held
        if held:
            held += data
            if len(held) < self._want:
                return []
            data = bytes(held)
            held.clear()
        messages: list[bytes] = []
        if data.__class__ is not bytes:
            data = bytes(data)
        at: int = frames(data, self._limit, messages)
        self._want = LENGTH
        if at == len(data):
            return messages
        if len(data) - at >= LENGTH:  # a whole header, also a wrong one: an answer needs its identifiers
            length = int.from_bytes(data[at + 1 : at + 4])
            if data[at] != VERSION or length < LENGTH or length & 3 or length > self._limit:
                self.fault = self._complaint(data[at], length)
            else:
                self._want = length
        held += data[at:]
        return messages

    def _complaint(self, version: int, length: int) -> RemoteFault:
        if version != VERSION:
            return UnsupportedVersion(f"version {version}, only {VERSION} is known")
        if length > self._limit:
            return InvalidMessageLength(f"Message Length {length} is over the limit of {self._limit} octets")
        return InvalidMessageLength(f"Message Length {length} is not a multiple of 4 of at least {LENGTH}")
