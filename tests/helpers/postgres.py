"""A PostgreSQL of the test run's own: on a Unix socket in a folder of its own, and ended by its process id."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Final

import psycopg

DEBIAN: Final = Path("/usr/lib/postgresql")
READY: Final = "database system is ready to accept connections"
SUPERUSER: Final = "mtc"
SETTINGS: Final = {
    "listen_addresses": "",
    "shared_buffers": "16MB",
    "max_connections": "60",
    "deadlock_timeout": "20ms",
    "dynamic_shared_memory_type": "mmap",  # containers have little of /dev/shm
    "logging_collector": "off",
    "log_destination": "stderr",
}


def binaries() -> Path | None:
    """The folder of initdb and postgres, the newest version's where Debian has several; None without PostgreSQL."""
    versions = sorted(DEBIAN.glob("*/bin"), key=lambda path: [int(part) for part in path.parent.name.split(".")])
    on_path = shutil.which("initdb")
    found = [*([Path(on_path).resolve().parent] if on_path else []), *versions]
    there = [path for path in found if (path / "initdb").exists() and (path / "postgres").exists()]
    return there[-1] if there else None


def kinds() -> tuple[str, ...]:
    """The kinds of database that a store is tested on: those of MTC_DATABASES; else PostgreSQL too where it is
    installed, in CI in any case.
    """
    if asked := os.environ.get("MTC_DATABASES"):
        return tuple(asked.split(","))
    return ("sqlite", "postgresql") if binaries() or os.environ.get("CI") == "true" else ("sqlite",)


class Postgres:
    """One server with its data in a new folder.  durable: it writes through to the disk, as a real one does."""

    def __init__(self, *, durable: bool = False) -> None:
        where = binaries()
        if where is None:
            raise RuntimeError("PostgreSQL is not installed (package postgresql)")
        self._where = where
        self._user = pwd.getpwnam("nobody") if os.geteuid() == 0 else None  # it refuses to run as root
        # not below pytest's folder: that is closed to everybody but root, and its path may be too long for a socket
        self.folder = Path(tempfile.mkdtemp(prefix="mtc-postgres-", dir="/tmp" if self._user else None))
        if self._user is not None:
            os.chown(self.folder, self._user.pw_uid, self._user.pw_gid)
        self._settings = SETTINGS if durable else SETTINGS | {"fsync": "off", "full_page_writes": "off"}
        self._made = 0
        self._many: str | None = None
        self._process: subprocess.Popen[str] | None = None
        words = ("--no-locale", "--encoding=UTF8", "--auth=trust", f"--username={SUPERUSER}", "--no-sync")
        begun = False
        try:
            self._run("initdb", "-D", str(self.folder / "data"), *words)
            self.start()
            begun = True
        finally:
            if not begun:
                self.close()

    def start(self) -> None:
        """Start it, and return when it takes connections."""
        words = [word for name, value in self._settings.items() for word in ("-c", f"{name}={value}")]
        command = ["postgres", "-D", str(self.folder / "data"), "-k", str(self.folder), *words]
        self._process = self._popen(command, stderr=subprocess.PIPE)
        lines: SimpleQueue[str] = SimpleQueue()
        said: list[str] = []
        self._reader = Thread(target=_read, args=(self._process, lines), daemon=True)
        self._reader.start()
        while READY not in (line := lines.get(timeout=300)):
            if not line:
                raise RuntimeError(f"PostgreSQL ended: {''.join(said)}")
            said.append(line)

    def stop(self, number: int = signal.SIGINT) -> None:
        """End it: SIGINT ends connections and writes everything down, SIGQUIT ends it at once."""
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(60)
            self._reader.join(60)
            self._process = None

    def close(self) -> None:
        """End it and remove its folder."""
        self.stop()
        shutil.rmtree(self.folder)

    def database(self) -> str:
        """The URL of a new, empty database."""
        self._made += 1
        name = f"made_{self._made}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE template0")
        return f"postgresql://{SUPERUSER}@/{name}?host={self.folder}"

    def schema(self) -> str:
        """The URL of a new, empty schema of a database of many schemas: made in a tenth of the time."""
        if self._many is None:
            self._many = self.database()
            self._many_name = f"made_{self._made}"
        self._made += 1
        name = f"made_{self._made}"
        self.execute(f"CREATE SCHEMA {name}", self._many_name)
        return f"{self._many}&options=-csearch_path%3D{name}"

    def execute(self, statement: str, database: str = "postgres") -> list[tuple[object, ...]]:
        """Carry out one statement as superuser; its rows."""
        where = {"host": str(self.folder), "user": SUPERUSER, "dbname": database}
        with psycopg.connect(**where, autocommit=True) as connection:  # type: ignore[arg-type]
            cursor = connection.execute(statement.encode())
            return [] if cursor.description is None else cursor.fetchall()

    def _run(self, *command: str) -> None:
        process = self._popen(command, stderr=subprocess.STDOUT, stdout=subprocess.PIPE)
        said, _ = process.communicate(timeout=300)
        if process.returncode:
            raise RuntimeError(f"{command[0]}: {said}")

    def _popen(self, command: Iterable[str], *, stderr: int, stdout: int = subprocess.DEVNULL) -> subprocess.Popen[str]:
        program, *words = command
        user = self._user
        return subprocess.Popen(
            [str(self._where / program), *words],
            user=None if user is None else user.pw_uid,
            group=None if user is None else user.pw_gid,
            extra_groups=None if user is None else [],
            cwd=self.folder,
            env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            text=True,
        )


def _read(process: subprocess.Popen[str], lines: SimpleQueue[str]) -> None:
    assert process.stderr is not None
    with process.stderr as errors:
        for line in errors:
            lines.put(line)
    lines.put("")
