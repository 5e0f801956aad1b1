"""One program of a measurement: started in the benchmark's network, pinned to a core, watched, ended."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final

from nfs.cli._bench import machine
from nfs.cli._bench.stacks import Command

START_S: Final = 180.0
END_S: Final = 30.0


class Failed(Exception):
    """One measurement could not be made; the text is one line that says why."""


def wait(seconds: float) -> None:
    """Let time pass."""
    select.select([], [], [], seconds)


class Process:
    """A running program; what it prints goes into files in `folder`, but for a load's lines: they are read at once."""

    def __init__(self, command: Command, folder: Path, prefix: list[str], core: int | None, *, talks: bool = False):
        """`core`: the only one it may use.  `talks`: its output is for `line`."""
        self._name = Path(command.words[0]).name
        self._folder = folder
        self._ours = command.words[0] == sys.executable
        self._buffer = b""
        with (folder / "errors").open("wb") as errors, (folder / "output").open("wb") as output:
            try:
                self.process = subprocess.Popen(
                    [*prefix, *command.words], stdin=subprocess.PIPE, stdout=subprocess.PIPE if talks else output,
                    stderr=errors, env=command.whole_environment, bufsize=0,
                )  # fmt: skip
            except OSError as error:
                raise Failed(str(error)) from None
        self.pid = self.process.pid
        if core is not None:
            os.sched_setaffinity(self.pid, {core})

    def __enter__(self) -> Process:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        if self._ours and self.process.poll() is None:
            self.process.terminate()  # a program of ours ends as it should, others take seconds for it
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(END_S)
        for pid in reversed(self._tree()):
            with suppress(ProcessLookupError):  # one that just ended
                os.kill(pid, 9)
        self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()

    def output(self) -> str:
        """All that it has printed, where it does not talk."""
        return (self._folder / "output").read_text(errors="replace")

    def failed(self, what: str) -> Failed:
        """With the last words of the program."""
        said = (self._folder / "errors").read_text(errors="replace").strip().splitlines()
        said = said or self.output().strip().splitlines()
        return Failed(f"{self._name} {what}: {said[-1].strip() if said else 'no word'}")

    def until_listening(self, port: int, transport: str = "tcp") -> None:
        """Wait until it listens.  Raises Failed."""
        until = time.monotonic() + START_S
        while not machine.listens(self.pid, port, transport):
            if self.process.poll() is not None or time.monotonic() > until:
                raise self.failed("does not listen")
            wait(0.02)

    def line(self, until: float) -> str:
        """The next line it prints, until that time (time.monotonic).  Raises Failed."""
        assert self.process.stdout is not None
        descriptor = self.process.stdout.fileno()
        while b"\n" not in self._buffer:
            if not select.select([descriptor], [], [], max(until - time.monotonic(), 0.0))[0]:
                raise self.failed("said nothing in time")
            data = os.read(descriptor, 65536)
            if not data:
                self.process.wait(timeout=10)
                raise self.failed("ended")
            self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line.decode(errors="replace").strip()

    def tell(self, line: str) -> None:
        """Write a line to its standard input.  Raises Failed."""
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(f"{line}\n".encode())
        except BrokenPipeError:
            raise self.failed("ended") from None

    def cpu_s(self) -> float:
        """CPU seconds so far, all threads, and of the processes that it started."""
        spent = 0.0
        for pid in self._tree():
            with suppress(OSError):  # one that just ended
                spent += machine.cpu_s(pid)
        return spent

    def rss_kb(self) -> int:
        """Resident memory in kB, with that of the processes that it started."""
        held = 0
        for pid in self._tree():
            with suppress(OSError):  # one that just ended
                held += machine.rss_kb(pid)
        return held

    def _tree(self) -> list[int]:
        """It, and those below it; nothing when it has ended."""
        if self.process.poll() is not None:
            return []
        found, todo = [], [self.pid]
        while todo:
            pid = todo.pop()
            found.append(pid)
            for path in Path(f"/proc/{pid}/task").glob("*/children"):
                try:
                    todo += map(int, path.read_text().split())
                except OSError:  # a thread that just ended
                    continue
        return found
