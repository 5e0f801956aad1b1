"""Notifications of SCTP as the Linux kernel writes them, and an association in memory."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from struct import pack
from typing import ClassVar

from diameter.transport.association import Association, AssociationUser, Received
from diameter.transport.link import Address

COMM_UP, COMM_LOST, RESTART, SHUTDOWN_COMP, CANT_START = range(5)


def notification(kind: int, body: bytes, flags: int = 0) -> bytes:
    """Type, flags, length, then what the kind has."""
    return pack("=HHI", kind, flags, 8 + len(body)) + body


def association_change(state: int, error: int = 0, outbound: int = 16, inbound: int = 10) -> bytes:
    return notification(0x8001, pack("=H", state) + pack("!H", error) + pack("=HHi", outbound, inbound, 7))


def path_change(host: str, port: int, state: int, error: int = 0) -> bytes:
    if ":" in host:
        address = (
            pack("=H", socket.AF_INET6) + pack("!HI", port, 0) + socket.inet_pton(socket.AF_INET6, host) + bytes(4)
        )
    else:
        address = pack("=H", socket.AF_INET) + pack("!H", port) + socket.inet_aton(host)
    return notification(0x8002, pack("=128siii", address, state, error, 7))


def send_failed(data: bytes, *, sent: bool = False, first: bool = True, last: bool = True, stream: int = 3) -> bytes:
    body = pack("=IHHIIii", 0, stream, (2 if first else 0) | (1 if last else 0), 46 << 24, 0, 7, 7)
    return notification(0x800D, body + data, int(sent))


class MemoryAssociation(Association):
    """Keeps what it is given; tests say what it tells.  `room`: messages it takes before it is full."""

    kind: ClassVar[str] = "memory"

    def __init__(self, streams: int = 4, largest: int = 100_000) -> None:
        self.outbound_streams = streams
        self.largest = largest
        self.sent: list[tuple[bytes, int, int, bool, bool]] = []
        self.room = 1_000_000
        self.unacknowledged = 0
        self.reading = True
        self.ended = ""
        self.user: AssociationUser | None = None

    @property
    def local_addresses(self) -> tuple[Address, ...]:
        return Address("192.0.2.1", 3868), Address("2001:db8::1", 3868)

    @property
    def remote_addresses(self) -> tuple[Address, ...]:
        return Address("198.51.100.1", 50000), Address("2001:db8::2", 50000)

    @property
    def outstanding(self) -> int:
        return self.unacknowledged

    def attach(self, user: AssociationUser) -> None:
        self.user = user

    def send(self, data: bytes, *, stream: int, ppid: int, ordered: bool, more: bool = False) -> bool:
        if not self.room:
            return False
        self.room -= 1
        self.sent.append((data, stream, ppid, ordered, more))
        return True

    def pause(self) -> None:
        self.reading = False

    def resume(self) -> None:
        self.reading = True

    def finish(self) -> None:
        assert not self.ended
        self.ended = "finished"

    def abort(self) -> None:
        self.ended = "aborted"

    def deliver(self, messages: Sequence[bytes], stream: int = 0, ppid: int = 46) -> None:
        """One wake-up's messages."""
        assert self.user is not None
        self.user.received([Received(data, stream, ppid) for data in messages])
