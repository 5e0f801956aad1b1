"""Somebody in the middle of SCTP over UDP: sees every packet, changes, keeps and repeats them as it likes.

Check sums are mended (CRC32c), so that what was changed gets past SCTP's own check to whatever protects the messages.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from struct import unpack_from
from typing import Any, Final

from twisted.internet.protocol import DatagramProtocol

from helpers.hostile_sctp import summed
from helpers.loop import reactor

DATA, AUTH = 0, 15
HEAD: Final = 12
DATA_HEAD: Final = 16
"""Octets before the message of a DATA chunk: its own head, TSN, stream, sequence number, protocol identifier."""
Change = Callable[[bytes], Sequence[bytes]]


class Middle(DatagramProtocol):
    """Passes packets on between a client and the server at `port`; `change`, `back` say what goes on of each."""

    def __init__(self, port: int) -> None:
        self._server = ("127.0.0.1", port)
        self._client: tuple[str, int] | None = None
        self.change: Change = lambda packet: [packet]
        """What becomes of a packet to the server."""
        self.back: Change = lambda packet: [packet]
        """What becomes of a packet of the server."""
        self.passed: list[bytes] = []
        """Every packet that went on to the server."""
        self.wire = b""
        """Everything that was on the wire, in both directions."""
        self._port: Any = reactor.listenUDP(0, self, interface="127.0.0.1", maxPacketSize=65_536)
        self.port = int(self._port.getHost().port)

    def datagramReceived(self, datagram: bytes, addr: tuple[str, int]) -> None:
        self.wire += datagram
        if addr == self._server:
            if self._client is not None:
                self._send(self.back(datagram), self._client)
            return
        self._client = addr
        self.inject(*self.change(datagram))

    def inject(self, *packets: bytes) -> None:
        """Send these to the server, as if the client had."""
        self.passed += packets
        self._send(packets, self._server)

    def _send(self, packets: Sequence[bytes], where: tuple[str, int]) -> None:
        for packet in packets:
            self.transport.write(packet, where)  # type: ignore[union-attr]  # there while it listens

    def close(self) -> Any:
        """Fires when it is closed."""
        return self._port.stopListening()


def chunks(packet: bytes) -> Iterator[tuple[int, int, int]]:
    """(type, begin, end) of each chunk, without its padding."""
    at = HEAD
    while at + 4 <= len(packet):
        kind, _, length = unpack_from("!BBH", packet, at)
        if length < 4:
            return
        yield kind, at, at + length
        at += length + -length % 4


def kinds(packet: bytes) -> list[int]:
    """The chunk types of a packet."""
    return [kind for kind, _, _ in chunks(packet)]


def flipped(packet: bytes) -> bytes:
    """The packet with the last bit of the last message in it changed, its check sum mended; the same if it has none."""
    ends = [end for kind, begin, end in chunks(packet) if kind == DATA and end - begin > DATA_HEAD]
    if not ends:
        return packet
    octets = bytearray(packet)
    octets[ends[-1] - 1] ^= 1
    return summed(bytes(octets))
