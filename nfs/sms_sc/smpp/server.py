"""The SMPP port: TCP, or TLS with certificates at both ends, under the sessions of Tsms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from twisted.internet.interfaces import IAddress, IPushProducer
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from diameter.app import Later
from diameter.config import TlsConfig
from diameter.security.link import CLEAR, LinkSecurity
from diameter.transport.keys import TlsKeys
from diameter.transport.tls import TlsFactory
from nfs.sms_sc.smpp.service import Tsms
from nfs.sms_sc.smpp.session import Session

CLOSE_S: Final = 10.0
"""Seconds an SME has to read what was sent before the end."""
UNAUTHENTICATED: Final = 50
"""Connections without a handshake done, at once."""


@implementer(IPushProducer)
class SmppProtocol(Protocol):
    """One connection: octets to its session, and time (bind, enquire_link)."""

    session: Session

    def __init__(self, server: SmppServer) -> None:
        self._server = server
        self._timer: Any = None

    def connectionMade(self) -> None:
        """A session begins; the SME has `bind_s` seconds."""
        transport: Any = self.transport
        security: LinkSecurity = getattr(transport, "security", CLEAR)
        peer = transport.getPeer()
        self.session = Session(
            self._server.tsms,
            transport.write,
            self._close,
            system_id=self._server.system_id,
            address=getattr(peer, "host", ""),
            names=security.peer_names,
            secure=security.secure,
        )
        transport.registerProducer(self, True)
        self._server.open.add(self)
        self._later(self._server.bind_s, self._bound)

    def dataReceived(self, data: bytes) -> None:
        """Octets for the session."""
        self.session.received(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The session is over."""
        self._server.open.discard(self)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self.session.lost()

    def pauseProducing(self) -> None:
        """The SME does not read its answers: read nothing more from it."""
        transport: Any = self.transport
        transport.pauseProducing()

    def resumeProducing(self) -> None:
        """It reads again."""
        transport: Any = self.transport
        transport.resumeProducing()

    def stopProducing(self) -> None:
        """The connection is gone."""

    def _close(self) -> None:
        """Send what was written, then close; whoever does not read it has some seconds.

        Without this a connection that is paused would be kept for ever, and with it one of `connections`.
        """
        transport: Any = self.transport
        if self._timer is not None:
            self._timer.cancel()
        self._later(CLOSE_S, transport.abortConnection)
        transport.loseConnection()

    def _bound(self) -> None:
        if not self.session.direction:
            self.session.end()
            return
        self._later(self._server.enquire_s, self._enquire)

    def _enquire(self) -> None:
        answer = self.session.enquire()
        self._later(self._server.answer_s, lambda: self._answered(answer))

    def _answered(self, answer: Later[int]) -> None:
        if not answer.done:
            self.session.end()
            return
        self._later(self._server.enquire_s, self._enquire)

    def _later(self, seconds: float, call: Callable[[], None]) -> None:
        self._timer = self._server.reactor.callLater(seconds, self._now, call)

    def _now(self, call: Callable[[], None]) -> None:
        self._timer = None
        call()


class SmppServer(Factory):
    """Makes a protocol for each connection, up to `connections` at once."""

    noisy = False

    def __init__(
        self,
        tsms: Tsms,
        reactor: Any,
        *,
        system_id: str,
        connections: int,
        bind_s: float,
        enquire_s: float,
        answer_s: float,
    ) -> None:
        self.tsms = tsms
        self.reactor = reactor
        self.system_id = system_id
        self.connections = connections
        self.bind_s = bind_s
        self.enquire_s = enquire_s
        self.answer_s = answer_s
        self.open: set[SmppProtocol] = set()
        self._port: Any = None
        self.keys: TlsKeys | None = None

    def buildProtocol(self, addr: IAddress | None) -> SmppProtocol | None:
        """A protocol, or None when there are too many."""
        return SmppProtocol(self) if len(self.open) < self.connections else None

    def listen(self, host: str, port: int, tls: TlsConfig | None, *, handshake_s: float = 10.0) -> str:
        """Listen, over TLS with a configuration; where, for the ready line.  Raises ConfigError, CannotListenError."""
        factory: Any = self
        if tls is not None:
            self.keys = TlsKeys(tls, place="smpp.tls")
            factory = TlsFactory(
                self,
                self.keys,
                self.reactor,
                server=True,
                handshake_s=handshake_s,
                handshakes=UNAUTHENTICATED,
            )
        self._port = self.reactor.listenTCP(port, factory, interface=host)
        return f"smpp {'tls' if tls is not None else 'tcp'} {host}:{self._port.getHost().port}"

    def stop(self) -> Any:
        """Listen no more, say unbind to everybody and cut them off; fires when nothing is listening."""
        stopped = None if self._port is None else self._port.stopListening()
        for each in tuple(self.open):
            if each.session.direction:
                _ = each.session.unbind()
            each.session.end()
        return stopped
