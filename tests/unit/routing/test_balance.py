"""Who gets the next request: by order, by weight, by what is outstanding, and what a Load value changes (RFC 8583)."""

from __future__ import annotations

from collections import Counter

import pytest

from diameter.routing.balance import COMPARED, FULL, Balance, Share, effective
from diameter.routing.table import ANY, ANY_REALM, PeerEntry, Route, RoutingTable

APPLICATION = 16777309


def peers(*weights: int) -> list[PeerEntry]:
    made = []
    for at, weight in enumerate(weights):
        entry = PeerEntry(f"p{at}.home.example", "home.example", weight=weight)
        entry.usable, entry.applications, entry.state = True, frozenset({APPLICATION}), "I-OPEN"
        made.append(entry)
    return made


def taken(share: Share[PeerEntry], count: int, outstanding: Counter[str] | None = None) -> list[int]:
    """How often each peer was chosen; with `outstanding`, nobody answers."""
    counter: Counter[str] = Counter()
    for _ in range(count):
        host = share.next(lambda entry: outstanding[entry.host] if outstanding is not None else 0).host
        counter[host] += 1
        if outstanding is not None:
            outstanding[host] += 1
    return [counter[entry.host] for entry in share.peers]


def test_by_order_the_first_takes_all() -> None:
    assert taken(Share(peers(1, 9), Balance.ORDER), 10) == [10, 0]


@pytest.mark.parametrize("weights", [(1, 1), (5, 3, 2), (1, 9), (7,)])
def test_by_weight_each_has_its_share_of_every_run(weights: tuple[int, ...]) -> None:
    share = Share(peers(*weights), Balance.WEIGHT)
    for _ in range(3):
        assert taken(share, sum(weights)) == list(weights)


def test_by_weight_requests_are_spread() -> None:
    share = Share(peers(2, 2), Balance.WEIGHT)
    assert [share.next(lambda entry: 0).host[:2] for _ in range(4)] == ["p0", "p1", "p0", "p1"]


def test_a_higher_load_value_is_less_loaded() -> None:
    entries = peers(1, 1)
    entries[0].load, entries[1].load = 65_535, 0
    assert taken(Share(entries, Balance.WEIGHT), 1000)[1] <= 1
    entries[0].load = 16_384
    entries[1].load = 49_152
    assert taken(Share(entries, Balance.WEIGHT), 400) == [100, 300]


def test_a_load_value_that_changes_counts_at_once() -> None:
    entries = peers(1, 1)
    share = Share(entries, Balance.WEIGHT)
    assert taken(share, 10) == [5, 5]
    entries[0].load = 1
    assert taken(share, 1000)[0] <= 2


def test_who_says_nothing_has_no_load() -> None:
    entries = peers(3, 3, 3)
    entries[1].load, entries[2].load = FULL, 0
    assert [effective(entry) for entry in entries] == [3 * FULL, 3 * FULL, 1]


def test_by_outstanding_whoever_has_least_for_its_weight() -> None:
    assert taken(Share(peers(1, 3), Balance.OUTSTANDING), 40, Counter()) == [10, 30]
    slow = Counter({"p0.home.example": 5})
    assert taken(Share(peers(1, 1), Balance.OUTSTANDING), 5, slow) == [0, 5]


def test_by_outstanding_equals_take_turns() -> None:
    assert taken(Share(peers(1, 1, 1), Balance.OUTSTANDING), 9) == [3, 3, 3]


# ---- in the routing table


def table(*entries: PeerEntry, routes: tuple[Route, ...] = (), balance: Balance = Balance.ORDER) -> RoutingTable:
    made = RoutingTable("agent.hub.example", ("hub.example",), (), routes, (), balance)
    for entry in entries:
        made.add(entry)
    return made


def route(realm: str, *entries: PeerEntry, application: int = ANY, balance: Balance = Balance.ORDER) -> Route:
    return Route(realm=realm, hosts=tuple(e.host for e in entries), application=application, balance=balance)


def chosen(made: RoutingTable, count: int, realm: str = "home.example", **how: object) -> list[str]:
    found = [made.choose(APPLICATION, None, realm, **how) for _ in range(count)]  # type: ignore[arg-type]
    return ["" if entry is None else entry.host[:2] for entry in found]


def test_peers_of_a_realm_share_as_the_node_says() -> None:
    assert sorted(chosen(table(*peers(1, 1), balance=Balance.WEIGHT), 4)) == ["p0", "p0", "p1", "p1"]


def test_a_route_has_its_own_way_and_only_who_is_open_shares() -> None:
    entries = peers(1, 1, 1)
    made = table(*entries, routes=(route("far.example", *entries, balance=Balance.WEIGHT),))
    assert sorted(chosen(made, 3, "far.example")) == ["p0", "p1", "p2"]
    entries[1].usable = False
    made.changed()
    assert sorted(chosen(made, 4, "far.example")) == ["p0", "p0", "p2", "p2"]
    assert chosen(made, 2) == ["p0", "p0"]


def test_hosts_behind_a_relay_do_not_each_begin_with_the_first() -> None:
    entries = peers(1, 1)
    made = table(*entries, routes=(route(ANY_REALM, *entries, balance=Balance.WEIGHT),))
    found = [made.choose(APPLICATION, f"h{number}.far.example", "far.example") for number in range(4)]
    assert [entry.host[:2] for entry in found if entry] == ["p0", "p1", "p0", "p1"]


def test_a_default_route_for_one_application_comes_first() -> None:
    entries = peers(1, 1)
    routes = (route(ANY_REALM, entries[0]), route(ANY_REALM, entries[1], application=APPLICATION))
    assert chosen(table(*entries, routes=routes), 1, "far.example") == ["p1"]


def test_a_route_that_was_learnt_stands_behind_a_static_one_and_can_be_forgotten() -> None:
    entries = peers(1, 1, 1)
    static = route("static.example", entries[0], application=APPLICATION)
    made = table(*entries, routes=(static, route(ANY_REALM, entries[2])))
    made.learn("Static.example", [route("static.example", entries[1])])
    made.learn("learnt.example", [route("learnt.example", entries[1])])
    assert chosen(made, 1, "static.example") == ["p0"]
    assert chosen(made, 1, "learnt.example") == ["p1"]
    made.learn("Learnt.example", [])
    assert chosen(made, 1, "learnt.example") == ["p2"]


def test_whom_to_avoid() -> None:
    made = table(*peers(1, 1))
    assert chosen(made, 1, avoid=("P0.home.example",)) == ["p1"]
    assert chosen(made, 1, avoid=("p0.home.example", "p1.home.example")) == [""]
    assert "has had it before" in made.explain(APPLICATION, None, "home.example", ("p0.home.example",))


def test_a_realm_nobody_leads_to_is_another_thing_than_peers_that_are_closed() -> None:
    entries = peers(1)
    entries[0].usable = False
    made = table(*entries)
    assert made.leads(APPLICATION, None, "home.example")
    assert not made.leads(APPLICATION, None, "nowhere.example")


def test_those_left_share_when_one_is_to_be_avoided() -> None:
    """The client itself is a peer of the realm: the servers of that realm share all the same."""
    for balance in (Balance.WEIGHT, Balance.OUTSTANDING):
        made = table(*peers(1, 1, 1), balance=balance)
        assert sorted(chosen(made, 6, avoid=("p0.home.example",))) == ["p1", "p1", "p1", "p2", "p2", "p2"]
        assert chosen(made, 4).count("p0") in (1, 2)
        assert len(made._cache) == 1


def test_whom_to_avoid_costs_no_share_of_its_own() -> None:
    """In a realm of many peers that ask each other, each has another to avoid: itself."""
    made = table(*peers(*[1] * 50), balance=Balance.WEIGHT)
    for at in range(50):
        assert chosen(made, 1, avoid=(f"p{at}.home.example",)) != [f"p{at}"]
    assert len(made._cache) == 1


class Looked:
    """A peer that counts how often it is looked at."""

    looks = 0

    def __init__(self, number: int, load: int | None = None) -> None:
        self.host, self.weight, self._load = f"p{number}", 1, load

    @property
    def load(self) -> int | None:
        Looked.looks += 1
        return self._load


@pytest.mark.parametrize("balance", [Balance.WEIGHT, Balance.OUTSTANDING])
def test_a_choice_looks_at_a_few_however_many_there_are(balance: Balance) -> None:
    share = Share([Looked(number, load=100) for number in range(5000)], balance)
    Looked.looks = 0
    hosts = {share.next(lambda peer: 0).host for _ in range(100)}
    assert Looked.looks <= 100 * 2 * COMPARED
    assert len(hosts) == 100


def test_by_outstanding_among_many_still_evens_out() -> None:
    """A hundred peers, one of which answers nothing; the others have one request each in turn."""
    share, waiting = Share(peers(*[1] * 100), Balance.OUTSTANDING), Counter({"p7.home.example": 50})
    for _ in range(990):
        waiting[share.next(lambda entry: waiting[entry.host]).host] += 1
    assert waiting["p7.home.example"] == 50
    assert {waiting[entry.host] for entry in share.peers if entry.host[:3] != "p7."} == {10}


def test_peers_that_are_all_loaded_share_what_there_is() -> None:
    entries = peers(1, 1, 1)
    for entry in entries:
        entry.load = 0
    assert all(99 <= count <= 101 for count in taken(Share(entries, Balance.WEIGHT), 300))
