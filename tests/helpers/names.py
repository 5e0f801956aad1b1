# mypy: disable-error-code="no-untyped-call"
"""A name server for tests on loopback, UDP and TCP, that says what a test tells it to."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.names import common, dns, server
from twisted.names.error import DomainError

from helpers.loop import reactor
from helpers.ports import free_port

_plain: Any = common.ResolverBase  # has no types


class Zone(_plain):  # type: ignore[misc]  # so its subclass has none
    """`records`: by name and type.  `asked`: every question.  `silent`: names it never answers for;
    `refused`: names for which it answers that it will not.
    """

    def __init__(self) -> None:
        super().__init__()
        self.records: dict[tuple[str, int], list[Any]] = {}
        self.asked: list[tuple[str, int]] = []
        self.silent: set[str] = set()
        self.refused: set[str] = set()

    def put(self, name: str, *records: Any) -> None:
        """Set the records of a name, of the type of the first of them."""
        self.records[name.lower(), records[0].TYPE] = list(records)

    def _lookup(self, name: bytes, cls: int, kind: int, timeout: object) -> Deferred[Any]:
        text = name.decode().lower()
        self.asked.append((text, kind))
        if text in self.silent:
            return Deferred()
        found = self.records.get((text, kind))
        if found is None:
            known = any(each == text for each, _ in self.records)
            return succeed(([], [], [])) if known else fail(DomainError(text))
        headers = [dns.RRHeader(name, kind, cls, record.ttl or 0, record, auth=True) for record in found]
        return succeed((headers, [], []))


_plain_factory: Any = server.DNSServerFactory  # has no types


class _Factory(_plain_factory):  # type: ignore[misc]  # so its subclass has none
    noisy = False

    def __init__(self, zone: Zone) -> None:
        super().__init__(clients=[zone])
        self._zone = zone

    def allowQuery(self, message: Any, protocol: object, address: object) -> bool:
        """Refuse what the zone refuses."""
        return message.queries[0].name.name.decode().lower() not in self._zone.refused


class NameServer:
    """The zone on a free port of 127.0.0.1."""

    def __init__(self) -> None:
        self.zone = Zone()
        factory = _Factory(self.zone)
        protocol: Any = dns.DNSDatagramProtocol(controller=factory)
        protocol.noisy = False
        port = free_port()  # of both: one that the kernel gives for UDP may be taken for TCP
        self._udp = reactor.listenUDP(port, protocol, interface="127.0.0.1")
        self._tcp = reactor.listenTCP(port, factory, interface="127.0.0.1")

    @property
    def address(self) -> str:
        """As `dns` of a configuration has it."""
        return f"127.0.0.1:{self._udp.getHost().port}"

    async def stop(self) -> None:
        """Close both ports."""
        await self._udp.stopListening()
        await self._tcp.stopListening()
