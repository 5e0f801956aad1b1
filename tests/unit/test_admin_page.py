"""The operator's page: alarms, queues, counters, and the last messages as a ladder without anybody's identity."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from prometheus_client.parser import text_string_to_metric_families

from diameter.admin import alarms, drawn
from diameter.capture import CaptureWriter
from diameter.capture.recent import OCTETS, Recent
from diameter.config import NodeConfig, TlsConfig
from diameter.message import decode
from diameter.security.papers import Paper
from diameter.standing import Alarm, Count, Queue, Standing
from helpers.admin import Rig
from helpers.nodes import ACTION, LEFT, RIGHT, Bench, Waiting, dictionary, succeed

FUNCTION = Standing(
    queues=lambda: (Queue("short messages", 3, 1000, 12.5),),
    alarms=lambda: (Alarm("critical", "audit-lost", "audit log", "2 lines could not be written"),),
    counts=lambda: (
        Count("mtc_refusals", "Requests refused", {"check": "rate", "stage": "authorisation"}, 4),
        Count("mtc_refusals", "Requests refused", {"check": "link", "stage": "authentication"}, 1),
    ),
)


@pytest.fixture
def rig() -> Iterator[Rig]:
    with Bench() as bench:
        yield Rig(bench, standing=FUNCTION)


def names(page: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [(one["severity"], one["name"], one["subject"]) for one in page["alarms"]]


def test_node_and_function_stand_side_by_side(rig: Rig) -> None:
    rig.bench.ask()
    page = rig.json("standing")
    assert page["queues"][-1] == {"name": "short messages", "length": 3, "limit": 1000, "oldest_s": 12.5}
    assert page["queues"][1] == {"name": "requests in work", "length": 0, "limit": 20_000, "oldest_s": None}
    assert [count["value"] for count in page["counts"]] == [4, 1]
    assert (page["traffic"]["requests_in"], page["traffic"]["answers_out"]) == (1, 1)
    assert names(page) == [("critical", "audit-lost", "audit log")]


def test_the_same_for_prometheus(rig: Rig) -> None:
    families = {each.name: each for each in text_string_to_metric_families(rig.get("metrics")[1].decode())}
    refusals = {sample.labels["check"]: sample.value for sample in families["mtc_refusals"].samples}
    assert refusals == {"rate": 4.0, "link": 1.0}
    lengths = {sample.labels["queue"]: sample.value for sample in families["diameter_queue_length"].samples}
    assert lengths["short messages"] == 3.0
    (alarm,) = families["diameter_alarms"].samples
    assert (alarm.labels, alarm.value) == ({"severity": "critical", "name": "audit-lost"}, 1.0)


def test_healthz_is_health(rig: Rig) -> None:
    assert rig.get("healthz") == rig.get("health")
    _ = rig.bench.pair.right.stop()
    assert rig.get("healthz")[0] == 503


def test_a_peer_that_is_down_is_an_alarm_until_it_is_back(rig: Rig) -> None:
    _ = rig.bench.pair.left.stop()
    rig.bench.pass_time(1)
    assert ("major", "peer-down", LEFT) in names(rig.json("standing"))


def test_of_many_peers_that_are_down_not_all_are_named() -> None:
    with Bench(opened=False) as bench:
        node = bench.pair.right
        entry = node.peers[0]
        many = [type(entry)(f"p{at}.example.org", "example.org") for at in range(alarms.PEERS_NAMED + 9)]
        for one in many:
            node._core.table.add(one)
        found = [one for one in alarms.of_node(node, datetime.now(UTC)) if one.name == "peer-down"]
        assert len(found) == alarms.PEERS_NAMED + 1
        assert found[-1].subject == "10 more"
        for one in many:
            node._core.table.remove(one)


@pytest.mark.parametrize(("days", "found"), [(-1, [("critical", "expired")]), (5, [("warning", "expires")]), (200, [])])
def test_a_certificate_that_runs_out(days: int, found: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch) -> None:
    now = datetime(2030, 1, 1, tzinfo=UTC)
    paper = Paper(
        kind="certificate", name="CN=x", not_before=now - timedelta(days=300), not_after=now + timedelta(days=days)
    )
    with Bench() as bench:
        node = bench.pair.right
        tls = TlsConfig.model_construct(warn_days=30)
        monkeypatch.setattr(node, "config", node.config.model_copy(update={"tls": tls}))
        monkeypatch.setattr(node, "papers", lambda: (paper,))
        seen = [one for one in alarms.of_node(node, now) if one.name == "certificate"]
        assert [one.severity for one in seen] == [severity for severity, _ in found]
        assert all(word in one.text for one, (_, word) in zip(seen, found, strict=True))


def test_requests_in_work_near_their_bound_and_exceptions() -> None:
    from diameter.app import Later
    from diameter.config import Limits

    gate: Later[None] = Later()

    async def slow(request: Any) -> Any:
        await gate
        return succeed(request)

    with Bench(Waiting(slow), config={"limits": Limits(requests_in_work=2)}) as bench:
        for _ in range(2):
            asked = bench.client.request("Device-Action", ACTION, realm="example.org")
            bench.pass_time(0.1)
        bench.pair.right.stats.bugs = 3
        found = {one.name: one for one in alarms.of_node(bench.pair.right, datetime.now(UTC))}
        assert (found["requests-in-work"].severity, found["bugs"].text[:1]) == ("major", "3")
        gate.resolve(None)
        bench.pass_time(1)
        assert asked.done


def test_a_capture_that_rests_is_an_alarm(rig: Rig, tmp_path: Path) -> None:
    with CaptureWriter(tmp_path / "x.pcapng", complain=lambda _: None) as writer:
        rig.bench.pair.right.record(Recent(10, writer))
        rig.bench.ask()
        assert writer.messages == 2
        assert names(rig.json("standing"))[1:] == []
        writer._rest(60.0, "disk full", "stops")
        assert ("minor", "capture-rests", str(writer.path)) in names(rig.json("standing"))
        assert b"diameter_capture_resting 1.0" in rig.get("metrics")[1]
        rig.bench.pair.right.record(None)


def test_the_last_messages_are_drawn_without_identities(rig: Rig) -> None:
    assert b"No message yet" in rig.get("")[1]
    rig.bench.pair.right.record(Recent(10))
    rig.bench.ask({"Device-Action": {**ACTION["Device-Action"], "Trigger-Data": {"Payload": b"secret-payload"}}})
    code, svg = rig.get("ladder.svg")
    picture = ElementTree.fromstring(svg.decode())  # our own
    words = " ".join(picture.itertext())
    assert (code, "DAR" in words, "DAA" in words) == (200, True, True)
    code, html = rig.get("ladder")
    assert code == 200
    assert RIGHT in html.decode()
    records = rig.bench.pair.right._core.tap.records()  # type: ignore[union-attr]  # it is there
    assert [decode(one.octets, dictionary()).request for one in records] == [True, False]
    for shown in (svg, html, json.dumps(drawn_from(rig)).encode()):
        assert b"meter@example.com" not in shown
        assert b"secret-payload" not in shown


def drawn_from(rig: Rig) -> list[str]:
    """The octets that leave for the ladder, as text."""
    import base64

    from diameter.admin import OfNode

    page = OfNode(rig.bench.pair.right, rig.bench.pair.clock).page("recent")
    return [base64.b64decode(row[3]).decode("latin-1") for row in page["messages"]]


def test_avps_that_nobody_knows_are_written_over(rig: Rig) -> None:
    rig.bench.pair.right.record(Recent(10))
    octets = bytearray(rig.bench.request().octets)
    octets += bytes.fromhex("0000fff0 80000018 0000fff1") + b"001010123456"
    octets[1:4] = len(octets).to_bytes(3)
    rig.bench.inject(bytes(octets))
    assert not any("001010123456" in text for text in drawn_from(rig))
    assert any("*" * 12 in text for text in drawn_from(rig))


def test_only_so_much_is_kept_and_no_watchdog() -> None:
    class Link:
        transport, local, remote, peer_names = "tcp", ("127.0.0.1", 1), ("127.0.0.1", 2), ()

    recent = Recent(5)
    for at in range(9):
        recent.message(float(at), True, Link(), bytes([1, 0, 0, 20, 0, 0, 1, 24]) + bytes(12))
        recent.message(float(at), at % 2 == 0, Link(), bytes([1, 0, 0, 20, 0, 0, 1, at]) + bytes(12), "peer.example")
    kept = recent.records()
    assert [one.octets[7] for one in kept] == [4, 5, 6, 7, 8]
    assert [one.outgoing for one in kept] == [True, False, True, False, True]
    assert (kept[0].source, kept[1].source) == (("127.0.0.1", 1), ("127.0.0.1", 2))
    assert kept[0].comment == "tcp, peer peer.example, sent"
    recent.message(9.0, True, Link(), bytes(OCTETS + 1))
    assert recent.records() == []
    recent.event(9.0, None, "LINK_UP", "")


def test_the_page_asks_this_node_only() -> None:
    html = drawn.front().decode()
    assert "default-src 'none'" in html
    assert re.findall(r"https?://(?!www\.w3\.org/2000/svg)", html) == []
    paths = set(re.findall(r'get\("(/[^"]*)"\)', html)) | set(re.findall(r'href="(/[^"]*)"', html))
    assert {"/health", "/standing", "/peers", "/ladder.svg", "/ladder", "/metrics"} <= paths
    with Bench() as bench:
        for path in sorted(paths):
            assert Rig(bench).get(path[1:])[0] == 200, path


def test_how_many_are_kept_is_configured() -> None:
    tables: dict[str, Any] = {"origin_host": RIGHT, "origin_realm": "example.org", "admin": {"port": 0}}
    assert NodeConfig.model_validate(tables).admin.messages == 100  # type: ignore[union-attr]  # it is there
