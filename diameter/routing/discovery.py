"""Finding the peers of a realm by DNS: RFC 6733 section 5.2 with the S-NAPTR services of RFC 6408.

`discover` is a generator: it yields a `Query` and is sent the records, or `LookupFailed` is thrown into it; whoever
drives it owns the resolver and the time.  The way: NAPTR of the realm (RFC 3958: flag "s" leads to SRV, "a" to
addresses, none to further NAPTR); without any NAPTR, SRV of the realm; then A and AAAA of each host.

Settled here:

* a service tag names applications: "aaa+ap16777309" is for that one, "aaa" and that of relays for all.  Of the
  matching records those of the lowest order count, and only when they lead nowhere the next order's.
* only the transports that the caller allows are followed, so that DNS can take no protection away.
* DNS is not trusted.  Every step from one domain to another is one that the certificate of the peer has to confirm
  (`Found.must_carry`: the NAPTR query and its replacement, the SRV query and its target).  A link without certificate
  cannot confirm anything; there records that lead out of the realm are passed over.
* everything found holds for the shortest TTL on the way to it.
* a name server may answer anything: what is no domain name is neither asked for nor written into the log, and there
  are bounds for queries, records of one name, addresses of one host, and notes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from diameter.errors import DiameterError

Kind = Literal["NAPTR", "SRV", "A", "AAAA"]
Uniform = Callable[[float, float], float]

TAGS: Final[Mapping[str, str]] = {
    "diameter.tls.tcp": "tls",
    "diameter.tcp": "tcp",
    "diameter.dtls.sctp": "dtls",
    "diameter.dtls": "dtls",
    "diameter.sctp": "sctp",
}
"""Application protocol tags of RFC 6408 and RFC 6733, whose section 11.6 has "diameter.dtls.sctp" where section 5.2
prints "diameter.dtls".
"""
RELAY: Final = 0xFFFFFFFF
"""A service for the relay application is one for every application (section 2.4)."""
SRV_NAMES: Final[Mapping[str, str]] = {
    "tls": "_diameters._tcp",
    "tcp": "_diameter._tcp",
    "dtls": "_diameters._sctp",
    "sctp": "_diameter._sctp",
}
SECURE: Final = frozenset({"tls", "dtls"})
KINDS: Final[tuple[Kind, Kind]] = ("AAAA", "A")
NAPTR_STEPS: Final = 5
"""NAPTR records that may lead to further ones."""
QUERIES: Final = 64
"""Queries of one discovery, at most."""
RECORDS: Final = 64
"""NAPTR or SRV records of one name that are looked at, best first."""
ADDRESSES: Final = 16
"""Addresses kept of one host."""
NOTES: Final = 32
"""Notes of one discovery, at most."""
LONGEST_NAME: Final = 253
_LABEL: Final = "[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME: Final = re.compile(rf"{_LABEL}(?:\.{_LABEL})*", re.ASCII)


class LookupFailed(DiameterError):
    """The resolver could not tell (timeout, server failure); not the same as a name without records."""


@dataclass(frozen=True, slots=True)
class Query:
    """What the resolver is asked."""

    kind: Kind
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Naptr:
    """RFC 3403."""

    order: int
    preference: int
    flags: str
    service: str
    replacement: str
    ttl_s: int
    regexp: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Srv:
    """RFC 2782."""

    priority: int
    weight: int
    port: int
    target: str
    ttl_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HostAddress:
    """A or AAAA."""

    address: str
    ttl_s: int


Record = Naptr | Srv | HostAddress


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A peer to connect to: `host` is its name, and has to be its Origin-Host; `port` None: the registered one.

    `must_carry`: names that its certificate must all have.
    """

    host: str
    addresses: tuple[str, ...]
    port: int | None
    transport: str
    must_carry: tuple[str, ...]
    ttl_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Discovery:
    """`found`, best first, each host and port once; `notes`: what was passed over, and why."""

    found: tuple[Found, ...]
    notes: tuple[str, ...]


Steps = Generator[Query, Sequence[Record], list[Found]]


def discover(
    realm: str, applications: Iterable[int] | None, transports: Sequence[str], uniform: Uniform
) -> Generator[Query, Sequence[Record], Discovery]:
    """Find the peers of `realm` that serve one of `applications` (None: any), by one of `transports`, best first.

    Raises LookupFailed when nothing was found and something could not be told; a realm without records has an empty
    `found`.
    """
    search = _Search(None if applications is None else frozenset(applications), tuple(transports), uniform)
    found = yield from search.by_naptr(plain(realm))
    if found is None:
        found = yield from search.by_srv_names(plain(realm))
    if not found and search.failure is not None:
        raise search.failure
    once = {(each.host, each.port, each.transport): each for each in reversed(found)}
    ordered = tuple(each for each in found if once[each.host, each.port, each.transport] is each)
    return Discovery(found=ordered, notes=tuple(search.notes))


def plain(name: str) -> str:
    """A domain name for comparison: lower case, no final dot."""
    return name.rstrip(".").lower()


def is_name(name: str) -> bool:
    """True for what can be asked for: labels of letters, digits, hyphens and underscores, as `plain` leaves them."""
    return len(name) <= LONGEST_NAME and _NAME.fullmatch(name) is not None


def domain_of(name: str) -> str:
    """The domain that a name of SRV or NAPTR records is about: without the labels that begin with an underscore."""
    labels = plain(name).split(".")
    while labels and labels[0].startswith("_"):
        labels.pop(0)
    return ".".join(labels)


def protocols(service: str, applications: frozenset[int] | None) -> tuple[str, ...]:
    """The transports that a SERVICE field offers to one of these applications (None: to any), in its order.

    RFC 6408 section 3: "aaa" or "aaa+ap" and the application id, then ":" and a protocol tag, as often as needed.
    """
    tag, *offered = service.lower().split(":")
    name, plus, application = tag.partition("+ap")
    if name != "aaa" or (plus and not (application.isascii() and application.isdigit())):
        return ()
    if plus and applications is not None and int(application) not in (RELAY, *applications):
        return ()
    return tuple(dict.fromkeys(TAGS[each] for each in offered if each in TAGS))


def in_srv_order(records: Iterable[Srv], uniform: Uniform) -> list[Srv]:
    """SRV records in the order to try them: by priority, drawn by weight among equals (RFC 2782)."""
    waiting = sorted(records, key=lambda one: (one.priority, one.weight != 0))
    ordered: list[Srv] = []
    while waiting:
        equal = [one for one in waiting if one.priority == waiting[0].priority]
        drawn = uniform(0, sum(one.weight for one in equal))
        chosen = equal[-1]
        for one in equal:
            drawn -= one.weight
            if drawn <= 0:
                chosen = one
                break
        waiting.remove(chosen)
        ordered.append(chosen)
    return ordered


class _Search:
    """One discovery: what it looks for, and what it has met."""

    def __init__(self, applications: frozenset[int] | None, transports: tuple[str, ...], uniform: Uniform) -> None:
        self._applications = applications
        self._transports = transports
        self._uniform = uniform
        self._queries = 0
        self._seen: set[str] = set()
        self.notes: list[str] = []
        self.failure: LookupFailed | None = None

    def by_naptr(self, realm: str) -> Generator[Query, Sequence[Record], list[Found] | None]:
        """What the NAPTR records of the realm lead to; None when there are none of ours."""
        records = yield from self._ask("NAPTR", realm)
        naptrs = [one for one in records if isinstance(one, Naptr)]
        if not naptrs:
            return None
        return (yield from self._follow(realm, naptrs, (), NAPTR_STEPS, 2**31))

    def by_srv_names(self, realm: str) -> Steps:
        """What the SRV records of the realm itself say."""
        found: list[Found] = []
        for transport in self._transports:
            name = f"{SRV_NAMES[transport]}.{realm}"
            found += yield from self._by_srv(name, transport, (realm,), 2**31)
        return found

    def _note(self, text: str) -> None:
        if len(self.notes) < NOTES:
            self.notes.append(text)
        elif len(self.notes) == NOTES:
            self.notes.append("and more of the kind")

    def _ask(self, kind: Kind, name: str) -> Generator[Query, Sequence[Record], Sequence[Record]]:
        self._queries += 1
        if self._queries > QUERIES:
            self._note(f"{kind} {name}: more than {QUERIES} queries")
            return ()
        try:
            return (yield Query(kind, name))
        except LookupFailed as failure:
            self.failure = failure
            self._note(f"{kind} {name}: {failure}")
            return ()

    def _follow(self, name: str, records: Iterable[Naptr], carry: tuple[str, ...], steps: int, ttl_s: int) -> Steps:
        """Peers by the NAPTR records of `name`: those of the first order that leads to any."""
        useful = sorted(
            (one for one in records if self._is_ours(name, one)), key=lambda one: (one.order, one.preference)
        )[:RECORDS]
        found: list[Found] = []
        for at, record in enumerate(useful):
            if found and record.order != useful[at - 1].order:
                break
            domain = domain_of(record.replacement)
            names = (*carry, domain_of(name), domain)
            for transport in self._offered(record):
                if transport not in SECURE and not _lies_in(domain, names[0]):
                    self._note(f"NAPTR {name}: {record.replacement} is outside {names[0]}, and the link is clear")
                else:
                    shortest = min(ttl_s, record.ttl_s)
                    found += yield from self._replaced(record, transport, names, steps, shortest)
        return found

    def _replaced(self, record: Naptr, transport: str, names: tuple[str, ...], steps: int, ttl_s: int) -> Steps:
        """Peers by what one NAPTR record leads to."""
        target, flag = plain(record.replacement), record.flags.lower()
        if flag == "s":
            return (yield from self._by_srv(target, transport, names, ttl_s))
        if flag == "a":
            return (yield from self._by_address(target, None, transport, names, ttl_s))
        if not steps or target in self._seen:
            self._note(f"NAPTR {target}: a loop, or too long a way")
            return []
        self._seen.add(target)
        further = yield from self._ask("NAPTR", target)
        naptrs = [one for one in further if isinstance(one, Naptr)]
        return (yield from self._follow(target, naptrs, names, steps - 1, ttl_s))

    def _is_ours(self, name: str, record: Naptr) -> bool:
        if record.regexp or record.flags.lower() not in ("", "s", "a"):
            self._note(f"NAPTR {name}: not S-NAPTR (flags {record.flags[:8]!r})")
            return False
        return bool(self._offered(record)) and self._is_name(f"NAPTR {name}", plain(record.replacement))

    def _is_name(self, where: str, name: str) -> bool:
        """False, and a note, for what a name server says and nobody can ask for."""
        if is_name(name):
            return True
        self._note(f"{where}: {name[:40]!r} is no domain name")
        return False

    def _offered(self, record: Naptr) -> tuple[str, ...]:
        offered = protocols(record.service, self._applications)
        return tuple(transport for transport in self._transports if transport in offered)

    def _by_srv(self, name: str, transport: str, carry: tuple[str, ...], ttl_s: int) -> Steps:
        records = yield from self._ask("SRV", name)
        best = sorted((one for one in records if isinstance(one, Srv)), key=lambda one: one.priority)[:RECORDS]
        found: list[Found] = []
        for record in in_srv_order(best, self._uniform):
            target = plain(record.target)
            if not target:  # RFC 2782: "decidedly not available"
                self._note(f"SRV {name}: the service is not offered")
                continue
            if not self._is_name(f"SRV {name}", target):
                continue
            if transport not in SECURE and not _lies_in(target, carry[0]):
                self._note(f"SRV {name}: {target} is outside {carry[0]}, and the link is clear")
                continue
            names = (*carry, domain_of(name), target)
            shortest = min(ttl_s, record.ttl_s)
            found += yield from self._by_address(target, record.port, transport, names, shortest)
        return found

    def _by_address(self, host: str, port: int | None, transport: str, carry: tuple[str, ...], ttl_s: int) -> Steps:
        """The one peer `host`, if it has an address."""
        addresses: list[HostAddress] = []
        for kind in KINDS:
            records = yield from self._ask(kind, host)
            addresses += [one for one in records if isinstance(one, HostAddress)]
        if not addresses:
            self._note(f"{host} has no address")
            return []
        return [
            Found(
                host=host,
                addresses=tuple(dict.fromkeys(one.address for one in addresses))[:ADDRESSES],
                port=port,
                transport=transport,
                must_carry=tuple(dict.fromkeys((*carry, host))) if transport in SECURE else (),
                ttl_s=min([ttl_s, *(one.ttl_s for one in addresses)]),
            )
        ]


def _lies_in(name: str, domain: str) -> bool:
    return name == domain or name.endswith(f".{domain}")
