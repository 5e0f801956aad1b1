"""What a process of a network function says to whoever started it."""

from __future__ import annotations

import re
import signal
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from twisted.logger import (
    FilteringLogObserver,
    LogEvent,
    LogLevel,
    LogLevelFilterPredicate,
    globalLogBeginner,
    textFileLogObserver,
)

_KEY: Final = re.compile(r"[a-z_]+(?:\.[A-Za-z0-9_-]+)+: ")
"""A key at the beginning of a line: "node.listen.0: "."""


def begin_logging(process: str = "") -> None:
    """Log to standard error from now on, with what was logged until now; a bad start says its lines and no more.

    process: which one it is, where several write to the same place.
    """
    text: Any = textFileLogObserver(sys.stderr)

    def named(event: LogEvent) -> None:
        text({**event, "log_system": f"{event.get('log_namespace', '-')}#{event['log_level'].name} {process}"})

    observed: Any = named if process else text
    observer = FilteringLogObserver(observed, [LogLevelFilterPredicate(LogLevel.info)])
    globalLogBeginner.beginLoggingTo([observer], redirectStandardIO=False)


def stop_once(reactor: Any) -> None:
    """SIGTERM and SIGINT end the process in good order; another one while it ends means nothing.

    A service manager sends SIGTERM to workers as well as to their parent, which passes it on; so does a terminal.
    """
    asked: list[bool] = []

    def stop() -> None:
        if not asked:
            reactor.stop()

    reactor.addSystemEventTrigger("before", "shutdown", asked.append, True)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: reactor.callFromThread(stop))


def complain(name: str, error: BaseException, path: Path) -> None:
    """Say why a function cannot start, a line each; one that begins with a key has its file before it."""
    for line in str(error).splitlines() or [type(error).__name__]:
        file = f"{path}: " if _KEY.match(line) and not line.startswith(f"{path}: ") else ""
        sys.stderr.write(f"{name}: {file}{line}\n")


def ready(name: str, listening: Iterable[str], more: Iterable[str]) -> None:
    """Say that a function takes requests, and where."""
    ends = [*listening, *more]
    sys.stdout.write(f"{name} ready{' on ' if ends else ''}{', '.join(ends)}\n")
    sys.stdout.flush()
