"""python-diameter in an interpreter of its own, because it has our import name; bench/python_diameter.py."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from nfs.cli._bench.stacks import Command, Job, Stack
from nfs.cli._bench.workshop import Workshop

SCRIPT: Final = "python_diameter.py"


class PythonDiameter(Stack):
    """Its plain application class, whose handler runs on the node's thread: the cheaper one of the two it has."""

    name = "python-diameter"

    def __init__(self, workshop: Workshop, python: Path) -> None:
        super().__init__()
        self._workshop = workshop
        self._python = python.absolute()  # not resolved: an environment's interpreter is a link
        self.lacks["tls"] = "it has no TLS"
        self.lacks["relay"] = "it does not relay"
        if workshop.sources is None:
            self.lacks["*"] = f"{SCRIPT} is not here (run in a checkout)"
        elif not python.is_file():
            self.lacks["*"] = f"no interpreter at {python} (make bench makes one)"

    def _command(self, *words: object) -> Command:
        assert self._workshop.sources is not None
        start = [str(self._python), "-E", str(self._workshop.sources / SCRIPT)]  # -E: no PYTHONPATH that leads to us
        return Command([*start, *map(str, words)])

    def server(self, job: Job) -> Command:
        """Answers on 127.0.0.1."""
        return self._command("serve", job.port, job.peers)

    def client(self, job: Job) -> Command:
        """Keeps a window."""
        return self._command("load", job.port, job.window, job.seconds, job.warm_s, job.settle_s)

    def codec(self, round_s: float) -> Command:
        """Rounds on demand."""
        return self._command("codec", (self._workshop.wire / "medium.bin").read_bytes().hex(), round_s)
