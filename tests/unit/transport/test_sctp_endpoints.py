"""From configuration to SCTP links, over an implementation in memory: names, limits, attempts that fail."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from diameter.config import SctpConfig
from diameter.errors import ConfigError
from diameter.transport import sctp_endpoints
from diameter.transport.association import Association
from diameter.transport.endpoints import Links
from diameter.transport.link import Address, ConnectFailed
from diameter.transport.sctp_choice import Choice
from diameter.transport.sctp_endpoints import connected, resolve
from helpers.links import Recorder
from helpers.sctp import dialling, listening, table
from helpers.sctp_octets import MemoryAssociation


class Names:
    """A reactor's resolver: some names have addresses."""

    def resolveHostName(self, receiver: Any, name: str, port: int, kinds: Sequence[type]) -> None:
        receiver.resolutionBegan(self)
        if name == "two.example":
            receiver.addressResolved(IPv4Address("TCP", "192.0.2.1", port))
            receiver.addressResolved(IPv6Address("TCP", "2001:db8::1", port))
        receiver.resolutionComplete()


class Carrier:
    """Listens and dials in memory; `accept` brings an association, `done` ends an attempt."""

    def __init__(self) -> None:
        self.addresses: tuple[Address, ...] = ()
        self.accept: Callable[[Association], None]
        self.trouble: Callable[[Address, str], None]
        self.done: Callable[[Association | str], None]
        self.remote: Sequence[Address] = ()
        self.local: Sequence[Address] = ()
        self.closed = self.cancelled = 0
        self.fails: OSError | None = None

    def listen(self, addresses: Sequence[Address], config: SctpConfig, **how: Any) -> Carrier:
        if self.fails is not None:
            raise self.fails
        self.addresses, self.accept, self.trouble = tuple(addresses), how["accepted"], how["trouble"]
        return self

    def dial(self, remote: Sequence[Address], local: Sequence[Address], config: SctpConfig, **how: Any) -> Carrier:
        if self.fails is not None:
            raise self.fails
        self.remote, self.local, self.done = remote, local, how["done"]
        return self

    def close(self) -> None:
        self.closed += 1

    def cancel(self) -> None:
        self.cancelled += 1


class Reactor(Clock):
    nameResolver = Names()


@pytest.fixture
def carrier(monkeypatch: pytest.MonkeyPatch) -> Carrier:
    made = Carrier()
    monkeypatch.setattr(sctp_endpoints, "choose", lambda kind: Choice("kernel", "why not"))
    monkeypatch.setattr(sctp_endpoints, "carrier_of", lambda kind, reactor: made)
    return made


def outcome(deferred: Deferred[Any]) -> list[Any]:
    """What a Deferred has come to so far."""
    found: list[Any] = []
    _ = deferred.addBoth(lambda result: found.append(getattr(result, "value", result)))
    return found


def test_names_and_addresses_are_one_peer() -> None:
    names = ("192.0.2.9", "two.example", "192.0.2.1", "fe80::1%eth0", "none.example")
    found = outcome(resolve(Reactor(), names, 3868))
    hosts = ["192.0.2.9", "192.0.2.1", "2001:db8::1", "fe80::1%eth0"]
    assert found == [[Address(host, 3868) for host in hosts]]


def test_a_name_without_an_address() -> None:
    (error,) = outcome(resolve(Reactor(), ("none.example",), 3868))
    assert str(error) == "none.example: its name has no address"


def test_a_listener(carrier: Carrier) -> None:
    owner = Recorder()
    links = Links(Reactor(), table("a.example", listening("192.0.2.1", "2001:db8::1"), connections=1), owner)
    assert outcome(links.listen()) == [None]
    assert carrier.addresses == (Address("192.0.2.1", 3868), Address("2001:db8::1", 3868))
    assert links.listening == (("sctp", Address("192.0.2.1", 3868)),)
    assert links.notes == ("why not",)
    first, second = MemoryAssociation(), MemoryAssociation()
    carrier.accept(first)
    carrier.accept(second)
    assert (len(owner.links), second.ended) == (1, "aborted")
    assert owner.refused == [("sctp", "more than 1 connections")]
    carrier.trouble(Address("192.0.2.7", 1), "gone at once")
    assert owner.refused[1] == ("sctp", "gone at once")
    assert first.user is not None
    first.user.ended("")
    carrier.accept(MemoryAssociation())
    assert len(owner.links) == 2
    assert outcome(links.stop()) == [None]
    assert carrier.closed == 1


def test_a_listener_that_cannot_be(carrier: Carrier) -> None:
    carrier.fails = OSError(98, "Address already in use")
    links = Links(Reactor(), table("a.example", listening("192.0.2.1", "192.0.2.2")), Recorder())
    (error,) = outcome(links.listen())
    assert str(error) == ("node.listen.0: cannot listen on sctp 192.0.2.1:3868, 192.0.2.2:3868: Address already in use")


def test_without_sctp_in_the_kernel_the_place_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(kind: str) -> Choice:
        raise ConfigError("the kernel has none")

    monkeypatch.setattr(sctp_endpoints, "choose", refuse)
    links = Links(Reactor(), table("a.example", listening(sctp="kernel")), Recorder())
    (error,) = outcome(links.listen())
    assert isinstance(error, ConfigError)
    assert str(error) == "node.listen.0.sctp: the kernel has none"


def test_dialling(carrier: Carrier) -> None:
    owner, reactor = Recorder(), Reactor()
    links = Links(reactor, table("a.example"), owner)
    peer = dialling("two.example", "192.0.2.3", bind="192.0.2.8", local_addresses=["192.0.2.9"], local_port=4000)
    found = outcome(links.connect(peer))
    assert [each.host for each in carrier.remote] == ["192.0.2.1", "2001:db8::1", "192.0.2.3"]
    assert carrier.local == [Address("192.0.2.8", 4000), Address("192.0.2.9", 4000)]
    carrier.done(MemoryAssociation())
    assert found == owner.links
    assert (owner.links[0].dialled, reactor.getDelayedCalls()) == ("server.example", [])


@pytest.mark.parametrize("how", ["refused", "late", "impossible", "cancelled"])
def test_an_attempt_that_comes_to_nothing(carrier: Carrier, how: str) -> None:
    reactor = Reactor()
    if how == "impossible":
        carrier.fails = OSError(99, "Cannot assign requested address")
    attempt = Links(reactor, table("a.example"), Recorder()).connect(dialling("192.0.2.1", "192.0.2.2"))
    found = outcome(attempt)
    if how == "refused":
        carrier.done("connection refused")
    elif how == "late":
        reactor.advance(8)
    elif how == "cancelled":
        attempt.cancel()
    (error,) = found
    if how != "cancelled":
        assert isinstance(error, ConnectFailed)
        assert str(error).startswith("sctp 192.0.2.1:3868, 192.0.2.2:3868: ")
    assert carrier.cancelled == (how in ("late", "cancelled"))
    assert reactor.getDelayedCalls() == []


def test_an_outcome_cancels_the_clock(carrier: Carrier) -> None:
    reactor = Reactor()
    found = outcome(
        connected(reactor, carrier, [Address("192.0.2.1", 1)], [], SctpConfig(), message_limit=4096, timeout_s=5)
    )
    carrier.done("no")
    reactor.advance(10)
    assert len(found) == 1
