"""Network functions as child processes."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest


class Started:
    """`mtc run NF -c FILE` as a child, its output read line by line."""

    def __init__(self, function: str, path: Path, *more: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-W", "error", "-m", "nfs.cli", "run", function, "-c", str(path), *more],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def ready(self) -> str:
        """The first line on standard output."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline().rstrip()
        if not line:
            self.process.kill()
            pytest.fail(self.process.communicate()[1])
        return line

    def until(self, what: str) -> str:
        """Read standard error up to the line that holds `what`; that line."""
        assert self.process.stderr is not None
        for line in self.process.stderr:
            if what in line:
                return line.rstrip()
        pytest.fail(f"no line with {what!r}")

    def end(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        """Send a signal; the exit code and what was left on standard error."""
        self.process.send_signal(number)
        errors = self.process.communicate(timeout=30)[1]
        return self.process.returncode, errors
