"""Every scenario of `mtc bench` in its shortest form with our own stack, and what it says of stacks that are no peers.
Shapes and validity, never a time.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest

from diameter import LocalError
from diameter.errors import ConfigError
from diameter.transport.sctp_choice import choose
from diameter.transport.usrsctp_library import missing
from helpers.schemas import assert_fits
from nfs.cli._bench.machine import raise_descriptors

pytestmark = pytest.mark.link
ROOT: Final = Path(__file__).resolve().parents[2]
OURS: Final = "mtc-diameter"
KEYS: Final = ("rate_per_s", "cpu_us_server", "cpu_us_client", "p50_us", "p99_us", "p999_us", "rss_kb")


def bench(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "nfs.cli", "bench", *words, "--quick", "--json"]
    whole = {**os.environ, **environment}
    return subprocess.run(command, cwd=ROOT, env=whole, capture_output=True, text=True, timeout=300, check=False)


def measured(*words: str, **environment: str) -> dict[str, Any]:
    done = bench(*words, "--stack", OURS, **environment)
    assert done.returncode == 0, done.stderr + done.stdout
    document: dict[str, Any] = json.loads(done.stdout)
    assert_fits("bench", document)
    assert document["void"] == []
    return document


@pytest.mark.parametrize("scenario", ["server", "client", "pair", "relay"])
def test_a_transaction_is_measured_from_each_side(scenario: str) -> None:
    document = measured("e2e", "--scenario", scenario, "--window", "5")
    ours = [one for one in document["measurements"] if one["stack"] == OURS]
    assert [(one["scenario"], one["transport"], one["window"]) for one in ours] == [(scenario, "tcp", 5)]
    assert all(min(one[key] for key in KEYS) > 0 for one in ours)
    assert [(one["answer_octets"], one["lost"]) for one in ours] == [(256, 0)]


def test_a_pair_over_tls() -> None:
    (one,) = measured("e2e", "--scenario", "pair-tls", "--window", "5")["measurements"]
    assert (one["scenario"], one["transport"], one["answer_octets"]) == ("pair", "tls", 256)
    assert min(one[key] for key in KEYS) > 0


def nobody_has_sctp() -> bool:
    try:
        choose("auto")
    except ConfigError:
        return True
    return False


def test_a_pair_over_sctp_or_why_there_is_none() -> None:
    document = measured("e2e", "--scenario", "pair-sctp", "--window", "5")
    if nobody_has_sctp():
        assert (document["measurements"], document["not_run"][0][:6]) == ([], "SCTP: ")
        return
    (one,) = document["measurements"]
    assert (one["scenario"], one["transport"], one["answer_octets"]) == ("pair", "sctp", 256)
    assert min(one[key] for key in KEYS) > 0


def test_a_pair_over_dtls_or_why_there_is_none() -> None:
    document = measured("e2e", "--scenario", "pair-dtls", "--window", "5")
    if nobody_has_sctp():
        assert (document["measurements"], document["not_run"][0][:6]) == ([], "DTLS o")
        return
    (one,) = document["measurements"]
    assert (one["scenario"], one["transport"], one["answer_octets"]) == ("pair", "dtls", 256)
    assert min(one[key] for key in KEYS) > 0


def test_links_alone_over_each_transport() -> None:
    found = measured("e2e", "--scenario", "links", "--window", "32")
    transports = ["tcp", "tls"] if missing() else ["tcp", "tls", "sctp", "dtls"]
    assert [one["transport"] for one in found["measurements"]] == transports
    assert all(one["scenario"] == "links" and one["answer_octets"] == 256 for one in found["measurements"])
    assert all(min(one[key] for key in KEYS) > 0 for one in found["measurements"])
    (bar,) = found["bars"]
    assert (bar["bound"], bar["least"], bar["measured"] is None) == (25_000, True, bool(missing()))


def test_sealing_and_opening_one_message() -> None:
    found = measured("e2e", "--scenario", "sealing")["measurements"]
    assert [one["scenario"] for one in found] == ["seal, DTLS", "open, DTLS", "seal, TLS", "open, TLS"]
    assert all(0 < one["us_min"] <= one["us"] for one in found)


def test_an_open_loop_offers_what_it_says() -> None:
    (one,) = measured("e2e", "--scenario", "open-loop")["measurements"]
    assert (one["window"], one["offered_per_s"], one["lost"]) == (None, 500, 0)
    assert one["p50_us"] > 0


def test_a_trigger_costs_each_function_something() -> None:
    (one,) = measured("e2e", "--scenario", "trigger", "--window", "5")["measurements"]
    assert (one["stack"], one["scenario"], one["transport"], one["window"]) == (OURS, "trigger", "tls", 5)
    costs = [one[f"cpu_us_{name}"] for name in ("server", "client", "hss", "sms_sc", "mme")]
    assert min(costs) > 0
    assert one["cpu_us"] == pytest.approx(sum(costs), rel=0.01)


def test_the_collector_is_asked_for_its_pauses() -> None:
    (one,) = measured("e2e", "--scenario", "pauses")["measurements"]
    assert (one["scenario"], one["offered_per_s"]) == ("pauses", 1000)
    assert one["p50_us"] <= one["p99_us"] <= one["p999_us"] <= one["max_us"]
    assert one["collections"] >= 0
    assert one["collector_ms"] >= 0


def test_without_a_compiler_the_minimal_peer_is_python(tmp_path: Path) -> None:
    (tmp_path / "cc").write_text("#!/bin/sh\necho no compiler: error >&2\nexit 1\n")
    (tmp_path / "cc").chmod(0o755)
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    for scenario in ("server", "client", "open-loop"):
        document = measured("e2e", "--scenario", scenario, "--window", "5", PATH=path)
        assert [one["answer_octets"] for one in document["measurements"] if one["stack"] == OURS] == [256]
        assert any("the minimal peer runs in Python (no compiler: error)" in one for one in document["not_run"])


def test_an_hss_is_asked_about_its_subscribers() -> None:
    found = measured("scale", "--scenario", "hss")["measurements"]
    assert [(one["scenario"], one["subscribers"]) for one in found] == [("air", 100), ("sir", 100)]
    assert all(min(one["rate_per_s"], one["cpu_us_server"]) > 0 for one in found)


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


def test_figures_are_written_as_a_page_that_needs_nothing_else(tmp_path: Path) -> None:
    document = measured("codec", "--scenario", "codec", "--out", str(tmp_path))
    assert json.loads((tmp_path / "bench.json").read_text()) == document
    assert len(document["measurements"]) == 4
    assert all(0 < one["us_min"] <= one["us"] for one in document["measurements"])
    page = (tmp_path / "bench.html").read_text()
    assert "decode, faults, five values" in page
    assert "http" not in page
    assert "src=" not in page


def test_too_few_open_files_are_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(kind: int, limits: tuple[int, int]) -> None:
        raise ValueError("not allowed to raise maximum limit")

    monkeypatch.setattr(resource, "getrlimit", lambda kind: (1024, 1024))
    monkeypatch.setattr(resource, "setrlimit", forbidden)
    with pytest.raises(LocalError, match=r"^10000 peers need 10200 open files, 1024 are allowed: raise the hard limit"):
        raise_descriptors(10_000)
    raise_descriptors(800)


@pytest.mark.parametrize("words", [("codec", "--scenario", "codec"), ("e2e", "--scenario", "server", "--window", "5")])
def test_a_stack_that_does_not_start_is_said_and_left_out(words: tuple[str, ...]) -> None:
    done = bench(*words, "--stack", "python-diameter", "--python-diameter", "/bin/false")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert {one["stack"] for one in document["measurements"]} <= {"raw"}
    assert any(one.startswith("python-diameter, ") and "false" in one for one in document["not_run"])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("codec", "--scenario", "pair"), "'pair' is no scenario here: codec, loading"),
        (("codec", "--stack", "nobody"), "'nobody' is no stack: mtc-diameter, mtc-diameter pure, freeDiameter"),
    ],
)
def test_what_nobody_knows_is_one_line(words: tuple[str, ...], said: str) -> None:
    done = bench(*words)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
