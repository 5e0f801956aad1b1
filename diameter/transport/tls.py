"""TLS/TCP (RFC 6733 section 13.1): a layer between a TCP transport and a protocol, which neither knows of.

The protocol above is connected only when the handshake is done and both ends are authenticated, so that no octet of an
unauthenticated peer is ever taken for Diameter (R-TSP-32).  The layer ends the connection when the peer's certificate
runs out (RFC 6733 section 13.1) or is revoked by a list that was read since.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Final

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import (
    IAddress,
    IConsumer,
    IDelayedCall,
    IProducer,
    IProtocol,
    IProtocolFactory,
    IPushProducer,
    IReactorTime,
    ITCPTransport,
    ITransport,
)
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from diameter.security.link import CLEAR, LinkSecurity, ProtectionFailed
from diameter.transport.keys import TlsKeys
from diameter.transport.link import Address
from diameter.transport.tcp import address_of, reason_of

ALERT_S = 5.0
"""Seconds that a refused peer has to read the alert before the connection is cut."""

UNTRUSTED: Final = (
    "the other side sent nothing; in TLS 1.3 it checks our certificate last, and usually this means that it does not"
    " accept it (its trust store or revocation list, the names in our certificate)"
)
"""What an operator has to know of a refusal without an alert."""


@implementer(ITransport, IConsumer, IPushProducer)
class TlsLayer(Protocol):
    """One TLS connection: protocol to the TCP transport below, transport to the protocol above."""

    disconnecting = False

    def __init__(self, factory: TlsFactory, above: IProtocol, *, server: bool) -> None:
        self.factory: TlsFactory = factory
        self.security: LinkSecurity = CLEAR
        self._ready: Deferred[IProtocol] = Deferred(lambda _: self._below.abortConnection())
        self._produced = self._heard = self._behind = False
        self._above = above
        self._protector = factory.keys.context.protector(server=server)
        self._reason = ""
        self.breach = ""
        """Why this layer ended the connection."""
        self._timers: list[IDelayedCall] = []

    @property
    def established(self) -> bool:
        """True once the protocol above is connected."""
        return self.security.secure

    def when_ready(self) -> Deferred[IProtocol]:
        """Fires with the protocol above when it is connected, or fails with ProtectionFailed; cancelling gives up."""
        return self._ready

    # -- protocol to the transport below

    def connectionMade(self) -> None:
        """TCP is there: begin the handshake, which has `handshake_s` seconds."""
        self._below.setTcpNoDelay(True)
        timeout_s = self.factory.handshake_s
        self._later(timeout_s, self._fail, f"no TLS handshake within {timeout_s:g} s")
        self._protector.start()
        self._flush()

    def dataReceived(self, data: bytes) -> None:
        """Octets from the wire: handshake, or records to be opened."""
        if self._reason:
            return
        try:
            clear = self._protector.receive(data)
        except ProtectionFailed as failed:
            self._fail(str(failed))
            return
        if not self.established:
            self._flush()
            if not self._protector.established:
                return
            self._connect()
        if clear:
            self._heard = True
            self._above.dataReceived(clear)
        if self._protector.closed:
            self.unregisterProducer()
            self._below.loseConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """TCP has ended: tell the protocol above, or, before there is one, whoever wants to know of refused peers."""
        for timer in self._timers:
            if timer.active():
                timer.cancel()
        self.factory.gone(self)
        orderly = self._protector.closed or self.disconnecting
        if self.established and not orderly and not self._reason:
            if isinstance(reason.value, ConnectionDone):
                self._reason = "closed without close_notify; the end may be missing"
            if not (self._heard or self.factory.server) and self.security.version == "TLSv1.3":
                self._reason = f"{self._reason or reason_of(reason)}: {UNTRUSTED}"
        if self._reason:
            reason = Failure(ProtectionFailed(self._reason))  # type: ignore[no-untyped-call]
        elif self._protector.closed:
            reason = connectionDone  # the peer had said goodbye; how TCP ended after that means nothing
        if self.established:
            self._above.connectionLost(reason)
            return
        text = reason_of(reason) or "closed during the TLS handshake"
        self.factory.refused(address_of(self._below.getPeer()), text)
        if not self._ready.called:
            if self.factory.server:
                _ = self._ready.addErrback(lambda _: None)  # nobody else waits for it
            self._ready.errback(ProtectionFailed(text))

    # -- transport to the protocol above

    def write(self, data: bytes) -> None:
        """Send clear octets."""
        if data and not self._reason and not self.disconnecting:
            self._protector.protect(data)
            self._flush()

    def offer(self, data: bytes) -> int:
        """Send clear octets in one flight of records; return about how many of them the kernel has not taken.

        For a pull producer while nothing waits; when something is left it is told once that has gone.
        """
        if not data or self._reason or self.disconnecting:
            return len(data)
        self._protector.protect(data)
        octets = self._protector.outgoing()
        at_once = getattr(self._below, "writeSomeData", None)
        if at_once is not None and not self._behind:
            sent = at_once(octets)
            if sent == len(octets):
                return 0
            if isinstance(sent, int) and sent > 0:
                octets = octets[sent:]
        self._behind = False  # behind all that this layer has sent by itself
        self._below.write(octets)
        return min(len(octets), len(data))

    def writeSequence(self, data: Iterable[bytes]) -> None:
        """Send clear octets."""
        self.write(b"".join(data))

    def loseConnection(self) -> None:
        """Send what was written and close_notify, then close."""
        if not self.disconnecting:
            self.disconnecting = True
            self._protector.close()
            self._flush()
            self._below.loseConnection()

    def abortConnection(self) -> None:
        """Close at once."""
        self.disconnecting = True
        self._below.abortConnection()

    def getHost(self) -> IAddress:
        """Our end."""
        return self._below.getHost()

    def getPeer(self) -> IAddress:
        """The other end."""
        return self._below.getPeer()

    def registerProducer(self, producer: IProducer, streaming: bool) -> None:
        """Whoever produces clear octets is told by TCP: no octet ever waits here."""
        if self._reason:  # refused while the protocol above was being connected
            producer.stopProducing()
        else:
            self._produced = True
            self._consumer.registerProducer(producer, streaming)

    def unregisterProducer(self) -> None:
        """No more will be produced."""
        if self._produced:
            self._produced = False
            self._consumer.unregisterProducer()

    def pauseProducing(self) -> None:
        """Read nothing more; one read that is already open may still be delivered."""
        self._producer.pauseProducing()

    def resumeProducing(self) -> None:
        """Read again."""
        self._producer.resumeProducing()

    def stopProducing(self) -> None:
        """The protocol above wants no more."""
        self.loseConnection()

    # -- inside

    def recheck(self) -> None:
        """End the connection when the credentials now in force would refuse this peer."""
        complaint = self._protector.complaint(self.factory.keys.context) if self.established else ""
        if complaint:
            self._fail(complaint)

    def _connect(self) -> None:
        self.security = self._protector.security()
        self._timers.pop().cancel()
        if self.security.not_after is not None:
            left_s = self.security.not_after.timestamp() - self.factory.wall()
            self._later(max(0.0, left_s), self._fail, "the certificate of the peer has expired")
        self.factory.up(self)
        self._above.makeConnection(self)
        self._ready.callback(self._above)

    def _fail(self, reason: str) -> None:
        """Send the alert that is waiting, then close; the peer gets ALERT_S seconds to read it."""
        if not self._reason:
            self._reason = self.breach = reason
            self._flush()
            self.unregisterProducer()
            self._below.loseConnection()
            self._later(ALERT_S, self._below.abortConnection)

    def _flush(self) -> None:
        octets = self._protector.outgoing()
        if octets:
            self._behind = True
            self._below.write(octets)

    def _later(self, seconds: float, call: Callable[..., object], *arguments: object) -> None:
        self._timers.append(self.factory.clock.callLater(seconds, call, *arguments))

    @property
    def _below(self) -> ITCPTransport:
        return self.transport  # type: ignore[return-value]

    @property
    def _consumer(self) -> IConsumer:
        return self.transport  # type: ignore[return-value]

    @property
    def _producer(self) -> IPushProducer:
        return self.transport  # type: ignore[return-value]


class TlsFactory(Factory):
    """Puts a TlsLayer under each protocol of another factory.

    `handshakes`: how many connections may be unauthenticated at once, 0 for any number.  `refused(address, reason)`
    is told of each connection that ended before it was established.
    """

    noisy = False

    def __init__(
        self,
        above: IProtocolFactory,
        keys: TlsKeys,
        clock: IReactorTime,
        *,
        server: bool,
        handshake_s: float,
        handshakes: int = 0,
        refused: Callable[[Address, str], None] = lambda _address, _reason: None,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.above = above
        self.keys = keys
        self.clock = clock
        self.server = server
        self.handshake_s = handshake_s
        self.handshakes = handshakes
        self.refused = refused
        self.wall = wall
        self.pending: set[TlsLayer] = set()

    def buildProtocol(self, addr: IAddress | None) -> TlsLayer | None:  # type: ignore[override]
        """Return a layer with a protocol above it, or None (Twisted then closes)."""
        if self.handshakes and len(self.pending) >= self.handshakes:
            self.refused(address_of(addr), f"more than {self.handshakes} connections without authentication")
            return None
        above = self.above.buildProtocol(addr) if addr is not None else None
        if above is None:
            return None
        layer = TlsLayer(self, above, server=self.server)
        self.pending.add(layer)
        return layer

    def up(self, layer: TlsLayer) -> None:
        """The handshake of this layer is done."""
        self.pending.discard(layer)
        self.keys.watch(layer)

    def gone(self, layer: TlsLayer) -> None:
        """The connection of this layer has ended."""
        self.pending.discard(layer)
        self.keys.forget(layer)
