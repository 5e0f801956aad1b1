"""The process shell that every network function shares.

A function's `__main__` has `build(config, around) -> Parts` and `run(config_path)`, which is

    def run(config_path: str) -> int:
        from twisted.internet import reactor
        return serve("hss", HssConfig, build, config_path, reactor)

The shell does the rest: it reads the configuration, makes the node, prints one line when it listens
(`mtc-iwf ready on tls 127.0.0.1:5868`), reloads on SIGHUP, and on SIGTERM sends DPR, drains and ends.  Whatever is
wrong before that line is printed is one line a complaint on standard error and exit code 2.

With `--workers` the same process is the parent of several that are one node (`nfs.common.several`), each of which
comes here again.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

from pydantic import BaseModel
from twisted.internet.defer import Deferred, inlineCallbacks, maybeDeferred
from twisted.internet.error import CannotListenError
from twisted.internet.task import LoopingCall
from twisted.logger import (
    Logger,
)
from twisted.python.failure import Failure

from diameter import Dictionary
from diameter._node import pauses
from diameter.admin import AdminPort, OfNode
from diameter.app import Application, Later, Screen
from diameter.capture.recent import Recent
from diameter.capture.write import CaptureWriter
from diameter.config import CaptureConfig, FunctionConfig, load
from diameter.errors import ConfigError, LocalError
from diameter.node import Node, as_deferred, log_observer
from diameter.routing.agents import Agent
from diameter.routing.refusal import Refused
from diameter.routing.table import Route
from diameter.standing import NOTHING, Standing
from diameter.trace import Point
from diameter.transport.endpoints import Links
from diameter.workers.member import Place, Worker
from diameter.workers.pages import Told
from nfs.common.capturing import open_capture, options_of
from nfs.common.database import database_url, open_engine, reading
from nfs.common.several import Several
from nfs.common.shell import begin_logging, complain, ready, stop_once
from nfs.common.store import Store

C = TypeVar("C", bound=FunctionConfig)
_log = Logger(namespace="nfs")
FLUSH_S = 1.0
"""How long a message may wait to be seen in the capture of a quiet node."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the shell hands to `build`: nothing in a function looks for these itself."""

    reactor: Any
    """Twisted's reactor (IReactorTime, IReactorTCP, IReactorFromThreads)."""
    dictionary: Dictionary
    folder: Path
    """Folder of the configuration file; relative paths in it start here (`around.path("hss.db")`)."""

    threads: Any = None
    """For tests: the one thread of a store (see `nfs.common.store.Store`)."""
    worker: int | None = None
    """Which worker this process is; None when it is the only one."""

    def own_name(self, origin_host: str) -> str:
        """What tells this process from all others with its database, the other workers among them."""
        return origin_host if self.worker is None else f"{self.worker}/{origin_host}"[:255]

    def path(self, name: str) -> Path:
        """A path of the configuration, relative ones taken from the configuration's folder."""
        return self.folder / name

    def open_store(self, database: str, *, migrations: str, name: str, isolation: str = "REPEATABLE READ") -> Store:
        """The store of a function on its database (see `nfs.common.database.open_engine`).  Raises ConfigError."""
        url = database_url(database, self.folder)
        engine = open_engine(url, migrations=migrations, name=name, isolation=isolation)
        return Store(engine, self.reactor, self.threads)

    def beside(self, store: Store) -> Store:
        """A store on the same database for work that only reads: it never waits for a writer.  To be closed first."""
        return Store(reading(store.engine), self.reactor, self.threads)


@dataclass(slots=True, kw_only=True)
class Parts(Generic[C]):
    """What `build` returns: the applications of the node, and what starts and stops around it."""

    applications: Sequence[Application]
    screens: Sequence[Screen] = ()
    """Screens for the node, in order (see `diameter.app.Screen`)."""
    agent: Agent | None = None
    """What becomes of requests for others (see `diameter.routing.agents`); without it they are refused."""
    routes: Sequence[Route] = ()
    """Ways to realms that follow from the function's own tables; those of `[[route]]` come on top."""
    audit: Callable[[Refused], None] | None = None
    """Called by the node for each refusal of its own (links, capabilities, faults)."""
    started: Callable[[Node], Any] | None = None
    """Called once the node listens, before the ready line; may return a Deferred or Later (open the HTTP port)."""
    stopping: Callable[[], Any] | None = None
    """Called when SIGTERM came, before DPR: take no new work; may return a Deferred, waited for `drain_s` at most."""
    stopped: Callable[[], Any] | None = None
    """Called last, when the node has stopped: close stores and files; may return a Deferred."""
    reload: Callable[[C], None] | None = None
    """Called with the new configuration on SIGHUP; raises ConfigError to keep the old one."""
    live: Sequence[str] = ()
    """Keys, and tables, of the function's own that `reload` takes over; the others wait for the next start."""
    standing: Standing = NOTHING
    """What the function has to show its operator beside the node: queues, alarms, counters."""
    steer: Callable[[bytes | None], dict[str, Any]] | None = None
    """A page of the function's own at the admin port, `/scenario`; with a body it is an order.  Raises ConfigError."""
    endpoints: list[str] = field(default_factory=list)
    """More things listened on, for the ready line: "http 127.0.0.1:8080"; `started` may append."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Processes:
    """How many processes are to be the node, None for what the configuration says; or which of them this one is."""

    count: int | None = None
    place: Place | None = None
    capture: CaptureConfig | None = None
    """The capture asked for at the command line, instead of the configuration's."""


AS_CONFIGURED: Final = Processes()


def serve(
    name: str,
    model: type[C],
    build: Callable[[C, Surroundings], Parts[C]],
    config_path: str | Path,
    reactor: Any,
    processes: Processes = AS_CONFIGURED,
    *,
    alone: str | Callable[[C], str] = "",
) -> int:
    """Run one network function until SIGTERM or SIGINT; return the process's exit code (0, or 2 for a bad start).

    name: as on the command line ("mtc-iwf"); it heads the ready line and every complaint.  alone: why the function
    cannot be several processes, if it cannot; what says so of a configuration.
    """
    path = Path(config_path)
    function: _Function[C] | Several
    try:
        config = read(name, model, path)
        count = config.node.workers if processes.count is None else processes.count
        if processes.place is not None or count == 1:
            function = _Function(name, model, build, path, reactor, processes)
        elif why := alone if isinstance(alone, str) else alone(config):
            raise ConfigError(f"{count} workers: {name} is one process: {why}")
        else:
            more = [] if processes.capture is None else options_of(processes.capture)
            function = Several(name, lambda: read(name, model, path), path, reactor, count, more)
    except LocalError as error:
        complain(name, error, path)
        return 2
    reactor.callWhenRunning(function.start)
    reactor.run()
    return function.exit_code


class _Function(Generic[C]):
    """One network function between its signals.  Raises LocalError for a configuration that cannot be used.

    processes: which of several workers it is, and where its capture goes.
    """

    def __init__(
        self,
        name: str,
        model: type[C],
        build: Callable[[C, Surroundings], Parts[C]],
        path: Path,
        reactor: Any,
        processes: Processes,
    ) -> None:
        self._name = name
        self._model = model
        self._path = path
        self._reactor = reactor
        self.exit_code = 0
        self._ending = False
        self._config = config = self._load()
        self._dictionary = dictionary = Dictionary.load()
        worker = None if processes.place is None else processes.place.index
        around = Surroundings(reactor=reactor, dictionary=dictionary, folder=path.parent, worker=worker)
        self._parts = parts = build(config, around)
        self._place = place = processes.place
        self._asked = processes.capture
        self._tap = self._open_capture(config)
        self._kept = _keeping(config, self._tap)
        self._worker = None if place is None else Worker(reactor, place, self._orphaned)
        self._admin: AdminPort | None = None
        self._flushing: LoopingCall | None = None
        self._node = Node(
            config.node_config,
            parts.applications,
            dictionary,
            reactor=reactor,
            screens=parts.screens,
            routes=parts.routes,
            agent=parts.agent,
            tap=self._kept,
            audit=parts.audit,
            links=Links if self._worker is None else self._worker.links,
            member=self._worker,
        )

    def start(self) -> None:
        """Listen, then say so; on failure say why, and end."""
        self._reactor.addSystemEventTrigger("before", "shutdown", self._stop)
        stop_once(self._reactor)
        _ = self._starting().addErrback(self._failed)

    @inlineCallbacks
    def _starting(self) -> Any:
        yield self._node.start()
        self._flush_often()
        if self._parts.started is not None:
            yield _waiting(self._parts.started, self._node)
        self._admin = self._open_admin(self._config)
        if self._admin is not None:
            self._parts.endpoints.append(self._admin.where)
        signal.signal(signal.SIGHUP, lambda *_: self._reactor.callFromThread(self.reload))
        begin_logging("" if self._place is None else f"worker {self._place.index}")
        pauses.keep_short()
        if self._worker is not None:
            self._worker.pages = Told(OfNode(self._node, self._reactor, self._parts.standing))
            self._worker.ready(tuple(self._parts.endpoints))
            return
        listening = [f"{transport} {address}" for transport, address in self._node.listening]
        ready(self._name, listening, self._parts.endpoints)

    def _orphaned(self, reason: str) -> None:
        """The parent is gone: end as on SIGTERM."""
        if self._reactor.running and not self._ending:
            _log.error("the process that started this worker is gone: {reason}", reason=reason)
            self._reactor.stop()

    def _failed(self, failure: Failure) -> None:
        self.exit_code = 2
        if isinstance(failure.value, (LocalError, CannotListenError, OSError)):
            complain(self._name, failure.value, self._path)
        else:
            begin_logging()
            _log.failure("starting", failure)
        self._reactor.stop()

    def reload(self) -> None:
        """Take over the configuration file as it now is; a bad one is complained about and changes nothing."""
        before, tap, admin = self._config, self._tap, self._admin
        try:
            config = self._load()
            if config.node.capture != before.node.capture and self._asked is None:
                tap = self._open_capture(config)
            if config.node.admin != before.node.admin:
                admin = self._open_admin(config)
            self._take(config)
        except (ConfigError, CannotListenError) as error:
            for line in error.lines if isinstance(error, ConfigError) else [f"node.admin: {error}"]:
                _log.error("reload: {line}", line=line)
            self._drop(self._tap, tap, self._admin, admin)
            return
        self._drop(tap, self._tap, admin, self._admin)
        if tap is not self._tap or config.node.admin != before.node.admin:
            self._kept = _keeping(config, tap)
            self._node.record(self._kept)
        if tap is self._tap and tap is not None:
            tap.renew()
        self._tap, self._admin, self._config = tap, admin, config
        self._flush_often()
        waiting = [key for key in differing(before, config) if not key.startswith(self._taken)]
        if waiting:
            _log.warn("reload: for the next start: {keys}", keys=", ".join(waiting))
        pauses.look_again()
        _log.info("reloaded {path}", path=str(self._path))

    @property
    def _taken(self) -> tuple[str, ...]:
        """Beginnings of the keys that a reload takes over, or speaks of."""
        return ("node.", "peer", "route", "fault", *self._parts.live)

    def _take(self, config: C) -> None:
        """Hand a configuration to the function and its node, to both or, with ConfigError, to none."""
        reload = self._parts.reload
        if reload is not None:
            reload(config)
        try:
            self._node.reload(config.node_config)
        except ConfigError:
            if reload is not None:
                reload(self._config)
            raise

    def _open_capture(self, config: C) -> CaptureWriter | None:
        def complain(line: str) -> None:
            log_observer(Point.CAPTURE, {"reason": line})

        worker = None if self._place is None else self._place.index
        return open_capture(self._asked or config.node.capture, self._dictionary, complain=complain, worker=worker)

    def _open_admin(self, config: C) -> AdminPort | None:
        if config.node.admin is None or self._worker is not None:
            return None
        source = OfNode(self._node, self._reactor, self._parts.standing)
        source.steer = self._parts.steer
        return AdminPort(self._reactor, config.node.admin, source)

    def _drop(self, tap: Any, other: Any, admin: AdminPort | None, closing: AdminPort | None) -> None:
        """Close the capture and the port that are not used, if they are others than those that are."""
        if other is not tap and other is not None:
            other.close()
        if closing is not admin and closing is not None:
            _ = closing.stop().addErrback(_say, "closing the admin port")

    def _flush_often(self) -> None:
        """See to it that a capture is seen also while the node is quiet."""
        if self._flushing is not None and self._flushing.running:
            self._flushing.stop()
        self._flushing = None
        if self._tap is not None:
            self._flushing = LoopingCall(self._tap.flush)
            self._flushing.clock = self._reactor
            _ = self._flushing.start(FLUSH_S, now=False).addErrback(_say, "flushing the capture")

    @inlineCallbacks
    def _stop(self) -> Any:
        """In order: no new work, DPR and drain, close what `build` opened, end the capture."""
        parts, self._ending = self._parts, True
        if parts.stopping is not None:
            waiting = _waiting(parts.stopping).addTimeout(self._config.node.drain_s, self._reactor)
            yield waiting.addErrback(_say, "stopping")
        yield self._node.stop().addErrback(_say, "stopping the node")
        if self._admin is not None:
            yield self._admin.stop().addErrback(_say, "closing the admin port")
        if parts.stopped is not None:
            yield _waiting(parts.stopped).addErrback(_say, "closing")
        if self._flushing is not None and self._flushing.running:
            self._flushing.stop()
        if self._tap is not None:
            self._tap.close()
        if self._worker is not None:
            self._worker.close()

    def _load(self) -> C:
        return read(self._name, self._model, self._path)


def read(name: str, model: type[C], path: Path) -> C:
    """The configuration of a function.  Raises ConfigError."""
    config = load(path, model)
    if config.function not in ("", name):
        raise ConfigError(f"{path}: function: this file is for {config.function}, not for {name}")
    return config


def differing(one: BaseModel, other: BaseModel, place: str = "") -> Iterator[str]:
    """Keys in which two tables differ, with their tables: "hss.database"."""
    for name in type(one).model_fields:
        before, after = getattr(one, name), getattr(other, name)
        if isinstance(before, BaseModel) and isinstance(after, BaseModel):
            yield from differing(before, after, f"{place}{name}.")
        elif before != after:
            yield f"{place}{name}"


def _waiting(call: Callable[..., Any], *args: Any) -> Deferred[Any]:
    """What `call` returns, as a Deferred."""

    def called() -> Any:
        outcome = call(*args)
        return as_deferred(outcome) if isinstance(outcome, Later) else outcome

    return maybeDeferred(called)


def _say(failure: Failure, what: str) -> None:
    _log.failure("{what}", failure, what=what)


def _keeping(config: FunctionConfig, tap: CaptureWriter | None) -> Recent | CaptureWriter | None:
    """The tap of a node whose operator may want to see its last messages, in front of the capture."""
    admin = config.node.admin
    return tap if admin is None or not admin.messages else Recent(admin.messages, tap)
