"""TCP links (RFC 6733 section 2.1): the Twisted protocol and factory that put a `StreamLink` on a connection."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, cast
from typing import Protocol as Interface

from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IAddress, IReactorTime
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure

from diameter.security.link import CLEAR, LinkSecurity
from diameter.transport.link import Address, LinkOwner
from diameter.transport.stream import StreamLink, StreamTransport


class Offering(Interface):
    """A TLS layer (`diameter.transport.tls.TlsLayer.offer`)."""

    breach: str

    def offer(self, data: bytes) -> int: ...


class TcpLink(StreamLink):
    """A connection in clear."""

    __slots__ = ()
    transport: ClassVar[str] = "tcp"


class TlsLink(StreamLink):
    """A connection under TLS; it comes to be when both ends are authenticated."""

    __slots__ = ()
    transport: ClassVar[str] = "tls"

    @property
    def breach(self) -> str:
        """Why the protection of this link ended it."""
        return cast(Offering, self._wire).breach

    def _put(self, octets: bytes) -> int:
        return cast(Offering, self._wire).offer(octets)


class LinkProtocol(Protocol):
    """Joins Twisted's names to a link's.  `link` is None until the connection is made."""

    link: StreamLink | None = None

    def __init__(self, factory: LinkFactory) -> None:
        self.factory: LinkFactory = factory

    def connectionMade(self) -> None:
        """Make the link; on TLS this is called after the handshake."""
        wire = self.transport
        assert wire is not None
        security = getattr(wire, "security", CLEAR)
        assert isinstance(security, LinkSecurity)
        no_delay = getattr(wire, "setTcpNoDelay", None)
        if no_delay is not None:
            no_delay(True)
        ends = address_of(wire.getHost()), address_of(wire.getPeer())
        self.factory.live += 1
        self.link = self.factory.link(cast(StreamTransport, wire), ends, security)
        self.link.made()

    def dataReceived(self, data: bytes) -> None:
        """Octets from the transport."""
        assert self.link is not None
        self.link.received(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The connection has ended, orderly or not."""
        assert self.link is not None
        self.factory.live -= 1
        self.link.lost(reason_of(reason))


class LinkFactory(Factory):
    """Makes links for one owner.  `live` counts those that are up; from `connections` on, more are refused."""

    noisy = False

    def __init__(
        self,
        owner: LinkOwner,
        clock: IReactorTime,
        *,
        send_limit: int,
        connections: int = 0,
        dialled: str = "",
        refused: Callable[[Address, str], None] | None = None,
    ) -> None:
        self.owner = owner
        self.clock = clock
        self.send_limit = send_limit
        self.connections = connections
        self.dialled = dialled
        self.refused = refused
        self.live = 0

    def buildProtocol(self, addr: IAddress | None) -> LinkProtocol | None:  # type: ignore[override]
        """Return a protocol, or None (Twisted then closes) when there are enough."""
        if self.connections and self.live >= self.connections:
            if self.refused is not None:
                self.refused(address_of(addr), f"more than {self.connections} connections")
            return None
        return LinkProtocol(self)

    def link(self, wire: StreamTransport, ends: tuple[Address, Address], security: LinkSecurity) -> StreamLink:
        """Return the link of a connection that is ready."""
        kind = TlsLink if security.mechanism == "tls" else TcpLink
        link = kind(wire, self.owner, self.clock, ends=ends, send_limit=self.send_limit, security=security)
        link.dialled = self.dialled
        return link


def address_of(address: object) -> Address:
    """Return host and port of one of Twisted's addresses; a kind without them gives its text and port 0."""
    return Address(str(getattr(address, "host", address)), int(getattr(address, "port", 0)))


def reason_of(failure: Failure) -> str:
    """Return why a connection ended, "" for an orderly close."""
    if isinstance(failure.value, ConnectionDone):
        return ""
    return failure.getErrorMessage().rstrip(".") or type(failure.value).__name__
