"""Programs of others as child processes: what they print goes to a file, and a scenario waits until it says something.

Waiting turns the reactor, so that nodes of the same process go on meanwhile; every wait is bounded.
"""

from __future__ import annotations

import re
import signal
import subprocess
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from twisted.internet.task import deferLater

from helpers.loop import reactor

LOOK_S: Final = 0.01
TAIL: Final = 3000


async def until(condition: Callable[[], object], what: str, timeout_s: float = 180.0) -> None:
    """Return once `condition` holds; AssertionError that names `what` after `timeout_s` seconds."""
    late = reactor.seconds() + timeout_s
    while not condition():
        assert reactor.seconds() < late, f"not within {timeout_s:g} s: {what}"
        await deferLater(reactor, LOOK_S)


class Program:
    """One child.  Its standard input is a pipe: a program written for these tests ends when that is closed."""

    def __init__(self, command: Sequence[str | Path], log: Path, environment: Mapping[str, str] | None = None) -> None:
        self._log = log
        self._begin = log.stat().st_size if log.exists() else 0
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                [str(word) for word in command],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=None if environment is None else dict(environment),
            )

    @property
    def text(self) -> str:
        """All that it has printed."""
        return self._log.read_bytes()[self._begin :].decode(errors="replace")

    async def said(self, pattern: str, *, after: int = 0, timeout_s: float = 180.0) -> re.Match[str]:
        """The first match of `pattern` in what it printed, from position `after` on; waits for it."""
        found: list[re.Match[str]] = []

        def look() -> bool:
            text = self.text
            match = re.compile(pattern, re.MULTILINE).search(text, after)
            if match is not None:
                found.append(match)
            elif self.process.poll() is not None:
                raise AssertionError(f"ended with {self.process.returncode} before {pattern!r}:\n{text[-TAIL:]}")
            return match is not None

        try:
            await until(look, pattern, timeout_s)
        except AssertionError as error:
            raise AssertionError(f"{error}\nit said:\n{self.text[-TAIL:]}") from None
        return found[0]

    def tell(self, line: str) -> int:
        """Write one line to its standard input; the position in `text` where the reaction begins."""
        assert self.process.stdin is not None
        here = len(self.text)
        self.process.stdin.write(f"{line}\n".encode())
        self.process.stdin.flush()
        return here

    async def end(self, number: int = signal.SIGTERM, timeout_s: float = 180.0) -> int:
        """Send a signal and wait for the end; the exit status."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        await until(lambda: self.process.poll() is not None, f"end after signal {number}", timeout_s)
        self.release()
        return self.process.returncode

    def release(self) -> None:
        """Make sure that nothing of it is left."""
        if self.process.poll() is None:
            self.process.kill()
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(timeout=300)


Start = Callable[..., Program]
"""Starts a program with words for its command line."""


@asynccontextmanager
async def running(program: Program) -> AsyncIterator[Program]:
    """The program, certainly ended afterwards."""
    try:
        yield program
    finally:
        program.release()
