"""`mtc bench e2e` in its shortest form, and beside a program that is no peer."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from helpers.schemas import assert_fits

pytestmark = pytest.mark.link
ROOT = Path(__file__).resolve().parents[2]


def bench(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "nfs.cli", "bench", *words, "--rounds", "1", "--json"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=90, check=False)


def test_a_measurement_has_every_key(tmp_path: Path) -> None:
    done = bench("e2e", "--seconds", "0.5", "--window", "5", "--python-diameter", str(tmp_path / "none"))
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert_fits("bench", document)
    (one,) = document["measurements"]
    assert (one["stack"], one["transport"], one["window"]) == ("mtc-diameter", "tcp", 5)
    assert min(one["rate_per_s"], one["cpu_us_server"], one["p50_us"], one["rss_kb"]) > 0
    assert len(document["not_run"]) == 1


@pytest.mark.parametrize("words", [("codec",), ("e2e", "--seconds", "0.5", "--window", "5")])
def test_a_peer_that_does_not_start_is_one_line(words: tuple[str, ...]) -> None:
    done = bench(*words, "--python-diameter", "/bin/false")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert done.stderr.splitlines()[-1].startswith("mtc: ")
