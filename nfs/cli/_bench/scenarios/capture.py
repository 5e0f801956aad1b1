"""A capture of 1,000,000 messages as JSON lines: `mtc pcap decode --json` beside `tshark -T ek`, one core each."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from diameter.capture import Captured, CaptureWriter
from nfs.cli._bench import machine
from nfs.cli._bench.messages import session
from nfs.cli._bench.process import Failed
from nfs.cli._bench.run import Run
from nfs.cli._bench.scenarios import Bar, Scenario
from nfs.cli._bench.stacks import OURS

TSHARK: Final = "tshark"
MESSAGES: Final = 1_000_000
LINKS: Final = 8
START: Final = 2
"""Messages of the file that shows what starting costs."""
IMSI: Final = b"001010123456789"
WATCHER: Final = """
import os, sys
os.sched_setaffinity(0, {int(sys.argv[1])})
nowhere = os.open(os.devnull, os.O_WRONLY)
pid = os.posix_spawnp(sys.argv[2], sys.argv[2:], os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, nowhere, 1)])
_, status, usage = os.wait4(pid, 0)
print(status, usage.ru_utime + usage.ru_stime, usage.ru_maxrss)
"""
"""A small process between: the kernel counts what its parent holds as peak memory of a new program."""


def run(run: Run) -> None:
    """CPU time of the whole file less that of a file of two messages; peak memory beside that of a tenth."""
    if not run.of(OURS):
        return
    count = 5000 if run.options.quick else MESSAGES
    folder = run.workshop.folder
    files = {size: folder / f"capture-{size}.pcapng" for size in (START, count // 10, count)}
    for size, path in files.items():
        run.note(f"writing {path.name}")
        _write(run.workshop.wire, path, size)
    ours = [sys.executable, "-m", "nfs.cli", "pcap", "decode", "--json", "--show-identities"]
    for name, words in ((OURS, ours), (TSHARK, [TSHARK, "-T", "ek", "-r"])):
        if name == TSHARK and (shutil.which(TSHARK) is None or run.options.stacks):
            run.leave("capture: tshark: not installed" if not run.options.stacks else "capture: tshark: not asked for")
            continue
        with run.attempt(f"{name}, capture of {count} messages", name):
            start_s, _ = [_spent([*words, str(files[START])], folder) for _ in range(2)][1]  # the first fills caches
            whole_s, peak_kb = _spent([*words, str(files[count])], folder)
            figures = {"us": (whole_s - start_s) / (count - START) * 1e6, "octets": files[count].stat().st_size}
            figures |= {"rate_per_s": 1e6 / figures["us"], "rss_kb": peak_kb}
            if name == OURS:
                _, tenth_kb = _spent([*words, str(files[count // 10])], folder)
                figures["memory_ratio"] = peak_kb / tenth_kb
            run.add(name, "capture", [figures], messages=count)
    for path in files.values():
        path.unlink()


def _write(wire: Path, path: Path, count: int) -> None:
    """Requests and their answers on a few links, 50 us apart; each pair another session and another subscriber."""
    octets = {name: (wire / f"{name}.bin").read_bytes() for name in ("request", "answer")}
    any_session = session(1700000000).encode()
    with CaptureWriter(path) as writer:
        for number in range(count):
            pair = number // 2
            client, server = ("192.0.2.1", 40_000 + pair % LINKS), ("192.0.2.2", 3868)
            name, ends = ("answer", (server, client)) if number % 2 else ("request", (client, server))
            whole = octets[name][:12] + (pair + 1).to_bytes(4) * 2 + octets[name][20:]
            whole = whole.replace(any_session, session(pair).encode()).replace(IMSI, b"00101%010d" % pair)
            writer.record(Captured(1_700_000_000_000_000_000 + number * 50_000, *ends, whole))


def _spent(words: list[str], folder: Path) -> tuple[float, int]:
    """CPU seconds and peak memory in kB of a program on one core; its output goes nowhere.  Raises Failed."""
    watcher = [sys.executable, "-S", "-c", WATCHER, str(machine.cores()[0]), *words]
    environment = {**os.environ, "HOME": str(folder)}
    done = subprocess.run(watcher, capture_output=True, text=True, errors="replace", env=environment, check=False)
    try:
        status, spent_s, peak_kb = done.stdout.split()
    except ValueError:
        status, spent_s, peak_kb = "1", "0", "0"
    if status != "0":
        lines = done.stderr.splitlines() or [f"status {status}"]
        raise Failed(f"{Path(words[0]).name}: {lines[-1]}")
    return float(spent_s), int(peak_kb)


SCENARIO = Scenario(
    "capture",
    "capture",
    "A capture of 1,000,000 messages as JSON lines",
    run,
    (
        Bar("rate of JSON lines, by tshark -T ek", OURS, "rate_per_s", 5, (("scenario", "capture"),), TSHARK, True),
        Bar(
            "peak memory of a capture ten times as long, ratio", OURS, "memory_ratio", 1.1,
            (("scenario", "capture"), ("messages", MESSAGES)),
        ),
    ),
)  # fmt: skip
