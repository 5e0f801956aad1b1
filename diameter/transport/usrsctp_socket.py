"""Sockets of libusrsctp, one-to-one and never blocking: options, messages, ends.  No Twisted here."""

from __future__ import annotations

import errno
import os
import socket
import sys
from struct import Struct, pack
from typing import Any, Final, NamedTuple

from diameter.config import SctpConfig
from diameter.transport import sctp_auth
from diameter.transport.sctp_times import times_in_order
from diameter.transport.usrsctp_events import WANTED
from diameter.transport.usrsctp_library import AF_CONN, BUFFER, Library, Woken

IPPROTO_SCTP: Final = 132
RTOINFO, ASSOCINFO, INITMSG, NODELAY, PEER_ADDR_PARAMS = 1, 2, 3, 4, 10
EVENT, RECVRCVINFO, STATUS = 0x1E, 0x1F, 0x100
SENDV_SNDINFO: Final = 1
MSG_NOTIFICATION: Final = 0x2000
MSG_EOR: Final = int(socket.MSG_EOR)  # an enumeration is slow to ask
UNORDERED, ABORT = 0x0400, 0x0200
_HEARTBEAT_ON, _HEARTBEAT_OFF = 1, 2
_STATUS: Final = Struct("=IiIHHHHI")
STATUS_OCTETS: Final = 200
ROOM: Final = 262_144
"""Octets of each buffer where nothing else is asked for (the library's own default)."""


class Status(NamedTuple):
    """What SCTP_STATUS says; `unacknowledged` counts pieces of messages."""

    unacknowledged: int
    inbound_streams: int
    outbound_streams: int


class Arrived(NamedTuple):
    """A message, a piece of one, or a notification; no octets are the end."""

    data: bytes
    stream: int
    ppid: int
    last: bool
    notification: bool


class UserSocket:
    """One socket of the library's; `number`: of its upcalls, which go to `who`."""

    def __init__(self, library: Library, who: Woken, so: Any = None) -> None:
        """`so`: one that was accepted.  Raises OSError when there is no memory."""
        ffi, lib = library.ffi, library.lib
        self._library, self._ffi, self._lib = library, ffi, lib
        made = so or lib.usrsctp_socket(AF_CONN, socket.SOCK_STREAM, IPPROTO_SCTP, ffi.NULL, ffi.NULL, 0, ffi.NULL)
        if not made:
            raise self._error()
        self._so = made
        self.closed = False
        self._infos: dict[tuple[int, int, int], Any] = {}
        lib.usrsctp_set_non_blocking(made, 1)
        self.number = library.enlist(who)
        lib.usrsctp_set_upcall(made, library.mark, self.number)
        self._buffer, self._from = library.buffer, library.no_address
        self._info = ffi.new("struct sctp_rcvinfo *")
        self._info_size = ffi.new("socklen_t *", ffi.sizeof("struct sctp_rcvinfo"))
        self._kind, self._flags = ffi.new("unsigned int *"), ffi.new("int *")

    def _error(self) -> OSError:
        number = self._ffi.errno
        return OSError(number, os.strerror(number))

    # -- opening

    def configure(self, config: SctpConfig, message_limit: int) -> None:
        """Everything, before the socket listens or connects.  Raises OSError."""
        attempts, timeout_ms = config.init_attempts or 0, min(config.init_timeout_ms or 0, 65535)
        self.set(INITMSG, pack("=HHHH", config.outbound_streams, config.inbound_streams, attempts, timeout_ms))
        self.set(NODELAY, pack("=i", config.nodelay))
        times = [config.rto_initial_ms or 0, config.rto_max_ms or 0, config.rto_min_ms or 0]
        if any(times):
            with times_in_order():
                self.set(RTOINFO, pack("=IIII", 0, *times))
        if config.association_max_retrans is not None:
            self.set(ASSOCINFO, pack("=IIIIHH", 0, 0, 0, 0, config.association_max_retrans, 0))
        if config.heartbeat_ms is not None or config.path_max_retrans is not None:
            flags = 0 if config.heartbeat_ms is None else _HEARTBEAT_ON if config.heartbeat_ms else _HEARTBEAT_OFF
            row = (config.heartbeat_ms or 0, 0, flags, 0, config.path_max_retrans or 0, 0)
            self.set(PEER_ADDR_PARAMS, pack("=128xIIIIIHBx", 0, *row))
        for option, wanted, enough in (
            (socket.SO_SNDBUF, config.send_buffer, message_limit),
            (socket.SO_RCVBUF, config.receive_buffer, 2 * message_limit),
        ):
            self.set(option, pack("=i", wanted or max(ROOM, enough)), socket.SOL_SOCKET)
        self.set(RECVRCVINFO, pack("=i", 1))
        if config.auth is not None:
            sctp_auth.demand(sctp_auth.USRSCTP, self.set)
        for kind in WANTED:
            self.set(EVENT, pack("=IHBx", 0, kind, 1))

    def bind(self, end: int, port: int) -> None:
        """Use this port of an end.  Raises OSError."""
        self._done(self._lib.usrsctp_bind(self._so, self._address(end, port), 16))

    def listen(self, backlog: int) -> None:
        """Take associations.  Raises OSError."""
        self._done(self._lib.usrsctp_listen(self._so, backlog))

    def connect(self, end: int, port: int) -> None:
        """Begin to connect to the peer that is `port` inside.  Raises OSError."""
        failed = self._lib.usrsctp_connect(self._so, self._address(end, port), 16) < 0
        if failed and self._ffi.errno != errno.EINPROGRESS:
            raise self._error()

    def accept(self) -> tuple[Any, int] | None:
        """(a new association for `UserSocket`, the peer's port inside), None when there is none."""
        address = self._ffi.new("struct sockaddr_conn *")
        size = self._ffi.new("socklen_t *", self._ffi.sizeof("struct sockaddr_conn"))
        so = self._lib.usrsctp_accept(self._so, address, size)
        return (so, socket.ntohs(address.sconn_port)) if so else None

    # -- messages

    def send(self, data: bytes, stream: int, ppid: int, *, flags: int = 0) -> None:
        """Give one message to the library.  Raises OSError: BlockingIOError when there is no room."""
        ffi = self._ffi
        info = self._infos.get((stream, ppid, flags))
        if info is None:
            info = ffi.new("struct sctp_sndinfo *", (stream, flags, socket.htonl(ppid), 0, 0))
            self._infos[stream, ppid, flags] = info
        if self._lib.usrsctp_sendv(self._so, data, len(data), ffi.NULL, 0, info, 16, SENDV_SNDINFO, 0) < 0:
            raise self._error()

    def receive(self) -> Arrived | None:
        """What came, None when nothing did.  Raises OSError when the association is lost."""
        self._flags[0] = 0
        size = self._lib.usrsctp_recvv(
            self._so, self._buffer, BUFFER, self._ffi.NULL, self._from, self._info, self._info_size, self._kind,
            self._flags,
        )  # fmt: skip
        if size < 0:
            if self._ffi.errno == errno.EAGAIN:
                return None
            raise self._error()
        flags, info = self._flags[0], self._info
        data = self._ffi.buffer(self._buffer, size)[:]
        last = bool(flags & MSG_EOR)
        if flags & MSG_NOTIFICATION:
            return Arrived(data, 0, 0, last, True)
        return Arrived(data, info.rcv_sid, socket.ntohl(info.rcv_ppid), last, False)

    # -- options

    def set(self, option: int, value: bytes, level: int = IPPROTO_SCTP) -> None:
        """Set an option.  Raises OSError."""
        self._done(self._lib.usrsctp_setsockopt(self._so, level, option, value, len(value)))

    def no_delay(self, on: bool) -> None:
        """Nagle off or on."""
        self._lib.usrsctp_setsockopt(self._so, IPPROTO_SCTP, NODELAY, _ON if on else _OFF, 4)

    def get(self, option: int, size: int, level: int = IPPROTO_SCTP) -> bytes:
        """An option.  Raises OSError."""
        value, length = self._ffi.new("char[]", size), self._ffi.new("socklen_t *", size)
        self._done(self._lib.usrsctp_getsockopt(self._so, level, option, value, length))
        found: bytes = self._ffi.buffer(value, length[0])[:]
        return found

    def status(self) -> Status:
        """Raises OSError without an association."""
        _, _, _, unacknowledged, _, inbound, outbound, _ = _STATUS.unpack_from(self.get(STATUS, STATUS_OCTETS))
        return Status(unacknowledged, inbound, outbound)

    @property
    def largest(self) -> int:
        """Octets of the longest message that can be sent."""
        return int.from_bytes(self.get(socket.SO_SNDBUF, 4, socket.SOL_SOCKET), sys.byteorder)

    # -- the end

    def shutdown(self) -> None:
        """SHUTDOWN behind what was sent.  Raises OSError."""
        self._done(self._lib.usrsctp_shutdown(self._so, socket.SHUT_WR))

    def close(self, *, abort: bool = False) -> None:
        """The socket is gone; with an ABORT if asked for."""
        if self.closed:
            return
        self.closed = True
        if abort:
            info = self._ffi.new("struct sctp_sndinfo *", (0, ABORT, 0, 0, 0))
            self._lib.usrsctp_sendv(self._so, b"", 0, self._ffi.NULL, 0, info, 16, SENDV_SNDINFO, 0)
        self._lib.usrsctp_setsockopt(self._so, socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_ABORT, 8)
        self._library.strike(self.number)
        self._lib.usrsctp_close(self._so)

    def _address(self, end: int, port: int) -> Any:
        return self._ffi.new("struct sockaddr_conn *", (AF_CONN, socket.htons(port), end))

    def _done(self, result: int) -> None:
        if result < 0:
            raise self._error()


_ON: Final = pack("=i", 1)
_OFF: Final = pack("=i", 0)
_LINGER_ABORT: Final = pack("=ii", 1, 0)
