"""Keys of `[node]` taken over by a reload: timers, limits, faults, listeners; and those that another start needs."""

from __future__ import annotations

from typing import Any

import pytest

from diameter import Message
from diameter.app import Later
from diameter.config import FaultConfig, Limits, ListenConfig, NodeTable, PeerConfig
from diameter.errors import ConfigError, ErrorAnswer, RequestTimeout
from diameter.node import Node
from diameter.trace import Point
from helpers.links import CLEAR
from helpers.nodes import ACTION, LEFT, REALM, RIGHT, Bench, Waiting, succeed

DAR = "Device-Action-Request"


def change(node: Node, **keys: Any) -> None:
    """Reload with these keys of `[node]`, `[[fault]]` or `[[peer]]` other than before."""
    node.reload(node.config.model_copy(update=keys))


def test_what_changes_is_said_and_nothing_else() -> None:
    with Bench() as bench:
        before = len(bench.said.points)
        change(bench.pair.right, tw_s=12.0, request_timeout_s=3.0)
        assert bench.said.points[before:] == [(Point.SETTINGS, {"reason": "node.tw_s, node.request_timeout_s"})]
        change(bench.pair.right)
        assert len(bench.said.points) == before + 1
        assert bench.said.of(Point.PEER_CLOSED) == []


@pytest.mark.parametrize(
    ("key", "value"),
    [("origin_host", "other.example.org"), ("origin_realm", "b.example"), ("product_name", "x"), ("vendor_id", 7)],
)
def test_who_the_node_is_needs_another_start(key: str, value: Any) -> None:
    with Bench() as bench:
        node = bench.pair.right
        before = getattr(node.config, key)
        for _ in range(2):  # as long as it is so
            change(node, **{key: value, "tw_s": 20.0})
        assert [fields["reason"] for fields in bench.said.of(Point.RESTART_NEEDED)] == [f"node.{key}"] * 2
        assert [fields["reason"] for fields in bench.said.of(Point.SETTINGS)] == ["node.tw_s"]
        assert (getattr(node.config, key), node.config.tw_s) == (before, 20.0)
        assert bench.ask()["Origin-Host"] == RIGHT


def test_every_key_of_the_table_is_looked_at() -> None:
    """A key that is new is taken over or fixed, and in both cases said: none is passed over in silence."""
    with Bench() as bench:
        node = bench.pair.right
        handled_elsewhere = {"admin", "capture", "tls", "listen"}
        odd: dict[str, Any] = {"limits": Limits(connections=7), "origin_host": "z.example", "origin_realm": "z.example"}
        odd |= {"tw_jitter_s": 0.5, "tc_jitter": 0.5}
        for name, field in NodeTable.model_fields.items():
            if name in handled_elsewhere:
                continue
            now = getattr(node.config, name)
            kinds = {bool: not now, int: 9, float: 7.5, str: "weight", tuple: ("127.0.0.1",)}
            value = odd.get(name) or kinds.get(type(now))
            if value is None:  # a table: one of its keys
                inner = next(iter(type(now).model_fields))
                value = now.model_copy(update={inner: not getattr(now, inner)})
            count = len(bench.said.points)
            change(node, **{name: value})
            assert bench.said.points[count][1] == {"reason": f"node.{name}"}, field


def test_timers_count_from_the_next_that_begins() -> None:
    with Bench(config={"tw_s": 30.0}) as bench:
        change(bench.pair.right, tw_s=6.0)
        bench.pass_time(31)  # the one that runs
        before = len(bench.pair.wire.passed)
        bench.pass_time(30)
        assert 3 <= len(bench.pair.wire.passed) - before <= 16


def test_a_peer_with_timers_of_its_own_keeps_them() -> None:
    with Bench() as bench:
        node = bench.pair.right
        own = PeerConfig(host="own.example.org", realm=REALM, transport="tcp", tw_s=9.0, **CLEAR)
        change(node, peer=(*node.config.peer, own))
        change(node, tw_s=20.0, cer_timeout_s=3.0)
        peers = node._peering.peers
        assert (peers["own.example.org"]._timers.tw_s, peers[LEFT]._timers.tw_s) == (9.0, 20.0)
        assert peers["own.example.org"]._timers.cer_timeout_s == 3.0


def test_limits_of_requests_in_both_directions() -> None:
    gate: Later[None] = Later()

    async def slow(request: Message) -> Message:
        await gate
        return succeed(request)

    with Bench(Waiting(slow)) as bench:
        change(bench.pair.right, limits=Limits(inbound_requests=2))
        asked = [bench.client.request("Device-Action", ACTION, realm=REALM) for _ in range(3)]
        bench.pass_time(0.1)
        with pytest.raises(ErrorAnswer, match="3004"):
            asked[2].result()
        change(bench.pair.left, limits=Limits(outbound_requests=1))
        more = [bench.client.request("Device-Action", ACTION, realm=REALM) for _ in range(2)]
        bench.pass_time(0.1)
        assert bench.pair.left.stats.held == 1
        assert more[1].done
        gate.resolve(None)
        bench.pass_time(1)
        change(bench.pair.left, request_timeout_s=2.0, limits=Limits())
        change(bench.pair.right, fault=(FaultConfig(do="drop", command=DAR),), lab=True)
        with pytest.raises(RequestTimeout, match=r"2\.0 s"):
            bench.ask()


def test_waiting_times_that_cannot_be_change_nothing() -> None:
    with Bench() as bench:
        with pytest.raises(ConfigError, match="tw_s: 1 is below 6"):
            change(bench.pair.right, tw_s=1.0, request_timeout_s=1.0)
        assert bench.pair.right.config.request_timeout_s == 10


def test_faults_change_with_the_rest_or_not_at_all() -> None:
    busy = FaultConfig(do="result", command=DAR, result_code=5012)
    with Bench(config={"lab": True}) as bench:
        node = bench.pair.right
        wrong = FaultConfig(do="drop", command="Nonsense")
        with pytest.raises(ConfigError, match="no dictionary has a command"):
            change(node, tw_s=9.0, fault=(wrong,))
        assert node.config.tw_s != 9.0
        change(node, fault=(busy,))
        assert bench.ask().result == (0, 5012)
        hits = node._traffic.faults
        change(node, tw_s=9.0)  # the same rules: they are not begun anew
        assert [met for _, _, met in hits.shown()] == [1]
        with pytest.raises(ConfigError, match="outside the operator's domain"):
            change(node, lab=False)
        change(node, fault=())
        assert bench.ask().result == (0, 2001)


def test_listeners_come_and_go_while_links_stay() -> None:
    with Bench() as bench:
        node = bench.pair.right
        other = ListenConfig(host="127.0.0.2", port=3869, transport="tcp", **CLEAR)
        change(node, listen=(other,))
        assert [str(address) for _, address in node.listening] == ["127.0.0.2:3869"]
        assert bench.said.of(Point.LISTENING)[-1]["remote"] == "127.0.0.2:3869"
        assert bench.said.of(Point.LISTENING_ENDED)[-1]["remote"] == "127.0.0.1:3868"
        assert bench.ask().result == (0, 2001)
        assert bench.said.of(Point.PEER_CLOSED) == []
