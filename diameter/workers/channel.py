"""A stream socket between two processes of one node, as Twisted transport; descriptors may travel with the octets."""

from __future__ import annotations

import errno
import os
import socket
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from twisted.internet.abstract import FileDescriptor
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.main import CONNECTION_DONE, CONNECTION_LOST
from twisted.python.failure import Failure

READ: Final = 262_144
AT_ONCE: Final = 16
"""Descriptors in one hand-over; a socket takes 253."""
AGAIN: Final = frozenset({errno.EAGAIN, errno.EWOULDBLOCK, errno.EINTR})
_descriptor: Any = FileDescriptor  # has no types


class Channel(_descriptor):  # type: ignore[misc]  # so its subclass has none
    """One end.  `received` takes the octets of one read; `lost` hears the end, once, with a reason for people.

    `arrived`: descriptors that have come and that nobody has taken yet, in their order; they come no later than the
    last octet that was written with them.  They are closed with the channel.
    """

    def __init__(
        self, reactor: Any, end: socket.socket, received: Callable[[bytes], None], lost: Callable[[str], None]
    ) -> None:
        super().__init__(reactor)
        end.setblocking(False)
        self._end = end
        self._received = received
        self._lost = lost
        self._leaving: deque[int] = deque()
        self.arrived: deque[int] = deque()
        self.connected = True
        self.startReading()

    def fileno(self) -> int:
        """The socket's descriptor."""
        return self._end.fileno()

    def send(self, octets: bytes, descriptor: int | None = None) -> None:
        """Write; with a descriptor, which is closed here once it has left."""
        if descriptor is not None:
            if self.disconnecting or not self.connected:
                os.close(descriptor)
                return
            self._leaving.append(descriptor)
        self.write(octets)

    def writeSomeData(self, data: bytes) -> Any:
        """Octets taken by the kernel, with the descriptors that wait (FileDescriptor)."""
        going = [self._leaving[at] for at in range(min(AT_ONCE, len(self._leaving)))]
        if len(self._leaving) > AT_ONCE:
            data = data[:1]  # the others need octets to travel with
        try:
            sent = socket.send_fds(self._end, [data], going) if going else self._end.send(data)
        except OSError as error:
            return 0 if error.errno in AGAIN else CONNECTION_LOST
        for descriptor in going:
            self._leaving.popleft()
            os.close(descriptor)
        return sent

    def doRead(self) -> Any:
        """Octets and descriptors that have come (FileDescriptor)."""
        try:
            data, descriptors, flags, _ = socket.recv_fds(self._end, READ, AT_ONCE, socket.MSG_CMSG_CLOEXEC)
        except OSError as error:
            return None if error.errno in AGAIN else CONNECTION_LOST
        self.arrived += descriptors
        if flags & socket.MSG_CTRUNC:
            return CONNECTION_LOST
        if not data:
            return CONNECTION_DONE
        self._received(data)
        return None

    def connectionLost(self, reason: Failure) -> None:
        """The end of it (FileDescriptor)."""
        if not self.connected:
            return
        super().connectionLost(reason)
        self.connected = False
        self._end.close()
        for descriptors in (self._leaving, self.arrived):
            while descriptors:
                os.close(descriptors.popleft())
        said = reason.value
        self._lost("closed" if isinstance(said, ConnectionDone) else str(said) or type(said).__name__)

    def abortConnection(self, reason: str = "") -> None:
        """Close now."""
        if self.connected:
            self.stopReading()
            self.stopWriting()
            error = ConnectionLost(reason) if reason else ConnectionAborted()
            self.reactor.callLater(0, self.connectionLost, Failure(error))  # type: ignore[no-untyped-call]  # Twisted's


def pair() -> tuple[socket.socket, socket.socket]:
    """Two ends of a socket without a name, which only those can use that are given an end."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
