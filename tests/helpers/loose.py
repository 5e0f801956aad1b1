"""A TLS client that breaks the profile on purpose, and a wire that damages or repeats what goes over it."""

from __future__ import annotations

from collections.abc import Callable

from OpenSSL import SSL
from twisted.internet.defer import maybeDeferred
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.interfaces import IListeningPort
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure

from diameter.transport.endpoints import tcp_server
from diameter.transport.tcp import address_of
from helpers.certificates import Leaf
from helpers.loop import reactor


def loose_context(leaf: Leaf | None, *, ciphers: bytes = b"ALL:@SECLEVEL=0", highest: int = 0) -> SSL.Context:
    """A client's context without any check, with any certificate or none."""
    context = SSL.Context(SSL.TLS_METHOD)
    context.set_cipher_list(ciphers)
    context.set_min_proto_version(SSL.TLS1_VERSION)
    if highest:
        context.set_max_proto_version(highest)
    if leaf is not None:
        context.use_certificate(leaf.certificate)
        context.use_privatekey(leaf.key)
    return context


class LooseClient(Protocol):
    """Does the handshake, then sends `text`.  `ended` says how it went: an OpenSSL error, or "" for a plain close."""

    def __init__(self, context: SSL.Context, text: bytes = b"x" * 20) -> None:
        self.tls = SSL.Connection(context, None)
        self.tls.set_connect_state()
        self.text = text
        self.ended: str | None = None
        self.clear = b""

    def connectionMade(self) -> None:
        self._go()

    def dataReceived(self, data: bytes) -> None:
        self.tls.bio_write(data)
        self._go()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.ended = self.ended or ""

    def _go(self) -> None:
        try:
            self.tls.do_handshake()
            if self.text:
                self.tls.sendall(self.text)
                self.text = b""
            while True:
                self.clear += self.tls.recv(16384)
        except (SSL.WantReadError, SSL.ZeroReturnError):
            pass
        except SSL.Error as error:
            self.ended = str(error)
        self.flush()

    def flush(self) -> None:
        """Send what OpenSSL has ready."""
        assert self.transport is not None
        try:
            while True:
                self.transport.write(self.tls.bio_read(65536))
        except SSL.WantReadError:
            pass


class Raw(Protocol):
    """Sends octets as they are."""

    def __init__(self, octets: bytes) -> None:
        self.octets = octets

    def connectionMade(self) -> None:
        assert self.transport is not None
        self.transport.write(self.octets)


async def connect(port: int, protocol: Protocol) -> None:
    """Connect a protocol to a port on loopback."""
    await TCP4ClientEndpoint(reactor, "127.0.0.1", port).connect(Factory.forProtocol(lambda: protocol))


class Wire:
    """A TCP relay in the middle: `change` sees each piece on the way to the server, and returns what goes on."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.change: Callable[[bytes], bytes] = lambda octets: octets
        self.listening: IListeningPort | None = None
        self.ends: list[Protocol] = []

    async def open(self) -> int:
        """Listen; return the port to dial instead."""
        self.listening = await tcp_server(reactor, "127.0.0.1", 0).listen(Factory.forProtocol(lambda: _End(self)))
        return address_of(self.listening.getHost()).port

    async def close(self) -> None:
        """Close the listener and both sides."""
        assert self.listening is not None
        for end in self.ends:
            assert end.transport is not None
            end.transport.loseConnection()
        await maybeDeferred(self.listening.stopListening)


class _End(Protocol):
    """One side of a Wire; the near one opens the far one."""

    def __init__(self, wire: Wire, other: _End | None = None) -> None:
        self.wire = wire
        self.other = other
        self.far = other is not None
        self.early = b""

    def connectionMade(self) -> None:
        self.wire.ends.append(self)
        if self.other is None:
            opening = TCP4ClientEndpoint(reactor, "127.0.0.1", self.wire.port).connect(
                Factory.forProtocol(lambda: _End(self.wire, self))
            )
            _ = opening.addErrback(lambda _: None)
            return
        self.other.other = self
        assert self.transport is not None
        self.transport.write(self.other.early)

    def dataReceived(self, data: bytes) -> None:
        data = data if self.far else self.wire.change(data)
        if self.other is None:
            self.early += data
        elif self.other.transport is not None:
            self.other.transport.write(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.loseConnection()
