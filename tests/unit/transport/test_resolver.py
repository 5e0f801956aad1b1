# mypy: disable-error-code="no-untyped-call, unused-awaitable"
"""Which name servers are asked, and what records become; questions themselves are asked in tests/link."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import TimeoutError, fail, succeed
from twisted.internet.testing import MemoryReactorClock
from twisted.names import dns
from twisted.names.error import DNSNameError, DNSServerError

from diameter.errors import ConfigError
from diameter.routing.discovery import LookupFailed, Query
from diameter.transport.resolver import DnsResolver, server_address, system_servers


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("192.0.2.1", ("192.0.2.1", 53)),
        ("192.0.2.1:5353", ("192.0.2.1", 5353)),
        ("2001:db8::1", ("2001:db8::1", 53)),
        ("[2001:db8::1]", ("2001:db8::1", 53)),
        ("[2001:db8::1]:5353", ("2001:db8::1", 5353)),
    ],
)
def test_addresses_of_name_servers(text: str, address: tuple[str, int]) -> None:
    assert server_address(text) == address


@pytest.mark.parametrize("text", ["", "ns.example", "192.0.2.1:x", "192.0.2.1:0", "192.0.2.1:65536"])
def test_what_is_no_address_of_a_name_server(text: str) -> None:
    with pytest.raises(ConfigError, match="dns: "):
        DnsResolver(MemoryReactorClock(), [text])


def test_the_servers_of_the_system(tmp_path: Path) -> None:
    path = tmp_path / "resolv.conf"
    assert system_servers(path) == (("127.0.0.1", 53),)
    path.write_text(
        "# comment\nsearch example\nnameserver 192.0.2.1\nnameserver\nnameserver fe80::1%eth0\nnameserver x\n"
    )
    assert system_servers(path) == (("192.0.2.1", 53), ("fe80::1", 53))


class Canned:
    """A client that answers what it was told."""

    made: tuple[Any, ...] = ()
    outcome: Any = None

    def __init__(self, **options: Any) -> None:
        type(self).made = (options["servers"], options["timeout"])

    def query(self, question: Any) -> Any:
        self.question = question
        return fail(self.outcome) if isinstance(self.outcome, Exception) else succeed((self.outcome, [], []))


@pytest.fixture
def canned(monkeypatch: pytest.MonkeyPatch) -> type[Canned]:
    monkeypatch.setattr("diameter.transport.resolver.client.Resolver", Canned)
    return Canned


def _ask(outcome: Any, kind: Any = "A") -> Any:
    Canned.outcome = outcome
    seen: list[Any] = []
    DnsResolver(MemoryReactorClock(), ["192.0.2.1"], 10).lookup(Query(kind, "a.example")).addBoth(seen.append)
    return seen[0]


def test_each_server_has_its_time(canned: type[Canned]) -> None:
    assert _ask([]) == ()
    assert canned.made == ([("192.0.2.1", 53)], [2.0, 3.0, 5.0])


@pytest.mark.parametrize(
    ("error", "text"), [(TimeoutError(), "no answer of a name server"), (DNSServerError(), "DNSServerError")]
)
def test_what_could_not_be_told(canned: type[Canned], error: Exception, text: str) -> None:
    failure = _ask(error)
    assert isinstance(failure.value, LookupFailed)
    assert str(failure.value) == text
    assert _ask(DNSNameError()) == ()


def test_records_that_are_none_of_ours_are_left_out(canned: type[Canned]) -> None:
    payloads = [
        dns.Record_CNAME(b"b.example", 5),
        dns.Record_SRV(1, 1, 1, b"\xff.example", 5),
        dns.Record_A("192.0.2.7", 5),
    ]
    found = _ask([dns.RRHeader(b"a.example", each.TYPE, dns.IN, 5, each) for each in payloads])
    assert [each.address for each in found] == ["192.0.2.7"]
