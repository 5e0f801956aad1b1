# mypy: disable-error-code="no-untyped-call, unused-awaitable"
"""The TLS layer between two transports in memory: what the protocol above sees, and when the link ends."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IProtocol
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from diameter.security.link import ProtectionFailed
from diameter.transport.keys import TlsKeys
from diameter.transport.link import Address
from diameter.transport.tls import ALERT_S, TlsFactory, TlsLayer
from helpers.certificates import Ca
from helpers.links import tls_table

CA = Ca()
CLIENT, SERVER = CA.issue("client.example", days=(-1, 20)), CA.issue("server.example", days=(-1, 10))


class Above(Protocol):
    """Remembers what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def connectionMade(self) -> None:
        self.told.append("made")

    def dataReceived(self, data: bytes) -> None:
        self.told.append(data.decode())

    def connectionLost(self, reason: Failure = Failure(ConnectionDone())) -> None:  # noqa: B008
        self.told.append(f"lost: {reason.getErrorMessage()}")


class Below(StringTransport):
    """A transport in memory with what TCP has besides."""

    def setTcpNoDelay(self, enabled: bool) -> None:
        self.no_delay = enabled


class End:
    """One side: layer, transport below, protocol above."""

    def __init__(self, keys: TlsKeys, *, server: bool, **options: Any) -> None:
        self.clock = Clock()
        self.refused: list[str] = []
        self.factory = TlsFactory(
            Factory.forProtocol(Above),
            keys,
            self.clock,
            server=server,
            handshake_s=10,
            refused=lambda address, reason: self.refused.append(reason),
            **options,
        )
        layer = self.factory.buildProtocol(Address("192.0.2.1", 1))  # type: ignore[arg-type]  # any address will do
        assert layer is not None
        self.layer: TlsLayer = layer
        self.below = Below()
        self.layer.makeConnection(self.below)

    @property
    def above(self) -> Above:
        assert isinstance(self.layer._above, Above)
        return self.layer._above

    def closing(self) -> bool:
        return bool(self.below.disconnecting)

    def lose(self, reason: Exception | None = None) -> None:
        self.layer.connectionLost(Failure(reason or ConnectionDone()))


@pytest.fixture
def keys(tmp_path: Path) -> tuple[TlsKeys, TlsKeys]:
    return TlsKeys(tls_table(tmp_path, "c", CLIENT)), TlsKeys(tls_table(tmp_path, "s", SERVER))


@pytest.fixture
def ends(keys: tuple[TlsKeys, TlsKeys]) -> tuple[End, End]:
    now = SERVER.certificate.not_valid_after_utc.timestamp() - 100
    return End(keys[0], server=False, wall=lambda: now), End(keys[1], server=True, wall=lambda: now)


def _carry(*ends: End) -> None:
    """Move octets until none are left."""
    client, server = ends
    moved = True
    while moved:
        moved = False
        for here, there in ((client, server), (server, client)):
            octets = here.below.value()
            here.below.clear()
            if octets:
                moved = True
                there.layer.dataReceived(octets)


def test_the_protocol_above_is_connected_after_the_handshake_only(ends: tuple[End, End]) -> None:
    client, server = ends
    ready: list[IProtocol] = []
    _ = client.layer.when_ready().addCallback(ready.append)
    assert (client.above.told, server.above.told) == ([], [])
    _carry(client, server)
    assert (client.above.told, server.above.told) == (["made"], ["made"])
    assert ready == [client.above]
    assert server.below.no_delay
    client.layer.write(b"")
    client.layer.writeSequence([b"he", b"llo"])
    assert b"hello" not in client.below.value()
    _carry(client, server)
    assert server.above.told == ["made", "hello"]


def test_the_certificate_of_the_peer_ends_the_link_with_its_own_end(ends: tuple[End, End]) -> None:
    client, server = ends
    _carry(client, server)
    client.clock.advance(99)
    assert not client.closing()
    client.clock.advance(1)
    assert client.closing()
    client.layer.write(b"late")
    client.layer.dataReceived(b"late")
    client.lose()
    assert client.above.told == ["made", "lost: the certificate of the peer has expired"]
    assert server.clock.getDelayedCalls() != []  # the other one's is valid for longer


def test_a_handshake_that_does_not_end_is_ended(ends: tuple[End, End]) -> None:
    _, server = ends
    server.clock.advance(10)
    assert server.closing()
    server.clock.advance(ALERT_S)
    assert server.closing()
    server.lose(ConnectionLost())
    assert server.refused == ["no TLS handshake within 10 s"]
    assert (server.above.told, server.clock.getDelayedCalls()) == ([], [])


def test_a_connection_that_ends_before_the_handshake(ends: tuple[End, End]) -> None:
    client, server = ends
    failures: list[Failure] = []
    client.layer.when_ready().addErrback(failures.append)
    client.lose()
    server.lose(ConnectionLost("cable"))
    assert client.refused == ["closed during the TLS handshake"]
    assert "cable" in server.refused[0]
    assert isinstance(failures[0].value, ProtectionFailed)


def test_the_end_of_a_link_in_its_three_forms(keys: tuple[TlsKeys, TlsKeys]) -> None:
    for how, told in (
        ("close", "lost: Connection was closed cleanly."),
        ("cut", "lost: closed without close_notify; the end may be missing"),
        ("reset", "lost: Connection to the other side was lost in a non-clean fashion."),
    ):
        client, server = End(keys[0], server=False), End(keys[1], server=True)
        _carry(client, server)
        if how == "close":
            client.layer.loseConnection()
            client.layer.loseConnection()
            client.layer.write(b"late")
            _carry(client, server)
            assert server.closing()
        server.lose(ConnectionLost() if how == "reset" else None)
        assert server.above.told == ["made", told]
        client.lose()


@pytest.mark.parametrize("lost", [None, ConnectionLost()])
def test_a_server_that_ends_without_a_word_may_not_accept_our_certificate(
    keys: tuple[TlsKeys, TlsKeys], lost: Exception | None
) -> None:
    """In TLS 1.3 a client is done before the server has looked at its certificate; one that has spoken has accepted."""
    for spoken in (False, True):
        client, server = End(keys[0], server=False), End(keys[1], server=True)
        _carry(client, server)
        if spoken:
            server.layer.write(b"CEA")
            _carry(client, server)
        client.lose(lost)
        hint = "in TLS 1.3 it checks our certificate last" in client.above.told[-1]
        assert hint is not spoken, client.above.told
        server.lose()


def test_aborting_and_pausing_reach_the_transport(ends: tuple[End, End]) -> None:
    client, server = ends
    _carry(client, server)
    layer = client.layer
    layer.pauseProducing()
    assert client.below.producerState == "paused"
    layer.resumeProducing()
    assert client.below.producerState == "producing"
    assert layer.getPeer() == client.below.getPeer()
    assert layer.getHost() == client.below.getHost()
    layer.abortConnection()
    assert client.below.disconnected
    server.layer.stopProducing()
    assert server.closing()


def test_reloading_without_change_keeps_links(ends: tuple[End, End], keys: tuple[TlsKeys, TlsKeys]) -> None:
    client, server = ends
    server.layer.recheck()
    _carry(client, server)
    keys[1].reload()
    assert not server.closing()


def test_a_producer_of_a_refused_link_is_stopped(ends: tuple[End, End]) -> None:
    class Producer:
        stopped = False

        def stopProducing(self) -> None:
            self.stopped = True

    client, _ = ends
    client.clock.advance(10)
    producer = Producer()
    client.layer.registerProducer(producer, False)  # type: ignore[arg-type]  # only stopProducing is asked of it
    assert producer.stopped


def test_a_factory_above_may_refuse_and_too_many_are_refused(keys: tuple[TlsKeys, TlsKeys]) -> None:
    class Full(Factory):
        def buildProtocol(self, addr: object) -> None:
            return None

    refused: list[tuple[Address, str]] = []
    options: dict[str, Any] = {"server": True, "handshake_s": 1, "refused": lambda *what: refused.append(what)}
    address: Any = Address("192.0.2.1", 5)
    assert TlsFactory(Full(), keys[0], Clock(), **options).buildProtocol(address) is None
    factory = TlsFactory(Factory.forProtocol(Above), keys[0], Clock(), handshakes=1, **options)
    assert factory.buildProtocol(None) is None
    assert factory.buildProtocol(address) is not None
    assert factory.buildProtocol(address) is None
    assert refused == [(address, "more than 1 connections without authentication")]


class AtOnce(Below):
    """A transport whose kernel takes `room` octets at once."""

    room = 1 << 20

    def writeSomeData(self, data: bytes) -> int:
        taken = min(len(data), self.room)
        self.io.write(data[:taken])
        return taken


def test_a_flight_of_records_is_offered_to_the_kernel_behind_what_the_layer_has_sent(ends: tuple[End, End]) -> None:
    client, server = ends
    _carry(client, server)
    below = client.below
    below.__class__ = AtOnce
    assert client.layer.offer(b"first") == 5, "the end of the handshake may still be waiting below"
    assert client.layer.offer(b"second") == 0
    below.room = 10  # type: ignore[attr-defined]  # it is an AtOnce now
    assert client.layer.offer(b"third") == 5
    assert client.layer.offer(b"") == 0
    _carry(client, server)
    assert "".join(server.above.told) == "madefirstsecondthird"
    client.layer.loseConnection()
    assert client.layer.offer(b"fourth") == 6
