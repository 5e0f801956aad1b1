"""TCP under IPsec: a layer between transport and protocol that lets nothing through before protection is verified.

Twisted makes the sockets; a reactor that stands before the real one has each of them armed first.  While no security
association covers the connection, what is written waits in the layer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, cast

from twisted.internet import tcp
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IAddress,
    IConsumer,
    IListeningPort,
    IProducer,
    IProtocol,
    IProtocolFactory,
    IPushProducer,
    IStreamClientEndpoint,
    IStreamServerEndpoint,
    ITCPTransport,
    ITransport,
)
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from diameter.security.link import CLEAR, LinkSecurity, ProtectionFailed
from diameter.transport.ipsec.shield import Door, Worn, plain
from diameter.transport.link import Address
from diameter.transport.tcp import address_of, reason_of

Arm = Callable[[Any], None]
Note = Callable[[IProtocol, str], None]


class ArmedReactor:
    """Makes TCP sockets that demand IPsec; for Twisted's endpoints, which ask no more of a reactor."""

    def __init__(self, reactor: Any, arm: Arm) -> None:
        self._reactor = reactor
        self._arm = arm

    def connectTCP(self, host: str, port: int, factory: Any, timeout: float = 30, bindAddress: Any = None) -> Any:
        """As the reactor's."""
        connector = _Connector(host, port, factory, timeout, bindAddress, self._reactor)
        connector.arm = self._arm
        connector.connect()
        return connector

    def listenTCP(self, port: int, factory: Any, backlog: int = 50, interface: str = "") -> IListeningPort:
        """As the reactor's."""
        listening = _Port(port, factory, backlog, interface, self._reactor)
        listening.arm = self._arm
        listening.startListening()
        return listening


class _Connector(tcp.Connector):
    arm: Arm

    def _makeTransport(self) -> tcp.Client:
        return _Client(self.host, self.port, self.bindAddress, self, self.reactor)  # type: ignore[no-untyped-call]


class _Client(tcp.Client):
    def createInternetSocket(self) -> Any:
        return _armed(super().createInternetSocket(), self.connector.arm)  # type: ignore[no-untyped-call]


class _Port(tcp.Port):
    arm: Arm

    def createInternetSocket(self) -> Any:
        return _armed(super().createInternetSocket(), self.arm)  # type: ignore[no-untyped-call]


def _armed(sock: Any, arm: Arm) -> Any:
    """The socket, or OSError with it closed."""
    try:
        arm(sock)
    except OSError:
        sock.close()
        raise
    return sock


@implementer(IStreamClientEndpoint)
class CoveredClient:
    """Connects by `tcp`, whose sockets are armed, once protection is up."""

    def __init__(self, tcp_endpoint: IStreamClientEndpoint, worn: Worn, note: Note) -> None:
        self._tcp = tcp_endpoint
        self._worn = worn
        self._note = note

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        """Fires with the protocol of `protocolFactory`; fails as the endpoint below does."""
        layers = _Layers(protocolFactory, self._note)
        layers.worn = self._worn
        return self._tcp.connect(layers).addCallback(lambda layer: cast(CoverLayer, layer).above)


@implementer(IStreamServerEndpoint)
class CoveredServer:
    """Accepts by `tcp`; protocols of the factory are connected once the protection of their peer is verified."""

    def __init__(
        self,
        tcp_endpoint: IStreamServerEndpoint,
        door: Door,
        note: Note,
        *,
        limit: int = 0,
        refused: Callable[[Address, str], None] = lambda _address, _reason: None,
    ) -> None:
        self._tcp = tcp_endpoint
        self._door = door
        self._note = note
        self._limit = limit
        self._refused = refused

    def listen(self, protocolFactory: IProtocolFactory) -> Deferred[IListeningPort]:
        """Fires with the port; fails as the endpoint below does."""
        layers = _Layers(protocolFactory, self._note)
        layers.door, layers.limit, layers.refused = self._door, self._limit, self._refused
        return self._tcp.listen(layers).addErrback(self._not_open)

    def _not_open(self, failure: Failure) -> Failure:
        self._door.close()
        return failure


class _Layers(Factory):
    """Puts a CoverLayer under each protocol of another factory."""

    noisy = False

    def __init__(self, above: IProtocolFactory, note: Note) -> None:
        self.above = above
        self.note = note
        self.worn: Worn | None = None
        self.door: Door | None = None
        self.limit = 0
        self.refused: Callable[[Address, str], None] = lambda _address, _reason: None

    def stopFactory(self) -> None:
        """The listener is closed."""
        if self.door is not None:
            self.door.close()

    def buildProtocol(self, addr: IAddress | None) -> CoverLayer | None:  # type: ignore[override]
        """Return a layer, or None (Twisted then closes)."""
        if self.door is not None and self.limit and self.door.waiting >= self.limit:
            self.refused(address_of(addr), f"more than {self.limit} connections whose IPsec is not verified")
            return None
        above = self.above.buildProtocol(addr) if addr is not None else None
        return None if above is None else CoverLayer(self, above)


@implementer(ITransport, IConsumer, IPushProducer)
class CoverLayer(Protocol):
    """One connection: protocol to the TCP transport below, transport to the protocol above, link to its cover."""

    def __init__(self, factory: _Layers, above: IProtocol) -> None:
        self.factory: _Layers = factory
        self.above = above
        self.security: LinkSecurity = CLEAR
        self._worn = factory.worn
        self._verifying: Deferred[Worn] | None = None
        self._waiting: list[bytes] = []
        self._silent = self._leaving = self._connected = False
        self._reason = ""

    # -- protocol to the transport below

    def connectionMade(self) -> None:
        """TCP is there; of a connection that somebody made, the protection is verified first."""
        worn = self._worn
        if worn is not None:
            self._dress(worn)
            return
        self._producer.pauseProducing()
        door = self.factory.door
        assert door is not None
        here, there = address_of(self._below.getHost()), address_of(self._below.getPeer())
        self._verifying = door.admit((plain(here.host),), (plain(there.host),), there.port)
        _ = self._verifying.addCallbacks(self._verified, self._unverified)

    def _verified(self, worn: Worn) -> None:
        self._verifying = None
        try:
            assert self.factory.door is not None
            self.factory.door.arm(getattr(self.transport, "socket"))  # noqa: B009  # Twisted's own attribute
        except OSError as error:
            worn.release()
            self._fail(str(error))
            return
        self._dress(worn)
        self._producer.resumeProducing()

    def _unverified(self, failure: Failure) -> None:
        self._verifying = None
        if not self._leaving:
            self._fail(failure.getErrorMessage())

    def _dress(self, worn: Worn) -> None:
        self._worn = worn
        self.security = worn.cover.security
        self._connected = True
        self.above.makeConnection(self)
        worn.cover.wear(self)

    def _fail(self, reason: str) -> None:
        self._leaving = True
        self.factory.refused(address_of(self._below.getPeer()), reason)
        self._below.abortConnection()

    def dataReceived(self, data: bytes) -> None:
        """Octets from the wire, which IPsec has opened."""
        if self._connected and not self._reason:
            self.above.dataReceived(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """TCP has ended."""
        self._waiting.clear()
        if self._verifying is not None:
            self._leaving = True
            self._verifying.cancel()
            text = reason_of(reason) or "closed before its IPsec was verified"
            self.factory.refused(address_of(self._below.getPeer()), text)
        worn, self._worn = self._worn, None
        if worn is not None:
            worn.release()
        if self._connected:
            if self._reason:
                reason = Failure(ProtectionFailed(self._reason))  # type: ignore[no-untyped-call]
            self.above.connectionLost(reason)

    # -- a link to its cover

    def bare(self, reason: str) -> None:
        """Send nothing."""
        self._silent = True
        self.factory.note(self.above, f"IPsec: {reason}; nothing is sent")

    def covered(self) -> None:
        """Send again, first what waits."""
        self._silent = False
        self.factory.note(self.above, "IPsec: a security association is there again")
        waiting, self._waiting = self._waiting, []
        if waiting:
            self._below.write(b"".join(waiting))
        if self._leaving:
            self._below.loseConnection()

    def stripped(self, reason: str) -> None:
        """End at once."""
        self._reason = f"IPsec: {reason}"
        self._below.abortConnection()

    # -- transport to the protocol above

    def write(self, data: bytes) -> None:
        """Send, or keep while nothing may be sent."""
        if self._silent:
            self._waiting.append(data)
        else:
            self._below.write(data)

    def writeSomeData(self, data: bytes) -> Any:
        """Offer octets to the kernel; returns how many it took, or an exception as Twisted does."""
        return 0 if self._silent else cast(Any, self._below).writeSomeData(data)

    def writeSequence(self, data: Iterable[bytes]) -> None:
        """Send."""
        self.write(b"".join(data))

    def loseConnection(self) -> None:
        """Send what was written, then close."""
        self._leaving = True
        if not self._silent:
            self._below.loseConnection()

    def abortConnection(self) -> None:
        """Close at once."""
        self._below.abortConnection()

    def setTcpNoDelay(self, enabled: bool) -> None:
        """Nagle off or on."""
        self._below.setTcpNoDelay(enabled)

    def getHost(self) -> IAddress:
        """Our end."""
        return self._below.getHost()

    def getPeer(self) -> IAddress:
        """The other end."""
        return self._below.getPeer()

    def registerProducer(self, producer: IProducer, streaming: bool) -> None:
        """Whoever produces is told by TCP once nothing waits there, and so not while it waits here."""
        cast(IConsumer, self.transport).registerProducer(producer, streaming)

    def unregisterProducer(self) -> None:
        """No more will be produced."""
        cast(IConsumer, self.transport).unregisterProducer()

    def pauseProducing(self) -> None:
        """Read nothing more."""
        self._producer.pauseProducing()

    def resumeProducing(self) -> None:
        """Read again."""
        self._producer.resumeProducing()

    def stopProducing(self) -> None:
        """The protocol above wants no more."""
        self.loseConnection()

    @property
    def _below(self) -> ITCPTransport:
        return self.transport  # type: ignore[return-value]

    @property
    def _producer(self) -> IPushProducer:
        return self.transport  # type: ignore[return-value]
