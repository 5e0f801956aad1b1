"""The index of peers by realm says what a look at every peer would say, and explanations stay short."""

from __future__ import annotations

import random

import pytest

from diameter.routing.realms import Realms
from diameter.routing.table import EXPLAINED, RELAY, PeerEntry, RoutingTable

APPLICATION = 5


def table(count: int, realm: str = "home.example") -> RoutingTable:
    made = RoutingTable("here.example", ("example",), {APPLICATION})
    for number in range(count):
        made.add(PeerEntry(f"p{number:04}.{realm}", realm))
    return made


def opened(entry: PeerEntry, applications: frozenset[int] = frozenset({APPLICATION})) -> None:
    entry.usable, entry.applications = True, applications


@pytest.mark.parametrize("seed", range(5))
def test_the_index_is_what_a_look_at_every_peer_says(seed: int) -> None:
    pick = random.Random(seed)
    peers: dict[str, PeerEntry] = {}
    realms = Realms(peers)
    for step in range(300):
        what = pick.randrange(4)
        if what == 0 or not peers:
            entry = PeerEntry(f"P{step}", pick.choice(("A", "a", "b")))
            if pick.random() < 0.2:
                entry.applications = frozenset({RELAY})
            peers[entry.host.lower()] = entry
            realms.add(entry)
        else:
            entry = pick.choice(list(peers.values()))
            if what == 1:
                del peers[entry.host.lower()]
                realms.remove(entry)
            elif what == 2:
                entry.realm = pick.choice(("a", "B", "c"))
            else:
                entry.applications = pick.choice((frozenset({1}), frozenset({RELAY})))
        for realm in ("a", "B", "c"):
            assert list(realms.of(realm)) == [e for e in peers.values() if e.realm.lower() == realm.lower()]
            assert list(realms.beyond(realm)) == [e for e in peers.values() if e.realm.lower() != realm.lower()]
        assert list(realms.relays) == [e for e in peers.values() if e.is_relay]


def test_a_peer_taken_out_moves_nothing() -> None:
    made = table(1)
    (entry,) = made.peers.values()
    made.remove(entry)
    entry.realm = "far.example"
    assert made.choose(APPLICATION, None, "far.example") is None


def test_that_nobody_is_there_counts_until_a_peer_changes() -> None:
    made = table(3)
    assert made.choose(APPLICATION, None, "home.example") is None
    second = made.peers["p0001.home.example"]
    opened(second)
    made.changed()
    assert made.choose(APPLICATION, None, "home.example") is second
    assert made.choose(APPLICATION, None, "home.example", [second.host]) is None
    third = made.peers["p0002.home.example"]
    opened(third)
    made.changed()
    assert made.choose(APPLICATION, None, "home.example", [second.host]) is third


def test_who_says_another_realm_is_found_there() -> None:
    made = table(2)
    moved = made.peers["p0000.home.example"]
    assert made.choose(APPLICATION, None, "new.example") is None
    opened(moved)
    moved.realm = "New.example"
    made.changed()
    assert made.choose(APPLICATION, None, "new.example") is moved


def test_explanations_name_some_of_many() -> None:
    made = table(5000)
    nobody = made.explain(APPLICATION, None, "nowhere.example")
    assert nobody.endswith(f"p{EXPLAINED - 1:04}.home.example and {5000 - EXPLAINED} more)")
    closed = made.explain(APPLICATION, None, "home.example")
    assert closed.count("is CLOSED") == EXPLAINED
    assert closed.endswith("; and others")
