"""A worker's end of what the processes of one node say to each other (`diameter._node.sharing.Member`)."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from diameter._node.crossing import Port
from diameter._node.sharing import FarPeer, Sharing
from diameter.config import NodeConfig
from diameter.routing.identifiers import Lane
from diameter.transport.endpoints import Links
from diameter.workers import frames
from diameter.workers.channel import Channel
from diameter.workers.doors import Doors
from diameter.workers.frames import (
    Ask,
    Broken,
    Claim,
    Control,
    Deny,
    Dial,
    Ended,
    GarbledFrame,
    Gone,
    Grant,
    Handed,
    Mesh,
    Probe,
    Reader,
    Ready,
    Release,
    Row,
    Told,
    Took,
    Yield,
)
from diameter.workers.mesh import Strand

MESH_LIMIT_FACTOR = 4
"""The socket between two workers carries all their peers, so it holds more than one link may."""
Pages = Callable[[str], dict[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Which worker a process is; its parent says so when it starts it.

    `descriptor`: of the socket to the parent; `index`, from 0, of `processes`; `started_at`: when the node was started,
    seconds since 1970; `listening`: host and port of each listener.
    """

    descriptor: int
    index: int
    processes: int
    started_at: float
    listening: tuple[tuple[str, int], ...]

    def text(self) -> str:
        """For the command line."""
        return json.dumps(asdict(self))

    @classmethod
    def of(cls, text: str) -> Place:
        """Undo `text`.  Raises ValueError, KeyError or TypeError for what is none."""
        fields = json.loads(text)
        return cls(**{**fields, "listening": tuple((str(host), int(port)) for host, port in fields["listening"])})


class Worker:
    """This process as one of several.  `orphaned` is called when the parent is gone, or talks nonsense.

    `pages`: what the operator's port of the parent asks for, by name.
    """

    def __init__(self, reactor: Any, place: Place, orphaned: Callable[[str], None]) -> None:
        self._reactor = reactor
        self._place = place
        self.lane = Lane.among(place.index, place.processes)
        self.started_at = place.started_at
        self._dials: set[str] = set()
        self._strands: dict[int, Strand] = {}
        self._reader = Reader()
        self._peering: Sharing
        self._wake: Callable[[Callable[[], None]], None]
        self._send_limit = 0
        self._orphaned = orphaned
        self._doors = Doors(reactor, place.listening, lambda at: self._say(Ended(at)))
        end = socket.socket(fileno=place.descriptor)
        end.set_inheritable(False)
        self._parent = Channel(reactor, end, self._read, orphaned)
        self.pages: Pages = lambda what: {}

    def links(self, reactor: Any, config: NodeConfig, owner: Any) -> Links:
        """Links whose listeners are the parent's (for `Node`)."""
        self._send_limit = config.limits.send_limit * MESH_LIMIT_FACTOR
        return Links(reactor, config, owner, self._doors.door)

    def ready(self, listening: tuple[str, ...]) -> None:
        """The node listens: connections may come."""
        self._say(Ready(listening))

    def close(self) -> None:
        """The node has stopped."""
        for strand in self._strands.values():
            strand.close()
        self._parent.loseConnection()

    # ---- `Member`

    def join(self, peering: Sharing, wake: Callable[[Callable[[], None]], None]) -> None:
        """The node is made."""
        self._peering = peering
        self._wake = wake

    def dials(self, host: str) -> bool:
        """True when this worker connects to `host`."""
        return host.lower() in self._dials

    def claim(self, host: str, dial: bool, replace: bool) -> None:
        """Ask the parent for `host`."""
        self._say(Claim(host, dial, replace))

    def release(self, host: str) -> None:
        """Nothing connects us with `host`."""
        self._say(Release(host))

    def tell(self, row: FarPeer) -> None:
        """Tell the others how a peer of ours is."""
        self._say(Row(*row))

    def port(self, worker: int) -> Port | None:
        """The way to another worker."""
        return self._strands.get(worker)

    # ---- inside

    def _say(self, control: Control) -> None:
        self._parent.send(frames.pack(control))

    def _read(self, data: bytes) -> None:
        try:
            for kind, body in self._reader.feed(data):
                self._take(frames.unpack(kind, body))
        except GarbledFrame as error:
            self._orphaned(f"the parent sent {error}")

    def _take(self, said: Control) -> None:
        peering, wake = self._peering, self._wake
        match said:
            case Grant(host) | Deny(host):
                wake(lambda: peering.granted(host, isinstance(said, Grant)))
            case Yield(host):
                wake(lambda: peering.give_way(host))
            case Probe(host):
                wake(lambda: peering.probe(host))
            case Dial(hosts):
                self._dials.update(hosts)
                for each in hosts:
                    wake(partial(peering.dial, each))
            case Row():
                wake(lambda: peering.take_row(FarPeer(*said)))
            case Gone(host, reason):
                wake(lambda: peering.gone(host, reason))
            case Mesh(worker):
                self._strand(worker, self._descriptor())
            case Handed(listener):
                self._say(Took(listener))
                self._doors.take(listener, self._descriptor())
            case Ask(number, what):
                self._say(Told(number, self.pages(what)))
            case _:
                raise GarbledFrame(f"{type(said).__name__}, which is not for a worker")

    def _descriptor(self) -> int:
        if not self._parent.arrived:
            raise GarbledFrame("no descriptor")
        descriptor: int = self._parent.arrived.popleft()
        return descriptor

    def _strand(self, worker: int, descriptor: int) -> None:
        before = self._strands.pop(worker, None)
        if before is not None:
            before.close()
        self._strands[worker] = Strand(
            self._reactor, socket.socket(fileno=descriptor), worker, self._peering, self._wake, self._snapped,
            send_limit=self._send_limit,
        )  # fmt: skip
        self._wake(lambda: self._peering.port_up(worker))

    def _snapped(self, strand: Strand, reason: str) -> None:
        if self._strands.get(strand.worker) is strand:
            del self._strands[strand.worker]
            self._say(Broken(strand.worker))
