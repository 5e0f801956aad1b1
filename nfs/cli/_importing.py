"""The file of an import, read piece by piece, and a bar that moves with it."""

from __future__ import annotations

import io
import os
import stat
from typing import TYPE_CHECKING, Any, Final

from diameter.errors import ConfigError
from nfs.hss import provisioning

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from rich.progress import Progress

LOOK: Final = 1000
"""Rows between two moves of the bar."""


class Reading:
    """What `mtc subscriber import` reads; a context, within which a terminal shows the bar.

    file: open for octets.  quiet: no bar.
    """

    def __init__(self, file: Any, *, quiet: bool) -> None:
        self.name = str(getattr(file, "name", "<stdin>")).replace("<stdin>", "standard input")
        self._file = file
        self._bar = _bar(quiet=quiet)
        self._task = self._bar.add_task("reading", total=_size(file), rows=0)
        self._writing = False

    def __enter__(self) -> Reading:
        self._bar.start()
        return self

    def __exit__(self, _kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None) -> None:
        self._bar.stop()

    def records(self) -> Iterator[provisioning.Placed | provisioning.Fault]:
        """The records of the file.  Raises ConfigError for one that is none."""
        stream = io.TextIOWrapper(self._file, "utf-8-sig", newline="")
        rows = 0
        try:
            for each in provisioning.records(stream, self.name):
                rows += 1
                if rows % LOOK == 0:
                    self._bar.update(self._task, completed=self._at(), rows=rows)
                yield each
        except UnicodeDecodeError as error:
            where = self._at() - len(error.object) + error.start
            raise ConfigError(f"{self.name}: not UTF-8" + (f" at octet {where}" if where >= 0 else "")) from None
        finally:
            self._bar.update(self._task, completed=self._at(), rows=rows)
            stream.detach()

    def written(self, done: int, of: int) -> None:
        """So many rows are in the database, of so many."""
        if not self._writing:
            self._writing = True
            self._bar.reset(self._task, description="writing", total=of)
        self._bar.update(self._task, completed=done)

    def _at(self) -> int:
        try:
            at: int = self._file.tell()
        except (OSError, ValueError):  # a pipe has no place
            return 0
        return at


class Sending:
    """A file on its way to a running HSS; a context, within which a terminal shows the bar.  `length`: its octets."""

    def __init__(self, file: Any, *, quiet: bool) -> None:
        self.name = str(getattr(file, "name", "<stdin>")).replace("<stdin>", "standard input")
        self.length = _size(file)
        self._file = file
        self._bar = _bar(quiet=quiet)
        self._task = self._bar.add_task("sending", total=self.length, rows=0)
        self._shown = "sending"

    def __enter__(self) -> Sending:
        self._bar.start()
        return self

    def __exit__(self, _kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None) -> None:
        self._bar.stop()

    def read(self, octets: int = -1) -> bytes:
        """The next ones, for whoever sends them."""
        piece: bytes = self._file.read(octets)
        self._bar.advance(self._task, len(piece))
        return piece

    def show(self, state: str, rows: int, done: int, of: int) -> None:
        """How far the HSS is."""
        if self._shown != state:
            self._shown = state
            self._bar.reset(self._task, description=state, total=of or None)
        self._bar.update(self._task, completed=done, total=of or None, rows=rows)


def _bar(*, quiet: bool) -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[rows]:,} subscribers"),
        console=console,
        disable=quiet or not console.is_terminal,
    )


def _size(file: Any) -> int | None:
    """The octets of a file, None for what has no end yet."""
    try:
        found = os.fstat(file.fileno())
    except (OSError, AttributeError):
        return None
    return found.st_size if stat.S_ISREG(found.st_mode) else None
