"""Asking name servers, by twisted.names: the resolver that `diameter.routing.discovery` is driven with.

Which servers: those given, else the `nameserver` lines of the system's resolv.conf, read when the first question is
asked.  A name that does not exist, or has no records of the kind asked for, is an empty answer; everything else that
goes wrong is `LookupFailed`.  A truncated answer is asked for again over TCP.  Answers are not kept: what is found
holds for its TTL with whoever asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final

from twisted.internet.defer import Deferred, TimeoutError
from twisted.internet.error import ConnectError
from twisted.names import client, dns
from twisted.names.error import (
    AuthoritativeDomainError,
    DNSNameError,
    DomainError,
    ResolverError,
)
from twisted.python.failure import Failure

from diameter.errors import ConfigError
from diameter.routing.discovery import HostAddress, LookupFailed, Naptr, Query, Record, Srv

PORT: Final = 53
SYSTEM: Final = Path("/etc/resolv.conf")
TRIES: Final = (0.2, 0.3, 0.5)
"""Fractions of the time of one server after which the question is asked again."""

FAILURES: Final = (
    DomainError,
    AuthoritativeDomainError,
    ResolverError,
    TimeoutError,
    ConnectError,
    OSError,
)
"""Everything that a question can end with."""

_dns: Any = dns  # its functions have no types
_TYPES: Final = {"NAPTR": dns.NAPTR, "SRV": dns.SRV, "A": dns.A, "AAAA": dns.AAAA}


class DnsResolver:
    """Answers queries of discovery.  `reactor`: any with UDP, TCP and time."""

    def __init__(
        self, reactor: Any, servers: Iterable[str] = (), timeout_s: float = 5.0, *, system: Path = SYSTEM
    ) -> None:
        """`servers`: "ADDRESS" or "ADDRESS:PORT"; raises ConfigError for another form."""
        self._reactor = reactor
        self._servers = tuple(server_address(text) for text in servers)
        self._timeout_s = timeout_s
        self._system = system
        self._client: Any = None

    def lookup(self, query: Query) -> Deferred[tuple[Record, ...]]:
        """Fires with the records, maybe none; fails with LookupFailed."""
        if self._client is None:
            servers = self._servers or system_servers(self._system)
            tries = [self._timeout_s * fraction for fraction in TRIES]
            resolver: Any = client.Resolver
            self._client = resolver(servers=list(servers), timeout=tries, reactor=self._reactor)
        question = _dns.Query(query.name.encode("idna" if not query.name.isascii() else "ascii"), _TYPES[query.kind])
        asked: Deferred[Any] = self._client.query(question)
        return asked.addCallbacks(_records, _failed)


def server_address(text: str) -> tuple[str, int]:
    """ "192.0.2.1", "192.0.2.1:5353", "2001:db8::1" or "[2001:db8::1]:53" as address and port.  Raises ConfigError."""
    host, port = text, ""
    if text.startswith("["):
        host, _, rest = text[1:].partition("]")
        port = rest.removeprefix(":")
    elif text.count(":") == 1:
        host, _, port = text.partition(":")
    number = int(port) if port.isascii() and port.isdigit() else PORT if not port else -1
    try:
        address = str(ip_address(host))
    except ValueError:
        raise ConfigError(f"dns: {text!r} is no address of a name server; write ADDRESS or ADDRESS:PORT") from None
    if not 0 < number < 65536:
        raise ConfigError(f"dns: {text!r}: {port!r} is no port")
    return address, number


def system_servers(path: Path) -> tuple[tuple[str, int], ...]:
    """The name servers of a resolv.conf; this host itself without any, as resolvers have it."""
    try:
        lines = path.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        lines = []
    words = [line.split() for line in lines]
    named = [each[1].partition("%")[0] for each in words if len(each) > 1 and each[0] == "nameserver"]
    found = []
    for text in named:
        try:
            found.append(server_address(text))
        except ConfigError:
            continue  # an address that only this host's own resolver understands
    return tuple(found) or (("127.0.0.1", PORT),)


def _records(sections: Sequence[Sequence[Any]]) -> tuple[Record, ...]:
    """What the answer section says; CNAMEs on the way and records that cannot be are left out."""
    found = (_record(header.payload, int(header.ttl or 0)) for header in sections[0])
    return tuple(each for each in found if each is not None)


def _record(payload: Any, ttl_s: int) -> Record | None:
    try:
        match payload:
            case dns.Record_NAPTR():
                return Naptr(
                    order=payload.order,
                    preference=payload.preference,
                    flags=_text(payload.flags.string),
                    service=_text(payload.service.string),
                    regexp=_text(payload.regexp.string),
                    replacement=_text(payload.replacement.name),
                    ttl_s=ttl_s,
                )
            case dns.Record_SRV():
                target = _text(payload.target.name)
                return Srv(
                    priority=payload.priority, weight=payload.weight, port=payload.port, target=target, ttl_s=ttl_s
                )
            case dns.Record_A() | dns.Record_AAAA():
                return HostAddress(address=str(ip_address(payload.address or b"")), ttl_s=ttl_s)
    except ValueError:
        return None
    return None


def _text(octets: bytes) -> str:
    return octets.decode("ascii")


def _failed(failure: Failure) -> tuple[Record, ...]:
    """No such name is no record; the rest could not be told."""
    failure.trap(*FAILURES)  # type: ignore[no-untyped-call]  # Twisted leaves it untyped
    if isinstance(failure.value, DNSNameError):
        return ()
    timed_out = isinstance(failure.value, TimeoutError)
    raise LookupFailed("no answer of a name server" if timed_out else type(failure.value).__name__)
