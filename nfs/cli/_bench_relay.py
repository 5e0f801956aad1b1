"""`mtc bench e2e --relay`: what one relayed request and its answer cost the relay, over loopback TCP.

Load, relay and server are three processes; the relay is `mtc run relay` as it comes, pinned to the first core when
there are two.
"""

from __future__ import annotations

import os
import select
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

from nfs.cli._bench_e2e import _connected, _free_port, _load
from nfs.cli._bench_messages import CLIENT, REALM, SERVER

RELAY: Final = "relay.example.net"
SETTLING_S: Final = 1.5
"""Time for the relay to reach the server."""
CLEAR: Final = """
transport = "tcp"
physical_protection = true
physical_protection_reason = "loopback, for a measurement"
"""


def measure(
    windows: list[int], seconds: float, rounds: int, note: Callable[[str], None], rules: str = ""
) -> list[dict[str, object]]:
    """One record per window, medians over the rounds; `rules`: `[[rewrite]]` tables for the relay."""
    found: list[dict[str, object]] = []
    for window in windows:
        runs = []
        for number in range(rounds):
            note(f"round {number + 1} of {rounds}: mtc-diameter as a relay, window {window}")
            runs.append(_run(window, seconds, rules))
        record: dict[str, object] = {
            "stack": "mtc-diameter", "scenario": "relay", "transport": "tcp", "window": window,
        }  # fmt: skip
        found.append(record | {key: round(statistics.median(one[key] for one in runs), 2) for key in runs[0]})
    return found


def _run(window: int, seconds: float, rules: str) -> dict[str, float]:
    """Start server and relay, load the relay, end both."""
    behind, front = _free_port(), _free_port()
    cores = sorted(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "relay.toml"
        path.write_text(_table(front, behind) + rules, encoding="utf-8")
        programs = [
            [sys.executable, "-m", "nfs.cli._bench_server", str(behind), RELAY],
            [sys.executable, "-m", "nfs.cli", "run", "relay", "-c", str(path)],
        ]
        processes = [subprocess.Popen(one, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) for one in programs]
        relay = processes[1]
        try:
            if len(cores) > 1:
                os.sched_setaffinity(relay.pid, {cores[0]})
                os.sched_setaffinity(processes[0].pid, set(cores[1:]))
                os.sched_setaffinity(0, set(cores[1:]))
            with _connected(front, relay) as connection:
                select.select([], [], [], SETTLING_S)
                return _load(connection, window, seconds, relay.pid)
        finally:
            os.sched_setaffinity(0, set(cores))
            for process in processes:
                process.kill()
                process.communicate()


def _table(front: int, behind: int) -> str:
    return f"""
[node]
origin_host = "{RELAY}"
origin_realm = "{REALM}"
tc_s = 0.2
[[node.listen]]
port = {front}
{CLEAR}
[[peer]]
host = "{CLIENT}"
realm = "{REALM}"
{CLEAR}
[[peer]]
host = "{SERVER}"
realm = "{REALM}"
connect = true
addresses = ["127.0.0.1"]
port = {behind}
{CLEAR}
"""
