"""Recognising Diameter by its own shape, and finding the next message where the position in a stream was lost.

Ports and PPIDs say what should be there; in the field PPID 0 and odd ports are common, captures start in the middle of
a stream and lose packets.  A header with a first AVP behind it is 28 octets of which some 70 bits are predictable.
"""

from __future__ import annotations

from typing import Final

from diameter.wire.core import frames

PORTS: Final = frozenset({3868, 5868})
"""Diameter over TCP and SCTP; over TLS and DTLS (RFC 6733 section 11.4)."""
MESSAGE_LIMIT: Final = (1 << 24) - 4
"""Octets: as long as Message Length can say; a tool shows what a node would refuse."""
LIKELY_LIMIT: Final = 1 << 20
"""Octets of a message from which a stream is joined: a wrong length must not swallow what follows."""
YES, NO, MAYBE = 1, 0, -1
"""MAYBE: right so far, too short to tell."""


def shaped(octets: bytes | bytearray, at: int = 0, *, strict: bool = True) -> int:
    """Whether a message begins at `at`: YES, NO or MAYBE.

    `strict`: also the reserved flags and the first AVP must be in order; without it version and length will do.
    """
    head = octets[at : at + 32]
    size = len(head)
    if not size or head[0] != 1:
        return NO if size else MAYBE
    if size < 4:
        return MAYBE
    length = int.from_bytes(head[1:4])
    if length < 20 or length & 3 or length > LIKELY_LIMIT:
        return NO
    if size < 5:
        return MAYBE
    if head[4] & 0x0F or head[4] & 0xA0 == 0xA0:
        return NO
    if not strict:
        return YES
    if length == 20:
        return YES if size >= 20 else MAYBE
    if size < 28:
        return MAYBE
    inner = int.from_bytes(head[25:28])
    if head[24] & 0x1F or inner < (12 if head[24] & 0x80 else 8) or inner > length - 20:
        return NO
    return YES


def search(octets: bytes | bytearray) -> int:
    """Where the first message begins that is strictly shaped, or may be at the end; len(octets) if nowhere."""
    at = octets.find(1)
    while at >= 0:
        if shaped(octets, at) != NO:
            return at
        at = octets.find(1, at + 1)
    return len(octets)


class Frames:
    """Octets of one direction of a byte stream in, messages out; joins the stream where a message begins.

    `known`: a port says that this is Diameter; `begun`: the first octets will be those of the stream.  `unframed`:
    octets that belong to no message.  `stray`: set when octets were passed over within a stream that had been joined;
    who reads it clears it.
    """

    __slots__ = ("_begun", "_held", "_want", "joined", "known", "stray", "synchronised", "unframed")

    def __init__(self, *, known: bool, begun: bool = False) -> None:
        self.known = known
        self._begun = known and begun
        self.joined = False
        """Whether the stream was Diameter at some time."""
        self.synchronised = False
        self.stray = False
        self.unframed = 0
        self._held = bytearray()
        self._want = 20

    @property
    def held(self) -> int:
        """Octets waiting for the rest of their message."""
        return len(self._held)

    def lose(self) -> None:
        """Octets are missing from here on: what is held is no message."""
        self.unframed += len(self._held)
        self._held.clear()
        self._begun = False
        self._want = 20
        self.synchronised = False

    def feed(self, octets: bytes) -> list[bytes]:
        """The messages that `octets` complete, in order."""
        held = self._held
        if held:
            held += octets
            if len(held) < self._want:
                return []
            octets = bytes(held)
            held.clear()
        messages: list[bytes] = []
        if self.synchronised:
            at: int = frames(octets, LIKELY_LIMIT, messages)
            if at == len(octets):
                return messages
            octets = octets[at:]
        while octets:
            if not self.synchronised:
                octets = self._join(octets)
                if not octets:
                    break
                self.joined = True
            size = len(octets)
            at = frames(octets, LIKELY_LIMIT, messages)
            if at:
                octets = octets[at:]
                continue
            octets = self._odd(octets, size, messages)
        return messages

    def _join(self, octets: bytes) -> bytes:
        """Look for a beginning; what remains from there on, b"" when nothing does yet."""
        found = _version(octets) if self._begun else shaped(octets, strict=not self.known)
        if found == YES:
            self._begun = False
            self.synchronised = True
            return octets
        if found == NO:
            self._begun = False
            at = search(octets) if self.known or self.joined else len(octets)
            self.unframed += at
            self.stray = self.stray or self.joined
            octets = octets[at:]
            if octets and shaped(octets) == YES:
                self.synchronised = True
                return octets
        self._hold(octets, len(octets) + 1)
        return b""

    def _odd(self, octets: bytes, size: int, messages: list[bytes]) -> bytes:
        """What stands where no whole, well-formed frame does; returns what is still to be looked at."""
        if size < 20 and octets[0] == 1:
            self._hold(octets, 20)
            return b""
        length = int.from_bytes(octets[1:4]) if size >= 20 else 0
        if octets[0] != 1 or length < 20 or (length > LIKELY_LIMIT and shaped_avp(octets) == NO):
            self.synchronised = False
            self.stray = True
            self.unframed += 1
            return octets[1:]
        if size < length:
            self._hold(octets, length)
            return b""
        messages.append(octets[:length])  # a length that is no multiple of 4, or a very long message
        return octets[length:]

    def _hold(self, octets: bytes, want: int) -> None:
        self._held += octets
        self._want = want


def _version(octets: bytes) -> int:
    """Whether a message, however damaged, begins a stream that must be Diameter."""
    if octets[0] != 1:
        return NO
    if len(octets) < 4:
        return MAYBE
    return YES if 20 <= int.from_bytes(octets[1:4]) <= LIKELY_LIMIT else NO


def shaped_avp(octets: bytes) -> int:
    """Whether the first AVP behind the header at the beginning of `octets` fits into the message."""
    if len(octets) < 28:
        return MAYBE
    inner = int.from_bytes(octets[25:28])
    return YES if not octets[24] & 0x1F and 8 <= inner <= int.from_bytes(octets[1:4]) - 20 else NO
