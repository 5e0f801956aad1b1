"""What a node shows its operator by HTTP, and to whom."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from diameter import Message
from diameter.admin import PENDING_SHOWN, OfNode
from diameter.app import Later
from diameter.config import AdminConfig, FaultConfig, NodeConfig, RouteConfig, validate
from diameter.errors import ConfigError
from diameter.metrics import NodeCollector, exposition
from diameter.routing.entries import PeerEntry, Route, Source
from diameter.routing.redirect import Asked, Indication, Usage
from diameter.trace import Point
from diameter.wire.types import parse_uri
from helpers.admin import Rig
from helpers.nodes import ACTION, LEFT, REALM, RIGHT, TSP, Bench, Waiting, succeed
from helpers.schemas import assert_fits


@pytest.fixture
def rig() -> Iterator[Rig]:
    with Bench() as bench:
        yield Rig(bench)


def test_health(rig: Rig) -> None:
    rig.bench.pass_time(5)
    health = rig.json("health")
    assert (health["status"], health["origin_host"], health["uptime_s"]) == ("ok", RIGHT, 5.0)
    assert (health["peers"], health["peers_usable"], health["pending"]) == (1, 1, 0)


def test_a_node_that_stops_is_unwell() -> None:
    with Bench() as bench:
        rig = Rig(bench)
        _ = bench.pair.right.stop()
        assert rig.json("health", code=503)["status"] == "stopping"


def test_peers_with_their_state(rig: Rig) -> None:
    (peer,) = rig.json("peers")["peers"]
    assert (peer["host"], peer["state"], peer["usable"], peer["transport"]) == (LEFT, "R-Open", True, "tcp")
    assert (peer["applications"], peer["source"]) == ([TSP], "configured")
    _ = rig.bench.pair.left.stop()
    rig.bench.pass_time(1)
    (peer,) = rig.json("peers")["peers"]
    assert (peer["usable"], peer["transport"], peer["remote"]) == (False, None, None)


def test_what_protects_the_open_links(rig: Rig) -> None:
    page = rig.json("security")
    (link,) = page["links"]
    assert (link["peer"], link["mechanism"], link["level"], link["placement"]) == (LEFT, "none", "physical", "outside")
    assert (page["origin_host"], page["papers"], page["links_broken"]) == (RIGHT, [], 0)
    assert OfNode(rig.bench.pair.right, rig.bench.pair.clock).page("security")["links"] == page["links"]
    _ = rig.bench.pair.left.stop()
    rig.bench.pass_time(1)
    assert rig.json("security")["links"] == []


def test_a_peer_that_does_not_open_says_why() -> None:
    with Bench(opened=False) as bench:
        bench.pair.wait(bench.pair.left.start())
        bench.pass_time(1)
        (peer,) = Rig(bench, left=True).json("peers")["peers"]
        assert peer["trouble"] == "connection refused"


def test_routes() -> None:
    route = {"realm": "*", "hosts": [LEFT], "application": "Tsp", "balance": "weight"}
    with Bench() as bench:
        node = bench.pair.right
        node.reload(node.config.model_copy(update={"route": (RouteConfig.model_validate(route),)}))
        shown = {**route, "application": TSP, "source": "configured", "expires_s": None}
        assert Rig(bench).json("routes")["routes"] == [shown]


def test_routes_that_were_found_end_some_time() -> None:
    with Bench() as bench:
        table, until = bench.pair.right._core.table, bench.pair.clock.seconds() + 30
        table.learn(REALM, [Route(realm=REALM, hosts=(LEFT,), source=Source.DISCOVERED, expires=until)])
        bench.pass_time(10)
        (route,) = Rig(bench).json("routes")["routes"]
        assert (route["source"], route["expires_s"], route["hosts"]) == ("discovered", 20.0, [LEFT])


def test_routes_learnt_from_redirects() -> None:
    with Bench() as bench:
        node = bench.pair.right
        said = Indication(hosts=(parse_uri(f"aaa://{LEFT}"),), usage=Usage.ALL_REALM, cache_s=60.0)
        what = Asked(application=TSP, realm=REALM)
        node._requests.following.cache.learn(said, what, bench.pair.clock.seconds())
        (route,) = Rig(bench).json("routes")["routes"]
        assert (route["source"], route["expires_s"], route["realm"]) == ("redirect", 60.0, REALM)


def test_pending_requests_oldest_first() -> None:
    gate: Later[None] = Later()

    async def slow(request: Message) -> Message:
        await gate
        return succeed(request)

    with Bench(Waiting(slow)) as bench:
        rig = Rig(bench, left=True)
        for _ in range(2):
            asked = bench.client.request("Device-Action", ACTION, realm=REALM)
            bench.pass_time(1)
        found = rig.json("pending")
        assert found["count"] == 2
        assert [round(each["age_s"]) for each in found["pending"]] == [2, 1]
        assert {(each["peer"], each["command"]) for each in found["pending"]} == {(RIGHT, "Device-Action-Request")}
        assert "meter" not in json.dumps(found)
        gate.resolve(None)
        bench.pass_time(1)
        assert asked.done
        assert rig.json("pending") == {"schema": 1, "count": 0, "pending": []}
    assert PENDING_SHOWN == 1000


def test_metrics_by_peer_application_command_and_result(rig: Rig) -> None:
    rig.bench.ask()
    code, body = rig.get("metrics")
    assert code == 200
    (family,) = [each for each in text_string_to_metric_families(body.decode()) if each.name == "diameter_answers"]
    assert [(sample.labels, sample.value) for sample in family.samples] == [
        (
            {
                "peer": LEFT,
                "direction": "out",
                "application": "Tsp",
                "command": "Device-Action",
                "result": "2001",
            },
            1.0,
        )
    ]


def test_fault_rules_are_shown_and_switched() -> None:
    rules = [
        {"name": "busy", "do": "result", "command": "DAR", "result_code": 5012, "enabled": False},
        {"do": "drop", "identity": "secret@example.com"},
    ]
    with Bench(config={"lab": True}, right={}) as bench:
        bench.pair.right.inject([FaultConfig(**rule) for rule in rules])  # type: ignore[arg-type]
        rig = Rig(bench)
        found = rig.json("faults")["faults"]
        assert [(one["name"], one["enabled"], one["met"]) for one in found] == [
            ("busy", False, 0),
            ("fault.1", True, 0),
        ]
        assert "secret" not in json.dumps(found)
        code, body = rig.get("faults/busy", method="PUT", body=b'{"enabled": true}')
        assert code == 200
        assert_fits("admin-faults", json.loads(body))
        assert bench.ask().result == (0, 5012)
        assert rig.json("faults")["faults"][0]["met"] == 1
        rig.get("faults/busy", method="PUT", body=b'{"enabled": false}')
        assert bench.ask().result == (0, 2001)
        assert [fields["reason"] for fields in bench.said.of(Point.FAULT_RULE)] == [
            "fault.1 (do = drop)",
            "busy (command = DAR, do = result, result_code = 5012)",
            "fault.1 (do = drop)",
            "fault.1 (do = drop)",
        ]


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        ("faults/busy", b"", 400),
        ("faults/busy", b"{", 400),
        ("faults/busy", b"[" * 1024, 400),
        ("faults/busy", b'{"enabled": 1}', 400),
        ("faults/busy", b'{"enabled": true, "do": "drop"}', 400),
        ("faults/nobody", b'{"enabled": true}', 404),
        ("faults/busy", b'{"enabled": true}', 409),
    ],
)
def test_a_rule_that_cannot_be_switched(path: str, body: bytes, code: int) -> None:
    with Bench() as bench:  # no lab, and its peer is outside
        bench.pair.right.inject([FaultConfig(name="busy", do="drop", enabled=False)])
        rig = Rig(bench)
        status, said = rig.get(path, method="PUT", body=body)
        assert status == code
        assert json.loads(said)["error"]
        assert rig.get("faults/busy", host="rebound.example.net", method="PUT", body=body)[0] == 403
        assert bench.ask().result == (0, 2001)
        assert rig.get("faults/busy")[0] == 405


def test_thousands_of_peers_are_told_in_pieces_with_the_node_at_work_between() -> None:
    with Bench() as bench:
        rig, table = Rig(bench), bench.pair.right._core.table
        small = rig.get("metrics")[1]
        assert rig.steps == 0  # a few come at once
        entries = [PeerEntry(f"peer{number}.example.org", REALM) for number in range(1000)]
        for entry in entries:
            table.add(entry)
            bench.pair.right._core.tally.count(entry.host, bench.request().answer(2001).octets, True)
        code, body = rig.get("metrics")
        assert (code, rig.steps > 0) == (200, True)
        families = {family.name: family for family in text_string_to_metric_families(body.decode())}
        assert len(families["diameter_answers"].samples) == 1000
        assert len(families["diameter_peer_usable"].samples) == 1001
        assert small.splitlines()[0] == body.splitlines()[0]
        rig.steps = 0
        peers = rig.json("peers")["peers"]
        assert (len(peers), rig.steps > 0) == (1001, True)
        assert [each["host"] for each in peers] == [LEFT, *(entry.host for entry in entries)]
        for entry in entries:
            table.remove(entry)


def test_names_of_peers_are_escaped_in_metrics() -> None:
    with Bench() as bench:
        bench.pair.right._core.tally.count('a"b\\c\nd', bench.request().answer(2001).octets, True)
        (family,) = [
            each
            for each in text_string_to_metric_families(Rig(bench).get("metrics")[1].decode())
            if each.name == "diameter_answers"
        ]
        assert family.samples[0].labels["peer"] == 'a"b\\c\nd'


def test_both_ways_to_the_metrics_say_the_same() -> None:
    with Bench() as bench:
        bench.ask()
        registry = CollectorRegistry()
        registry.register(NodeCollector(bench.pair.right))
        ours = {
            (s.name, tuple(sorted(s.labels.items()))): s.value
            for f in text_string_to_metric_families(exposition(bench.pair.right).decode())
            for s in f.samples
        }
        theirs = {
            (s.name, tuple(sorted(s.labels.items()))): s.value
            for f in text_string_to_metric_families(generate_latest(registry).decode())
            for s in f.samples
        }
        assert ours == theirs
        assert len(ours) > 20


@pytest.mark.parametrize(
    "path",
    ["health", "peers", "routes", "pending", "faults", "metrics", "standing", "", "healthz", "ladder", "ladder.svg"],
)
def test_a_request_for_another_name_is_refused(rig: Rig, path: str) -> None:
    code, body = rig.get(path, host="rebound.example.net")
    assert code == 403
    assert LEFT.encode() not in body
    assert rig.get(path, host="127.0.0.1:80")[0] == 200


def test_on_a_unix_socket_any_name_will_do() -> None:
    with Bench() as bench:
        assert Rig(bench, names=None).get("health", host="whatever.example.net")[0] == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_nothing_can_be_changed(rig: Rig, method: str) -> None:
    assert rig.get("peers", method=method)[0] == 405


def test_there_is_nothing_else(rig: Rig) -> None:
    assert rig.get("etc/passwd")[0] == 404


@pytest.mark.parametrize(
    ("table", "complaint"),
    [
        ({"port": 1, "host": "0.0.0.0"}, "admin.host: must be an address of the loopback interface"),
        ({"port": 1, "host": "192.0.2.1"}, "admin.host: must be an address of the loopback interface"),
        ({"port": 1, "host": "localhost"}, "admin.host: not an IPv4 or IPv6 address"),
        ({}, "needs either port or socket"),
        ({"port": 1, "socket": "x"}, "needs either port or socket"),
    ],
)
def test_it_stays_on_this_machine(table: dict[str, Any], complaint: str) -> None:
    tables = {"origin_host": RIGHT, "origin_realm": REALM, "admin": table}
    with pytest.raises(ConfigError, match=complaint):
        validate(tables, NodeConfig, source="node", base=Path())


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.53", "::1"])
def test_loopback_has_several_addresses(host: str) -> None:
    assert AdminConfig(host=host, port=0).host == host


def test_a_simulator_is_steered(rig: Rig) -> None:
    assert rig.get("scenario")[0] == 404
    given: list[bytes | None] = []

    def steer(body: bytes | None) -> dict[str, Any]:
        given.append(body)
        if body == b"bad":
            raise ConfigError("order: not JSON")
        return {"ues": 3}

    rig.pages.steer = steer
    assert rig.get("scenario") == (200, b'{"schema": 1, "ues": 3}\n')
    assert rig.get("scenario", method="PUT", body=b'{"do": "busy"}')[0] == 200
    code, body = rig.get("scenario", method="PUT", body=b"bad")
    assert (code, json.loads(body)["error"]) == (400, "order: not JSON")
    assert rig.get("scenario", method="PUT", host="evil.example", body=b"{}")[0] == 403
    assert given == [None, b'{"do": "busy"}', b"bad"]
