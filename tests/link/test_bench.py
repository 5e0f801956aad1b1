"""Every scenario of `mtc bench` in its shortest form with our own stack, and what it says of stacks that are no peers.
Shapes and validity, never a time.
"""

from __future__ import annotations

import json
import os
import resource
from pathlib import Path

import pytest

from diameter import LocalError
from helpers.benching import KEYS, OURS, bench, measured
from nfs.cli._bench.machine import raise_descriptors

pytestmark = pytest.mark.link


@pytest.mark.parametrize("scenario", ["server", "client", "pair", "relay"])
def test_a_transaction_is_measured_from_each_side(scenario: str) -> None:
    document = measured("e2e", "--scenario", scenario, "--window", "5")
    ours = [one for one in document["measurements"] if one["stack"] == OURS]
    assert [(one["scenario"], one["transport"], one["window"]) for one in ours] == [(scenario, "tcp", 5)]
    assert all(min(one[key] for key in KEYS) > 0 for one in ours)
    assert [(one["answer_octets"], one["lost"]) for one in ours] == [(256, 0)]


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
