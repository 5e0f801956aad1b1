"""The fake link: two peer cores joined without sockets, on a clock that only the test moves.

Each `Side` does what a node does around a `Peer`: it carries out actions in order, keeps inbound links in `Incoming`
until their CER has come, and calls `expire` when the deadline has.  The network between them delays, loses, reorders
and cuts, all from one seed.
"""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from ipaddress import ip_address
from typing import TypeVar

from diameter.errors import ResultCode
from diameter.message import Dictionary, Message, decode
from diameter.peer.base import BaseMessages
from diameter.peer.capabilities import Advertised, LocalIdentity
from diameter.peer.connection import Connection
from diameter.peer.election import same_identity
from diameter.peer.fsm import State
from diameter.peer.incoming import Incoming
from diameter.peer.inputs import CancelConnect, Close, Connect, Event, Output, Timers, Write
from diameter.peer.peer import Peer

E = TypeVar("E")
ADDRESS = ip_address("127.0.0.1")


@cache
def dictionary() -> Dictionary:
    """The base protocol alone."""
    return Dictionary.load("rfc6733_base")


def local(host: str, **changes: object) -> LocalIdentity:
    """An identity with one vendor-specific application, Tsp."""
    known: dict[str, object] = {
        "origin_host": host,
        "origin_realm": "example.org",
        "vendor_id": 10415,
        "supported_vendors": (10415,),
        "applications": (Advertised(16777309, 10415),),
        "addresses": (ADDRESS,),
    }
    return LocalIdentity(**(known | changes))  # type: ignore[arg-type]  # a test names its own fields


def base(identity: LocalIdentity) -> BaseMessages:
    """Builder of base messages whose identifiers count from 1."""
    numbers = itertools.count(1)

    def identify() -> tuple[int, int]:
        number = next(numbers)
        return number, number + 0x1000

    return BaseMessages(identity, dictionary(), identify)


def read(octets: bytes) -> Message:
    """A message through the base dictionary."""
    return decode(octets, dictionary())


@dataclass
class Network:
    """What happens between the sides.  delay_s: bounds of each delay; loss: chance that a message vanishes; reorder:
    messages may overtake each other; reachable: connections succeed; silent: links stay up and nothing passes.
    """

    rng: random.Random
    delay_s: tuple[float, float] = (0.01, 0.05)
    loss: float = 0.0
    dies: float = 0.0
    reorder: bool = False
    reachable: bool = True
    silent: bool = False
    now: float = 0.0
    queue: list[tuple[float, int, Callable[[], None]]] = field(default_factory=list)
    counter: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def later(self, call: Callable[[], None], *, not_before: float = 0.0) -> float:
        """Do `call` after a delay, and not before that time; return when."""
        due = max(self.now + self.rng.uniform(*self.delay_s), not_before)
        heapq.heappush(self.queue, (due, next(self.counter), call))
        return due


class Side:
    """One node: a peer, its waiting room and its ends of links."""

    def __init__(
        self, network: Network, identity: LocalIdentity, remote: str, timers: Timers, *, initiate: bool
    ) -> None:
        self.network = network
        self.other: Side = self
        self.remote = remote
        messages = base(identity)
        self.peer = Peer(remote, messages, uniform=network.rng.uniform, timers=timers, initiate=initiate)
        self.incoming = Incoming(messages, timers)
        self.connections: dict[int, Connection] = {}
        self.arrives_by: dict[int, float] = {}
        self.dead: set[int] = set()
        self.attempt = 0
        self.events: list[Event] = []

    def seen(self, kind: type[E]) -> list[E]:
        """Events of one kind so far."""
        return [event for event in self.events if isinstance(event, kind)]

    def pump(self) -> None:
        """Carry out what the core wants."""
        for output in (*self.incoming.drain(), *self.peer.drain()):
            self.carry_out(output)

    def carry_out(self, output: Output) -> None:
        """One action, or an event for the record."""
        if isinstance(output, Connect):
            self.attempt += 1
            attempt = self.attempt
            self.network.later(lambda: self.dial(attempt))
        elif isinstance(output, CancelConnect):
            self.attempt += 1
        elif isinstance(output, Write):
            link, data = output.link, output.send.data
            if self.passes(link):
                self.travel(link, lambda: self.other.arrived(link, data))
        elif isinstance(output, Close):
            link = output.link
            if self.connections.pop(link, None) is not None and not self.network.silent and link not in self.dead:
                self.travel(link, lambda: self.other.lost(link), ordered=not output.abort)
        else:
            self.events.append(output)

    def passes(self, link: int) -> bool:
        """False when the network swallows what is sent."""
        network = self.network
        if network.rng.random() < network.dies:
            self.dead.add(link)
        return not network.silent and link not in self.dead and network.rng.random() >= network.loss

    def travel(self, link: int, call: Callable[[], None], *, ordered: bool = True) -> None:
        """Something crosses to the other side, behind what was sent before unless the network reorders."""
        keep = ordered and not self.network.reorder
        due = self.network.later(call, not_before=self.arrives_by.get(link, 0.0) if keep else 0.0)
        self.arrives_by[link] = max(due, self.arrives_by.get(link, 0.0))

    def dial(self, attempt: int) -> None:
        """The attempt reaches the other side, or nobody."""
        if attempt != self.attempt:
            return
        if not self.network.reachable:
            self.peer.connect_failed(self.network.now, "refused")
            return
        link = next(self.network.counter)
        other = self.other
        other.connections[link] = Connection(link, initiator=False, addresses=(ADDRESS,))
        other.incoming.admit(other.connections[link], self.network.now)
        self.connections[link] = Connection(link, initiator=True, addresses=(ADDRESS,))
        self.peer.connected(self.connections[link], self.network.now)

    def arrived(self, link: int, data: bytes) -> None:
        """A message came in on a link, if the link still is."""
        if link not in self.connections:
            return
        message = read(data)
        if not self.incoming.waiting(link):
            self.peer.receive(link, message, self.network.now)
            return
        host = self.incoming.first(link, message)
        if host is None:
            return
        if same_identity(host, self.remote):
            self.peer.accept(self.incoming.release(link), message, self.network.now)
        else:
            self.incoming.refuse(link, message, ResultCode.UNKNOWN_PEER, f"{host} is not known here")

    def lost(self, link: int) -> None:
        """The other side closed the link, or it was cut."""
        if self.connections.pop(link, None) is not None:
            self.incoming.lost(link)
            self.peer.link_lost(link, self.network.now)

    def deadline(self) -> float | None:
        """The next time anything of this side is due."""
        waits = [wait for wait in (self.peer.deadline(), self.incoming.deadline()) if wait is not None]
        return min(waits, default=None)

    def expire(self) -> None:
        """The deadline has come."""
        self.peer.expire(self.network.now)
        self.incoming.expire(self.network.now)


class Pair:
    """Two sides and the network between them."""

    def __init__(
        self,
        *,
        seed: int = 0,
        hosts: tuple[str, str] = ("a.example.org", "b.example.org"),
        initiate: tuple[bool, bool] = (True, False),
        timers: Timers | None = None,
        identities: tuple[LocalIdentity, LocalIdentity] | None = None,
        **network: object,
    ) -> None:
        self.network = Network(random.Random(seed), **network)  # type: ignore[arg-type]  # a test names its own fields
        one, two = identities or (local(hosts[0]), local(hosts[1]))
        timers = timers or Timers()
        self.a = Side(self.network, one, hosts[1], timers, initiate=initiate[0])
        self.b = Side(self.network, two, hosts[0], timers, initiate=initiate[1])
        self.a.other, self.b.other = self.b, self.a

    @property
    def sides(self) -> tuple[Side, Side]:
        """Both."""
        return self.a, self.b

    @property
    def states(self) -> tuple[State, State]:
        """Where both machines are."""
        return self.a.peer.state, self.b.peer.state

    def start(self) -> Pair:
        """Both operators want a connection."""
        for side in self.sides:
            side.peer.start(self.network.now)
            side.pump()
        return self

    def cut(self) -> None:
        """Every link is lost at both ends, and what travels with it."""
        for side in self.sides:
            for link in list(side.connections):
                side.lost(link)
            side.pump()

    def run(self, seconds: float, *, check: Callable[[Pair], None] = lambda pair: None) -> Pair:
        """Let time pass, calling `check` after every step."""
        network = self.network
        end = network.now + seconds
        for side in self.sides:
            side.pump()
        while True:
            dues = [(side.deadline(), side) for side in self.sides]
            timed = min(((due, index) for index, (due, _) in enumerate(dues) if due is not None), default=None)
            queued = network.queue[0][0] if network.queue else None
            due = min((one for one in (timed[0] if timed else None, queued) if one is not None), default=None)
            if due is None or due > end:
                network.now = end
                return self
            network.now = max(network.now, due)
            if queued is not None and due == queued:
                heapq.heappop(network.queue)[2]()
            elif timed is not None:
                dues[timed[1]][1].expire()
            for side in self.sides:
                side.pump()
            check(self)
