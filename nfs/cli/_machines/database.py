"""A PostgreSQL of the lab's own: where its programs are, how its data is made, and how it is started."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from threading import Event
from typing import Final

from diameter.errors import LocalError

DEBIAN: Final = Path("/usr/lib/postgresql")
READY: Final = "database system is ready to accept connections"
USER: Final = "mtc"
PORT: Final = 5432
GONE_S: Final = 30.0
SETTINGS: Final = {
    "shared_buffers": "64MB",
    "max_connections": "100",
    "dynamic_shared_memory_type": "mmap",
    "logging_collector": "off",
    "log_destination": "stderr",
    "password_encryption": "scram-sha-256",
}


def binaries() -> Path:
    """The folder of initdb and postgres, the newest version's.  Raises LocalError without PostgreSQL."""
    versions = sorted(DEBIAN.glob("*/bin"), key=lambda path: [int(part) for part in path.parent.name.split(".")])
    on_path = shutil.which("initdb")
    found = [*([Path(on_path).resolve().parent] if on_path else []), *versions]
    there = [path for path in found if (path / "initdb").exists() and (path / "postgres").exists()]
    if not there:
        raise LocalError("database.machine: PostgreSQL is not installed (package postgresql)")
    return there[-1]


class Database:
    """One server.  run: a folder that everybody may enter; keys: ours alone, for the password."""

    def __init__(self, run: Path, keys: Path, address: str, settings: Mapping[str, str]) -> None:
        self._where = binaries()
        self._data = run / "data"
        self._passwords = keys / "pgpass"
        self._address = address
        self._settings = {**SETTINGS, "listen_addresses": address, "port": str(PORT), **settings}

    @property
    def url(self) -> str:
        """As configurations name the database `mtc`."""
        return f"postgresql://{USER}@{self._address}:{PORT}/postgres?passfile={self._passwords}"

    def make(self) -> None:
        """Make its data, with a password that stands in a file of ours."""
        password = secrets.token_urlsafe(24)
        self._passwords.touch(mode=0o600)
        self._passwords.write_text(f"*:*:*:*:{password}\n", encoding="ascii")
        first = self._data.parent / "password"
        first.touch(mode=0o600)
        first.write_text(password + "\n", encoding="ascii")
        self._data.mkdir(mode=0o700)
        user = _user()
        for path in (first, self._data):
            if user is not None:
                os.chown(path, user.pw_uid, user.pw_gid)
        words = ["-D", str(self._data), "--no-locale", "--encoding=UTF8", "--auth=scram-sha-256", "--no-sync"]
        words += [f"--username={USER}", f"--pwfile={first}"]
        done = subprocess.run(
            [*_as(user), str(self._where / "initdb"), *words],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False, cwd="/",
        )  # fmt: skip
        first.unlink()
        if done.returncode:
            raise LocalError(f"initdb: {done.stderr.strip() or done.stdout.strip()}")
        with (self._data / "pg_hba.conf").open("a", encoding="ascii") as rules:
            rules.write("host all all all scram-sha-256\n")

    def tidy(self) -> None:
        """Wait for the children of a server that was killed, then take its lock away.

        Its process may be there still as one that has ended and that nobody asked about, which the next one would take
        for alive.  Raises LocalError when children stay.
        """
        until, waiting = time.monotonic() + GONE_S, Event()
        while any(_works_in(path, self._data) for path in Path("/proc").iterdir() if path.name.isdigit()):
            if time.monotonic() > until:
                raise LocalError(f"database: processes of one that was killed are still in {self._data}")
            waiting.wait(0.02)
        (self._data / "postmaster.pid").unlink(missing_ok=True)

    def command(self) -> list[str]:
        """The server as a command."""
        options = [word for name, value in self._settings.items() for word in ("-c", f"{name}={value}")]
        options += ["-c", "unix_socket_directories="]
        return [*_as(_user()), str(self._where / "postgres"), "-D", str(self._data), *options]


def _works_in(process: Path, folder: Path) -> bool:
    try:
        return os.readlink(process / "cwd") == str(folder)
    except OSError:
        return False


def _user() -> pwd.struct_passwd | None:
    """Who runs it: not root, which it refuses; None for ourselves."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise LocalError("database: no user postgres or nobody to run it")


def _as(user: pwd.struct_passwd | None) -> list[str]:
    if user is None:
        return []
    return ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
