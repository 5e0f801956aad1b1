"""Listening sockets of the parent, and what stands for them in a worker.

The parent accepts and hands each connection over; TLS and everything above begins in the worker.
"""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable, Sequence
from typing import Any, Final

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IListeningPort, IProtocolFactory, IReadDescriptor, IStreamServerEndpoint
from twisted.python.failure import Failure
from zope.interface import implementer

from diameter.config import ASSOCIATIONS, ListenConfig, NodeConfig
from diameter.errors import ConfigError
from diameter.transport.endpoints import BACKLOG
from diameter.transport.link import Address

AT_ONCE: Final = 64
"""Connections accepted in one turn of the reactor."""
FULL: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
FULL_S: Final = 1.0
"""Time until the next try where there are too many open files."""


def fits(config: NodeConfig) -> None:
    """Raise ConfigError for listeners that several workers cannot share: an association is not handed over."""
    lines = [
        f"node.listen.{at}.transport: {one.transport} is for one process; with workers listen on tcp or tls"
        for at, one in enumerate(config.listen)
        if one.transport in ASSOCIATIONS
    ]
    if lines:
        raise ConfigError(*lines)


@implementer(IReadDescriptor)
class Door:
    """One listening socket of the parent.  `accepted` gets each connection, as a socket that does not block.

    Raises ConfigError when the port cannot be had.
    """

    def __init__(self, reactor: Any, at: int, config: ListenConfig, accepted: Callable[[int, socket.socket], None]):
        self._reactor = reactor
        self._at = at
        self._accepted = accepted
        self._socket = _listening(at, config)
        self.transport = config.transport
        self.address = Address(*self._socket.getsockname()[:2])
        self._open = False
        self._later: Any = None

    def open(self) -> None:
        """Begin to accept."""
        self._forget()
        if not self._open:
            self._open = True
            self._reactor.addReader(self)

    def pause(self) -> None:
        """Let connections wait: nobody is there to take them."""
        self._forget()
        if self._open:
            self._open = False
            self._reactor.removeReader(self)

    def close(self) -> None:
        """Accept no more."""
        self.pause()
        self._socket.close()

    def _forget(self) -> None:
        later, self._later = self._later, None
        if later is not None and later.active():
            later.cancel()

    def fileno(self) -> int:
        """For the reactor."""
        return self._socket.fileno()

    def logPrefix(self) -> str:
        """For the reactor."""
        return f"door {self._at}"

    def doRead(self) -> None:
        """Somebody has connected."""
        for _ in range(AT_ONCE):
            try:
                connection, _ = self._socket.accept()
            except OSError as error:
                if error.errno in FULL:
                    self.pause()
                    self._later = self._reactor.callLater(FULL_S, self.open)
                return  # nobody more, or gone again
            connection.setblocking(False)
            self._accepted(self._at, connection)
            if not self._open:
                return

    def connectionLost(self, reason: Failure) -> None:
        """The reactor gives the socket up."""
        self.close()


def _listening(at: int, config: ListenConfig) -> socket.socket:
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM)
    made.setblocking(False)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        where = socket.getaddrinfo(
            config.host, config.port_number, family, socket.SOCK_STREAM, 0, socket.AI_NUMERICHOST
        )
        made.bind(where[0][4])
        made.listen(BACKLOG)
    except OSError as error:
        made.close()
        what = f"{config.transport} {Address(config.host, config.port_number)}"
        raise ConfigError(f"node.listen.{at}: cannot listen on {what}: {error.strerror}") from None
    return made


class Doors:
    """In a worker: the listeners of its node, and the connections handed to them."""

    def __init__(self, reactor: Any, listening: Sequence[tuple[str, int]], ended: Callable[[int], None]) -> None:
        """`listening`: where the parent listens; `ended`: told of each connection that has come and gone."""
        self._reactor = reactor
        self._listening = listening
        self._ended = ended
        self._factories: dict[int, IProtocolFactory] = {}

    def door(self, at: int) -> IStreamServerEndpoint:
        """What stands for listener `at` (see `diameter.transport.endpoints.Links`)."""
        return _Handed(self, at)

    def opened(self, at: int, factory: IProtocolFactory) -> IListeningPort:
        """The node listens."""
        self._factories[at] = factory
        return _Port(self, at, *self._listening[at])

    def shut(self, at: int) -> None:
        """The node listens no longer."""
        self._factories.pop(at, None)

    def take(self, at: int, descriptor: int) -> None:
        """A connection has been handed over."""
        factory = self._factories.get(at)
        server: Any = None
        try:
            if factory is not None:
                with socket.socket(fileno=os.dup(descriptor)) as seen:
                    family = seen.family
                server = self._reactor.adoptStreamConnection(descriptor, family, factory)
        except OSError:
            pass  # it has gone already
        finally:
            os.close(descriptor)
        if server is None:
            self._ended(at)
            return
        lost = server.connectionLost

        def connection_lost(reason: Failure) -> None:
            lost(reason)
            self._ended(at)

        server.connectionLost = connection_lost  # a wrapping protocol would cost something for each read


@implementer(IStreamServerEndpoint)
class _Handed:
    def __init__(self, doors: Doors, at: int) -> None:
        self._doors = doors
        self._at = at

    def listen(self, protocolFactory: IProtocolFactory) -> Deferred[IListeningPort]:
        """Take what is handed over (IStreamServerEndpoint)."""
        return succeed(self._doors.opened(self._at, protocolFactory))


@implementer(IListeningPort)
class _Port:
    def __init__(self, doors: Doors, at: int, host: str, port: int) -> None:
        self._doors = doors
        self._at = at
        self._host = host
        self._port = port

    def startListening(self) -> None:
        """Nothing: the parent listens (IListeningPort)."""

    def stopListening(self) -> None:
        """Take nothing more (IListeningPort)."""
        self._doors.shut(self._at)

    def getHost(self) -> IPv4Address | IPv6Address:
        """Where the parent listens (IListeningPort)."""
        return (IPv6Address if ":" in self._host else IPv4Address)("TCP", self._host, self._port)
