"""`mtc bench` with every stack that is installed, each scenario at its shortest: shapes and validity, never a time."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest

from helpers.schemas import assert_fits
from tools.environment import ROOT

pytestmark = pytest.mark.interop
OURS: Final = "mtc-diameter"
C: Final = "freeDiameter"
ERLANG: Final = "Erlang diameter"
PYTHON: Final = "python-diameter"
ALL: Final = {OURS, C, ERLANG, PYTHON}


def measured(python: Path, *words: str) -> dict[str, Any]:
    """Every stack's figures; the one of ours that is the same twice, because nothing is compiled, is left out."""
    command = [sys.executable, "-m", "nfs.cli", "bench", *words, "--quick", "--json", "--python-diameter", str(python)]
    for stack in sorted(ALL):
        command += ["--stack", stack]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr + done.stdout
    document: dict[str, Any] = json.loads(done.stdout)
    assert_fits("bench", document)
    return document


@pytest.mark.parametrize(
    ("scenario", "stacks"),
    [
        ("server", ALL),
        ("client", ALL),
        ("pair", ALL),
        ("pair-tls", ALL - {PYTHON}),
        ("relay", ALL - {PYTHON}),
        ("open-loop", ALL),
        ("pauses", ALL),
    ],
)
def test_every_stack_takes_the_same_load(python_of_peers: Path, scenario: str, stacks: set[str]) -> None:
    document = measured(python_of_peers, "e2e", "--scenario", scenario, "--window", "5")
    found = {one["stack"]: one for one in document["measurements"]}
    assert set(found) - {"raw"} == stacks, document["not_run"]
    for stack, one in found.items():
        assert min(one["rate_per_s"], one["cpu_us_server"], one["p50_us"], one["rss_kb"]) > 0, stack
        assert one["answer_octets"] == 256 or (stack, scenario) == (C, "relay"), stack  # it adds its Route-Record
    assert {one["to"] for one in document["ratios"]} == stacks - {OURS}
    missing = [one for one in document["not_run"] if PYTHON in one]
    assert bool(missing) == (PYTHON not in stacks)


def test_every_codec_reads_and_builds_the_same_message(python_of_peers: Path) -> None:
    document = measured(python_of_peers, "codec", "--scenario", "codec")
    assert {one["stack"] for one in document["measurements"]} == ALL
    assert len(document["measurements"]) == 4 * len(ALL)
    assert all(one["us"] > 0 for one in document["measurements"])


def test_every_server_holds_idle_peers(python_of_peers: Path) -> None:
    document = measured(python_of_peers, "scale", "--scenario", "idle")
    assert {one["stack"] for one in document["measurements"] if one["peers"] == 20} == ALL
