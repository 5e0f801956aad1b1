# mypy: disable-error-code="no-untyped-call, unused-awaitable"
"""Where links come from: what is dialled and listened on, and what is said when it fails.  No port is opened."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from twisted.internet.address import IPv4Address
from twisted.internet.endpoints import HostnameEndpoint
from twisted.internet.error import (
    CannotListenError,
    ConnectError,
    ConnectionRefusedError,
    DNSLookupError,
    NoRouteError,
    TimeoutError,
)
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.python.failure import Failure

from diameter.config import TlsConfig
from diameter.errors import ConfigError
from diameter.transport.endpoints import Links, tcp_client, words
from diameter.transport.link import ConnectFailed
from helpers.certificates import Ca
from helpers.links import Recorder, dial, listener, node, tls_table

CA = Ca()


def _links(reactor: Any, *listen: Any, tls: TlsConfig | None = None) -> Links:
    return Links(reactor, node("a.example", tls, *listen), Recorder())


def test_listeners_by_address_family() -> None:
    reactor = MemoryReactorClock()
    done: list[None] = []
    links = _links(reactor, listener("tcp", "192.0.2.1", 3868), listener("tcp", "2001:db8::1", 3868))
    links.listen().addCallback(done.append)
    assert done == [None]
    assert [(port, interface) for port, _, _, interface in reactor.tcpServers] == [
        (3868, "192.0.2.1"),
        (3868, "2001:db8::1"),
    ]
    assert [transport for transport, _ in links.listening] == ["tcp", "tcp"]


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ConnectionRefusedError(), "connection refused"),
        (NoRouteError(), "no route to it"),
        (TimeoutError(), "no answer in time"),
        (DNSLookupError(), "its name has no address"),
        (ConnectError(string="odd"), "An error occurred while connecting: odd."),
    ],
)
def test_words_for_failures(error: Exception, text: str) -> None:
    assert words(error) == text


def test_addresses_are_dialled_in_order_and_the_reasons_kept() -> None:
    reactor = MemoryReactorClock()
    failures: list[Failure] = []
    _links(reactor).connect(dial("tcp", 3868, "192.0.2.1", "192.0.2.2")).addErrback(failures.append)
    for at, error in enumerate((ConnectionRefusedError(), TimeoutError())):
        host, port, factory, timeout, _ = reactor.tcpClients[at]
        assert (host, port, timeout) == (f"192.0.2.{at + 1}", 3868, 10)
        factory.clientConnectionFailed(reactor.connectors[at], Failure(error))
    assert failures[0].check(ConnectFailed)
    assert failures[0].getErrorMessage() == (
        "tcp 192.0.2.1:3868: connection refused; tcp 192.0.2.2:3868: no answer in time"
    )


def test_names_are_dialled_by_all_their_addresses_and_a_source_may_be_named() -> None:
    reactor = MemoryReactorClock()
    assert isinstance(tcp_client(reactor, "iwf.example", 3868, 5, None), HostnameEndpoint)
    _ = tcp_client(reactor, "192.0.2.1", 3868, 5, "192.0.2.9").connect(None)  # type: ignore[arg-type]
    source: object = reactor.tcpClients[0][4]
    assert source == ("192.0.2.9", 0)


def test_tls_without_keys_is_a_configuration_error() -> None:
    failures: list[Failure] = []
    _links(MemoryReactorClock()).connect(dial("tls", 5868)).addErrback(failures.append)
    assert failures[0].check(ConfigError)


def test_keys_are_read_before_any_port_is_opened(tmp_path: Path) -> None:
    table = tls_table(tmp_path, "a", CA.issue())
    (tmp_path / "a.key").write_text("x")
    reactor = MemoryReactorClock()
    with pytest.raises(ConfigError, match="not a PEM private key"):
        _links(reactor, listener("tls"), tls=table)
    assert reactor.tcpServers == []


def test_stopping_twice_and_reloading_without_tls() -> None:
    links = _links(MemoryReactorClock(), listener("tcp"))
    assert links.reload() == ()
    done: list[None] = []
    links.stop().addCallback(done.append)
    links.stop().addCallback(done.append)
    assert done == [None, None]
    assert links.listening == ()


def test_an_accepted_connection_is_a_link() -> None:
    reactor, owner = MemoryReactorClock(), Recorder()
    links = Links(reactor, node("a.example", None, listener("tcp")), owner)
    _ = links.listen()
    factory = reactor.tcpServers[0][1]
    protocol: Any = factory.buildProtocol(IPv4Address("TCP", "192.0.2.7", 4000))
    protocol.makeConnection(StringTransport(peerAddress=IPv4Address("TCP", "192.0.2.7", 4000)))
    protocol.dataReceived(b"octets")
    assert str(owner.links[0].remote) == "192.0.2.7:4000"
    assert (owner.links[0].dialled, owner.data) == ("", b"octets")
    protocol.connectionLost(Failure(ConnectionRefusedError("odd")))
    assert owner.lost == ["Connection was refused by other side: odd"]
    assert factory.live == 0  # type: ignore[attr-defined]  # a LinkFactory


class Busy(MemoryReactorClock):
    """Port 1 is taken; `closed` are the ports that were closed."""

    def __init__(self) -> None:
        super().__init__()
        self.closed: list[int] = []

    def listenTCP(self, port: int, factory: Any, backlog: int = 50, interface: str = "") -> Any:
        if port == 1:
            raise CannotListenError(interface, port, OSError(98, "Address already in use"))
        made = super().listenTCP(port, factory, backlog, interface)
        made.stopListening = lambda: self.closed.append(port)
        return made


def _opened(links: Links) -> list[int]:
    return sorted(address.port for _, address in links.listening)


def test_a_reload_opens_and_closes_listeners_and_leaves_the_others() -> None:
    reactor = Busy()
    links = _links(reactor, listener("tcp", "::1", 3868), listener("tcp", "::1", 3869))
    _ = links.listen()
    kept: Any = reactor.tcpServers[0][1]
    limits = {"connections": 3, "send_limit": 2**21}
    after = node("a.example", None, listener("tcp", "::1", 3868), listener("tcp", "::1", 3870), limits=limits)
    assert links.reload(after) == ()
    assert reactor.closed == [3869]
    assert [port for port, *_ in reactor.tcpServers] == [3868, 3869, 3870]
    assert (kept.connections, kept.send_limit) == (3, 2**21)


def test_a_listener_that_cannot_be_opened_changes_nothing() -> None:
    reactor = Busy()
    links = _links(reactor, listener("tcp", "::1", 3868))
    _ = links.listen()
    wanted = (listener("tcp", "::1", 3870), listener("tcp", "::1", 1))
    with pytest.raises(ConfigError, match=r"node\.listen\.1: cannot listen on tcp \[::1\]:1: Address already in use"):
        links.reload(node("a.example", None, *wanted))
    assert reactor.closed == [3870]
    assert len(links.listening) == 1


def test_another_transport_on_the_same_port_needs_another_start(tmp_path: Path) -> None:
    reactor = Busy()
    links = _links(reactor, listener("tcp", "::1", 3868))
    _ = links.listen()
    table = tls_table(tmp_path, "a", CA.issue())
    wanted = listener("tls", "::1", 3868), listener("tls", "::1", 5868)
    assert links.reload(node("a.example", table, *wanted, dns=("192.0.2.53",))) == ("node.listen.0.transport",)
    assert [transport for transport, _ in links.listening] == ["tcp", "tls"]
    tls: Any = reactor.tcpServers[1][1]
    assert links.reload(node("a.example", table, *wanted, handshake_timeout_s=3.0, limits={"handshakes": 5}))
    assert (tls.handshakes, tls.handshake_s) == (5, 3.0)


def test_other_keys_are_read_before_anything_changes(tmp_path: Path) -> None:
    reactor = Busy()
    table, other = tls_table(tmp_path, "a", CA.issue()), tls_table(tmp_path, "b", CA.issue())
    links = _links(reactor, listener("tls", "::1", 5868), tls=table)
    _ = links.listen()
    factory: Any = reactor.tcpServers[0][1]
    keys = factory.keys
    before = keys.context
    (tmp_path / "b.key").write_text("x")
    with pytest.raises(ConfigError, match=r"b\.key: not a PEM private key"):
        links.reload(node("a.example", other))
    assert (keys.context, reactor.closed) == (before, [])
    with pytest.raises(ConfigError, match="cannot listen"):
        links.reload(node("a.example", tls_table(tmp_path, "c", CA.issue()), listener("tcp", "::1", 1)))
    assert keys.context is before
    links.reload(node("a.example", tls_table(tmp_path, "c", CA.issue()), listener("tls", "::1", 5868)))
    assert keys.context is not before
