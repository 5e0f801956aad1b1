"""`mtc demo` when something goes wrong: no child is left, the exit status tells, the log is named."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.link


def start(folder: Path, *options: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "nfs.cli", "demo", "--output", str(folder), *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def until(demo: subprocess.Popen[str], what: str) -> str:
    """Read what it prints up to `what`."""
    assert demo.stdout is not None
    seen = ""
    while what not in seen:
        read = demo.stdout.readline()
        assert read, seen
        seen += read
    return seen


def children(demo: subprocess.Popen[str]) -> dict[str, int]:
    """The functions it started, by name."""
    found = {}
    for pid in map(int, Path(f"/proc/{demo.pid}/task/{demo.pid}/children").read_text().split()):
        words = Path(f"/proc/{pid}/cmdline").read_text().split("\0")
        if "run" in words:
            found[words[words.index("run") + 1]] = pid
    return found


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def until_ready(demo: subprocess.Popen[str], log: Path) -> None:
    """Wait for a function's ready line: the demo's own pipe stays open until then."""
    assert demo.stdout is not None
    while demo.poll() is None:
        if log.exists() and " ready on " in log.read_text():
            return
        select.select([demo.stdout], [], [], 0.1)  # it says nothing now: this waits
    pytest.fail(demo.communicate()[0])


def test_ctrl_c_ends_every_process(tmp_path: Path) -> None:
    demo = start(tmp_path, "--count", "2000")
    until(demo, "starting")
    until_ready(demo, tmp_path / "lab" / "mtc-iwf.log")
    pids = children(demo)
    assert {"hss", "mme", "sms-sc", "mtc-iwf"} <= set(pids)
    demo.send_signal(signal.SIGINT)
    output, _ = demo.communicate(timeout=300)
    assert demo.returncode == 130, output
    assert [name for name, pid in pids.items() if is_running(pid)] == []


def test_a_process_that_dies_is_named_with_its_log(tmp_path: Path) -> None:
    demo = start(tmp_path, "--count", "2000")
    until(demo, "starting")
    until_ready(demo, tmp_path / "lab" / "mtc-iwf.log")
    pids = children(demo)
    os.kill(pids["hss"], signal.SIGKILL)
    output, _ = demo.communicate(timeout=300)
    assert demo.returncode == 1, output
    assert f"hss ended with status -9: see {tmp_path / 'lab' / 'hss.log'}" in output
    assert "Traceback" not in output
    assert [name for name, pid in pids.items() if is_running(pid)] == []


def test_a_folder_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "lab").mkdir()
    (tmp_path / "lab" / "precious").touch()
    demo = start(tmp_path)
    output, _ = demo.communicate(timeout=300)
    assert (demo.returncode, "is not ours" in output) == (2, True), output
    assert (tmp_path / "lab" / "precious").exists()
