"""The parent of the workers: starts them, hands connections over, grants claims, answers the operator.

A worker that ends without being asked is started again: at once the first time, then after a time that doubles up to
BACKOFF_MOST_S and is forgotten once it has lasted LASTED_S.  A worker that cannot start at all while the node starts
ends the node, with the reasons that the worker has printed.
"""

from __future__ import annotations

import os
import socket
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessExitedAlready
from twisted.internet.protocol import ProcessProtocol
from twisted.logger import Logger
from twisted.python.failure import Failure

from diameter.config import NodeConfig
from diameter.errors import ConfigError
from diameter.transport.link import Address
from diameter.workers import frames
from diameter.workers.channel import Channel, pair
from diameter.workers.claims import Claims, Out
from diameter.workers.doors import Door, fits
from diameter.workers.frames import (
    Broken,
    Claim,
    Control,
    Ended,
    GarbledFrame,
    Handed,
    Mesh,
    Reader,
    Ready,
    Release,
    Row,
    Told,
    Took,
)
from diameter.workers.member import Place
from diameter.workers.questions import Questions

BACKOFF_S: Final = 1.0
BACKOFF_MOST_S: Final = 30.0
LASTED_S: Final = 60.0
CHANNEL: Final = 3
"""The descriptor that a worker finds its end of the socket at."""
Spawn = Callable[[ProcessProtocol, Place, int], Any]
"""spawn(protocol, place, descriptor): start a worker whose descriptor CHANNEL is ours; a Twisted process."""
_log = Logger(namespace="diameter")


@dataclass(slots=True, eq=False)
class Child:
    """One place among the workers, and the process that holds it now."""

    index: int
    process: Any = None
    channel: Channel | None = None
    reader: Reader = field(default_factory=Reader)
    ready: bool = False
    starts: int = 0
    failures: int = 0
    since: float = 0.0
    handed: int = 0
    giving: deque[tuple[int, socket.socket]] = field(default_factory=deque)
    again: Any = None
    listening: tuple[str, ...] = ()


class Parent:
    """Several workers that are one node.

    `spawn` starts one.  `ended` is called once, with the exit code, when all of them have.  Raises ConfigError when it
    cannot listen.
    """

    def __init__(
        self, reactor: Any, config: NodeConfig, processes: int, spawn: Spawn, ended: Callable[[int], None]
    ) -> None:
        self._reactor = reactor
        self._spawn = spawn
        self._ended = ended
        self._config = config
        self._exit_code = 0
        self.started_at = reactor.seconds()
        self.stopping = False
        self._whole: Deferred[None] | None = Deferred()
        self._questions = Questions(reactor, lambda worker, ask: self._send(worker, ask))
        self._killing: Any = None
        self.claims = Claims(config.origin_host)
        self._children = [Child(index) for index in range(processes)]
        self._doors: list[Door] = []
        fits(config)
        try:
            for at, listener in enumerate(config.listen):
                self._doors.append(Door(reactor, at, listener, self._hand))
        except ConfigError:
            self._close_doors()
            raise

    @property
    def listening(self) -> tuple[tuple[str, Address], ...]:
        """(transport, address) of each listener."""
        return tuple((door.transport, door.address) for door in self._doors)

    @property
    def endpoints(self) -> tuple[str, ...]:
        """What the workers listen on beside that, for the ready line."""
        return tuple(dict.fromkeys(each for child in self._children for each in child.listening))

    def start(self) -> Deferred[None]:
        """Start the workers; fires when all are ready."""
        assert self._whole is not None
        whole = self._whole
        for child in self._children:
            self._begin(child)
        return whole

    def reload(self, config: NodeConfig) -> None:
        """The configuration has changed; the workers read it themselves."""
        self._config = config
        self._signal("HUP")
        if self._whole is None:
            self._carry_out(self.claims.dial(self._dialled()))

    def stop(self, code: int = 0) -> None:
        """Accept nothing more, have every worker end in good order; after twice `drain_s` and a little they are
        killed.
        """
        if self.stopping:
            return
        self.stopping = True
        self._exit_code = code
        self._close_doors()
        for child in self._children:
            if child.again is not None and child.again.active():
                child.again.cancel()
        self._signal("TERM")
        wait_s = 3 * self._config.drain_s + 5.0
        self._killing = self._reactor.callLater(wait_s, self._signal, "KILL")
        self._look_whether_over()

    # ---- processes

    def _begin(self, child: Child) -> None:
        """Start the process of one place."""
        ours, theirs = pair()
        child.again = None
        child.starts += 1
        child.since = self._reactor.seconds()
        child.reader = Reader()
        child.channel = Channel(
            self._reactor, ours, lambda data: self._read(child, data), lambda reason: self._silent(child, reason)
        )
        place = Place(
            descriptor=CHANNEL, index=child.index, processes=len(self._children), started_at=self.started_at,
            listening=tuple((door.address.host, door.address.port) for door in self._doors),
        )  # fmt: skip
        with theirs:
            child.process = self._spawn(_Process(self, child), place, theirs.fileno())
        _log.info("worker {worker} has process {pid}", worker=child.index, pid=child.process.pid)

    def _silent(self, child: Child, reason: str) -> None:
        """The socket to a worker has ended: either it has, or it is of no use any more."""
        self._left(child, f"worker {child.index} has gone")
        if not self.stopping:
            self._signal("KILL", [child])

    def exited(self, child: Child, status: str, code: int | None) -> None:
        """The process of one place has ended."""
        child.process = None
        self._left(child, f"worker {child.index} has died")
        if child.channel is not None:
            child.channel.abortConnection()
            child.channel = None
        if not self.stopping and self._whole is not None:
            self.stop(code or 2)
        if self.stopping:
            self._look_whether_over()
            return
        now = self._reactor.seconds()
        child.failures = 0 if now - child.since > LASTED_S else child.failures + 1
        wait_s = min(BACKOFF_MOST_S, BACKOFF_S * 2 ** max(0, child.failures - 2)) if child.failures > 1 else 0.0
        _log.error(
            "worker {worker} ended ({status}); the next one starts in {seconds:g} s",
            worker=child.index, status=status, seconds=wait_s,
        )  # fmt: skip
        child.again = self._reactor.callLater(wait_s, self._begin, child)

    def _look_whether_over(self) -> None:
        if any(child.process is not None for child in self._children):
            return
        if self._killing is not None and self._killing.active():
            self._killing.cancel()
        self._reactor.callLater(0, self._ended, self._exit_code)

    def _signal(self, name: str, children: Sequence[Child] = ()) -> None:
        for child in children or self._children:
            if child.process is not None:
                with suppress(ProcessExitedAlready):
                    child.process.signalProcess(name)

    def _left(self, child: Child, reason: str) -> None:
        """A worker takes nothing any more: its claims are free."""
        self._questions.left(child.index)
        child.handed = 0
        if child.ready:
            child.ready = False
            self._carry_out(self.claims.left(child.index, reason))
        if not any(each.ready for each in self._children):
            for door in self._doors:
                door.pause()
        while child.giving:
            self._hand(*child.giving.popleft())

    # ---- what workers say

    def _read(self, child: Child, data: bytes) -> None:
        try:
            for kind, body in child.reader.feed(data):
                self._take(child, frames.unpack(kind, body))
        except GarbledFrame as error:
            _log.error("worker {worker} sent {error}; it is ended", worker=child.index, error=str(error))
            assert child.channel is not None
            child.channel.abortConnection()

    def _take(self, child: Child, said: Control) -> None:
        claims, index = self.claims, child.index
        match said:
            case Claim():
                self._carry_out(claims.claim(index, said))
            case Release(host):
                self._carry_out(claims.release(index, host))
            case Row():
                self._carry_out(claims.row(index, said))
            case Took():
                if child.giving:
                    child.giving.popleft()[1].close()
            case Ended():
                child.handed = max(0, child.handed - 1)
            case Told(number, page):
                self._questions.told(index, number, page)
            case Broken(worker):
                if worker != index and 0 <= worker < len(self._children) and self._children[worker].ready:
                    self._join(child, self._children[worker])
            case Ready(listening):
                self._ready(child, listening)
            case _:
                raise GarbledFrame(f"{type(said).__name__}, which is not for the parent")

    def _ready(self, child: Child, listening: tuple[str, ...]) -> None:
        """A worker can take connections."""
        if child.ready:
            return
        child.listening = listening
        for other in self._children:
            if other.ready:
                self._join(child, other)
        child.ready = True
        self._carry_out(self.claims.joined(child.index))
        if self._whole is None:
            self._carry_out(self.claims.spread())
        elif all(each.ready for each in self._children):
            whole, self._whole = self._whole, None
            self._carry_out(self.claims.dial(self._dialled()))
            whole.callback(None)
        if self._whole is None and not self.stopping:
            for door in self._doors:
                door.open()

    def _join(self, one: Child, other: Child) -> None:
        """Give two workers a socket between them."""
        first, second = pair()
        self._send(one.index, Mesh(other.index), first.detach())
        self._send(other.index, Mesh(one.index), second.detach())

    def _carry_out(self, out: Out) -> None:
        for worker, control in out:
            self._send(worker, control)

    def _send(self, worker: int, control: Control, descriptor: int | None = None) -> None:
        channel = self._children[worker].channel
        if channel is not None:
            channel.send(frames.pack(control), descriptor)
        elif descriptor is not None:
            os.close(descriptor)

    def _dialled(self) -> Sequence[str]:
        """Hosts that are to be connected to, and realms to look for such hosts."""
        return [row.host for row in self._config.peer if row.connect or row.discover]

    # ---- connections

    def _hand(self, at: int, connection: socket.socket) -> None:
        """Somebody has connected: he goes to the worker with the fewest connections."""
        ready = [child for child in self._children if child.ready]
        if not ready:
            connection.close()
            return
        dials = self.claims.dials()
        child = min(ready, key=lambda each: (each.handed + dials.get(each.index, 0), each.index))
        child.handed += 1
        child.giving.append((at, connection))  # if it dies now, another one gets the connection
        self._send(child.index, Handed(at), os.dup(connection.fileno()))

    def _close_doors(self) -> None:
        for door in self._doors:
            door.close()

    # ---- the operator

    def states(self) -> list[dict[str, Any]]:
        """How each worker is."""
        load = self.claims.load(range(len(self._children)))
        return [
            {
                "worker": child.index,
                "pid": None if child.process is None else child.process.pid,
                "state": "ready" if child.ready else "starting" if child.process is not None else "down",
                "starts": child.starts,
                "peers": load[child.index],
                "connections": child.handed,
            }
            for child in self._children
        ]

    def ask(self, what: str) -> Deferred[dict[int, dict[str, Any]]]:
        """A page of every worker that is ready and answers in time."""
        ready = [child.index for child in self._children if child.ready]
        return self._questions.ask(what, ready)


class _Process(ProcessProtocol):
    def __init__(self, parent: Parent, child: Child) -> None:
        self._parent = parent
        self._child = child

    def processEnded(self, reason: Failure) -> None:
        """The process has ended and all it wrote was read (IProcessProtocol)."""
        error: Any = reason.value
        code, number = getattr(error, "exitCode", None), getattr(error, "signal", None)
        status = f"signal {number}" if number is not None else f"exit status {code}"
        self._parent.exited(self._child, status, code)
