"""SCTP in user space on Twisted: associations of libusrsctp.

The library wakes whoever has news (`woken`), from the reactor; what is there is then read to its end, BATCH messages at
most.  When the association is gone the library reads as empty for ever, so the first empty read, the notification that
the shutdown is complete, and an error are each the end.  Its one path has one address at each end: no multihoming.
"""

from __future__ import annotations

import errno
import os
from typing import ClassVar, Final

from diameter.transport import sctp_events, usrsctp_events
from diameter.transport.association import Assembler, Association, AssociationUser, Received
from diameter.transport.link import Address
from diameter.transport.sctp_auth import USRSCTP, AuthKeys
from diameter.transport.sctp_events import PathState
from diameter.transport.sctp_kernel import words
from diameter.transport.usrsctp_library import BUFFER, Library
from diameter.transport.usrsctp_socket import UNORDERED, UserSocket
from diameter.transport.usrsctp_wires import Wire

BATCH: Final = 256
"""Messages read from one association before others have their turn."""
ENDS: Final = {errno.ECONNABORTED: "association lost: no answer of the peer"}
SAID: Final = frozenset((PathState.AVAILABLE, PathState.UNREACHABLE))
"""What a single path can become that is worth telling."""
FULL: Final = frozenset((errno.EAGAIN, errno.ENOBUFS, errno.ENOMEM))


class Path:
    """One peer on one wire: held from the attempt or the handshake on until `release`."""

    def __init__(self, library: Library, wire: Wire, port: int, inside: int, local: Address, remote: Address) -> None:
        """`inside`: the peer's port inside the wire's end."""
        self.library = library
        self.wire = wire
        self.port = wire.take_port(port)
        self.inside = inside
        self.local = Address(local.host, self.port)
        self.remote = remote
        self._held = True
        wire.peers.hold(inside)
        wire.users += 1
        library.hold()

    def release(self) -> None:
        """The association is no more."""
        if self._held:
            self._held = False
            self.wire.peers.drop(self.inside)
            self.wire.give_port(self.port)
            self.library.release()
            leave(self.wire)


def leave(wire: Wire) -> None:
    """One user less; the last one closes the wire."""
    wire.users -= 1
    if not wire.users:
        wire.close()


class UserAssociation(Association):
    """An association of libusrsctp that is up."""

    kind: ClassVar[str] = "usrsctp"

    def __init__(self, sock: UserSocket, path: Path, message_limit: int, *, no_delay: bool) -> None:
        """Raises OSError when the association is gone already."""
        self._sock = sock
        self._path = path
        self._user: AssociationUser | None = None
        self._assembler, self._notes = Assembler(message_limit), Assembler(BUFFER)
        self._no_delay = self._at_once = no_delay
        self._paused = self._over = self._full = False
        self.outbound_streams = sock.status().outbound_streams
        self.largest = sock.largest

    @property
    def local_addresses(self) -> tuple[Address, ...]:
        """The one address of our end."""
        return (self._path.local,)

    @property
    def remote_addresses(self) -> tuple[Address, ...]:
        """The one address of the other end."""
        return (self._path.remote,)

    @property
    def outstanding(self) -> int:
        """Pieces of messages that the peer has not acknowledged; when there are none, nothing waits to be sent."""
        if self._over:
            return 0
        try:
            return self._sock.status().unacknowledged
        except OSError:
            return 0  # gone; the next read says so

    @property
    def auth(self) -> AuthKeys:
        """The keys of SCTP-AUTH."""
        return AuthKeys(USRSCTP, self._sock.set, self._sock.get)

    def attach(self, user: AssociationUser) -> None:
        """Deliver to `user`."""
        self._user = user
        if not self._over:
            self._path.library.replace(self._sock.number, self)

    def send(self, data: bytes, *, stream: int, ppid: int, ordered: bool, more: bool = False) -> bool:
        """Give one message to the library; False when it has no room, or no association any more."""
        if self._over:
            return False
        if self._no_delay and self._at_once is more:
            self._at_once = not more
            self._sock.no_delay(not more)  # with Nagle on, full packets leave; the last message pushes the rest out
        self._path.library.active()
        try:
            self._sock.send(data, stream, ppid, flags=0 if ordered else UNORDERED)
        except OSError as error:
            self._full = error.errno in FULL
            if not self._full:
                self._path.library.look(self._sock.number)  # gone: the end is still to be read
            return False
        return True

    def pause(self) -> None:
        """Read nothing more; the library's window for the peer closes."""
        self._paused = True

    def resume(self) -> None:
        """Read again."""
        self._paused = False
        if not self._over and self._user is not None:
            self._path.library.look(self._sock.number)

    def finish(self) -> None:
        """SHUTDOWN behind what was sent."""
        try:
            self._sock.shutdown()
        except OSError:
            self._path.library.look(self._sock.number)  # the peer was first, or it is gone: the next read says so

    def abort(self) -> None:
        """ABORT; `ended` follows from the reactor."""
        if not self._over:
            self._over = True
            self._sock.close(abort=True)
            self._path.release()
            self._path.wire.reactor.callLater(0, self._tell_end, "aborted")

    # -- what the library tells

    def woken(self) -> None:
        """Read what there is, and go on sending."""
        if self._user is None or self._over:
            return
        if not self._paused:
            self._read()
        if self._full and not self._over:
            self._full = False
            self._user.writable()

    def _read(self) -> None:
        found: list[Received] = []
        for _ in range(BATCH):
            if self._over:
                return
            try:
                came = self._sock.receive()
            except OSError as error:
                self._hand_over(found)
                self._end(ENDS.get(error.errno or 0) or words(error))
                return
            if came is None:
                self._hand_over(found)
                return
            if came.notification:
                self._hand_over(found)
                found = []
                self._notified(came.data, last=came.last)
            elif not came.data:
                self._hand_over(found)
                self._end("")
                return
            else:
                whole = self._assembler.piece(came.data, last=came.last)
                if whole is not None:
                    found.append(Received(whole, came.stream, came.ppid))
        self._path.library.look(self._sock.number)
        self._hand_over(found)

    def _hand_over(self, found: list[Received]) -> None:
        if found and self._user is not None:
            self._user.received(found)

    def _notified(self, data: bytes, *, last: bool) -> None:
        whole = self._notes.piece(data, last=last)
        if whole is None:
            return
        event = usrsctp_events.parse(whole, self._path.remote)
        match event:
            case sctp_events.PathChanged(state=state) if state not in SAID:
                return
            case sctp_events.DeliveryAborted():
                self._assembler.drop()
            case sctp_events.Up():
                self.outbound_streams = event.outbound or self.outbound_streams
                if event.restarted:
                    self._assembler.drop()
            case _:
                pass
        if self._user is not None:
            self._user.happened(event)
        if isinstance(event, sctp_events.ShutDown):
            self._end("")

    def _end(self, reason: str) -> None:
        if not self._over:
            self._over = True
            self._sock.close()
            self._path.release()
            self._tell_end(reason)

    def _tell_end(self, reason: str) -> None:
        user, self._user = self._user, None  # each held the other
        if user is not None:
            user.ended(reason)


def refusal(error: OSError) -> str:
    """Why an attempt to connect failed, for people."""
    text = error.strerror or os.strerror(error.errno or 0)
    return text[:1].lower() + text[1:]
