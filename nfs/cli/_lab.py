"""A lab on loopback: configurations from templates, addresses, and the processes of the network functions.

Each process writes one log, says "ready" there, and is ended by its process id: SIGTERM, then SIGKILL when it takes too
long.  They stay in our process group, so that whoever kills that ends them too; Ctrl-C makes them stop beside us.
"""

from __future__ import annotations

import contextlib
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any, Final, NamedTuple, TypeVar

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import LoopingCall

from diameter.errors import ConfigError, DiameterError
from nfs.cli._react import pause

T = TypeVar("T")
CLEAR_PORT: Final = 3868
SECURE_PORT: Final = 5868
READY_TIMEOUT_S: Final = 90.0
STOP_TIMEOUT_S: Final = 15.0
_MARK: Final = ".made-by-mtc-demo"
_POLL_S: Final = 0.05


class Place(NamedTuple):
    """Where a function listens, or dials from."""

    host: str
    port: int


class LabError(DiameterError):
    """A process of the lab did not start, or ended too early; the text names its log."""


def places(wanted: Mapping[str, Place]) -> dict[str, Place]:
    """The wanted addresses where all of them are free; else 127.0.0.1 with a free port for each.

    Addresses of their own let a capture tell the nodes apart, and only port 3868 is Diameter to every tool.
    """
    if all(_is_free(place) for place in wanted.values()):
        return dict(wanted)
    with contextlib.ExitStack() as held:  # all open at once, so that no two are the same
        found = {}
        for name in wanted:
            probe = held.enter_context(socket.socket())
            probe.bind(("127.0.0.1", 0))
            found[name] = Place("127.0.0.1", probe.getsockname()[1])
        return found


def _is_free(place: Place) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(place)
            probe.listen(1)
        except OSError:
            return False
    return True


def prepare(folder: Path) -> None:
    """Make `folder` an empty one of ours; raises ConfigError rather than delete what is not."""
    try:
        if folder.exists():
            if not (folder / _MARK).exists():
                raise ConfigError(f"{folder}: exists and is not ours; remove it, or choose another --output")
            shutil.rmtree(folder)
        folder.mkdir(parents=True)
        (folder / _MARK).touch()
    except OSError as error:
        raise ConfigError(f"{folder}: {error.strerror}") from None


def write_configs(folder: Path, values: Mapping[str, object], names: Sequence[str]) -> None:
    """Fill the templates of these functions into `folder`."""
    for name in names:
        text = files("nfs.cli").joinpath("demo_lab", f"{name}.toml").read_text(encoding="utf-8")
        (folder / f"{name}.toml").write_text(Template(text).substitute(values), encoding="utf-8")


def write_token(path: Path) -> str:
    """A new bearer token in a file that only we read."""
    token = secrets.token_urlsafe(32)
    path.touch(mode=0o600)
    path.write_text(token + "\n", encoding="ascii")
    return token


@dataclass(slots=True)
class Function:
    """One network function as a process."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    def says(self, text: str) -> bool:
        """Whether `text` stands in its log."""
        return text in self.log.read_text(encoding="utf-8", errors="replace")

    @property
    def ready(self) -> str | None:
        """The line in which it said that it listens."""
        for line in self.log.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith(f"{self.name} ready"):
                return line
        return None

    def last_words(self, lines: int = 5) -> str:
        """The end of its log."""
        return "\n".join(self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])


@dataclass(slots=True)
class Lab:
    """The processes, in the order they were started.  Leave it by `stop`, whatever happens."""

    folder: Path
    functions: list[Function] = field(default_factory=list)

    def start(self, name: str) -> Function:
        """Start one; `NAME.toml` is its configuration."""
        log = self.folder / f"{name}.log"
        with log.open("wb") as out:
            process = subprocess.Popen(
                [sys.executable, "-m", "nfs.cli", "run", name, "-c", str(self.folder / f"{name}.toml")],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
            )
        function = Function(name, process, log)
        self.functions.append(function)
        return function

    async def until_ready(self, reactor: Any, *functions: Function) -> None:
        """Wait until each has said so; raises LabError when one ends or takes too long."""
        until = time.monotonic() + READY_TIMEOUT_S
        for function in functions:
            while function.ready is None:
                self.check()
                if time.monotonic() > until:
                    raise LabError(f"{function.name} was not ready after {READY_TIMEOUT_S:g} s: see {function.log}")
                await pause(reactor, _POLL_S)

    async def until_open(self, reactor: Any, name: str, host: str) -> None:
        """Wait until function `name` has a link to `host` that takes requests; raises LabError when it takes long."""
        function = next(function for function in self.functions if function.name == name)
        until = time.monotonic() + READY_TIMEOUT_S
        while not function.says(f"peer {host} takes requests"):
            self.check()
            if time.monotonic() > until:
                raise LabError(f"{name} has no link to {host} after {READY_TIMEOUT_S:g} s: see {function.log}")
            await pause(reactor, _POLL_S)

    async def watch(self, reactor: Any, work: Coroutine[Any, Any, T]) -> T:
        """What `work` returns; when a process ends meanwhile, `work` is cancelled and LabError raised."""
        working = Deferred.fromCoroutine(work)
        lost: list[LabError] = []

        def look() -> None:
            try:
                self.check()
            except LabError as error:
                lost.append(error)
                working.cancel()

        looking = LoopingCall(look)
        looking.clock = reactor
        started = looking.start(1.0)
        try:
            return await working
        except CancelledError:
            raise lost[0] if lost else CancelledError from None
        finally:
            looking.stop()
            await started

    def url(self) -> str:
        """Where the SCS takes triggers by HTTP, once it is ready."""
        scs = next(function for function in self.functions if function.name == "scs")
        return f"http://{(scs.ready or '').rpartition('http ')[2]}"

    def check(self) -> None:
        """Raise LabError when a process has ended."""
        for function in self.functions:
            status = function.process.poll()
            if status is not None:
                raise LabError(
                    f"{function.name} ended with status {status}: see {function.log}\n{function.last_words()}"
                )

    def stop(self) -> list[str]:
        """End every process, the last started first; names those that had to be killed or ended badly."""
        for function in reversed(self.functions):
            if function.process.poll() is None:
                function.process.send_signal(signal.SIGTERM)
        until = time.monotonic() + STOP_TIMEOUT_S
        bad = []
        for function in reversed(self.functions):
            try:
                status = function.process.wait(max(0.1, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                function.process.kill()
                status = function.process.wait()
            if status:
                bad.append(f"{function.name} ended with status {status}: see {function.log}")
        return bad
