"""The process shell of a network function that is several processes: the parent's part.

It reads the configuration, starts the workers, prints the ready line when all of them are, has the operator's port,
passes SIGHUP on when the file has no mistakes, and on SIGTERM has the workers end in good order.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.internet.error import CannotListenError
from twisted.internet.protocol import ProcessProtocol
from twisted.logger import Logger
from twisted.python.failure import Failure

from diameter.admin import AdminPort
from diameter.config import FunctionConfig
from diameter.errors import ConfigError, LocalError
from diameter.metrics import text_of
from diameter.workers import gather
from diameter.workers.member import Place
from diameter.workers.parent import CHANNEL, Parent
from nfs.common.shell import begin_logging, complain, ready, stop_once

PAGES: Final = {
    "peers": gather.peers, "routes": gather.routes, "pending": gather.pending, "faults": gather.faults,
    "security": gather.security, "standing": gather.standing, "recent": gather.recent,
}  # fmt: skip
_log = Logger(namespace="nfs")


class Gathered:
    """The operator's pages of all workers."""

    def __init__(self, parent: Parent, reactor: Any, origin_host: str) -> None:
        self._parent = parent
        self._reactor = reactor
        self._origin_host = origin_host

    def page(self, what: str) -> Deferred[dict[str, Any]]:
        """A page by name."""
        return self._parent.ask(what).addCallback(lambda pages: self._one(what, pages))

    def metrics(self) -> Deferred[bytes]:
        """What Prometheus reads."""
        asked = self._parent.ask("figures")
        return asked.addCallback(lambda pages: text_of(gather.metrics(pages, self._parent.states())))

    def pieces(self, what: str) -> None:
        """Each page comes whole, since it is made of those of all workers."""

    steer = None
    """A function that is several processes plays no scenario."""

    def switch(self, name: str, enabled: bool) -> Deferred[bool]:
        """Switch a fault rule in every worker."""
        asked = self._parent.ask(f"{'enable' if enabled else 'disable'}:{name}")

        def outcome(pages: gather.Pages) -> bool:
            for page in pages.values():
                if page["error"]:
                    raise ConfigError(page["error"])
            return any(page["found"] for page in pages.values())

        return asked.addCallback(outcome)

    def _one(self, what: str, pages: gather.Pages) -> dict[str, Any]:
        parent = self._parent
        if what != "health":
            return PAGES[what](pages)
        uptime_s = self._reactor.seconds() - parent.started_at
        return gather.health(pages, parent.states(), uptime_s, self._origin_host, parent.stopping)


class Several:
    """One network function as the parent of its workers.  Raises ConfigError when it cannot listen.

    more: further words for the command line of each worker.
    """

    def __init__(
        self,
        name: str,
        read: Callable[[], FunctionConfig],
        path: Path,
        reactor: Any,
        processes: int,
        more: Sequence[str] = (),
    ) -> None:
        self._more = tuple(more)
        self._name = name
        self._read = read
        self._path = path
        self._reactor = reactor
        self._config = config = read()
        self._admin: AdminPort | None = None
        self._over: Deferred[None] = Deferred()
        self._stopping = False
        self.exit_code = 0
        self._parent = Parent(reactor, config.node_config, processes, self._spawn, self._ended)

    def start(self) -> None:
        """Start the workers, then say that they are there."""
        config = self._config.node.admin
        self._reactor.addSystemEventTrigger("before", "shutdown", self._stop)
        stop_once(self._reactor)
        signal.signal(signal.SIGHUP, lambda *_: self._reactor.callFromThread(self.reload))
        try:
            if config is not None:
                source = Gathered(self._parent, self._reactor, self._config.node.origin_host)
                self._admin = AdminPort(self._reactor, config, source)
        except CannotListenError as error:
            complain(self._name, error, self._path)
            self._parent.stop(2)
            return
        begin_logging("parent")
        _ = self._parent.start().addCallback(self._started).addErrback(self._failed)

    def reload(self) -> None:
        """Have the workers read the configuration again; one with a mistake stays where it is."""
        try:
            config = self._read()
        except ConfigError as error:
            for line in error.lines:
                _log.error("reload: {line}", line=line)
            return
        self._parent.reload(config.node_config)

    def _started(self, _: None) -> None:
        more = [*self._parent.endpoints, *(() if self._admin is None else (self._admin.where,))]
        ready(self._name, [f"{transport} {address}" for transport, address in self._parent.listening], more)

    def _failed(self, failure: Failure) -> None:
        if isinstance(failure.value, (LocalError, CannotListenError, OSError)):
            complain(self._name, failure.value, self._path)
        else:
            _log.failure("starting", failure)
        self._parent.stop(2)

    def _spawn(self, protocol: ProcessProtocol, place: Place, descriptor: int) -> Any:
        warnings = [f"-W{option}" for option in sys.warnoptions]
        command = ["-m", "nfs.cli", "run", self._name, "-c", str(self._path), "--worker", place.text(), *self._more]
        return self._reactor.spawnProcess(
            protocol,
            sys.executable,
            [sys.executable, *warnings, *command],
            env=None,
            childFDs={0: 0, 1: 1, 2: 2, CHANNEL: descriptor},
        )

    def _stop(self) -> Deferred[None]:
        self._stopping = True
        self._parent.stop(self.exit_code)
        return self._over

    def _ended(self, code: int) -> None:
        """All workers have ended."""
        self.exit_code = code
        if self._admin is not None:
            _ = self._admin.stop().addBoth(lambda _: self._over.callback(None))
        else:
            self._over.callback(None)
        if not self._stopping:
            self._reactor.stop()
