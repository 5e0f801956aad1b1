"""`mtc bench scale` and the capture tools, in their shortest form: shapes and validity, never a time."""

from __future__ import annotations

import pytest

from helpers.benching import KEYS, measured
from helpers.postgres import kinds

pytestmark = pytest.mark.link


def test_an_hss_is_asked_about_its_subscribers_and_takes_them_from_a_file() -> None:
    kind = kinds()[-1]
    found = measured("scale", "--scenario", "hss", "--scenario", "import", "--database", kind)["measurements"]
    assert [(one["scenario"], one["subscribers"]) for one in found] == [("air", 100), ("sir", 100), ("import", 100)]
    assert {one["database"] for one in found} == {kind}
    assert all(min(one["rate_per_s"], one["cpu_us_server"], one["rss_kb"]) > 0 for one in found)


def test_triggers_are_taken_beside_more_and_more_that_wait() -> None:
    found = measured("scale", "--scenario", "stored")["measurements"]
    assert [(one["database"], one["stored"]) for one in found] == [("sqlite", 100), ("sqlite", 1000)]


def test_simulated_ues_attach_and_get_triggers() -> None:
    attached, triggered = measured("scale", "--scenario", "ues")["measurements"]
    assert [(one["scenario"], one["ues"]) for one in (attached, triggered)] == [("attach", 50), ("ues", 50)]
    assert min(attached[key] for key in ("rate_per_s", "cpu_us_hss", "cpu_us_mme", "rss_kb")) > 0
    assert all(triggered[key] > 0 for key in KEYS)


def test_many_peers_and_routes_are_measured_step_by_step() -> None:
    words = ("--scenario", "peers", "--peers", "10", "--peers", "50", "--routes", "20")
    found = measured("scale", *words)["measurements"]
    assert [(one["scenario"], one["peers"], one["routes"]) for one in found] == [
        (scenario, peers, 20) for peers in (10, 50) for scenario in ("served", "routed", "shared")
    ]
    assert all(min(one["rate_per_s"], one["cpu_us_server"], one["metrics_ms"]) > 0 for one in found)
    assert [one["rss_kb_peer"] is None for one in found] == [True] * 3 + [False] * 3


def test_idle_peers_and_large_dictionaries() -> None:
    found = measured("scale", "--scenario", "idle", "--scenario", "dictionary")["measurements"]
    assert [one["peers"] for one in found if one["scenario"] == "idle peers"] == [20, 50]
    sizes = [one["avps"] for one in found if one["scenario"].startswith("decode, dictionary")]
    assert sizes == sorted(sizes)
    assert sizes[2] == sizes[1] + 10_000
    assert all(one["us"] > 0 for one in found if "avps" in one)


def test_a_ladder_is_written() -> None:
    (one,) = measured("ladder")["measurements"]
    assert (one["scenario"], one["messages"]) == ("ladder", 200)
    assert one["write_ms"] > 0


def test_a_capture_is_decoded() -> None:
    found = measured("capture", "--scenario", "capture")["measurements"]
    assert [(one["scenario"], one["messages"]) for one in found][:1] == [("capture", 5000)]
    assert all(one["rate_per_s"] > 0 for one in found)
