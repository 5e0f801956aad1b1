"""Kernel SCTP on Twisted: associations as descriptors of a reactor.

One-to-one sockets, so that a descriptor is an association.  When the peer shuts down, an empty read follows its
notification; when we do, the notification is the end; an abort gives a notification, then an error.
`diameter.transport.sctp_socket` knows the options.
"""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable
from struct import pack
from typing import Any, ClassVar, Final

from twisted.internet.interfaces import IDelayedCall, IReadWriteDescriptor
from twisted.python.failure import Failure
from zope.interface import implementer

from diameter.transport import sctp_events, sctp_socket
from diameter.transport.association import Assembler, Association, AssociationUser, Received
from diameter.transport.link import Address
from diameter.transport.sctp_auth import LINUX, AuthKeys
from diameter.transport.sctp_events import PathState
from diameter.transport.sctp_socket import Ancillary, Setup

BATCH: Final = 64
"""Messages read from one association before others have their turn."""
BUFFER: Final = 262_144
ANCILLARY: Final = 256
ROOM_S: Final = 0.05
"""Seconds until the next attempt when the system has no memory or no descriptor left."""
SCARCE: Final = frozenset({errno.ENOMEM, errno.ENOBUFS, errno.EMFILE, errno.ENFILE})
REARRANGED: Final = frozenset((PathState.ADDED, PathState.REMOVED, PathState.PRIMARY))
ENDS: Final = {
    errno.ETIMEDOUT: "association lost: no answer of the peer on any path",
    errno.ECONNRESET: "association lost: the peer does not know it",
}
Arm = Callable[[socket.socket], None]
"""Demands protection of a socket before it is used.  Raises OSError."""
_LINGER_ABORT: Final = pack("=ii", 1, 0)
_buffer = bytearray(BUFFER)
"""What is read lies here until it is copied out; one reactor reads one descriptor at a time."""


@implementer(IReadWriteDescriptor)
class Descriptor:
    """What every descriptor of a reactor has."""

    def __init__(self, reactor: Any, sock: socket.socket) -> None:
        self.reactor = reactor
        self.sock = sock

    def fileno(self) -> int:
        """The socket's number, -1 when it is closed."""
        return self.sock.fileno()

    def logPrefix(self) -> str:
        """For Twisted's log."""
        return "sctp"

    def doRead(self) -> None:
        """Something can be read."""

    def doWrite(self) -> None:
        """Something can be written."""

    def connectionLost(self, reason: Failure) -> None:
        """The reactor found the descriptor broken."""

    def release(self, *, abort: bool = False) -> None:
        """Close the socket, with an ABORT if asked for."""
        if self.sock.fileno() >= 0:
            self.reactor.removeReader(self)
            self.reactor.removeWriter(self)
            if abort:
                self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_ABORT)
            self.sock.close()


class KernelAssociation(Descriptor, Association):
    """An association of the kernel's that is up."""

    kind: ClassVar[str] = "kernel"

    def __init__(self, reactor: Any, sock: socket.socket, setup: Setup, message_limit: int) -> None:
        """Raises OSError when the association is gone already."""
        super().__init__(reactor, sock)
        self._setup = setup
        self._user: AssociationUser | None = None
        self._assembler, self._notes = Assembler(message_limit), Assembler(BUFFER)
        self._infos: dict[tuple[int, int, bool], Ancillary] = {}
        self._later: IDelayedCall | None = None
        self._paused = self._over = False
        self._lost: OSError | None = None
        found = sctp_socket.status(sock)
        self.outbound_streams = found.outbound_streams
        self.largest = sctp_socket.largest(sock)
        self._local, self._remote = setup.local_addresses(sock), setup.peer_addresses(sock)
        self._primary(found.primary)
        if not self._local or not self._remote:
            raise OSError(errno.ENOTCONN, os.strerror(errno.ENOTCONN))

    @property
    def local_addresses(self) -> tuple[Address, ...]:
        """Every address of our end."""
        return self._local

    @property
    def remote_addresses(self) -> tuple[Address, ...]:
        """Every address of the other end, the primary one first."""
        return self._remote

    @property
    def outstanding(self) -> int:
        """Pieces of messages that the peer has not acknowledged."""
        if self._over:
            return 0
        try:
            found = sctp_socket.status(self.sock)
        except OSError:
            return 0  # gone; the next read says so
        return found.unacknowledged + found.pending

    @property
    def auth(self) -> AuthKeys:
        """The keys of SCTP-AUTH."""
        sock = self.sock
        return AuthKeys(
            LINUX,
            lambda option, value: sock.setsockopt(sctp_socket.IPPROTO_SCTP, option, value),
            lambda option, size: sock.getsockopt(sctp_socket.IPPROTO_SCTP, option, size),
        )

    def attach(self, user: AssociationUser) -> None:
        """Deliver to `user`."""
        self._user = user
        if not self._paused and not self._over:
            self.reactor.addReader(self)

    def send(self, data: bytes, *, stream: int, ppid: int, ordered: bool, more: bool = False) -> bool:
        """Give one message to the kernel; False when it has no room, or no association any more."""
        key = (stream, ppid, ordered)
        info = self._infos.get(key)
        if info is None:
            info = self._infos[key] = sctp_socket.send_info(stream, ppid, ordered=ordered)
        if self._over or self._lost:
            return False
        try:
            self.sock.sendmsg((data,), info, socket.MSG_MORE if more else 0)
        except BlockingIOError:
            self.reactor.addWriter(self)
            return False
        except OSError as error:
            if error.errno in SCARCE and self._later is None:
                self._later = self.reactor.callLater(ROOM_S, self._again)
            elif error.errno != errno.EPIPE:  # the peer has begun to shut down: its end is still to be read
                self._lost = error  # it is told once only, and what came before it is still to be read
                self.reactor.callLater(0, self._drain)
            return False
        return True

    def pause(self) -> None:
        """Read nothing more."""
        self._paused = True
        self.reactor.removeReader(self)

    def resume(self) -> None:
        """Read again."""
        self._paused = False
        if not self._over and self._user is not None:
            self.reactor.addReader(self)

    def finish(self) -> None:
        """SHUTDOWN behind what was sent; the end comes as an empty read."""
        try:
            self.sock.shutdown(socket.SHUT_WR)
        except OSError as error:
            if not self._over:
                self.reactor.callLater(0, self._end, words(error))

    def abort(self) -> None:
        """ABORT; `ended` follows from the reactor."""
        if not self._over:
            self._over = True
            self.release(abort=True)
            self.reactor.callLater(0, self._tell_end, "aborted")

    # -- what the reactor tells

    def doRead(self) -> None:
        """Read what there is, BATCH messages at most."""
        self._read()

    def doWrite(self) -> None:
        """The kernel has room again."""
        self.reactor.removeWriter(self)
        self._again()

    def connectionLost(self, reason: Failure) -> None:
        """The reactor found an error."""
        self._drain()

    # -- inside

    def _drain(self) -> None:
        """There was an error: read what is left, the cause among it, and end."""
        while not self._over and self._read():
            pass
        if not self._over:
            number = self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            self._end(words(OSError(number, os.strerror(number))) if number else "")

    def _read(self) -> bool:
        """Read BATCH times at most; True when there may be more.  Notifications are events."""
        found: list[Received] = []
        receive = self.sock.recvmsg_into
        for _ in range(BATCH):
            if self._over:
                return False
            try:
                size, ancillary, flags, _address = receive((_buffer,), ANCILLARY)
            except (BlockingIOError, InterruptedError):
                self._hand_over(found)
                if self._lost:
                    self._end(words(self._lost))
                return False
            except OSError as error:
                self._hand_over(found)
                self._end(words(error))
                return False
            if not size:
                self._hand_over(found)
                self._end("")
                return False
            data, last = bytes(memoryview(_buffer)[:size]), bool(flags & socket.MSG_EOR)
            if flags & sctp_socket.MSG_NOTIFICATION:
                self._hand_over(found)
                found = []
                self._notified(data, last=last)
                continue
            whole = self._assembler.piece(data, last=last)
            if whole is not None:
                found.append(Received(whole, *sctp_socket.receive_info(ancillary)))
        self._hand_over(found)
        return not self._over

    def _hand_over(self, found: list[Received]) -> None:
        if found and self._user is not None:
            self._user.received(found)

    def _notified(self, data: bytes, *, last: bool) -> None:
        whole = self._notes.piece(data, last=last)
        if whole is None:
            return
        event = sctp_events.parse(whole)
        match event:
            case sctp_events.PathChanged(state=state) if state in REARRANGED:
                self._refresh()
            case sctp_events.DeliveryAborted():
                self._assembler.drop()
            case sctp_events.Up():
                self.outbound_streams = event.outbound or self.outbound_streams
                if event.restarted:
                    self._assembler.drop()
                    self._infos.clear()
                    self._refresh()
            case _:
                pass
        if self._user is not None:
            self._user.happened(event)
        if isinstance(event, sctp_events.ShutDown):
            self._end("")  # who began the SHUTDOWN gets no empty read
        elif isinstance(event, sctp_events.Lost):  # what was not sent may follow; the error, if it was not taken before
            self._lost = self._lost or OSError(errno.ENOTCONN, os.strerror(errno.ENOTCONN))

    def _refresh(self) -> None:
        """Addresses may have come or gone, or another one be the primary."""
        try:
            remote = self._setup.peer_addresses(self.sock)
            local = self._setup.local_addresses(self.sock)
            primary = sctp_socket.status(self.sock).primary
        except OSError:
            return  # gone; the next read says so
        self._local, self._remote = local or self._local, remote or self._remote
        self._primary(primary)

    def _primary(self, primary: Address | None) -> None:
        """Put the primary path first."""
        if primary in self._remote:
            self._remote = (primary, *(each for each in self._remote if each != primary))

    def _again(self) -> None:
        self._later = None
        if not self._over and self._user is not None:
            self._user.writable()

    def _end(self, reason: str) -> None:
        if not self._over:
            self._over = True
            self.release()
            self._tell_end(reason)

    def _tell_end(self, reason: str) -> None:
        if self._later is not None and self._later.active():
            self._later.cancel()
        if self._user is not None:
            self._user.ended(reason)


def words(error: OSError) -> str:
    """An error of the system, for people."""
    if error.errno in ENDS:
        return ENDS[error.errno]
    text = error.strerror or str(error)
    return text[:1].lower() + text[1:]
