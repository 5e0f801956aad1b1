"""Cores of others that are neither in Debian nor on PyPI: whether one is on this machine, and what a run says when not.

Their tests are collected where the core is, and only there; nothing is fetched or built for them.
"""

from __future__ import annotations

import os
import select
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Core:
    """`folder`: below interop; `missing`: why its tests cannot be run on this machine, "" when they can."""

    name: str
    folder: str
    missing: Callable[[], str]


def _programs(*names: str) -> str:
    absent = [name for name in names if shutil.which(name) is None]
    return f"not found: {', '.join(absent)}" if absent else ""


def open5gs() -> str:
    """Its HSS needs MongoDB beside it."""
    return _programs("open5gs-hssd", "open5gs-dbctl", "mongod")


def pyhss_of(environment: Mapping[str, str]) -> str:
    """MTC_PYHSS is the folder it lies in, MTC_PYHSS_PYTHON the interpreter with what it needs."""
    folder, python = environment.get("MTC_PYHSS"), environment.get("MTC_PYHSS_PYTHON")
    if not folder or not python:
        return "MTC_PYHSS and MTC_PYHSS_PYTHON do not say where it is"
    absent = [str(path) for path in (Path(folder) / "services" / "hssService.py", Path(python)) if not path.exists()]
    return f"not found: {', '.join(absent)}" if absent else _programs("redis-server")


def pyhss() -> str:
    """As above, of this process."""
    return pyhss_of(os.environ)


CORES: Final = (
    Core(name="Open5GS", folder="open5gs", missing=open5gs),
    Core(name="PyHSS", folder="pyhss", missing=pyhss),
)


def absent() -> dict[str, str]:
    """Why, by folder, for each core that is not here."""
    return {core.folder: why for core in CORES if (why := core.missing())}


def filled(source: Path, target: Path, places: Mapping[str, Path]) -> None:
    """A file of a core's folder with paths in the place of `@NAME@`."""
    text = source.read_text(encoding="utf-8")
    for name, path in places.items():
        text = text.replace(f"@{name}@", str(path))
    target.write_text(text, encoding="utf-8")


def run_beside(
    running: ExitStack,
    command: Sequence[str | Path],
    log: Path,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> None:
    """Start a program that ends with `running`; what it says goes into `log`."""
    output = running.enter_context(log.open("wb"))
    words = [str(word) for word in command]
    process = subprocess.Popen(words, stdout=output, stderr=subprocess.STDOUT, env=environment, cwd=folder)

    def end() -> None:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    running.callback(end)


def answering(port: int, host: str = "127.0.0.1", patience_s: float = 60.0) -> None:
    """Wait until somebody listens.  Raises AssertionError."""
    until = time.monotonic() + patience_s
    while True:
        with socket.socket() as probe:
            if probe.connect_ex((host, port)) == 0:
                return
        assert time.monotonic() < until, f"nobody listens on {host}:{port}"
        select.select([], [], [], 0.2)


def mtc(*words: str) -> subprocess.CompletedProcess[str]:
    """Our command, to its end."""
    command = [sys.executable, "-m", "nfs.cli", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
