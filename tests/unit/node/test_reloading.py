"""A configuration taken over while the node runs: peers and routes come, go and change, and the others stay."""

from __future__ import annotations

from typing import Any

import pytest

from diameter._node.setup import quick_config
from diameter.config import NodeConfig, PeerConfig, RouteConfig
from diameter.errors import ConfigError, ErrorAnswer, Undeliverable
from diameter.trace import Point
from helpers.nodes import ACTION, LEFT, REALM, RIGHT, Bench

CLEAR: dict[str, Any] = {"transport": "tcp", "physical_protection": True, "physical_protection_reason": "in memory"}
THIRD = "third.example.org"
LISTEN: dict[str, Any] = {RIGHT: {"listen": "tcp:127.0.0.1:3868", "physical_protection": "in memory"}}


def row(host: str = LEFT, **keys: Any) -> PeerConfig:
    return PeerConfig(host=host, realm=REALM, **CLEAR, **keys)


def dialled(**keys: Any) -> PeerConfig:
    return row(RIGHT, connect=True, addresses=["127.0.0.1"], port=3868, **keys)


def config(*peers: PeerConfig, routes: tuple[RouteConfig, ...] = (), host: str = RIGHT) -> NodeConfig:
    made = quick_config(host, REALM, peers=peers, **LISTEN.get(host, {}))
    return made.model_copy(update={"route": routes})


def test_the_same_configuration_changes_nothing() -> None:
    with Bench() as bench:
        before = len(bench.said.points)
        bench.pair.right.reload()
        bench.pair.right.reload(bench.pair.right.config)
        assert len(bench.said.points) == before
        assert bench.pair.right._links.reloads == 2


def test_a_peer_is_added_and_another_stays() -> None:
    with Bench() as bench:
        bench.pair.right.reload(config(row(), row(THIRD)))
        bench.pass_time(1)
        assert [fields["peer"] for fields in bench.said.of(Point.PEER_ADDED)] == [THIRD]
        assert {p.host: p.usable for p in bench.pair.right.peers} == {LEFT: True, THIRD: False}
        assert bench.pair.right.config.peer_named(THIRD) is not None
        assert bench.said.of(Point.PEER_CLOSED) == []
        assert bench.ask().result == (0, 2001)


def test_a_peer_that_is_added_is_dialled() -> None:
    with Bench(opened=False) as bench:
        bench.pair.wait(bench.pair.right.start())
        left = bench.pair.left
        left.reload(config(host=LEFT))
        bench.pair.wait(left.start())
        assert left.peers == ()
        left.reload(config(dialled(), host=LEFT))
        bench.pass_time(1)
        assert bench.ask().result == (0, 2001)


def test_a_peer_that_is_removed_is_told_and_forgotten() -> None:
    with Bench() as bench:
        bench.pair.right.reload(config())
        bench.pass_time(1)
        assert bench.pair.right.peers == ()
        assert bench.said.of(Point.PEER_REMOVED) == [{"peer": LEFT}]
        assert bench.client_said.of(Point.PEER_LEAVING)[0]["reason"].endswith("Disconnect-Cause 2")
        with pytest.raises(Undeliverable):
            bench.ask()
        bench.pass_time(120)
        assert bench.pair.left.stats.peers_opened == 1  # it was told not to come back


def test_peers_that_are_removed_are_said_in_the_order_of_the_file() -> None:
    hosts = [f"{name}.example.org" for name in ("six", "two", "four", "one", "five", "three")]
    with Bench() as bench:
        bench.pair.right.reload(config(row(), *map(row, hosts)))
        bench.pair.right.reload(config(row()))
        assert [fields["peer"] for fields in bench.said.of(Point.PEER_REMOVED)] == hosts


def test_a_peer_that_dials_no_more_stops_at_once() -> None:
    with Bench(opened=False) as bench:
        left = bench.pair.left
        bench.pair.wait(left.start())
        left.reload(config(host=LEFT))
        bench.pass_time(100)
        assert left.peers == ()
        assert len(bench.client_said.of(Point.CONNECTING)) == 1


def test_how_a_peer_is_used_changes_under_its_open_link() -> None:
    with Bench() as bench:
        assert bench.ask().result == (0, 2001)
        bench.pair.right.reload(config(row(applications=["S6a"], weight=7)))
        (changed,) = bench.said.of(Point.PEER_CHANGED)
        assert changed["reason"] == "applications, weight"
        assert [p.weight for p in bench.pair.right.peers] == [7]
        asked = bench.client.request("Device-Action", ACTION, realm=REALM)
        bench.pass_time(1)
        with pytest.raises(ErrorAnswer, match="3007"):
            asked.result()
        bench.pair.right.reload(config(row()))
        assert bench.ask().result == (0, 2001)
        assert bench.said.of(Point.PEER_CLOSED) == []


def test_a_peer_whose_links_must_be_others_comes_back_as_it_is_written_now() -> None:
    with Bench(config={"tc_s": 5}) as bench:
        bench.pair.right.reload(config(row(tw_s=7.0)))
        bench.pass_time(20)
        assert bench.client_said.of(Point.PEER_LEAVING)[0]["reason"].endswith("Disconnect-Cause 0")
        assert bench.pair.right.stats.peers_opened == 2
        peer = bench.pair.right._peering.peers[LEFT]
        assert peer._timers.tw_s == 7
        assert bench.ask().result == (0, 2001)


def test_a_peer_that_is_removed_and_added_at_once_comes_back() -> None:
    with Bench(config={"tc_s": 5}) as bench:
        right = bench.pair.right
        right.wake(lambda: (right.reload(config()), right.reload(config(row()))))  # type: ignore[arg-type, func-returns-value]
        bench.pass_time(20)
        assert [(p.host, p.static) for p in right.peers] == [(LEFT, True)]


def test_a_peer_on_its_way_back_may_be_removed() -> None:
    with Bench() as bench:
        right = bench.pair.right
        right.reload(config(row(tw_s=7.0)))
        right.reload(config())
        bench.pass_time(20)
        assert right.peers == ()


def test_routes_are_replaced() -> None:
    with Bench() as bench:
        left = bench.pair.left
        with pytest.raises(Undeliverable):
            bench.ask(realm="example.net")
        route = RouteConfig(realm="example.net", hosts=(RIGHT,))
        left.reload(config(*left.config.peer, routes=(route,), host=LEFT))
        assert [each.realm for each in left._core.table.routes] == ["example.net"]
        asked = bench.client.request("Device-Action", ACTION, realm="example.net")
        bench.pass_time(1)
        with pytest.raises(ErrorAnswer, match="3003"):  # it went there, and is not served
            asked.result()
        left.reload(config(*left.config.peer, host=LEFT))
        assert left._core.table.routes == ()


@pytest.mark.parametrize(
    ("keys", "text"), [({"applications": ["Nonsense"]}, "applications"), ({"assume_applications": ["x"]}, "assume_")]
)
def test_a_bad_configuration_changes_nothing(keys: dict[str, Any], text: str) -> None:
    with Bench() as bench:
        right = bench.pair.right
        with pytest.raises(ConfigError, match=text):
            right.reload(config(row(THIRD, **keys)))
        assert [p.host for p in right.peers] == [LEFT]
        assert right._links.reloads == 0
        assert bench.said.of(Point.PEER_REMOVED) == []
