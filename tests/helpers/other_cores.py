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

from tools.guest import kernel_has_sctp


@dataclass(frozen=True, slots=True, kw_only=True)
class Core:
    """`folder`: below interop, `test`: a file in it; `missing`: why that cannot be run here, "" when it can."""

    name: str
    folder: str
    test: str
    missing: Callable[[], str]


def _programs(*names: str) -> str:
    absent = [name for name in names if shutil.which(name) is None]
    return f"not found: {', '.join(absent)}" if absent else ""


def open5gs() -> str:
    """Its HSS needs MongoDB beside it."""
    return _programs("open5gs-hssd", "open5gs-dbctl", "mongod")


def open5gs_mme() -> str:
    """Its MME listens for eNodeBs on SCTP of the kernel."""
    return _programs("open5gs-mmed") or (
        "" if kernel_has_sctp() else "the kernel has no SCTP, which open5gs-mmed needs"
    )


def open5gs_places() -> dict[str, Path]:
    """Its certificates and extensions: MTC_OPEN5GS_TLS, MTC_OPEN5GS_EXTENSIONS, or where its packages put them."""
    extensions = os.environ.get("MTC_OPEN5GS_EXTENSIONS")
    if not extensions:
        extensions = str(next(Path("/usr/lib").glob("*/freeDiameter/dict_dcca_3gpp.fdx")).parent)
    return {
        "CERTIFICATES": Path(os.environ.get("MTC_OPEN5GS_TLS", "/etc/open5gs/tls")),
        "EXTENSIONS": Path(extensions),
    }


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
    Core(name="Open5GS' HSS", folder="open5gs", test="test_open5gs.py", missing=open5gs),
    Core(name="Open5GS' MME", folder="open5gs", test="test_open5gs_mme.py", missing=open5gs_mme),
    Core(name="PyHSS", folder="pyhss", test="test_pyhss.py", missing=pyhss),
)


def absent() -> dict[str, str]:
    """Why, by the path of the test below interop, for each core that is not here."""
    return {f"{core.folder}/{core.test}": why for core in CORES if (why := core.missing())}


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


def said(log: Path, words: bytes, patience_s: float = 120.0) -> None:
    """Wait until a log has these words.  Raises AssertionError."""
    until = time.monotonic() + patience_s
    while words not in log.read_bytes():
        assert time.monotonic() < until, f"{log.name}: {words!r} was not said"
        select.select([], [], [], 0.2)


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
