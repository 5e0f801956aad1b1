"""Two of each function on two machines, one PostgreSQL, and kills and cuts under load: what was accepted holds.

`MTC_KILLS=200 pytest tests/rig/machines -s` makes a longer run and prints its counts; MTC_SEED is the seed.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from helpers.kills import asked_for
from helpers.schemas import assert_fits
from nfs.cli._machines.state import State

KILLS, SEED = asked_for(6)
LAB: Final = """
[lab]
folder = "made"
network = "namespaces"
devices = 50
delay_ms = 1

[database]
machine = "store"
settings = { fsync = "off", full_page_writes = "off" }

[[machine]]
name = "a"
functions = ["relay", "mtc-iwf", "hss", "sms-sc"]

[[machine]]
name = "b"
functions = ["relay", "mtc-iwf", "hss", "sms-sc"]

[[machine]]
name = "store"

[[machine]]
name = "radio"
functions = ["mme"]

[[machine]]
name = "customer"
functions = ["scs"]

[[link]]
between = ["a", "b"]
delay_ms = 10
jitter_ms = 3
loss = 0.01

[settings.mtc-iwf.sgw]
quota = { triggers = 1000000, period_s = 31536000 }
"""
pytestmark = [pytest.mark.rig, pytest.mark.timeout(600 + 30 * KILLS)]


def mtc(folder: Path, *words: str) -> tuple[int, str, str]:
    """Run `mtc lab`; its exit status, output and errors."""
    command = [sys.executable, "-m", "nfs.cli", "lab", *words, "-c", str(folder / "lab.toml")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=500 + 30 * KILLS)
    return done.returncode, done.stdout, done.stderr


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Path]:
    """The folder of a lab that is up; ended afterwards, whatever became of it."""
    (tmp_path / "lab.toml").write_text(LAB, encoding="utf-8")
    try:
        status, _, errors = mtc(tmp_path, "up")
        assert status == 0, errors
        yield tmp_path
    finally:
        mtc(tmp_path, "down")


def counts(folder: Path) -> dict[str, Any]:
    """What the lab says of itself."""
    _, said, _ = mtc(folder, "status", "--json")
    found: dict[str, Any] = json.loads(said)
    assert_fits("lab-status", found)
    return found


@pytest.mark.requirement("C-GEN-03")
def test_what_was_accepted_holds_whatever_is_killed_or_cut(lab: Path) -> None:
    before = counts(lab)
    running = State.read(lab / "made")
    assert running is not None
    assert all(each["running"] for each in before["processes"])
    assert mtc(lab, "up")[0] == 2  # it is up already
    status, said, errors = mtc(lab, "kills", "--count", str(KILLS), "--seed", str(SEED), "--cut-s", "3", "--json")
    sys.stdout.write(f"\n{said}")
    assert status == 0, errors + said
    found = json.loads(said)
    assert_fits("lab-kills", found)
    assert (found["kills"], found["lost"], found["not_delivered"]) == (KILLS, 0, 0)
    assert (found["reported_twice"], found["devices_had_twice"]) == (0, 0)
    assert found["accepted"] > 0
    after = counts(lab)
    assert all(each["running"] for each in after["processes"])
    assert [link["cut"] for link in after["links"]] == [False] * 10
    assert sum(each["starts"] for each in after["processes"]) > len(after["processes"])
    shaped = next(link for link in after["links"] if link["between"] == ["a", "b"])
    assert (shaped["delay_ms"], shaped["loss"]) == (10, 0.01)
    os.kill(running.processes["wire"].pid, signal.SIGKILL)  # as if all of it had been killed, network and all
    status, _, _ = mtc(lab, "down")
    assert [name for name, each in running.processes.items() if each.alive] == []
    assert not Path(running.run).exists()
    assert not (lab / "made" / "lab.json").exists()
