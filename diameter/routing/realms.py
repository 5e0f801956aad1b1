"""Which peers are of which realm, and which are relays: found without looking at every peer, however many there are.

Peers that take requests by a route or a redirect alone (`PeerEntry.serves_realm`) are of no realm here; relays found by
DNS are relays all the same.

Made when somebody asks first, in the order of the peer table; a peer that is added or taken out later costs one step.
A peer that turns out to be of another realm than configured, or a relay, has the index made again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from diameter.routing.entries import PeerEntry, Source


class Realms:
    """The index of one peer table."""

    __slots__ = ("_made", "_of", "_peers", "_relays")

    def __init__(self, peers: Mapping[str, PeerEntry]) -> None:
        """`peers`: the table itself, by host in lower case."""
        self._peers = peers
        self._of: dict[str, dict[str, PeerEntry]] = {}
        self._relays: dict[str, PeerEntry] = {}
        self._made = False

    def add(self, entry: PeerEntry) -> None:
        """A peer is new in the table, at its end."""
        entry.moved = self.moved
        if self._made:
            self._put(entry)

    def remove(self, entry: PeerEntry) -> None:
        """A peer is no longer in the table."""
        entry.moved = _nothing
        if self._made:
            host, realm = entry.host.lower(), entry.realm.lower()
            if entry.serves_realm:
                del self._of[realm][host]
                if not self._of[realm]:
                    del self._of[realm]
            self._relays.pop(host, None)

    def moved(self) -> None:
        """Realm or kind of a peer has changed."""
        self._made = False

    def of(self, realm: str) -> Iterable[PeerEntry]:
        """Peers of a realm, relays among them, in the order of the table."""
        self._make()
        return self._of.get(realm.lower(), {}).values()

    def beyond(self, realm: str) -> Iterator[PeerEntry]:
        """Peers of all other realms, in the order of the table."""
        without = realm.lower()
        return (e for e in self._peers.values() if e.serves_realm and e.realm.lower() != without)

    @property
    def relays(self) -> Iterable[PeerEntry]:
        """Peers that advertise the relay application, in the order of the table."""
        self._make()
        return self._relays.values()

    def _make(self) -> None:
        if not self._made:
            self._of, self._relays = {}, {}
            for entry in self._peers.values():
                self._put(entry)
            self._made = True

    def _put(self, entry: PeerEntry) -> None:
        host = entry.host.lower()
        if entry.serves_realm:
            self._of.setdefault(entry.realm.lower(), {})[host] = entry
        if entry.is_relay and entry.source is not Source.REDIRECT:
            self._relays[host] = entry


def _nothing() -> None:
    """For an entry in no table."""
