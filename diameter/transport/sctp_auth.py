"""SCTP-AUTH (RFC 4895) through the socket options of RFC 6458 section 8: the same structures in the kernel and in
libusrsctp, under other numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from struct import pack, unpack_from
from typing import Final, NamedTuple

DATA, FORWARD_TSN = 0x00, 0xC0
"""Types of the chunks that must come authenticated (RFC 6083 section 4.5)."""
HMACS: Final = ((3, 1), (1,))
"""SHA-256, then SHA-1, which must be listed (RFC 4895 section 3.3); libusrsctp is often built with SHA-1 alone."""
CHUNKS: Final = 264
SACK_MS: Final = 20
"""An acknowledgement waits so long for another message, not 200 ms: DTLS waits for it at its beginning and its end."""


class Numbers(NamedTuple):
    """The options of one implementation.  `supported`: the switch of a socket, struct sctp_assoc_value; `sack`: struct
    sctp_sack_info.
    """

    chunk: int
    hmacs: int
    key: int
    active: int
    delete: int
    peer_chunks: int
    own_chunks: int
    supported: int
    sack: int


LINUX: Final = Numbers(21, 22, 23, 24, 25, 26, 27, 129, 16)
USRSCTP: Final = Numbers(0x12, 0x14, 0x13, 0x15, 0x16, 0x102, 0x103, 0x27, 0x0F)

Set = Callable[[int, bytes], None]
Get = Callable[[int, int], bytes]


def demand(numbers: Numbers, set_option: Set) -> None:
    """Have every peer of this socket authenticate DATA and FORWARD-TSN; before it listens or dials.  Raises OSError."""
    set_option(numbers.supported, pack("=iI", 0, 1))
    set_option(numbers.sack, pack("=iII", 0, SACK_MS, 0))
    for hmacs in HMACS:
        try:
            set_option(numbers.hmacs, pack(f"=I{len(hmacs)}H", len(hmacs), *hmacs))
        except OSError:
            if hmacs is HMACS[-1]:
                raise
        else:
            break
    for chunk in (DATA, FORWARD_TSN):
        set_option(numbers.chunk, pack("=B", chunk))


class AuthKeys:
    """The endpoint pair shared keys of one association; key 0 is there from the beginning and is empty."""

    def __init__(self, numbers: Numbers, set_option: Set, get_option: Get) -> None:
        self._numbers = numbers
        self._set = set_option
        self._get = get_option

    @property
    def agreed(self) -> bool:
        """True when both ends demand authenticated DATA: then nothing else is sent or taken."""
        return all(DATA in self._chunks(option) for option in (self._numbers.own_chunks, self._numbers.peer_chunks))

    def _chunks(self, option: int) -> bytes:
        try:
            octets = self._get(option, CHUNKS)
        except OSError:
            return b""
        _, count = unpack_from("=iI", octets)
        return octets[8 : 8 + count]

    def install(self, number: int, key: bytes) -> None:
        """Understand packets under this key; one of the same number is replaced.  Raises OSError."""
        self._set(self._numbers.key, pack("=iHH", 0, number, len(key)) + key)

    def activate(self, number: int) -> None:
        """Send under this key from the next message on.  Raises OSError."""
        self._set(self._numbers.active, pack("=iHxx", 0, number))

    def remove(self, number: int) -> None:
        """Forget a key.  Raises OSError, also while a message sent under it is not acknowledged (libusrsctp)."""
        self._set(self._numbers.delete, pack("=iHxx", 0, number))
