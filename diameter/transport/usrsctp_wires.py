"""The sockets below SCTP in user space: packets over UDP (RFC 6951) or straight over IP (protocol 132).

An end of libusrsctp (AF_CONN) has one peer address, which is its own.  So that many peers can share a socket, each pair
of (address, SCTP port) of a peer gets an SCTP port of its own inside, and the port in each packet is changed on its
way in and out, like a translator of addresses does; the check sum is checked before and made after.  Inside of one end
a peer is then a port.  Rejected: an end for each peer, which makes a listener take packets for every end of the process
and lets a stranger make ends without limit.

Nothing that arrives can raise: too short, a wrong sum, or not ours means thrown away.
"""

from __future__ import annotations

import errno
import socket
from ipaddress import ip_address
from secrets import randbelow
from struct import Struct
from typing import Any, ClassVar, Final

from twisted.internet.interfaces import IReadWriteDescriptor
from twisted.python.failure import Failure
from zope.interface import implementer

from diameter.transport.sctp_kernel import Arm
from diameter.transport.usrsctp_library import Library, library

BATCH: Final = 64
"""Packets read before others have their turn."""
STRANGERS: Final = 1024
"""Peers without an association whose ports are remembered, for the second packet of a handshake."""
BUFFER: Final = 4_194_304
"""Octets that the system is asked to keep for us; it gives what it allows."""
IPPROTO_SCTP: Final = 132
DYNAMIC: Final = range(49_152, 65_536)
_HEAD: Final = Struct("!HHI")
_PORT: Final = Struct("!H")
_SUM: Final = Struct("=I")
SHORTEST: Final = 16
"""Octets of the common header and of the head of one chunk (RFC 9260 section 3)."""
Place = tuple[Any, ...]
"""An address as the socket module has it."""


class Peers:
    """Which (address, port) outside is which port inside of one end."""

    def __init__(self, strangers: int = STRANGERS) -> None:
        self._inside: dict[tuple[Place, int], int] = {}
        self._outside: dict[int, tuple[Place, int]] = {}
        self._held: dict[int, int] = {}
        self._loose: dict[int, None] = {}
        self._limit = strangers
        self._next = 0

    def inside(self, place: Place, port: int) -> int:
        """The port inside, a new one for a stranger; the oldest other stranger is forgotten when there are many."""
        found = self._inside.get((place, port))
        return self._new(place, port) if found is None else found

    def outside(self, port: int) -> tuple[Place, int] | None:
        """(address, port) of a port inside; None for a stranger who was forgotten."""
        return self._outside.get(port)

    def hold(self, port: int) -> None:
        """There is an association now, or an attempt at one."""
        self._held[port] = self._held.get(port, 0) + 1
        self._loose.pop(port, None)

    def drop(self, port: int) -> None:
        """Undo one `hold`; after the last one the peer is a stranger again, and forgotten."""
        self._held[port] -= 1
        if not self._held[port]:
            del self._held[port], self._inside[self._outside.pop(port)]

    def _new(self, place: Place, port: int) -> int:
        """Raises OSError when every port inside is held."""
        if len(self._loose) >= self._limit or len(self._outside) >= 65_535:
            if not self._loose:
                raise OSError(errno.EADDRNOTAVAIL, "too many peers on one socket")
            oldest = next(iter(self._loose))
            del self._loose[oldest], self._inside[self._outside.pop(oldest)]
        inside = port
        while inside in self._outside or not inside:
            self._next = self._next % 65_535 + 1
            inside = self._next
        self._inside[place, port] = inside
        self._outside[inside] = place, port
        self._loose[inside] = None
        return inside


@implementer(IReadWriteDescriptor)
class Wire:
    """One socket of the system as an end of libusrsctp; `users` counts who has it open."""

    protocol: ClassVar[str]

    def __init__(self, reactor: Any, sock: socket.socket) -> None:
        self.reactor = reactor
        self.sock = sock
        self.users = 0
        self.peers = Peers()
        self.ports: dict[int, int] = {}
        self._next_port = randbelow(len(DYNAMIC))
        self._library = library()
        for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
            sock.setsockopt(socket.SOL_SOCKET, option, BUFFER)
        self._octets, self._packet = self._library.octets, self._library.packet
        self.end = self._library.plug(self)
        reactor.addReader(self)

    # -- who uses it

    def take_port(self, port: int) -> int:
        """Use an SCTP port of ours; for 0 one that nobody uses."""
        while not port:  # by turns, so that a peer which has not heard the end of an old association takes no new one
            self._next_port = (self._next_port + 1) % len(DYNAMIC)
            port = DYNAMIC[self._next_port]
            port = 0 if port in self.ports else port
        self.ports[port] = self.ports.get(port, 0) + 1
        return port

    def give_port(self, port: int) -> None:
        """Undo one `take_port`."""
        self.ports[port] -= 1
        if not self.ports[port]:
            del self.ports[port]

    def close(self) -> None:
        """Nobody uses it."""
        self.reactor.removeReader(self)
        self._library.unplug(self.end)
        self.sock.close()

    # -- packets

    def carry(self, packet: Any, size: int) -> None:
        """Send a packet to the peer whose port inside it names; what the system does not take is lost, as on a line."""
        library_ = self._library
        octets = library_.ffi.buffer(packet, size)
        found = self.peers.outside(_PORT.unpack_from(octets, 2)[0])
        if found is None:
            return
        place, port = found
        _PORT.pack_into(octets, 2, port)
        _SUM.pack_into(octets, 8, 0)
        _SUM.pack_into(octets, 8, library_.lib.usrsctp_crc32c(packet, size))
        try:
            self.sock.sendto(octets, place)
        except OSError:
            return

    def doRead(self) -> None:
        """Read packets, BATCH at most, then tell whom they woke."""
        receive, octets, library_ = self.sock.recvfrom_into, self._octets, self._library
        library_.busy()
        try:
            for _ in range(BATCH):
                try:
                    size, place = receive(octets)
                except (BlockingIOError, InterruptedError):
                    break
                except OSError:
                    continue  # what the system has heard of an earlier packet; this one is still to be read
                self.arrived(size, place)
        finally:
            library_.settle()

    def arrived(self, size: int, place: Place) -> None:
        """One packet of so many octets in the buffer."""
        self._input(self._library, 0, size, place)

    def _input(self, library_: Library, at: int, size: int, place: Place) -> None:
        """Hand over the packet at `at`, if it is one."""
        length = size - at
        if length < SHORTEST:
            return
        octets, packet, lib = self._octets, self._packet + at, library_.lib
        theirs, ours, _ = _HEAD.unpack_from(octets, at)
        if not theirs or not ours or not self.wants(ours):
            return
        (claimed,) = _SUM.unpack_from(octets, at + 8)
        _SUM.pack_into(octets, at + 8, 0)
        if lib.usrsctp_crc32c(packet, length) != claimed:
            return
        try:
            inside = self.peers.inside(place, theirs)
        except OSError:
            return
        _PORT.pack_into(octets, at, inside)
        lib.usrsctp_conninput(self.end, packet, length, 0)

    def wants(self, port: int) -> bool:
        """Is a packet to this port of ours to be looked at?"""
        return True

    def place(self, host: str, udp_port: int) -> Place:
        """The address outside of a peer, as `recvfrom` tells it.  Raises OSError."""
        raise AssertionError("each kind says")

    @property
    def host(self) -> str:
        """Our address."""
        return str(self.sock.getsockname()[0])

    # -- for the reactor

    def fileno(self) -> int:
        """The socket's number, -1 when it is closed."""
        return self.sock.fileno()

    def logPrefix(self) -> str:
        """For Twisted's log."""
        return f"sctp over {self.protocol}"

    def doWrite(self) -> None:
        """Not asked for."""

    def connectionLost(self, reason: Failure) -> None:
        """The reactor found an error; the next read takes it."""


class UdpWire(Wire):
    """SCTP over UDP, RFC 6951."""

    protocol: ClassVar[str] = "UDP"

    def __init__(self, reactor: Any, host: str, port: int, arm: Arm | None = None) -> None:
        """Raises OSError."""
        super().__init__(reactor, _bound(socket.SOCK_DGRAM, 0, host, port, arm))

    def place(self, host: str, udp_port: int) -> Place:
        """Where a peer is."""
        return _place(self.sock.family, host, udp_port)


class RawWire(Wire):
    """SCTP straight over IP.  Every socket of this kind gets every packet, so what is to others is not answered."""

    protocol: ClassVar[str] = "IP"

    def __init__(self, reactor: Any, host: str, arm: Arm | None = None) -> None:
        """Raises OSError: PermissionError without the right to raw sockets."""
        super().__init__(reactor, _bound(socket.SOCK_RAW, IPPROTO_SCTP, host, 0, arm))
        self._four = self.sock.family == socket.AF_INET

    def arrived(self, size: int, place: Place) -> None:
        """One packet; IPv4 leaves its header before it."""
        at = (self._octets[0] & 15) * 4 if self._four else 0
        self._input(self._library, at, size, place)

    def wants(self, port: int) -> bool:
        """Only what is to a port of ours."""
        return port in self.ports

    def place(self, host: str, udp_port: int) -> Place:
        """Where a peer is."""
        return _place(self.sock.family, host, 0)


def _bound(kind: int, protocol: int, host: str, port: int, arm: Arm | None) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    made = socket.socket(family, kind, protocol)
    try:
        made.setblocking(False)
        if arm is not None:
            arm(made)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.bind(_place(family, host, port))
    except OSError:
        made.close()
        raise
    return made


def _place(family: int, host: str, port: int) -> Place:
    """An address as `recvfrom` tells it; a zone ("fe80::1%eth0") becomes the scope.  Raises OSError."""
    if family == socket.AF_INET:
        return (host, port)
    bare, _, zone = host.partition("%")
    scope = 0 if not zone else int(zone) if zone.isdigit() else socket.if_nametoindex(zone)
    name = str(ip_address(bare))
    return (name, port, 0, scope)


def source(host: str) -> str:
    """Our address that the system would send to `host` from.  Raises OSError where there is no way to it."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as asking:
        asking.connect(_place(family, host, 9))
        return str(asking.getsockname()[0])


def raw_refused() -> str:
    """Why this process gets no raw socket, "" when it does."""
    try:
        socket.socket(socket.AF_INET, socket.SOCK_RAW, IPPROTO_SCTP).close()
    except OSError as error:
        return error.strerror or str(error)
    return ""
