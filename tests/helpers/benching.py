"""`mtc bench` in its shortest form, as a program: what it measured of our own stack."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

from helpers.schemas import assert_fits

ROOT: Final = Path(__file__).resolve().parents[2]
OURS: Final = "mtc-diameter"
KEYS: Final = ("rate_per_s", "cpu_us_server", "cpu_us_client", "p50_us", "p99_us", "p999_us", "rss_kb")


def bench(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run to its end; its standard output is one JSON document."""
    command = [sys.executable, "-m", "nfs.cli", "bench", *words, "--quick", "--json"]
    whole = {**os.environ, **environment}
    return subprocess.run(command, cwd=ROOT, env=whole, capture_output=True, text=True, timeout=300, check=False)


def measured(*words: str, **environment: str) -> dict[str, Any]:
    """The document of a run of ours alone, held against its schema; nothing in it is void."""
    done = bench(*words, "--stack", OURS, **environment)
    assert done.returncode == 0, done.stderr + done.stdout
    document: dict[str, Any] = json.loads(done.stdout)
    assert_fits("bench", document)
    assert document["void"] == []
    return document
