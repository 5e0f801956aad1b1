"""Protocols of Twisted over associations: a message is one dataReceived, a write one message."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure

from diameter.transport import sctp_twisted, strings
from diameter.transport.link import Address
from diameter.transport.sctp_events import ShutDown
from diameter.transport.sctp_twisted import MessageTransport, SctpServerEndpoint, twisted_address
from helpers.sctp_octets import MemoryAssociation


class Keeps(Protocol):
    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self.ended: list[type] = []

    def dataReceived(self, data: bytes) -> None:
        self.heard.append(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.ended.append(type(reason.value))


def made() -> tuple[MemoryAssociation, Keeps, MessageTransport]:
    below, protocol = MemoryAssociation(), Keeps()
    return below, protocol, MessageTransport(below, protocol)


def test_messages_both_ways() -> None:
    below, protocol, transport = made()
    below.deliver([b"a", b"b"])
    assert protocol.heard == [b"a", b"b"]
    below.room = 1
    transport.write(b"c")
    transport.writeSequence([b"d", b"e"])
    assert [data for data, *_ in below.sent] == [b"c"]
    transport.loseConnection()
    assert below.ended == ""
    below.room = 5
    transport.writable()
    assert ([data for data, *_ in below.sent], below.ended) == ([b"c", b"de"], "finished")
    transport.happened(ShutDown())
    transport.ended("")
    assert protocol.ended == [ConnectionDone]


def test_the_end_of_a_broken_one() -> None:
    below, protocol, transport = made()
    transport.abortConnection()
    transport.ended("reset")
    assert (below.ended, protocol.ended) == ("aborted", [ConnectionLost])


def test_addresses() -> None:
    _, _, transport = made()
    assert (transport.getHost().host, transport.getPeer().port) == ("192.0.2.1", 50000)  # type: ignore[attr-defined]
    assert twisted_address(Address("::1", 1)).host == "::1"  # type: ignore[attr-defined]  # an IPv6Address


def test_a_factory_may_want_none(monkeypatch: pytest.MonkeyPatch) -> None:
    class Carrier:
        addresses = (Address("192.0.2.1", 3868),)
        closed = False

        def listen(self, *_: Any, **how: Any) -> Carrier:
            self.accepted = how["accepted"]
            how["trouble"](self.addresses[0], "nobody hears it")
            return self

        def close(self) -> None:
            self.closed = True

    carrier = Carrier()
    monkeypatch.setattr(strings, "choose", lambda kind: type("Choice", (), {"kind": "kernel"}))
    monkeypatch.setattr(strings, "carrier_of", lambda kind, reactor: carrier)
    endpoint = strings.server(object(), "sctp", physical_protection="yes", physical_protection_reason="test")
    assert isinstance(endpoint, SctpServerEndpoint)
    wanted: list[Keeps | None] = [Keeps(), None]
    factory = Factory()
    factory.buildProtocol = lambda address: wanted.pop(0)  # type: ignore[method-assign,assignment]
    ports: list[Any] = []
    _ = endpoint.listen(factory).addCallback(ports.append)
    first, second = MemoryAssociation(), MemoryAssociation()
    carrier.accepted(first)
    carrier.accepted(second)
    assert (first.ended, second.ended) == ("", "aborted")
    assert ports[0].getHost().port == 3868
    ports[0].startListening()
    ports[0].stopListening()
    assert carrier.closed
    assert sctp_twisted.refusal("no").osError is None
