"""The stacks that are measured: what each can be (server, client, relay, codec), and the commands for it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Final, NamedTuple

OURS: Final = "mtc-diameter"
PURE: Final = "mtc-diameter pure"
"""Ours without the compiled core, where there is one to leave out."""
RAW: Final = "raw"


class Command(NamedTuple):
    """Words of a command, and what it needs in its environment besides ours."""

    words: list[str]
    environment: Mapping[str, str] = {}

    @property
    def whole_environment(self) -> dict[str, str]:
        """Ours with what it needs."""
        return {**os.environ, **self.environment}


class Job(NamedTuple):
    """What a program of a stack is asked to do."""

    folder: Path
    """for its files; each program of a measurement has one"""
    port: int = 0
    transport: str = "tcp"
    window: int = 1
    seconds: float = 2.0
    warm_s: float = 0.5
    settle_s: float = 0.3
    """from open to the first request"""
    rate: int = 0
    """requests a second, whatever was answered; 0: a fixed window instead"""
    behind: int = 0
    """port of the server behind a relay"""
    relayed: bool = False
    """a server: requests come through a relay"""
    peers: int = 1
    """a server: how many may connect"""


class Stack:
    """One stack.  A role that is None in `lacks` is there; else the words why not."""

    name: ClassVar[str] = ""

    def __init__(self) -> None:
        self.lacks: dict[str, str] = {}

    def missing(self, role: str, transport: str = "tcp") -> str:
        """Why this stack cannot be measured as "server", "client", "relay" or "codec"; empty when it can."""
        for key in ("*", role, transport, f"{role} {transport}"):
            if why := self.lacks.get(key):
                return why
        return ""

    def server(self, job: Job) -> Command:
        """Answers the load on `job.port`."""
        raise AssertionError(f"{self.name}: no server")

    def client(self, job: Job) -> Command:
        """Connects to `job.port` and makes the load; see programs.said for what it prints."""
        raise AssertionError(f"{self.name}: no client")

    def relay(self, job: Job) -> Command:
        """Listens on `job.port`, connected to the server on `job.behind`."""
        raise AssertionError(f"{self.name}: no relay")

    def codec(self, round_s: float) -> Command:
        """Answers each line of its input with a line of JSON: operation to CPU microseconds."""
        raise AssertionError(f"{self.name}: no codec")

    def ready(self, text: str) -> bool:
        """Whether a relay that has printed this is connected on both sides as far as one can read it."""
        return True
