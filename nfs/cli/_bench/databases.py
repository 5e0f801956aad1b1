"""The databases that a scenario measures with: a file of SQLite, or a PostgreSQL that is started for it."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from diameter import LocalError
from nfs.cli._bench.process import Failed, Process, wait
from nfs.cli._bench.run import Run
from nfs.cli._bench.stacks import Command
from nfs.cli._machines.database import READY, USER, Database

KINDS: Final = ("sqlite", "postgresql")
START_S: Final = 120.0


@contextmanager
def database(run: Run, kind: str, name: str) -> Iterator[str]:
    """An empty database as configurations name it, for as long as this lasts.  name: of the file.  Raises Failed.

    PostgreSQL is a server of its own on a Unix socket, which writes through to the disk as it does by default.
    """
    if kind == "sqlite":
        yield str(run.workshop.place() / name)
        return
    keys = run.workshop.place()
    with TemporaryDirectory(prefix="mtc-bench-") as folder:
        place = Path(folder)
        place.chmod(0o711)  # it runs as another user where we are root
        (place / "run").mkdir()
        try:
            server = Database(place / "run", keys, "", {})
            server.make()
        except LocalError as error:
            raise Failed(str(error).replace("database.machine: ", "")) from None
        sockets = place / "run" / "data"
        words = [*server.command(), "-c", f"unix_socket_directories={sockets}"]
        with Process(Command(words), keys, [], None) as process:
            try:
                _until_ready(process, keys)
                yield f"postgresql://{USER}@/postgres?host={sockets}&passfile={keys / 'pgpass'}"
            finally:
                process.process.send_signal(signal.SIGINT)  # else it leaves a piece of shared memory behind
                with suppress(subprocess.TimeoutExpired):
                    process.process.wait(START_S)


def _until_ready(process: Process, folder: Path) -> None:
    until = time.monotonic() + START_S
    while READY not in (folder / "errors").read_text(errors="replace"):
        if process.process.poll() is not None or time.monotonic() > until:
            raise process.failed("does not take connections")
        wait(0.02)
