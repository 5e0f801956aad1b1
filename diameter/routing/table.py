"""Peer table (RFC 6733 section 2.6) and routing table (section 2.7): what is ours, and who takes what is not.

A received request is for us, or it is refused with the Result-Code of section 7.1.3 (agents, which forward it, use the
same table).  A request of ours goes to the candidates in this order, the first that is open and offers the application:

1. the Destination-Host itself, when it is a peer (section 6.1.5, request forwarding);
2. the hosts of the static route for (Destination-Realm, application), else for the realm alone (section 6.1.6);
3. peers of the Destination-Realm, in the order configured;
4. the hosts of the default route;
5. peers that advertise the relay application: a relay says by that that it forwards anything (section 2.4).

With a Destination-Host that is not the peer asked, 2 to 5 count relays and hosts named by a route only: a peer of the
realm that is another end host would not be the right one.  Identities compare without case (they are FQDNs, section
4.3.1).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from diameter.errors import LocalError, ResultCode

RELAY: Final = 0xFFFFFFFF
"""The application id a relay advertises (section 2.4)."""
ANY: Final = -1
"""In a route: every application."""
CACHE_LIMIT: Final = 4096
"""Choices kept; a Destination-Host behind a relay can be any of millions."""


class PeerEntry:
    """One row of the peer table; the node keeps `state` and `applications` in step with the peer layer.

    `state`: the word for people ("I-OPEN", "SUSPECT", "CLOSED"); `usable`: open and not suspect; `link`: id of the open
    connection, 0 without; `trouble`: why the last attempt to open failed; `applications`: common application ids of
    the capabilities exchange; `static`: from configuration.
    """

    __slots__ = ("applications", "host", "link", "realm", "state", "static", "trouble", "usable")

    def __init__(self, host: str, realm: str, *, static: bool = True) -> None:
        self.host = host
        self.realm = realm
        self.static = static
        self.state = "CLOSED"
        self.usable = False
        self.trouble = ""
        self.link = 0
        self.applications: frozenset[int] = frozenset()

    @property
    def is_relay(self) -> bool:
        """True when the peer advertises the relay application."""
        return RELAY in self.applications

    def offers(self, application: int) -> bool:
        """True when a request of `application` may be sent to this peer (section 2.7, last paragraph)."""
        return application in self.applications or RELAY in self.applications


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A static route: requests of `application` (ANY: all) for `realm` go to the first usable of `hosts`."""

    realm: str
    hosts: tuple[str, ...]
    application: int = ANY


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why a received request is not for us: `code` of section 7.1.3 and a text for log and Error-Message."""

    code: int
    text: str


class RoutingTable:
    """Who we are, who our peers are, and which way each realm lies."""

    __slots__ = ("_cache", "_default", "_routes", "applications", "host", "peers", "realms")

    def __init__(
        self,
        host: str,
        realms: Iterable[str],
        applications: Iterable[int] = (),
        routes: Iterable[Route] = (),
        default: Iterable[str] = (),
    ) -> None:
        """`realms`: the ones served here, our own first; `default`: hosts of the default route.

        Raises LocalError for two routes with one key, which would shadow each other.
        """
        self.host = host.lower()
        self.realms = tuple(r.lower() for r in realms)
        self.applications = frozenset(applications)
        self.peers: dict[str, PeerEntry] = {}
        self._routes: dict[tuple[str, int], tuple[str, ...]] = {}
        for route in routes:
            key = (route.realm.lower(), route.application)
            if key in self._routes:
                raise LocalError(f"two routes for realm {route.realm} and the same application")
            self._routes[key] = tuple(h.lower() for h in route.hosts)
        self._default = tuple(h.lower() for h in default)
        self._cache: dict[tuple[int, str | None, str | None], PeerEntry] = {}

    def add(self, entry: PeerEntry) -> None:
        """Put a peer into the table.  Raises LocalError when it is there already."""
        key = entry.host.lower()
        if key in self.peers:
            raise LocalError(f"peer {entry.host} is in the peer table already")
        self.peers[key] = entry
        self._cache.clear()

    def remove(self, entry: PeerEntry) -> None:
        """Take a peer out of the table again."""
        del self.peers[entry.host.lower()]
        self._cache.clear()

    def find(self, host: str) -> PeerEntry | None:
        """The row of a host, or None."""
        return self.peers.get(host.lower())

    def changed(self) -> None:
        """Call after any change of a row: choices made before count no longer."""
        self._cache.clear()

    def refuse(self, application: int, host: str | None, realm: str | None) -> Refusal | None:
        """None when a received request with these Destination AVPs is to be processed here (section 6.1.4).

        Without agents whatever is for somebody else ends here: 3002 for another host, 3003 for another realm.
        """
        if application not in self.applications:
            return Refusal(
                code=ResultCode.APPLICATION_UNSUPPORTED, text=f"application {application} is not served here"
            )
        if host is not None and host.lower() != self.host:
            if realm is None:
                return Refusal(
                    code=ResultCode.UNABLE_TO_DELIVER, text=f"Destination-Host {host} without Destination-Realm"
                )
            return Refusal(
                code=ResultCode.UNABLE_TO_DELIVER,
                text=f"Destination-Host {host} is not this host, and this host is no agent",
            )
        if host is None and realm is not None and realm.lower() not in self.realms:
            return Refusal(code=ResultCode.REALM_NOT_SERVED, text=f"realm {realm} is not served here")
        return None

    def choose(self, application: int, host: str | None, realm: str | None) -> PeerEntry | None:
        """The peer a request goes to, or None (`explain` says why); `realm` None means any, our own first."""
        key = (application, host, realm)
        found = self._cache.get(key)
        if found is None:
            found = next((e for e in self._candidates(*key) if e.usable and e.offers(application)), None)
            if found is not None:
                if len(self._cache) >= CACHE_LIMIT:
                    self._cache.clear()
                self._cache[key] = found
        return found

    def alternatives(
        self, application: int, host: str | None, realm: str | None, avoid: Iterable[str]
    ) -> list[PeerEntry]:
        """Every peer that could take the request and is not in `avoid`, best first (failover, section 5.5.4; 6.1.7)."""
        shunned = {h.lower() for h in avoid}
        return [
            e
            for e in self._candidates(application, host, realm)
            if e.usable and e.offers(application) and e.host.lower() not in shunned
        ]

    def explain(self, application: int, host: str | None, realm: str | None) -> str:
        """Why `choose` finds nobody, candidate by candidate: for the log and Undeliverable."""
        whom = f"{host} in {realm}" if host and realm else host or realm or "any realm"
        reasons = [self._why_not(e, application) for e in self._candidates(application, host, realm)]
        reasons += [f"{h} of a route is no peer" for h in self._named(application, realm) if h not in self.peers]
        if not reasons:
            known = ", ".join(sorted(e.host for e in self.peers.values())) or "none"
            reasons = [f"no peer, route or default route leads there (peers: {known})"]
        return f"no way to {whom} for application {application}: " + "; ".join(reasons)

    @staticmethod
    def _why_not(entry: PeerEntry, application: int) -> str:
        if not entry.usable:
            return f"peer {entry.host} is {entry.state}" + (f" ({entry.trouble})" if entry.trouble else "")
        if not entry.offers(application):
            return f"peer {entry.host} is open but lacks application {application}"
        return f"peer {entry.host} is open"

    def _named(self, application: int, realm: str | None) -> tuple[str, ...]:
        """Hosts that a static route or the default route names for this realm and application."""
        static: tuple[str, ...] = ()
        if realm is not None:
            lower = realm.lower()
            static = self._routes.get((lower, application)) or self._routes.get((lower, ANY), ())
        return static + self._default

    def _candidates(self, application: int, host: str | None, realm: str | None) -> Iterator[PeerEntry]:
        """Every peer that lies the right way, usable or not, best first, each once."""
        seen: set[str] = set()
        for entry in self._ordered(application, host, realm):
            if entry.host not in seen:
                seen.add(entry.host)
                yield entry

    def _ordered(self, application: int, host: str | None, realm: str | None) -> Iterator[PeerEntry]:
        direct = self.find(host) if host is not None else None
        if direct is not None:
            yield direct
        named = self._named(application, realm)
        split = len(named) - len(self._default)
        yield from self._rows(named[:split])
        if host is None:
            yield from self._of_realm(realm)
        yield from self._rows(named[split:])
        yield from (e for e in self.peers.values() if e.is_relay)

    def _of_realm(self, realm: str | None) -> Iterator[PeerEntry]:
        """End hosts of a realm; with None of our own realm, then of all others."""
        wanted = self.realms[0] if realm is None else realm.lower()
        yield from (e for e in self.peers.values() if e.realm.lower() == wanted)
        if realm is None:
            yield from (e for e in self.peers.values() if e.realm.lower() != wanted)

    def _rows(self, hosts: Iterable[str]) -> Iterator[PeerEntry]:
        return (self.peers[h] for h in hosts if h in self.peers)
