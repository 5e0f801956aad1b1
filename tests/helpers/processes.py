"""Network functions as child processes."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue
from threading import Thread

import pytest


class Started:
    """`mtc run NF -c FILE` as a child, its output read line by line.

    Standard error is read all the time: a child that says much stands still when its pipe is full.
    """

    def __init__(self, function: str, path: Path, *more: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-W", "error", "-m", "nfs.cli", "run", function, "-c", str(path), *more],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stderr is not None
        self._errors, self.process.stderr = self.process.stderr, None
        self._lines: SimpleQueue[str] = SimpleQueue()
        self._reader = Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        with self._errors as errors:
            for line in errors:
                self._lines.put(line)
        self._lines.put("")

    def _rest(self) -> str:
        """What was left on standard error of a child that has ended."""
        self._reader.join(timeout=300)
        found = []
        while not self._lines.empty():
            found.append(self._lines.get())
        return "".join(found)

    def ready(self) -> str:
        """The first line on standard output."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline().rstrip()
        if not line:
            self.process.kill()
            self.process.communicate()
            pytest.fail(self._rest())
        return line

    def until(self, what: str) -> str:
        """Read standard error up to the line that holds `what`; that line."""
        while line := self._lines.get(timeout=300):
            if what in line:
                return line.rstrip()
        pytest.fail(f"no line with {what!r}")

    def end(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        """Send a signal; the exit code and what was left on standard error."""
        self.process.send_signal(number)
        return self.ended()

    def ended(self) -> tuple[int, str]:
        """Wait until it ends by itself; the same."""
        self.process.communicate(timeout=300)
        return self.process.returncode, self._rest()


@contextmanager
def listening(program: str) -> Iterator[int]:
    """A child that runs this Python and prints the port on which it listens; ended afterwards."""
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as child:
        assert child.stdout is not None
        yield int(child.stdout.readline())
        child.terminate()
        child.stdout.read()
