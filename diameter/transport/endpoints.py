"""From configuration to links: everything that listens and dials for one node, and TLS as Twisted endpoints."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from ipaddress import ip_address
from typing import Any, cast

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.endpoints import (
    HostnameEndpoint,
    TCP4ClientEndpoint,
    TCP4ServerEndpoint,
    TCP6ClientEndpoint,
    TCP6ServerEndpoint,
)
from twisted.internet.error import (
    ConnectError,
    ConnectionRefusedError,
    DNSLookupError,
    NoRouteError,
    TCPTimedOutError,
    TimeoutError,
    UnknownHostError,
)
from twisted.internet.interfaces import (
    IListeningPort,
    IProtocol,
    IProtocolFactory,
    IReactorTime,
    IStreamClientEndpoint,
    IStreamServerEndpoint,
)
from zope.interface import implementer

from diameter.config import ASSOCIATIONS, ListenConfig, NodeTable, PeerConfig
from diameter.errors import ConfigError
from diameter.routing.discovery import Query, Record
from diameter.security.link import ProtectionFailed
from diameter.security.papers import Paper
from diameter.transport.ipsec.shield import NotProtected, Shield, plain, warnings
from diameter.transport.ipsec.streams import ArmedReactor, CoveredClient, CoveredServer
from diameter.transport.keys import TlsKeys
from diameter.transport.link import Address, ConnectFailed, Link, LinkOwner
from diameter.transport.listening import Listeners, Opened
from diameter.transport.resolver import DnsResolver
from diameter.transport.sctp_endpoints import SctpLinks, resolve
from diameter.transport.tcp import LinkFactory, LinkProtocol
from diameter.transport.tls import TlsFactory, TlsLayer
from diameter.transport.usrsctp_wires import source

BACKLOG = 128
Door = Callable[[int], IStreamServerEndpoint]
WORDS: tuple[tuple[type[Exception], str], ...] = (
    (ConnectionRefusedError, "connection refused"),
    (NoRouteError, "no route to it"),
    (TCPTimedOutError, "no answer in time"),
    (TimeoutError, "no answer in time"),
    (UnknownHostError, "its name has no address"),
    (DNSLookupError, "its name has no address"),
)


@implementer(IStreamClientEndpoint)
class TlsClientEndpoint:
    """Connects by `tcp`, then does the handshake; the Deferred fires when both ends are authenticated."""

    def __init__(self, tcp: IStreamClientEndpoint, keys: TlsKeys, clock: IReactorTime, handshake_s: float) -> None:
        self._tcp = tcp
        self._keys = keys
        self._clock = clock
        self._handshake_s = handshake_s

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        """Fires with the protocol of `protocolFactory`; fails with ProtectionFailed for a failed handshake."""
        factory = TlsFactory(
            protocolFactory, self._keys, self._clock, server=False, handshake_s=self._handshake_s
        )  # fmt: skip
        connected = self._tcp.connect(factory)
        return connected.addCallback(lambda layer: cast(TlsLayer, layer).when_ready())


@implementer(IStreamServerEndpoint)
class TlsServerEndpoint:
    """Accepts by `tcp`; protocols of the factory are connected once their peer is authenticated."""

    def __init__(
        self,
        tcp: IStreamServerEndpoint,
        keys: TlsKeys,
        clock: IReactorTime,
        handshake_s: float,
        *,
        handshakes: int = 0,
        refused: Callable[[Address, str], None] = lambda _address, _reason: None,
    ) -> None:
        self._tcp = tcp
        self._keys = keys
        self._clock = clock
        self._handshake_s = handshake_s
        self._handshakes = handshakes
        self._refused = refused
        self.factory: TlsFactory | None = None
        """What accepts connections, once this listens."""

    def listen(self, protocolFactory: IProtocolFactory) -> Deferred[IListeningPort]:
        """Fires with the port; fails as the endpoint below does."""
        self.factory = TlsFactory(
            protocolFactory,
            self._keys,
            self._clock,
            server=True,
            handshake_s=self._handshake_s,
            handshakes=self._handshakes,
            refused=self._refused,
        )
        return self._tcp.listen(self.factory)


def tcp_server(reactor: Any, host: str, port: int) -> IStreamServerEndpoint:
    """Return the endpoint that listens on an IPv4 or IPv6 address."""
    kind = TCP6ServerEndpoint if ":" in host else TCP4ServerEndpoint
    return cast(IStreamServerEndpoint, kind(reactor, port, BACKLOG, host))


def tcp_client(reactor: Any, host: str, port: int, timeout_s: float, bind: str | None) -> IStreamClientEndpoint:
    """Return the endpoint that dials an address, or a name (then by all its addresses at once, RFC 8305)."""
    source = (bind, 0) if bind else None
    try:
        version = ip_address(host.partition("%")[0]).version
    except ValueError:
        return HostnameEndpoint(reactor, host, port, timeout_s, source)
    kind = TCP6ClientEndpoint if version == 6 else TCP4ClientEndpoint
    return cast(IStreamClientEndpoint, kind(reactor, host, port, timeout_s, source))


class Links:
    """The listeners and dialled links of one node.

    Making one reads keys, certificates and revocation lists, so it raises ConfigError (file and key named) before any
    port is opened.  `reactor` is any reactor with TCP and time; nothing is imported from `twisted.internet.reactor`.
    """

    def __init__(self, reactor: Any, node: NodeTable, owner: LinkOwner, door: Door | None = None) -> None:
        """`door`: the TCP endpoint of a listener by its place in the configuration, where it is not opened here."""
        self._reactor = reactor
        self._door = door
        self._node = node
        self._owner = owner
        self._keys = None if node.tls is None else TlsKeys(node.tls)
        self._shield = Shield(reactor, node, owner)
        self._sctp = SctpLinks(reactor, node, owner, self._shield, self._keys)
        self._listeners = Listeners(self._server, self._sctp)
        self._resolver = DnsResolver(reactor, node.dns, node.dns_timeout_s)
        self._dialling: set[Deferred[Link]] = set()

    @property
    def listening(self) -> tuple[tuple[str, Address], ...]:
        """(transport, address) of each open listener; the port is the real one also where 0 was configured."""
        return self._listeners.addresses

    @property
    def notes(self) -> tuple[str, ...]:
        """What was chosen where there was a choice, and why: a line each."""
        return (*self._sctp.chosen, *warnings(self._node))

    @property
    def papers(self) -> tuple[Paper, ...]:
        """Certificates and revocation lists in force, with their ends."""
        return () if self._keys is None else self._keys.papers

    def listen(self) -> Deferred[None]:
        """Open every listener of the configuration.  Fails with ConfigError, e.g. for a port in use, with none left."""
        return maybeDeferred(self._listen)

    def connect(self, peer: PeerConfig) -> Deferred[Link]:
        """Dial a peer, each of its addresses in order; cancelling the Deferred stops it.

        Fires with the link after `owner.link_up(link)` was called; `link.dialled` is the peer's host.  Fails with
        `ConnectFailed`, whose text is a reason for people.
        """
        dialling = Deferred.fromCoroutine(self._connect(peer))
        self._dialling.add(dialling)

        def done(result: Any) -> Any:
            self._dialling.discard(dialling)
            return result

        return dialling.addBoth(done)

    def lookup(self, query: Query) -> Deferred[tuple[Record, ...]]:
        """Ask the name servers of the configuration.  Fails with LookupFailed."""
        return self._resolver.lookup(query)

    def reload(self, node: NodeTable | None = None) -> tuple[str, ...]:
        """Read keys, certificates and revocation lists again; links whose peer is no longer trusted are ended.

        With another configuration its files are read, its listeners opened, those that it lacks closed; links that are
        up stay.  Returns the keys that only another start can change.  Raises ConfigError and keeps what was in force.
        """
        before = self._node
        node = before if node is None else node
        keys = TlsKeys(node.tls) if self._keys is None and node.tls is not None else self._keys
        context = keys.read(node.tls) if keys is not None else None
        resolver = self._resolver
        if (node.dns, node.dns_timeout_s) != (before.dns, before.dns_timeout_s):
            resolver = DnsResolver(self._reactor, node.dns, node.dns_timeout_s)
        kept, self._keys, self._node = self._keys, keys, node
        try:
            self._shield.prove(node)
            self._sctp.prove(node)
            wanted, stuck = self._listeners.missing(node.listen)
            if self._door is not None:  # what is not opened here is not closed here either
                wanted, stuck = [], self._listeners.others(node.listen)
            self._listeners.keep(self._listeners.open(wanted))
        except ConfigError:
            self._keys, self._node = kept, before
            raise
        self._resolver = resolver
        self._sctp.take(node, keys)
        self._shield.take(node)
        self._listeners.settle(node, closing=self._door is None)
        if keys is not None and context is not None:
            keys.take(node.tls, context)
        return stuck

    def stop(self) -> Deferred[None]:
        """Close every listener and stop every dialling; links that are up stay the owner's to close."""
        for dialling in tuple(self._dialling):
            dialling.cancel()
        return self._listeners.stop().addCallback(lambda _: None)

    def ended(self) -> Deferred[None]:
        """The node has stopped; fires when nothing of ours is left with those who make IPsec."""
        return self._shield.stop()

    # -- inside

    def _listen(self) -> None:
        if self._door is not None and any(one.security is not None for one in self._node.listen):
            raise ConfigError("node.workers: a listener under IPsec is for one process; set workers = 1")
        self._shield.prove(self._node)
        self._sctp.prove(self._node)
        self._listeners.keep(self._listeners.open(enumerate(self._node.listen)))

    async def _connect(self, peer: PeerConfig) -> Link:
        if peer.transport in ASSOCIATIONS:
            return await self._sctp.connect(peer)
        reasons: list[str] = []
        factory = LinkFactory(
            self._owner, self._reactor, send_limit=self._node.limits.send_limit, dialled=peer.host
        )  # fmt: skip
        for host in peer.dial:
            try:
                if peer.security == "ipsec":
                    protocol = await self._under_ipsec(peer, host, factory)
                else:
                    protocol = await self._client(peer, host).connect(factory)
            except (ConnectError, DNSLookupError, ProtectionFailed, ConnectFailed) as error:
                remote = Address(host, peer.port_number)
                reasons.append(f"{peer.transport} {remote}: {words(error)}")
                if isinstance(error, ProtectionFailed | NotProtected):
                    self._owner.link_refused(peer.transport, remote, words(error))
            else:
                assert isinstance(protocol, LinkProtocol)
                assert protocol.link is not None
                return protocol.link
        raise ConnectFailed("; ".join(reasons))

    async def _under_ipsec(self, peer: PeerConfig, host: str, factory: LinkFactory) -> IProtocol:
        """Bring protection up, then connect.  Raises as an endpoint does, and ConnectFailed."""
        (there, _), *_ = await resolve(self._reactor, (host,), peer.port_number)
        here, there = plain(peer.bind or source(there)), plain(there)
        flow, coming = self._shield.dial(peer, (here,), (there,), "tcp", peer.port_number)
        worn = await coming
        armed = ArmedReactor(self._reactor, self._shield.arm(flow))
        tcp = tcp_client(armed, there, peer.port_number, self._node.connect_timeout_s, peer.bind)
        protocol: IProtocol | None = None
        try:
            protocol = await self._secured(peer, CoveredClient(tcp, worn, self._note)).connect(factory)
        finally:
            if protocol is None:
                worn.release()
        return protocol

    def _note(self, protocol: IProtocol, text: str) -> None:
        link = getattr(protocol, "link", None)
        if isinstance(link, Link):
            self._owner.link_note(link, text)

    def _factory(self, listener: ListenConfig) -> LinkFactory:
        limits = self._node.limits
        return LinkFactory(
            self._owner,
            self._reactor,
            send_limit=limits.send_limit,
            connections=limits.connections,
            refused=lambda remote, reason: self._owner.link_refused(listener.transport, remote, reason),
        )

    def _server(self, listener: ListenConfig) -> Opened:
        factory = self._factory(listener)
        if self._door is not None:
            tcp = self._door(self._node.listen.index(listener))
        elif listener.security == "ipsec":
            tcp = self._server_under_ipsec(listener)
        else:
            tcp = tcp_server(self._reactor, listener.host, listener.port_number)
        if listener.transport == "tcp":
            return tcp, factory, lambda: None
        tls = TlsServerEndpoint(
            tcp,
            self._tls(),
            self._reactor,
            self._node.handshake_timeout_s,
            handshakes=self._node.limits.handshakes,
            refused=lambda remote, reason: self._owner.link_refused("tls", remote, reason),
        )
        return tls, factory, lambda: tls.factory

    def _server_under_ipsec(self, listener: ListenConfig) -> IStreamServerEndpoint:
        door = self._shield.open(listener, "tcp", listener.port_number)
        armed = ArmedReactor(self._reactor, door.arm)
        return CoveredServer(
            tcp_server(armed, listener.host, listener.port_number), door, self._note,
            limit=self._node.limits.handshakes,
            refused=lambda remote, reason: self._owner.link_refused(listener.transport, remote, reason),
        )  # fmt: skip

    def _client(self, peer: PeerConfig, host: str) -> IStreamClientEndpoint:
        tcp = tcp_client(self._reactor, host, peer.port_number, self._node.connect_timeout_s, peer.bind)
        return self._secured(peer, tcp)

    def _secured(self, peer: PeerConfig, tcp: IStreamClientEndpoint) -> IStreamClientEndpoint:
        if peer.transport == "tcp":
            return tcp
        return TlsClientEndpoint(tcp, self._tls(), self._reactor, self._node.handshake_timeout_s)

    def _tls(self) -> TlsKeys:
        if self._keys is None:
            raise ConfigError('node.tls: missing, but a link has transport = "tls"')
        return self._keys


def words(error: Exception) -> str:
    """Return why a connection attempt failed, for people."""
    found: Iterator[str] = (text for kind, text in WORDS if isinstance(error, kind))
    return next(found, str(error) or type(error).__name__)
