"""What runs of a lab, in a file of its folder: each process by its id and the time it began."""

from __future__ import annotations

import json
import os
import select
import signal
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from diameter.errors import ConfigError

FILE: Final = "lab.json"


@dataclass(slots=True)
class Process:
    """One process: its id, when it began (clock ticks since boot), its machine and what it said when it was ready."""

    pid: int
    began: int
    machine: str
    ready: str = ""
    starts: int = 1

    @property
    def alive(self) -> bool:
        """Whether it is there, and the same one."""
        return self.pid > 0 and began(self.pid) == self.began

    def send(self, number: int) -> bool:
        """Send it a signal; False when it is gone."""
        if not self.alive:
            return False
        try:
            os.kill(self.pid, number)
        except ProcessLookupError:
            return False
        return True

    def gone(self, limit_s: float) -> bool:
        """Wait until it has ended; False when it has not by then."""
        try:
            handle = os.pidfd_open(self.pid)
        except OSError:  # it is not there any more
            return not self.alive
        try:
            if self.alive:  # and the handle is its, no later one's
                select.select([handle], [], [], limit_s)
            return not self.alive
        finally:
            os.close(handle)


def began(pid: int) -> int:
    """When a process began; -1 when it is gone, or has ended and only its parent has not heard."""
    try:
        words = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
    except OSError:
        return -1
    return -1 if words[0] in ("Z", "X") else int(words[19])


@dataclass(slots=True)
class State:
    """The whole file.  `run`: folder of database and wire; `spaces`: machine to `spaces.place`, none on loopback."""

    path: Path
    run: str = ""
    spaces: dict[str, dict[str, str]] = field(default_factory=dict)
    processes: dict[str, Process] = field(default_factory=dict)

    def space(self, machine: str) -> str:
        """The path of a machine's namespace; "" on loopback."""
        return self.spaces[machine]["path"] if machine in self.spaces else ""

    def save(self) -> None:
        """Write it down, whole or not at all."""
        new = self.path.with_suffix(".new")
        said: dict[str, Any] = {"schema": 1, "run": self.run, "spaces": self.spaces}
        said["processes"] = {name: asdict(each) for name, each in self.processes.items()}
        new.write_text(json.dumps(said, indent=1), encoding="utf-8")
        new.replace(self.path)

    @classmethod
    def read(cls, folder: Path) -> State | None:
        """What the folder says; None when it says nothing.  Raises ConfigError for what is no such file."""
        path = folder / FILE
        try:
            said = json.loads(path.read_text(encoding="utf-8"))
            processes = {name: Process(**each) for name, each in said["processes"].items()}
            return cls(path=path, run=said["run"], spaces=said["spaces"], processes=processes)
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError) as error:
            raise ConfigError(f"{path}: not a lab's ({error})") from None

    def stop(self, name: str, limit_s: float = 15.0) -> str:
        """End one process by SIGTERM, and by SIGKILL when it takes too long; what is to be said of that."""
        process = self.processes[name]
        if not process.send(signal.SIGINT if name == "database" else signal.SIGTERM):
            return ""
        if process.gone(limit_s):
            return ""
        process.send(signal.SIGKILL)
        process.gone(5.0)
        return f"{name} did not end within {limit_s:g} s and was killed"
