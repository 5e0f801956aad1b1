"""`mtc bench e2e` and `scale` in their shortest form, and beside a program that is no peer."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from diameter import LocalError
from helpers.schemas import assert_fits
from nfs.cli._bench_scale import raise_descriptors

pytestmark = pytest.mark.link
ROOT = Path(__file__).resolve().parents[2]


def bench(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "nfs.cli", "bench", *words, "--rounds", "1", "--json"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=90, check=False)


def test_a_measurement_has_every_key(tmp_path: Path) -> None:
    words = ("--seconds", "0.5", "--window", "5", "--python-diameter", str(tmp_path / "none"))
    done = bench("e2e", "--relay", *words)
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert_fits("bench", document)
    assert [one["scenario"] for one in document["measurements"]] == ["server", "relay"]
    for one in document["measurements"]:
        assert (one["stack"], one["transport"], one["window"]) == ("mtc-diameter", "tcp", 5)
        assert min(one["rate_per_s"], one["cpu_us_server"], one["p50_us"], one["rss_kb"]) > 0
    assert len(document["not_run"]) == 1


def test_many_peers_and_routes_are_measured_step_by_step() -> None:
    done = bench("scale", "--peers", "10", "--peers", "50", "--routes", "20", "--seconds", "0.2")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert_fits("bench", document)
    found = document["measurements"]
    assert [(one["scenario"], one["peers"], one["routes"]) for one in found] == [
        (scenario, peers, 20) for peers in (10, 50) for scenario in ("served", "routed", "shared")
    ]
    assert all(min(one["rate_per_s"], one["cpu_us_server"], one["metrics_ms"]) > 0 for one in found)
    assert [one["rss_kb_peer"] is None for one in found] == [True] * 3 + [False] * 3


def test_too_few_open_files_are_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(kind: int, limits: tuple[int, int]) -> None:
        raise ValueError("not allowed to raise maximum limit")

    monkeypatch.setattr(resource, "getrlimit", lambda kind: (1024, 1024))
    monkeypatch.setattr(resource, "setrlimit", forbidden)
    with pytest.raises(LocalError, match=r"^10000 peers need 10200 open files, 1024 are allowed: raise the hard limit"):
        raise_descriptors(10_000)
    raise_descriptors(800)


@pytest.mark.parametrize("words", [("codec",), ("e2e", "--seconds", "0.5", "--window", "5")])
def test_a_peer_that_does_not_start_is_one_line(words: tuple[str, ...]) -> None:
    done = bench(*words, "--python-diameter", "/bin/false")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert done.stderr.splitlines()[-1].startswith("mtc: ")
