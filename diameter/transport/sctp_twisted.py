"""SCTP, and DTLS over it, as Twisted endpoints: each message is one `dataReceived`, each `write` one message.

They are for protocols of others.  Messages go in order on stream 0, with Diameter's payload protocol identifier; what
SCTP has no room for waits here, as much as is written.  Nodes use `diameter.transport.sctp` instead, with limits.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectError, ConnectionDone, ConnectionLost
from twisted.internet.interfaces import (
    IAddress,
    IListeningPort,
    IProtocol,
    IProtocolFactory,
    IStreamClientEndpoint,
    IStreamServerEndpoint,
    ITransport,
)
from twisted.python.failure import Failure
from zope.interface import implementer

from diameter.config import LinkTable
from diameter.errors import EncodeError
from diameter.transport.association import Association, Received
from diameter.transport.dtls_endpoints import Handshakes, demanding
from diameter.transport.link import Address, ConnectFailed
from diameter.transport.sctp import PPID
from diameter.transport.sctp_choice import Carrier, Listening
from diameter.transport.sctp_endpoints import BACKLOG, connected, resolve
from diameter.transport.sctp_events import Event

MESSAGE_LIMIT = 262_144


@implementer(ITransport)
class MessageTransport:
    """Joins an association and a protocol."""

    def __init__(self, association: Association, protocol: IProtocol) -> None:
        self._association = association
        self._protocol = protocol
        self._queue: deque[bytes] = deque()
        self._closing = False
        protocol.makeConnection(self)
        association.attach(self)

    # -- transport to the protocol

    def write(self, data: bytes) -> None:
        """Send one message.  Raises EncodeError for one that is too long."""
        if len(data) > self._association.largest:
            raise EncodeError(f"a message of {len(data)} octets; the association takes {self._association.largest}")
        self._queue.append(data)
        self.writable()

    def writeSequence(self, data: Iterable[bytes]) -> None:
        """Send one message of several pieces."""
        self.write(b"".join(data))

    def loseConnection(self) -> None:
        """SHUTDOWN behind what was written."""
        self._closing = True
        self.writable()

    def abortConnection(self) -> None:
        """ABORT."""
        self._association.abort()

    def getHost(self) -> IAddress:
        """Our first address."""
        return twisted_address(self._association.local_addresses[0])

    def getPeer(self) -> IAddress:
        """The peer's first address."""
        return twisted_address(self._association.remote_addresses[0])

    # -- user of the association

    def received(self, messages: Sequence[Received]) -> None:
        """Messages for the protocol."""
        for each in messages:
            self._protocol.dataReceived(each.data)

    def happened(self, event: Event) -> None:
        """Nothing that a protocol of Twisted has a method for."""

    def writable(self) -> None:
        """Send what waits."""
        queue = self._queue
        while queue and self._association.send(queue[0], stream=0, ppid=PPID, ordered=True, more=len(queue) > 1):
            queue.popleft()
        if self._closing and not queue:
            self._association.finish()

    def ended(self, reason: str) -> None:
        """The association is gone."""
        error = ConnectionLost(reason) if reason else ConnectionDone()
        self._protocol.connectionLost(Failure(error))  # type: ignore[no-untyped-call]  # Twisted leaves it untyped


@implementer(IStreamClientEndpoint)
class SctpClientEndpoint:
    """Connects to a peer at all addresses of a name; with `handshakes` the protocol sees what DTLS let through."""

    def __init__(
        self,
        reactor: Any,
        carrier: Carrier,
        table: LinkTable,
        host: str,
        timeout_s: float,
        bind: str | None,
        handshakes: Handshakes | None = None,
    ) -> None:
        self._handshakes = handshakes
        self._reactor = reactor
        self._carrier = carrier
        self._table = table
        self._host = host
        self._timeout_s = timeout_s
        self._bind = bind

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        """Fires with the protocol; fails with ConnectError."""
        return Deferred.fromCoroutine(self._connect(protocolFactory))

    async def _connect(self, factory: IProtocolFactory) -> IProtocol:
        config = self._table.association if self._handshakes is None else demanding(self._table.association)
        hosts = [self._bind] if self._bind else []
        local = [Address(host, config.local_port) for host in (*hosts, *config.local_addresses)]
        try:
            remote = await resolve(self._reactor, (self._host,), self._table.port_number)
            association = await connected(
                self._reactor, self._carrier, remote, local, config, message_limit=MESSAGE_LIMIT,
                timeout_s=self._timeout_s,
            )  # fmt: skip
            if self._handshakes is not None:
                association = await self._handshakes.protect(association, config, server=False)
        except (OSError, ConnectFailed) as error:
            raise refusal(str(error)) from None
        protocol = factory.buildProtocol(twisted_address(association.remote_addresses[0]))
        if protocol is None:
            association.abort()
            raise refusal("the factory made no protocol")
        MessageTransport(association, protocol)
        return protocol


@implementer(IStreamServerEndpoint)
class SctpServerEndpoint:
    """Listens on an address, and on the further ones of its options."""

    def __init__(self, carrier: Carrier, table: LinkTable, host: str, handshakes: Handshakes | None = None) -> None:
        self._handshakes = handshakes
        self._carrier = carrier
        self._table = table
        self._host = host

    def listen(self, protocolFactory: IProtocolFactory) -> Deferred[IListeningPort]:
        """Fires with the port; fails with OSError."""
        return Deferred.fromCoroutine(self._listen(protocolFactory))

    async def _listen(self, factory: IProtocolFactory) -> IListeningPort:
        handshakes = self._handshakes

        def accepted(association: Association) -> None:
            if handshakes is None:
                up(association)
            elif handshakes.too_many():
                association.abort()
            else:  # who is refused has been told so
                _ = handshakes.protect(association, config, server=True).addCallbacks(up, lambda _: None)

        def up(association: Association) -> None:
            protocol = factory.buildProtocol(twisted_address(association.remote_addresses[0]))
            if protocol is None:
                association.abort()
            else:
                MessageTransport(association, protocol)

        config = self._table.association if handshakes is None else demanding(self._table.association)
        addresses = [Address(host, self._table.port_number) for host in (self._host, *config.local_addresses)]
        listening = self._carrier.listen(
            addresses, config, message_limit=MESSAGE_LIMIT, backlog=BACKLOG, accepted=accepted,
            trouble=lambda _address, _reason: None,
        )  # fmt: skip
        factory.doStart()
        return _Port(listening, factory)


@implementer(IListeningPort)
class _Port:
    """A listener as Twisted knows them."""

    def __init__(self, listening: Listening, factory: IProtocolFactory) -> None:
        self._listening = listening
        self._factory = factory

    def startListening(self) -> None:
        """It does already."""

    def stopListening(self) -> None:
        """Take no more; associations that are up stay."""
        self._listening.close()
        self._factory.doStop()

    def getHost(self) -> IAddress:
        """The first address, with the real port."""
        return twisted_address(self._listening.addresses[0])


def refusal(text: str) -> ConnectError:
    """Twisted's error for a connection that could not be made."""
    return ConnectError(string=text)  # type: ignore[no-untyped-call]  # Twisted leaves it untyped


def twisted_address(address: Address) -> IAddress:
    """An address as Twisted's; it knows no kind for SCTP, so it says TCP."""
    kind = IPv6Address if ":" in address.host else IPv4Address
    return kind("TCP", address.host, address.port)
