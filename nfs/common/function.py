"""The process shell that every network function shares.

A function's `__main__` has `build(config, around) -> Parts` and `run(config_path)`, which is

    def run(config_path: str) -> int:
        from twisted.internet import reactor
        return serve("hss", HssConfig, build, config_path, reactor)

The shell does the rest: it reads the configuration, makes the node, prints one line when it listens
(`mtc-iwf ready on tls 127.0.0.1:5868`), reloads on SIGHUP, and on SIGTERM sends DPR, drains and ends.  Whatever is
wrong before that line is printed is one line a complaint on standard error and exit code 2.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from diameter import Dictionary
    from diameter.app import Application
    from diameter.config import FunctionConfig
    from diameter.node import Node

C = TypeVar("C", bound="FunctionConfig")


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the shell hands to `build`: nothing in a function looks for these itself."""

    reactor: Any
    """Twisted's reactor (IReactorTime, IReactorTCP, IReactorFromThreads)."""
    dictionary: Dictionary
    folder: Path
    """Folder of the configuration file; relative paths in it start here (`around.path("hss.db")`)."""

    def path(self, name: str) -> Path:
        """A path of the configuration, relative ones taken from the configuration's folder."""
        return self.folder / name


@dataclass(slots=True, kw_only=True)
class Parts(Generic[C]):
    """What `build` returns: the applications of the node, and what starts and stops around it."""

    applications: Sequence[Application]
    screens: Sequence[Any] = ()
    """Screens for the node, in order (see `diameter.node.Node`)."""
    started: Callable[[Node], Any] | None = None
    """Called once the node listens, before the ready line; may return a Deferred (open the HTTP port, start timers)."""
    stopping: Callable[[], Any] | None = None
    """Called when SIGTERM came, before DPR: take no new work; may return a Deferred, waited for `drain_s` at most."""
    stopped: Callable[[], Any] | None = None
    """Called last, when the node has stopped: close stores and files; may return a Deferred."""
    reload: Callable[[C], None] | None = None
    """Called with the new configuration on SIGHUP; raises ConfigError to keep the old one."""
    endpoints: list[str] = field(default_factory=list)
    """More things listened on, for the ready line: "http 127.0.0.1:8080"; `started` may append."""


def serve(
    name: str,
    model: type[C],
    build: Callable[[C, Surroundings], Parts[C]],
    config_path: str | Path,
    reactor: Any,
    *,
    drain_s: float = 10.0,
) -> int:
    """Run one network function until SIGTERM or SIGINT; return the process's exit code (0, or 2 for a bad start).

    name: as on the command line ("mtc-iwf"); it heads the ready line and every complaint.
    """
    raise SystemExit(f"{name}: {model} {build} {config_path} {reactor} {drain_s} {signal} {sys}")
