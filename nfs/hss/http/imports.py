"""Imports of whole files by HTTP: taken, carried out beside the requests, and asked after until they are done.

A file is read from disk, where the HTTP server has put it, on a thread with a connection of its own: whole, before
anything of it is written, and then all of it or nothing, as `mtc subscriber import` does.  One at a time; who is killed
in the middle has imported nothing, and who is killed after it cannot say so any more.
"""

from __future__ import annotations

import io
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import IO, Any, Final, Literal

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from diameter.errors import ConfigError, LocalError
from nfs.common.aka import Seal
from nfs.common.database import one_line
from nfs.common.foreign import Foreign
from nfs.hss import importing, provisioning
from nfs.hss.http.problems import Problem

SOURCE: Final = "file"
"""Stands before the line in each fault: "file:3: msisdn: ..."."""
FIRST: Final = 90_000_000
"""Numbers begin below."""
KEPT: Final = 20
"""Imports that are over and can still be asked after."""
Aside = Callable[[Callable[[], None], Callable[[], None]], None]
"""Runs the first on a thread, which raises nothing; calls the second on ours when it has."""


class Stopping(LocalError):
    """The process ends: an import that is not done is taken back."""


@dataclass(slots=True, kw_only=True)
class Import:
    """One import.  rows: read so far; done, of: written of how many."""

    number: int
    state: Literal["reading", "writing", "done", "failed"] = "reading"
    rows: int = 0
    done: int = 0
    of: int = 0
    errors: tuple[str, ...] = field(default=())

    def document(self) -> dict[str, Any]:
        """As it is told."""
        names = ("state", "rows", "done", "of")
        told = {name: getattr(self, name) for name in names}
        return {"schema": 1, "id": str(self.number), **told, "errors": list(self.errors)}


class Imports:
    """Those of one HSS.  finished: is called when something came in, before that is told.

    first: where numbers begin; anywhere, so that nobody takes an import of the process before for one of this.
    """

    def __init__(
        self, engine: Engine, seal: Seal | None, aside: Aside, finished: Callable[[], None], first: int = 0
    ) -> None:
        self._engine = engine
        self._seal = seal
        self._aside = aside
        self._finished = finished
        self._known: OrderedDict[int, Import] = OrderedDict()
        self._running = False
        self._number = first
        self.stopped = False

    def begin(self, file: IO[bytes]) -> Import:
        """Import a file, which is closed at the end.  Raises Problem while another one is under way."""
        if self._running:
            raise Problem(409, "another import is under way")
        self._running = True
        self._number += 1
        one = self._known[self._number] = Import(number=self._number)
        if len(self._known) > KEPT:
            self._known.popitem(last=False)
        self._aside(lambda: self._attempt(one, file), lambda: self._over(one))
        return one

    def find(self, number: str) -> Import:
        """Raises Problem for one that is not known."""
        found = self._known.get(int(number)) if number.isascii() and number.isdigit() and len(number) < 9 else None
        if found is None:
            raise Problem(404, "no such import")
        return found

    def _over(self, one: Import) -> None:
        self._running = False
        if not one.errors:
            self._finished()
            one.state = "done"
        else:
            one.state = "failed"

    def _attempt(self, one: Import, file: IO[bytes]) -> None:
        """In the thread: whatever is raised ends this import, and not all that would come after it."""
        with Foreign() as call:
            self._carry_out(one, file)
        if call.error is not None:
            one.errors = (f"a defect of this program: {call.said}",)

    def _carry_out(self, one: Import, file: IO[bytes]) -> None:
        try:
            with file:
                records = importing.Records(self._records(one, file), self._sealing)
                importing.load(self._engine, records, SOURCE, lambda done, of: self._written(one, done, of))
        except ConfigError as error:
            one.errors = error.lines
        except (LocalError, OSError) as error:
            one.errors = (str(error),)
        except SQLAlchemyError as error:
            one.errors = (f"database: {one_line(error)}",)

    def _records(self, one: Import, file: IO[bytes]) -> Iterator[provisioning.Placed | provisioning.Fault]:
        stream = io.TextIOWrapper(file, "utf-8-sig", newline="")
        try:
            for each in provisioning.records(stream, SOURCE):
                one.rows += 1
                self._check()
                yield each
        except UnicodeDecodeError as error:
            where = file.tell() - len(error.object) + error.start
            raise ConfigError(f"{SOURCE}: not UTF-8 at octet {where}") from None
        finally:
            stream.detach()

    def _written(self, one: Import, done: int, of: int) -> None:
        self._check()
        one.state, one.done, one.of = "writing", done, of

    def _check(self) -> None:
        if self.stopped:
            raise Stopping("the HSS is ending: nothing was imported")

    def _sealing(self) -> Seal:
        if self._seal is None:
            raise ConfigError("this HSS has no key_file, and keys are kept under seal only")
        return self._seal
