"""A file of subscribers into the database: all of it, or nothing and every row at fault named."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Final

from sqlalchemy import Engine
from sqlalchemy.exc import IntegrityError

from diameter.errors import ConfigError
from nfs.common.aka import Seal
from nfs.common.database import reading
from nfs.hss.provisioning import Fault, Placed
from nfs.hss.staging import Staging, Taken

AT_ONCE: Final = 2000
MOST_FAULTS: Final = 100
"""Faults that are named; the others are counted."""
TAKEN: Final = "its MSISDN or one of its External Identifiers belongs to another subscriber"
Progress = Callable[[int, int], None]


class Faults:
    """What is wrong with a file, so much of it as somebody may want to read."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._kept: list[tuple[int, str]] = []
        self.count = 0

    def add(self, line: int, text: str) -> None:
        """One more."""
        self.count += 1
        if len(self._kept) < MOST_FAULTS:
            self._kept.append((line, text))

    def check(self) -> None:
        """Raises ConfigError with all of them, in order of their lines."""
        if not self._kept:
            return
        lines = [f"{self._source}:{line}: {text}" for line, text in sorted(self._kept, key=lambda one: one[0])]
        if self.count > len(lines):
            lines.append(f"{self._source}: more is wrong, {self.count - len(lines)} faults at least")
        raise ConfigError(*lines)


class Records:
    """The records of a file, some at a time; those at its beginning are read at once, before any database is opened.

    seal: is called once, when the first row with keys comes; may raise ConfigError.
    """

    def __init__(self, records: Iterable[Placed | Fault], seal: Callable[[], Seal]) -> None:
        self._left = iter(records)
        self._seal = seal
        self.seal: Seal | None = None
        self._first = self._next()

    def parts(self) -> Iterator[list[Placed | Fault]]:
        """All of them."""
        part = self._first
        while part:
            yield part
            part = self._next()

    def _next(self) -> list[Placed | Fault]:
        part = list(islice(self._left, AT_ONCE))
        if self.seal is None and any(isinstance(each, Placed) and each.card is not None for each in part):
            self.seal = self._seal()
        return part


def load(engine: Engine, records: Records, source: str, progress: Progress = lambda _done, _all: None) -> int:
    """Bring the records of a file in, in the place of subscribers with the same IMSIs; how many there were.

    progress: called with rows of all that are brought in.

    Raises ConfigError with a line a fault: `subscribers.csv:3: msisdn: ...`; then nothing has changed.
    """
    faults = Faults(source)
    with reading(engine).connect() as connection:
        connection.detach()  # its temporary tables are to go with it
        staging = Staging(connection)
        for part in records.parts():
            for each in part:
                if isinstance(each, Fault):
                    faults.add(each.line, each.text)
            staging.add([each for each in part if isinstance(each, Placed)], records.seal)
        _compare(staging, faults)
        done = 0

        def stepped(rows: int) -> None:
            nonlocal done
            done += rows
            progress(done, staging.steps)

        try:
            staging.apply(stepped)
        except (IntegrityError, Taken):  # somebody was quicker
            _compare(staging, faults)
            raise ConfigError(f"{source}: while it was read others took one of its identities: try again") from None
        return staging.count


def _compare(staging: Staging, faults: Faults) -> None:
    for line, text in staging.faults(MOST_FAULTS + 1):
        faults.add(line, text)
    faults.check()
