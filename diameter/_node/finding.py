"""Peers found by DNS: looked up when the node starts, connected, looked up again before their TTL is over.

Each `[[peer]]` with `discover = true` is a realm to look into.  What is found becomes rows of the peer table with
everything else that row says, and a route to the realm that holds for the shortest TTL (RFC 6733 section 5.2); the
certificate of a peer must carry the names that led to it.  A peer that the next look does not find again is
disconnected and forgotten, its route with it.  When the name servers do not answer, peers that are open stay, because
the failure is not theirs; the others are forgotten.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Sequence
from random import SystemRandom
from typing import TYPE_CHECKING, Any, Final, Protocol

from diameter._node.core import Core, DelayedCall
from diameter.config import PeerConfig
from diameter.peer.inputs import DisconnectCause, Uniform
from diameter.routing.discovery import Discovery, Found, LookupFailed, Query, Record, discover
from diameter.routing.entries import ANY, Route, Source
from diameter.trace import Point

if TYPE_CHECKING:
    from diameter._node.peering import Peering

LEAST_S: Final = 1.0
"""A TTL of zero does not make a node ask all the time."""
EARLY: Final = 0.05
"""Part of a TTL by which the next look begins before it is over, `dns_timeout_s` at most."""
NAMED: Final = frozenset({"host", "addresses", "port", "connect", "certificate_names", "discover", "discover_limit"})
"""Keys of a row that DNS fills in, or that say how it does."""


class Names(Protocol):
    """Who answers questions of DNS: `diameter.transport.endpoints.Links`."""

    def lookup(self, query: Query) -> Any:
        """A Deferred of records, for those who know Twisted; anything with `addBoth`."""


class Finding:
    """Every realm that is looked into."""

    def __init__(
        self,
        core: Core,
        peering: Peering,
        names: Names,
        wake: Callable[[Callable[[], None]], None],
        uniform: Uniform | None = None,
    ) -> None:
        """`uniform`: chance among SRV records of one priority."""
        self._core = core
        self._peering = peering
        self._names = names
        self._uniform = uniform or SystemRandom().uniform
        self._wake = wake
        self._rows = [row for row in core.config.peer if row.discover]
        self._found: dict[str, tuple[str, ...]] = {}
        self._timers: dict[str, DelayedCall] = {}
        self._started = self._stopped = self._leaving = False

    def start(self, fits: Callable[[PeerConfig], bool] = lambda row: True) -> None:
        """Look into every realm that `fits`."""
        self._started = True
        for row in filter(fits, self._rows):
            self._look(row)

    def reload(self, rows: Sequence[PeerConfig]) -> None:
        """Look into these realms from now on; the peers of a realm that is no longer one of them are dismissed."""
        before, self._rows = {row.realm: row for row in self._rows}, list(rows)
        for row in before.values():
            if row not in rows:
                timer = self._timers.pop(row.realm, None)
                if timer is not None and timer.active():
                    timer.cancel()
        wanted = {row.realm for row in rows}
        for realm in [realm for realm in before if realm not in wanted]:
            self._core.say(Point.PEER_REMOVED, peer=f"(found by DNS in {realm})")
            self._hold(before[realm], (), 0.0)
        for row in rows:
            if before.get(row.realm) != row and self._started and not self._stopped:
                self._look(row)

    def stop(self) -> None:
        """Look no more; what is under way counts for nothing."""
        self._stopped = True
        for timer in self._timers.values():
            if timer.active():
                timer.cancel()
        self._timers.clear()

    def _look(self, row: PeerConfig) -> None:
        dictionary = self._core.dictionary
        named = frozenset(dictionary.application(name).id for name in row.applications)
        wanted = named or self._core.table.applications or None  # None: a relay, which serves none itself
        steps = discover(row.realm, wanted, (row.transport,), self._uniform)
        self._step(row, steps, lambda: next(steps))

    def _step(
        self, row: PeerConfig, steps: Generator[Query, Sequence[Record], Discovery], go: Callable[[], Query]
    ) -> None:
        """One question and its answer; at the end of all, what was found."""
        try:
            query = go()
        except StopIteration as end:
            result: Discovery = end.value
            self._wake(lambda: self._take(row, result))
            return
        except LookupFailed as failure:
            reason = str(failure)
            self._wake(lambda: self._failed(row, reason))
            return

        def answered(result: Any) -> None:
            if self._stopped or row not in self._rows:
                return
            if isinstance(result, tuple):
                self._step(row, steps, lambda: steps.send(result))
            else:
                failure = LookupFailed(result.getErrorMessage())
                self._step(row, steps, lambda: steps.throw(failure))

        _ = self._names.lookup(query).addBoth(answered)

    def _take(self, row: PeerConfig, result: Discovery) -> None:
        """Connect to what is new, forget what is gone, and look again in time."""
        core = self._core
        for note in result.notes:
            core.say(Point.DISCOVERY_NOTE, realm=row.realm, reason=note)
        kept: dict[str, Found] = {}
        self._leaving = False
        for found in result.found:
            if len(kept) < row.discover_limit and self._adopt(row, found):
                kept[found.host] = found
        soon = core.config.tc_s
        ttl_s = max(LEAST_S, min((one.ttl_s for one in kept.values()), default=soon))
        self._hold(row, kept, ttl_s)
        if kept:
            core.say(Point.DISCOVERED, realm=row.realm, count=len(kept), reason=", ".join(kept))
        else:
            core.say(Point.DISCOVERY_FAILED, realm=row.realm, reason="; ".join(result.notes[:3]) or "no records")
        again_s = ttl_s - min(ttl_s * EARLY, core.config.dns_timeout_s)
        self._again(row, min(again_s, soon) if self._leaving else again_s)

    def _failed(self, row: PeerConfig, reason: str) -> None:
        """Nobody could tell: what is open stays."""
        core = self._core
        core.say(Point.DISCOVERY_FAILED, realm=row.realm, reason=reason)
        before = self._found.get(row.realm, ())
        open_now = [host for host in before if (entry := core.table.find(host)) is not None and entry.usable]
        self._hold(row, open_now, core.config.tc_s)
        self._again(row, core.config.tc_s)

    def _hold(self, row: PeerConfig, hosts: Collection[str], holds_s: float) -> None:
        """These hosts, best first, are the route to the realm for so long; those found before are dismissed."""
        core = self._core
        for host in self._found.get(row.realm, ()):
            if host not in hosts:
                self._dismiss(host)
        self._found[row.realm] = found = tuple(hosts)
        named = [core.dictionary.application(name).id for name in row.applications] or [ANY]
        core.table.learn(row.realm, [
            Route(
                realm=row.realm, hosts=found, application=application, balance=core.table.balance,
                source=Source.DISCOVERED, expires=core.now + holds_s,
            )
            for application in (named if found else ())
        ])  # fmt: skip

    def _adopt(self, row: PeerConfig, found: Found) -> bool:
        """Take one in; False for what is configured already, cannot be a peer, or is this node itself."""
        same = {name: getattr(row, name) for name in PeerConfig.model_fields if name not in NAMED}
        named = {
            "host": found.host,
            "addresses": found.addresses,
            "port": row.port if found.port is None else found.port,
            "connect": True,
            "certificate_names": found.must_carry,
        }
        try:
            config = PeerConfig.model_validate(same | named)
        except ValueError:
            reason = f"{found.host} is no DiameterIdentity"
        else:
            if found.host == self._core.config.origin_host.lower():
                reason = f"{found.host} is this node"
            elif self._connect(config):
                return True
            else:
                reason = f"{found.host} is configured, or another realm has it"
        self._core.say(Point.DISCOVERY_NOTE, realm=row.realm, reason=reason)
        return False

    def _connect(self, config: PeerConfig) -> bool:
        """Begin to connect, or note how to connect from now on; False for a peer of another origin."""
        peering, key = self._peering, config.host.lower()
        known = peering.configs.get(key)
        if known is not None and (key not in peering.kept or known.realm != config.realm):
            return False
        if known is None and key in peering.peers:  # it was dismissed and has not gone yet
            self._leaving = True
            return False
        peering.configs[key] = config
        if known is None:
            peering.kept.add(key)
            peer = peering.add(config, Source.DISCOVERED)
            peer.start(self._core.now)
            peering.pump(peer)
        return True

    def _dismiss(self, host: str) -> None:
        """Disconnect from a peer that was found, and forget it."""
        peering = self._peering
        peer = peering.peers.get(host)
        if host not in peering.kept:  # it has been configured since
            return
        peering.kept.discard(host)
        peering.configs.pop(host, None)
        if peer is not None:
            peer.stop(self._core.now, DisconnectCause.DO_NOT_WANT_TO_TALK_TO_YOU)
            peering.pump(peer)
            peering.forget(peer)

    def _again(self, row: PeerConfig, after_s: float) -> None:
        if not self._stopped:
            self._timers[row.realm] = self._core.clock.callLater(max(LEAST_S, after_s), self._look, row)
