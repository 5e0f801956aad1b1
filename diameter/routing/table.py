"""Peer table (RFC 6733 section 2.6) and routing table (section 2.7): what is ours, and who takes what is not.

A received request is for us, or it goes on where this node is an agent, or it is refused with the Result-Code of
section 7.1.3.  A request of ours, and one that goes on, has these candidates; the first group in which somebody is open
and offers the application shares the requests among those who are and do (`routing.balance`):

1. the Destination-Host itself, when it is a peer (section 6.1.5, request forwarding);
2. the hosts of the static route for (Destination-Realm, application), else for the realm alone (section 6.1.6);
3. peers of the Destination-Realm, in the order configured;
4. the hosts of the route that DNS led to (section 5.2), as long as it holds;
5. the hosts of the default route, for the application, else for all;
6. peers that advertise the relay application: a relay says by that that it forwards anything (section 2.4).

With a Destination-Host that is not the peer asked, 2 to 6 count relays and hosts named by a configured route only: a
peer of the realm that is another end host would not be the right one.  Peers that DNS found are no peers of their realm
for 3, nor are those that a redirect named for 2 to 6: the one is asked by its route, the other by the redirect
(`routing.redirect`).  Identities compare without case (they are FQDNs, section 4.3.1).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from typing import Final

from diameter.errors import LocalError, ResultCode
from diameter.routing.balance import NONE, Balance, Share
from diameter.routing.entries import ANY, ANY_REALM, RELAY, PeerEntry, Route, Source
from diameter.routing.realms import Realms

__all__ = ["ANY", "ANY_REALM", "RELAY", "PeerEntry", "Refusal", "Route", "RoutingTable", "Source"]

ELSEWHERE: Final = ""
"""In place of a Destination-Host that is no peer of ours: they are all treated alike."""
CACHE_LIMIT: Final = 4096
"""Choices kept; peers write realms as they like."""
EXPLAINED: Final = 20
"""Peers named when nobody can take a request: it is logged for each, and there may be thousands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why a received request is not for us: `code` of section 7.1.3 and a text for log and Error-Message."""

    code: int
    text: str


Key = tuple[int, str | None, str | None]
"""Application id, Destination-Host (or ELSEWHERE, or None), Destination-Realm or None."""
Group = tuple[Iterable[PeerEntry], Balance]
"""Candidates of one rank, usable or not, and how they share requests."""
NOBODY: Final = Route(realm=ANY_REALM, hosts=())


class RoutingTable:
    """Who we are, who our peers are, and which way each realm lies.

    `balance`: how peers of one realm, and relays, share requests.  `outstanding`: requests without an answer of a peer;
    the node sets it.
    """

    __slots__ = (
        "_cache",
        "_learnt",
        "_realms",
        "_routes",
        "applications",
        "balance",
        "host",
        "outstanding",
        "peers",
        "realms",
        "version",
    )

    def __init__(
        self,
        host: str,
        realms: Iterable[str],
        applications: Iterable[int] = (),
        routes: Iterable[Route] = (),
        default: Iterable[str] = (),
        balance: Balance = Balance.ORDER,
    ) -> None:
        """`realms`: the ones served here, our own first; `default`: hosts of the default route for all applications.

        Raises LocalError for two routes with one key, which would shadow each other.
        """
        self.host = host.lower()
        self.realms = tuple(r.lower() for r in realms)
        self.applications = frozenset(applications)
        self.balance = balance
        self.outstanding: Callable[[PeerEntry], int] = lambda entry: 0
        self.peers: dict[str, PeerEntry] = {}
        self._routes: dict[tuple[str, int], Route] = {}
        self._learnt: dict[tuple[str, int], Route] = {}
        named = tuple(default)
        for route in (*routes, *((Route(realm=ANY_REALM, hosts=named),) if named else ())):
            key = (route.realm.lower(), route.application)
            if key in self._routes:
                raise LocalError(f"two routes for realm {route.realm} and the same application")
            self._routes[key] = route
        self._cache: dict[tuple[Key, frozenset[str]], Share[PeerEntry] | None] = {}
        self._realms = Realms(self.peers)
        self.version = 0
        """Grows with every change of the table."""

    def add(self, entry: PeerEntry) -> None:
        """Put a peer into the table.  Raises LocalError when it is there already."""
        key = entry.host.lower()
        if key in self.peers:
            raise LocalError(f"peer {entry.host} is in the peer table already")
        self.peers[key] = entry
        self._realms.add(entry)
        self.changed()

    def remove(self, entry: PeerEntry) -> None:
        """Take a peer out of the table again."""
        del self.peers[entry.host.lower()]
        self._realms.remove(entry)
        self.changed()

    def find(self, host: str) -> PeerEntry | None:
        """The row of a host, or None."""
        return self.peers.get(host.lower())

    def changed(self) -> None:
        """Call after any change of a row: choices made before count no longer."""
        self.version += 1
        self._cache.clear()

    def reroute(self, other: RoutingTable) -> None:
        """Take over the configured routes of another table; peers and what was learnt stay."""
        self._routes = other._routes
        self.changed()

    @property
    def routes(self) -> tuple[Route, ...]:
        """The routes of the configuration in its order, then those that were learnt."""
        return *self._routes.values(), *self._learnt.values()

    def learn(self, realm: str, routes: Iterable[Route]) -> None:
        """Take in the routes to a realm that were found out (section 5.2) in the place of those learnt before; none is
        left where there are none any more.
        """
        lower = realm.lower()
        kept = {key: route for key, route in self._learnt.items() if key[0] != lower}
        self._learnt = kept | {(lower, route.application): route for route in routes}
        self.changed()

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

    def local(self, application: int, host: str | None, realm: str | None) -> bool:
        """True when a received request with these Destination AVPs is for local consumption (section 6.1.4)."""
        if host is not None:
            return host.lower() == self.host
        return realm is None or (realm.lower() in self.realms and application in self.applications)

    def choose(
        self, application: int, host: str | None, realm: str | None, avoid: Iterable[str] = ()
    ) -> PeerEntry | None:
        """The peer a request goes to, or None (`explain` says why); `realm` None means any, our own first.

        `avoid`: hosts that may not get it, because they had it before (failover, section 5.5.4; loops, 6.1.7).
        """
        share, shunned = self._share_of(application, host, realm, avoid)
        return None if share is None else share.next(self.outstanding, shunned)

    def fixed(self, application: int, host: str | None, realm: str | None, avoid: Iterable[str]) -> PeerEntry | None:
        """Whom `choose` names each time as long as `version` stays; None where that is nobody, or several in turn."""
        share, shunned = self._share_of(application, host, realm, avoid)
        return share.peers[0] if share is not None and share.balance is Balance.ORDER and not shunned else None

    def _share_of(
        self, application: int, host: str | None, realm: str | None, avoid: Iterable[str]
    ) -> tuple[Share[PeerEntry] | None, frozenset[str]]:
        """Who shares the requests to one destination, and who of them is not to be asked."""
        if host is not None and host not in self.peers:
            host = host.lower()
            if host not in self.peers:
                host = ELSEWHERE
        key = (application, host, realm)
        share = self._cached(key, NONE)
        if share is not None and avoid:
            shunned = frozenset(h.lower() for h in avoid)
            if not shunned.isdisjoint(share.hosts):
                if not share.hosts <= shunned:  # the others go on sharing
                    return share, shunned
                share = self._cached(key, shunned)
        return share, NONE

    def _cached(self, key: Key, shunned: frozenset[str]) -> Share[PeerEntry] | None:
        """The share for one destination and hosts to avoid, kept so that turns go on where they stood; that there is
        none is kept as well.
        """
        share = self._cache.get((key, shunned))
        if share is None and (key, shunned) not in self._cache:
            share = self._share(key, shunned)
            if len(self._cache) >= CACHE_LIMIT:
                self._cache.clear()
            self._cache[key, shunned] = share
        return share

    def _share(self, key: Key, shunned: frozenset[str]) -> Share[PeerEntry] | None:
        """The first group in which somebody can take it."""
        for group, balance in self._groups(*key):
            fit = (e for e in group if e.usable and e.offers(key[0]) and e.host.lower() not in shunned)
            chosen = list(islice(fit, 1)) if balance is Balance.ORDER else list(fit)
            if chosen:
                return Share(chosen, balance)
        return None

    def alternatives(
        self, application: int, host: str | None, realm: str | None, avoid: Iterable[str]
    ) -> Iterator[PeerEntry]:
        """Every peer that could take the request and is not in `avoid` (failover, section 5.5.4; 6.1.7): whose turn it
        is, then the others, best first; looked for as they are asked for.
        """
        shunned = frozenset(h.lower() for h in avoid)
        first = self.choose(application, host, realm, shunned)
        if first is None:
            return
        yield first
        for e in self.candidates(application, host, realm):
            if e is not first and e.usable and e.offers(application) and e.host.lower() not in shunned:
                yield e

    def leads(self, application: int, host: str | None, realm: str | None) -> bool:
        """True when anybody lies that way, usable or not; else the realm is not served (3003, section 7.1.3)."""
        return any(True for _ in self.candidates(application, host, realm))

    def explain(self, application: int, host: str | None, realm: str | None, avoid: Iterable[str] = ()) -> str:
        """Why `choose` finds nobody, candidate by candidate (EXPLAINED of them): for the log and Undeliverable."""
        whom = f"{host} in {realm}" if host and realm else host or realm or "any realm"
        shunned = {h.lower() for h in avoid}
        candidates = list(islice(self.candidates(application, host, realm), EXPLAINED + 1))
        reasons = [self._why_not(e, application, shunned) for e in candidates[:EXPLAINED]]
        if len(candidates) > EXPLAINED:
            reasons.append("and others")
        named = [h for route in self._named(application, realm) for h in route.hosts]
        reasons += [f"{h} of a route is no peer" for h in dict.fromkeys(named) if h.lower() not in self.peers]
        if not reasons:
            known = ", ".join(sorted(e.host for e in islice(self.peers.values(), EXPLAINED))) or "none"
            if len(self.peers) > EXPLAINED:
                known += f" and {len(self.peers) - EXPLAINED} more"
            reasons = [f"no peer, route or default route leads there (peers: {known})"]
        return f"no way to {whom} for application {application}: " + "; ".join(reasons)

    @staticmethod
    def _why_not(entry: PeerEntry, application: int, shunned: set[str]) -> str:
        if not entry.usable:
            return f"peer {entry.host} is {entry.state}" + (f" ({entry.trouble})" if entry.trouble else "")
        if not entry.offers(application):
            return f"peer {entry.host} is open but lacks application {application}"
        if entry.host.lower() in shunned:
            return f"peer {entry.host} has had it before"
        return f"peer {entry.host} is open"

    def _named(self, application: int, realm: str | None) -> tuple[Route, Route, Route]:
        """The static route, the learnt one and the default route for this realm and application."""
        static = learnt = None
        if realm is not None:
            lower = realm.lower()
            static = self._routes.get((lower, application)) or self._routes.get((lower, ANY))
            learnt = self._learnt.get((lower, application)) or self._learnt.get((lower, ANY))
        default = self._routes.get((ANY_REALM, application)) or self._routes.get((ANY_REALM, ANY))
        return static or NOBODY, learnt or NOBODY, default or NOBODY

    def candidates(self, application: int, host: str | None, realm: str | None) -> Iterator[PeerEntry]:
        """Every peer that lies the right way, usable or not, best first, each once."""
        seen: set[str] = set()
        for group, _ in self._groups(application, host, realm):
            for entry in group:
                if entry.host not in seen:
                    seen.add(entry.host)
                    yield entry

    def _groups(self, application: int, host: str | None, realm: str | None) -> Iterator[Group]:
        """The candidates, best group first; see the top of this module."""
        direct = self.find(host) if host is not None else None
        if direct is not None:
            yield (direct,), Balance.ORDER
        static, learnt, default = self._named(application, realm)
        yield self._rows(static.hosts), static.balance
        if host is None:
            yield self._of_realm(realm), self.balance
            yield self._learnt_rows(learnt, realm)
        yield self._rows(default.hosts), default.balance
        yield self._realms.relays, self.balance

    def _of_realm(self, realm: str | None) -> Iterable[PeerEntry]:
        """End hosts of a realm; with None of our own realm, then of all others."""
        if realm is not None:
            return self._realms.of(realm)
        return chain(self._realms.of(self.realms[0]), self._realms.beyond(self.realms[0]))

    def _learnt_rows(self, learnt: Route, realm: str | None) -> Group:
        """Where DNS leads for a realm; with None, for every realm."""
        if realm is not None:
            return self._rows(learnt.hosts), learnt.balance
        return self._rows(dict.fromkeys(h for route in self._learnt.values() for h in route.hosts)), self.balance

    def _rows(self, hosts: Iterable[str]) -> list[PeerEntry]:
        rows = (self.peers.get(h.lower()) for h in hosts)
        return [row for row in rows if row is not None and row.source is not Source.REDIRECT]
