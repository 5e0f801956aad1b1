"""Which requests are ours, who takes the others, and why nobody does (RFC 6733 sections 2.6, 2.7, 6.1)."""

from __future__ import annotations

import pytest

from diameter.errors import LocalError, ResultCode
from diameter.routing.table import ANY, CACHE_LIMIT, RELAY, PeerEntry, Route, RoutingTable

TSP, S6M = 16777309, 16777310


def table(*peers: PeerEntry, routes: tuple[Route, ...] = (), default: tuple[str, ...] = ()) -> RoutingTable:
    made = RoutingTable("iwf.home.example", ("home.example", "other.example"), (TSP,), routes, default)
    for peer in peers:
        made.add(peer)
    return made


def peer(
    host: str, *applications: int, realm: str = "home.example", state: str = "I-OPEN", usable: bool = True
) -> PeerEntry:
    made = PeerEntry(host, realm)
    made.state, made.usable, made.applications = state, usable, frozenset(applications)
    return made


def chosen(made: RoutingTable, application: int, host: str | None = None, realm: str | None = None) -> str | None:
    found = made.choose(application, host, realm)
    return None if found is None else found.host


# ---- received requests: section 6.1.4


@pytest.mark.parametrize(
    ("host", "realm"),
    [
        (None, None),
        (None, "home.example"),
        (None, "OTHER.example"),
        ("iwf.home.example", "home.example"),
        ("IWF.Home.Example", None),
        ("iwf.home.example", "elsewhere.example"),
    ],
)
def test_a_request_for_us_is_processed_here(host: str | None, realm: str | None) -> None:
    assert table().refuse(TSP, host, realm) is None


@pytest.mark.parametrize(
    ("application", "host", "realm", "code", "word"),
    [
        (S6M, None, None, ResultCode.APPLICATION_UNSUPPORTED, str(S6M)),
        (TSP, "hss.home.example", "home.example", ResultCode.UNABLE_TO_DELIVER, "hss.home.example"),
        (TSP, "hss.home.example", None, ResultCode.UNABLE_TO_DELIVER, "without Destination-Realm"),
        (TSP, None, "elsewhere.example", ResultCode.REALM_NOT_SERVED, "elsewhere.example"),
    ],
)
def test_a_request_for_somebody_else_is_refused_with_a_reason(
    application: int, host: str | None, realm: str | None, code: int, word: str
) -> None:
    refusal = table().refuse(application, host, realm)
    assert refusal is not None
    assert refusal.code == code
    assert word in refusal.text


# ---- requests of ours: sections 6.1.5 and 6.1.6


def test_a_destination_host_that_is_a_peer_gets_the_request_itself() -> None:
    made = table(peer("a.home.example", S6M), peer("b.home.example", S6M))
    assert chosen(made, S6M, "B.home.example", "home.example") == "b.home.example"


def test_peers_of_the_realm_in_the_order_configured() -> None:
    first, second = peer("a.home.example", S6M), peer("b.home.example", S6M)
    made = table(peer("x.far.example", S6M, realm="far.example"), first, second)
    assert chosen(made, S6M, None, "home.example") == "a.home.example"
    first.usable = False
    made.changed()
    assert chosen(made, S6M, None, "Home.Example") == "b.home.example"


def test_a_choice_holds_until_a_row_changes() -> None:
    one = peer("a.home.example", S6M)
    made = table(one)
    assert made.choose(S6M, None, "home.example") is one
    one.usable = False
    made.changed()
    assert made.choose(S6M, None, "home.example") is None


def test_choices_kept_are_bounded() -> None:
    made = table(peer("dra.home.example", RELAY))
    for number in range(CACHE_LIMIT + 10):
        assert chosen(made, S6M, f"h{number}.far.example", "far.example") == "dra.home.example"
    assert len(made._cache) <= CACHE_LIMIT


def test_a_static_route_comes_before_peers_of_the_realm() -> None:
    routes = (Route(realm="far.example", hosts=("dra2.home.example", "dra.home.example"), application=S6M),)
    made = table(peer("x.far.example", S6M, realm="far.example"), peer("dra.home.example", S6M), routes=routes)
    assert chosen(made, S6M, None, "far.example") == "dra.home.example"  # dra2 is no peer


def test_the_application_is_the_secondary_key_and_any_the_fallback() -> None:
    routes = (
        Route(realm="Far.example", hosts=("a.home.example",), application=S6M),
        Route(realm="far.example", hosts=("b.home.example",), application=ANY),
    )
    made = table(peer("a.home.example", S6M, TSP), peer("b.home.example", S6M, TSP), routes=routes)
    assert chosen(made, S6M, None, "far.example") == "a.home.example"
    assert chosen(made, TSP, None, "far.example") == "b.home.example"


def test_the_default_route_takes_what_nothing_else_matches() -> None:
    made = table(peer("a.home.example", S6M), peer("dra.x.example", S6M, realm="x.example"), default=("DRA.x.example",))
    assert chosen(made, S6M, None, "far.example") == "dra.x.example"
    assert chosen(made, S6M, None, "home.example") == "a.home.example"


def test_a_relay_is_the_last_resort_and_offers_everything() -> None:
    made = table(peer("dra.home.example", RELAY), peer("a.far.example", S6M, realm="far.example"))
    assert chosen(made, S6M, None, "far.example") == "a.far.example"
    assert chosen(made, TSP, None, "far.example") == "dra.home.example"


def test_another_end_host_of_the_realm_is_no_way_to_a_destination_host() -> None:
    made = table(peer("a.far.example", S6M, realm="far.example"))
    assert chosen(made, S6M, "b.far.example", "far.example") is None
    made.add(peer("dra.home.example", RELAY))
    assert chosen(made, S6M, "b.far.example", "far.example") == "dra.home.example"


def test_a_destination_host_that_is_down_is_tried_through_a_relay() -> None:
    made = table(peer("b.far.example", S6M, realm="far.example", usable=False), peer("dra.home.example", RELAY))
    assert chosen(made, S6M, "b.far.example", "far.example") == "dra.home.example"


def test_without_host_and_realm_our_own_realm_comes_first() -> None:
    made = table(peer("x.far.example", S6M, realm="far.example"), peer("a.home.example", S6M))
    assert chosen(made, S6M) == "a.home.example"
    made.peers["a.home.example"].usable = False
    made.changed()
    assert chosen(made, S6M) == "x.far.example"


def test_alternatives_avoid_who_was_tried_and_come_in_order() -> None:
    made = table(
        peer("a.home.example", S6M),
        peer("b.home.example", S6M),
        peer("c.home.example", TSP),
        peer("d.home.example", RELAY),
    )
    found = made.alternatives(S6M, None, "home.example", avoid=("A.home.example",))
    assert [e.host for e in found] == ["b.home.example", "d.home.example"]


# ---- why nobody takes it


def test_the_reason_names_each_candidate() -> None:
    made = table(
        peer("x.home.example", TSP),
        peer("z.home.example", S6M, state="SUSPECT", usable=False),
        routes=(Route(realm="home.example", hosts=("gone.home.example",)),),
    )
    assert made.choose(S6M, None, "home.example") is None
    text = made.explain(S6M, None, "home.example")
    assert f"peer x.home.example is open but lacks application {S6M}" in text
    assert "peer z.home.example is SUSPECT" in text
    assert "gone.home.example of a route is no peer" in text


def test_the_reason_without_any_candidate_lists_the_peers() -> None:
    assert "(peers: none)" in table().explain(S6M, None, "far.example")
    text = table(peer("a.home.example", S6M)).explain(S6M, "h.far.example", "far.example")
    assert text.startswith("no way to h.far.example in far.example")
    assert "(peers: a.home.example)" in text


def test_the_reason_names_an_open_peer_that_changed_meanwhile() -> None:
    assert "peer a.home.example is open" in table(peer("a.home.example", S6M)).explain(S6M, None, None)


# ---- the tables themselves


def test_a_peer_is_entered_once_and_found_without_case() -> None:
    made = table(peer("a.home.example"))
    found = made.find("A.Home.Example")
    assert found is made.peers["a.home.example"]
    with pytest.raises(LocalError, match=r"A\.home\.example"):
        made.add(peer("A.home.example"))


def test_two_routes_of_one_key_are_refused() -> None:
    with pytest.raises(LocalError, match="two routes"):
        table(routes=(Route(realm="a.example", hosts=("x",)), Route(realm="A.example", hosts=("y",))))
