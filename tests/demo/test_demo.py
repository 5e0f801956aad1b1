"""The run behind `make demo`: 1,000 triggers through five processes, both files written, no trigger lost."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from helpers.schemas import assert_fits

LIMIT_S = 60


def demonstrate(folder: Path, environment: dict[str, str], *options: str) -> tuple[Path, float, str]:
    """Run it; returns the folder of its files, the seconds it took, and what it printed."""
    start = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "nfs.cli", "demo", "--out", str(folder / "demo"), *options],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return folder / "demo", time.monotonic() - start, done.stdout


@pytest.mark.link
def test_the_demonstration_loses_no_trigger(tmp_path: Path) -> None:
    """Exit status 0 within a minute, and the two files to look at."""
    unmeasured = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
    out, seconds, _ = demonstrate(tmp_path, unmeasured)
    assert (out / "trigger.pcapng").stat().st_size > 100_000
    assert "<html" in (out / "trigger.html").read_text(encoding="utf-8")[:2000].lower()
    assert seconds < LIMIT_S, f"{seconds:.0f} s"


@pytest.mark.link
def test_a_small_demonstration(tmp_path: Path) -> None:
    """Fewer triggers, with the coverage of all five processes measured where that is on."""
    out, _, numbers = demonstrate(tmp_path, dict(os.environ), "--triggers", "30", "--json")
    assert (out / "trigger.html").exists()
    assert_fits("demo", json.loads(numbers))


@pytest.mark.link
def test_a_small_demonstration_over_sctp(tmp_path: Path) -> None:
    """In user space where the kernel has none; the SCS stays with TLS."""
    out, _, numbers = demonstrate(tmp_path, dict(os.environ), "--triggers", "30", "--transport", "sctp", "--json")
    assert_fits("demo", json.loads(numbers))
    assert "sctp" in (out / "trigger.html").read_text(encoding="utf-8")
    assert 'transport = "sctp"' in (out / "lab" / "hss.toml").read_text(encoding="utf-8")
