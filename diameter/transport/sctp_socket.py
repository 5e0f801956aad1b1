"""Kernel SCTP on the plain `socket` module: options, addresses and ancillary data of Linux (RFC 6458, linux/sctp.h).

No Twisted here.  Everything is for one-to-one sockets, where the association identifier is always 0.  `Setup` is how
an association is opened and configured; `diameter.transport.pysctp` has most of it done by pysctp.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from ipaddress import ip_address
from struct import Struct, pack
from typing import Any, Final, NamedTuple

from diameter.config import SctpConfig
from diameter.transport import sctp_auth, sctp_events
from diameter.transport.link import Address
from diameter.transport.sctp_events import address_of
from diameter.transport.sctp_times import times_in_order

IPPROTO_SCTP: Final = 132
MSG_NOTIFICATION: Final = 0x8000
UNORDERED: Final = 1
"""Flag in SNDINFO and RCVINFO."""

RTOINFO, ASSOCINFO, INITMSG, NODELAY = 0, 1, 2, 3
PRIMARY_ADDR, PEER_ADDR_PARAMS, STATUS, CONTEXT = 6, 9, 14, 17
AUTH_CHUNK, HMAC_IDENT, AUTH_KEY, AUTH_ACTIVE_KEY, AUTH_DELETE_KEY, PEER_AUTH_CHUNKS = 21, 22, 23, 24, 25, 26
RECVRCVINFO = 32
BINDX_ADD, BINDX_REMOVE, GET_PEER_ADDRS, GET_LOCAL_ADDRS, CONNECTX = 100, 101, 108, 109, 110
EVENT, EXPOSE_POTENTIALLY_FAILED = 127, 131
SNDINFO, RCVINFO = 2, 3
ESTABLISHED: Final = 4
"""State of an association in `Status`."""

WANTED: Final = (
    sctp_events.ASSOC_CHANGE,
    sctp_events.PEER_ADDR_CHANGE,
    sctp_events.SEND_FAILED_EVENT,
    sctp_events.REMOTE_ERROR,
    sctp_events.SHUTDOWN_EVENT,
    sctp_events.PARTIAL_DELIVERY,
    sctp_events.AUTHENTICATION,
)
"""Notifications asked for.  Not SENDER_DRY: it comes so often that messages get slow (17 times, measured)."""

_SNDINFO: Final = Struct("=HH4sIi")
_IPV4: Final = pack("=H", socket.AF_INET)
_RCV_STREAM: Final = Struct("=H6x")
_PPID: Final = Struct("!8xI")
_STATUS: Final = Struct("=iiIHHHHI")
_GET_ADDRS: Final = Struct("=iI")
STATUS_OCTETS: Final = 176
ADDRESSES_OCTETS: Final = 1024  # the most that Python asks for: 36 IPv6 or 63 IPv4 addresses
_HEARTBEAT_ON, _HEARTBEAT_OFF = 1, 2
Ancillary = list[tuple[int, int, bytes]]


class Status(NamedTuple):
    """What SCTP_STATUS says; `unacknowledged` and `pending` count pieces of messages."""

    state: int
    receive_window: int
    unacknowledged: int
    pending: int
    inbound_streams: int
    outbound_streams: int
    fragment: int
    primary: Address | None


def available() -> str:
    """Why the kernel gives this process no SCTP socket, "" when it does."""
    try:
        socket.socket(socket.AF_INET, socket.SOCK_STREAM, IPPROTO_SCTP).close()
    except OSError as error:
        return error.strerror or errno.errorcode.get(error.errno or 0, "no socket")
    return ""


def family_of(hosts: Sequence[str]) -> socket.AddressFamily:
    """The family of a socket for these addresses: IPv6 takes both."""
    six = any(ip_address(host.partition("%")[0]).version == 6 for host in hosts)
    return socket.AF_INET6 if six else socket.AF_INET


def pack_address(address: Address) -> bytes:
    """A sockaddr_in or sockaddr_in6; a zone ("fe80::1%eth0") becomes the scope.  Raises OSError for no such zone."""
    host, _, zone = address.host.partition("%")
    if ":" not in host:
        return pack("=H", socket.AF_INET) + pack("!H", address.port) + socket.inet_aton(host) + bytes(8)
    scope = 0 if not zone else int(zone) if zone.isdigit() else socket.if_nametoindex(zone)
    packed = socket.inet_pton(socket.AF_INET6, host)
    return pack("=H", socket.AF_INET6) + pack("!HI", address.port, 0) + packed + pack("=I", scope)


def unpack_addresses(octets: bytes, count: int) -> tuple[Address, ...]:
    """The first `count` of packed sockaddrs, as far as there are any."""
    found = []
    at = 0
    for _ in range(count):
        here = octets[at : at + 28].ljust(28, b"\0")
        address = address_of(here)
        if address is None:
            break
        found.append(address)
        at += 16 if here[:2] == _IPV4 else 28
    return tuple(found)


def open_socket(hosts: Sequence[str]) -> socket.socket:
    """A non-blocking one-to-one socket for these addresses.  Raises OSError where the kernel has no SCTP."""
    made = socket.socket(family_of(hosts), socket.SOCK_STREAM, IPPROTO_SCTP)
    made.setblocking(False)
    return made


class Setup:
    """Opens and configures associations with plain socket options."""

    name = "socket options"

    def bind(self, sock: socket.socket, addresses: Sequence[Address]) -> None:
        """Bind to all of these, the port of the first; 0 for any.  Raises OSError."""
        first, *more = addresses
        sock.setsockopt(IPPROTO_SCTP, BINDX_ADD, pack_address(first))
        if more:
            port = sock.getsockname()[1]
            rest = b"".join(pack_address(Address(each.host, port)) for each in more)
            sock.setsockopt(IPPROTO_SCTP, BINDX_ADD, rest)

    def bind_listener(self, sock: socket.socket, addresses: Sequence[Address]) -> None:
        """As `bind`, for a socket that will listen."""
        self.bind(sock, addresses)

    def connect(self, sock: socket.socket, addresses: Sequence[Address]) -> None:
        """Begin to connect to a peer with these addresses; the socket becomes writable.  Raises OSError."""
        with suppress(BlockingIOError):
            sock.setsockopt(IPPROTO_SCTP, CONNECTX, b"".join(map(pack_address, addresses)))

    def peer_addresses(self, sock: socket.socket) -> tuple[Address, ...]:
        """Every address of the peer.  Raises OSError."""
        return _addresses(sock, GET_PEER_ADDRS, sock.getpeername)

    def local_addresses(self, sock: socket.socket) -> tuple[Address, ...]:
        """Every address of ours.  Raises OSError."""
        return _addresses(sock, GET_LOCAL_ADDRS, sock.getsockname)

    def set_initial(self, sock: socket.socket, config: SctpConfig) -> None:
        """Streams and INIT; before the association is there."""
        attempts, timeout_ms = config.init_attempts or 0, config.init_timeout_ms or 0
        value = pack("=HHHH", config.outbound_streams, config.inbound_streams, attempts, min(timeout_ms, 65535))
        sock.setsockopt(IPPROTO_SCTP, INITMSG, value)

    def set_no_delay(self, sock: socket.socket, on: bool) -> None:
        """Nagle off or on."""
        sock.setsockopt(IPPROTO_SCTP, NODELAY, int(on))

    def set_times(self, sock: socket.socket, config: SctpConfig) -> None:
        """Retransmission times; those not given stay.  Raises OSError (EINVAL) for an order the kernel refuses."""
        given = [config.rto_initial_ms or 0, config.rto_max_ms or 0, config.rto_min_ms or 0]
        if any(given):
            with times_in_order():
                sock.setsockopt(IPPROTO_SCTP, RTOINFO, pack("=iIII", 0, *given))

    def set_losses(self, sock: socket.socket, config: SctpConfig) -> None:
        """How many losses end the association."""
        if config.association_max_retrans is not None:
            value = pack("=iHHIII", 0, config.association_max_retrans, 0, 0, 0, 0)
            sock.setsockopt(IPPROTO_SCTP, ASSOCINFO, value)

    def set_paths(self, sock: socket.socket, config: SctpConfig) -> None:
        """Heartbeats and losses of each path."""
        if config.heartbeat_ms is None and config.path_max_retrans is None:
            return
        flags = 0 if config.heartbeat_ms is None else _HEARTBEAT_ON if config.heartbeat_ms else _HEARTBEAT_OFF
        value = pack(
            "=i128sIHIIIIB", 0, b"", config.heartbeat_ms or 0, config.path_max_retrans or 0, 0, 0, flags, 0, 0
        )  # fmt: skip
        sock.setsockopt(IPPROTO_SCTP, PEER_ADDR_PARAMS, value.ljust(156, b"\0"))

    def set_primary(self, sock: socket.socket, address: Address) -> None:
        """Send to this address of the peer while it is reachable.  Raises OSError for an address it has not."""
        sock.setsockopt(IPPROTO_SCTP, PRIMARY_ADDR, pack("=i128s", 0, pack_address(address)))

    def configure(self, sock: socket.socket, config: SctpConfig, message_limit: int) -> None:
        """Everything, before the socket listens or connects.  Raises OSError."""
        self.set_initial(sock, config)
        self.set_no_delay(sock, config.nodelay)
        self.set_times(sock, config)
        self.set_losses(sock, config)
        self.set_paths(sock, config)
        set_buffers(sock, config, message_limit)
        sock.setsockopt(IPPROTO_SCTP, RECVRCVINFO, 1)
        if config.auth is not None:
            sctp_auth.demand(sctp_auth.LINUX, lambda option, value: sock.setsockopt(IPPROTO_SCTP, option, value))
        subscribe(sock, *WANTED)


def subscribe(sock: socket.socket, *kinds: int) -> None:
    """Ask for notifications of these kinds."""
    for kind in kinds:
        sock.setsockopt(IPPROTO_SCTP, EVENT, pack("=iHBx", 0, kind, 1))


def set_buffers(sock: socket.socket, config: SctpConfig, message_limit: int) -> None:
    """Buffers as configured; else at least so that a message of `message_limit` octets fits into each.

    The system takes twice the number, and no more than net.core.wmem_max and rmem_max allow.
    """
    wanted = config.send_buffer
    if wanted is None and largest(sock) < message_limit:
        wanted = message_limit
    if wanted is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, wanted)
    wanted = config.receive_buffer
    if wanted is None and sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) < 2 * message_limit:
        wanted = message_limit  # with less, long messages come by retransmission
    if wanted is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, wanted)


def largest(sock: socket.socket) -> int:
    """Octets of the longest message this socket can send: the kernel refuses one above the buffer (EMSGSIZE)."""
    return sock.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)


def status(sock: socket.socket) -> Status:
    """The association of a connected socket.  Raises OSError without one."""
    octets = sock.getsockopt(IPPROTO_SCTP, STATUS, STATUS_OCTETS)
    _, state, window, unacknowledged, pending, inbound, outbound, fragment = _STATUS.unpack_from(octets)
    primary = address_of(octets[_STATUS.size + 4 : _STATUS.size + 4 + 28])
    return Status(state, window, unacknowledged, pending, inbound, outbound, fragment, primary)


def send_info(stream: int, ppid: int, *, ordered: bool) -> Ancillary:
    """Ancillary data of a message to be sent (SCTP_SNDINFO)."""
    value = _SNDINFO.pack(stream, 0 if ordered else UNORDERED, ppid.to_bytes(4), 0, 0)
    return [(IPPROTO_SCTP, SNDINFO, value)]


def receive_info(ancillary: Ancillary) -> tuple[int, int]:
    """(stream, PPID) of a message that was received; (0, 0) when the kernel did not say."""
    for level, kind, value in ancillary:
        if level == IPPROTO_SCTP and kind == RCVINFO and len(value) >= _PPID.size:
            return _RCV_STREAM.unpack_from(value)[0], _PPID.unpack_from(value)[0]
    return 0, 0


def _addresses(sock: socket.socket, option: int, one: Callable[[], Any]) -> tuple[Address, ...]:
    """All addresses of an end of an association (a listening socket has none); where there are more than can be told,
    the `one` it is named by.
    """
    try:
        octets = sock.getsockopt(IPPROTO_SCTP, option, ADDRESSES_OCTETS)
    except OSError as error:
        if error.errno != errno.ENOMEM:
            raise
        return (Address(*one()[:2]),)
    _, count = _GET_ADDRS.unpack_from(octets)
    return unpack_addresses(octets[_GET_ADDRS.size :], count)
