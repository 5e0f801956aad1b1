"""Requests that travel between the processes of one node: to a peer that another worker has, and for others to one of
ours.

Here a peer of another worker is a row of the peer table like any, whose link is a `FarLink`: routing, screens, the
table of pending requests, time-outs and failover do not know the difference.  The worker that has the peer sends such a
request under a Hop-by-Hop Identifier of its own and returns the answer under the one that it came with.  The worker
that asks watches over it: it counts it, and decides what becomes of it when the peer or that worker is lost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import count
from typing import ClassVar, Protocol

from diameter._node.core import FAR, Core, Line, Request
from diameter._node.requests import Requests
from diameter._node.stats import Stats
from diameter._node.transit import Busy, Crossing
from diameter.app import Neighbour
from diameter.errors import NotOpen
from diameter.message import Message
from diameter.peer.connection import Connection
from diameter.routing.agents import returned
from diameter.routing.identifiers import EndToEnd, HopByHop
from diameter.routing.pending import Pending
from diameter.trace import Drop
from diameter.transport.link import Address, Link

_ids = count(-1, -1)


class Port(Protocol):
    """The way to one other worker.  `congested`: originate nothing."""

    @property
    def worker(self) -> int: ...

    @property
    def congested(self) -> bool: ...

    @property
    def buffered(self) -> int: ...

    def requests(self, host: str, messages: Iterable[tuple[int, bytes]], /) -> None:
        """Send requests to its peer `host`: (milliseconds that its answer has, octets) each."""

    def answers(self, octets: bytes, /) -> None:
        """Send answers to its requests."""

    def refuse(self, hop_by_hop: int, busy: bool, reason: str, /) -> None:
        """Give a request of its back."""


class Far(Link):
    """What a line of this process writes to in another one."""

    __slots__ = ("_gone", "_stats", "port")
    transport: ClassVar[str] = FAR

    def __init__(self, port: Port, stats: Stats) -> None:
        end = Address(f"worker {port.worker}", 0)
        super().__init__(next(_ids), end, end)
        self.port = port
        self._stats = stats
        self._gone = False

    @property
    def buffered(self) -> int:
        """Octets on their way to that worker, for all its peers."""
        return self.port.buffered

    @property
    def congested(self) -> bool:
        """True while that worker does not keep up."""
        return self.port.congested

    def write(self, data: bytes, *, ordered: bool = True, stream: int | None = None, after_all: bool = False) -> None:
        """Take whole messages.  Raises NotOpen once closed."""
        if self._gone:
            raise NotOpen(f"{self.remote} has gone")
        self.writes += 1
        self.octets_out += len(data)
        self._stats.writes -= 1  # the worker that has the peer counts what goes to it
        self._stats.octets_out -= len(data)
        self._carry(data)

    def _carry(self, data: bytes) -> None:
        raise NotOpen(f"{self.remote} has gone")

    def pause(self) -> None:
        """Nothing: what is read here is answers."""

    def resume(self) -> None:
        """Nothing."""

    def close(self) -> None:
        """Take nothing more."""
        self._gone = True

    def abort(self, reason: str = "aborted") -> None:
        """Take nothing more."""
        self._gone = True


class FarLink(Far):
    """The link to a peer that another worker has."""

    __slots__ = ("_host", "_left_ms")

    def __init__(self, port: Port, stats: Stats, host: str, left_ms: Callable[[int], int]) -> None:
        """`left_ms`: by Hop-by-Hop Identifier, the milliseconds that a request still has."""
        super().__init__(port, stats)
        self._host = host
        self._left_ms = left_ms

    def _carry(self, data: bytes) -> None:
        messages, at = [], 0
        while at < len(data):
            end = at + int.from_bytes(data[at + 1 : at + 4])
            messages.append((self._left_ms(int.from_bytes(data[at + 12 : at + 16])), data[at:end]))
            at = end
        self.port.requests(self._host, messages)


class BackLink(Far):
    """The way of answers to the worker that asked."""

    __slots__ = ()

    def _carry(self, data: bytes) -> None:
        self.port.answers(data)


class Crossings:
    """Both halves of the traffic with other workers, for one of them."""

    def __init__(self, core: Core, requests: Requests, identify: Callable[[], HopByHop]) -> None:
        """`identify`: the next Hop-by-Hop Identifier."""
        self._core = core
        self._requests = requests
        self._identify = identify
        self._back: dict[Port, Line] = {}

    # ---- our requests

    def line(self, port: Port, neighbour: Neighbour) -> Line:
        """A line to a peer that the worker behind `port` has."""
        link = FarLink(port, self._core.stats, neighbour.host, self._left_ms)
        line = Line(link, Connection(link.id, initiator=False))
        line.neighbour = replace(neighbour, link=link.id)
        line.is_open = True
        return line

    def _left_ms(self, hop_by_hop: int) -> int:
        pending = self._requests.pending
        request = pending.get(hop_by_hop)
        return 0 if request is None else min(max(int(pending.left_s(request, self._core.now) * 1000), 0), 0xFFFFFFFF)

    def take_answers(self, port: Port, messages: Iterable[bytes]) -> None:
        """Answers to requests of ours have come from another worker."""
        core, pending = self._core, self._requests.pending
        for octets in messages:
            answer = Message(octets, core.dictionary)
            request = pending.get(answer.hop_by_hop)
            links = () if request is None else (request.link, *request.earlier)
            lines = [line for link in links if (line := core.lines.get(link)) is not None and leads(line, port)]
            if lines:
                self._requests.answer(lines[0], answer)
            else:
                core.stats.dropped[Drop.STRAY_ANSWER] += 1

    def take_back(self, port: Port, hop_by_hop: int, busy: bool, reason: str) -> None:
        """Another worker could not have a request of ours answered."""
        request = self._requests.pending.get(hop_by_hop)
        line = None if request is None else self._core.lines.get(request.link)
        if request is not None and line is not None and leads(line, port):
            self._requests.given_back(line, request, f"peer {line.whose} does not keep up" if busy else reason)

    # ---- their requests

    def take_requests(self, port: Port, host: str, messages: Sequence[tuple[int, bytes]]) -> None:
        """Another worker asks for requests to be sent to a peer of ours."""
        core = self._core
        entry = core.table.find(host)
        line = None if entry is None else core.lines.get(entry.link)
        if entry is None or line is None or line.peer is None or not line.is_open or core.draining:
            for _, octets in messages:
                port.refuse(int.from_bytes(octets[12:16]), False, f"{host} is not connected there any more")
            return
        back = self._way_back(port)
        for left_ms, octets in messages:
            theirs, hop = HopByHop(int.from_bytes(octets[12:16])), self._identify()
            request: Request = Pending(
                hop, EndToEnd(int.from_bytes(octets[16:20])), line.link.id, entry.host, returned(octets, hop),
                (int.from_bytes(octets[8:12]), entry.host, entry.realm), Crossing(self, back, theirs),
            )  # fmt: skip
            self._requests.dispatch(line, request, left_ms / 1000)
        core.stats.requests_out -= len(messages)
        core.stats.crossed += len(messages)

    def answered(self, crossing: Crossing, answer: Message) -> None:
        """The answer to a request of another worker: back to it, in one piece with others of this wake-up."""
        core, back = self._core, crossing.back
        core.stats.answers_in -= 1
        core.tally.count(answer_host(answer), answer.octets, False, -1)
        if not back.out:
            core.dirty.append(back)
        back.out.append(returned(answer.octets, crossing.hop_by_hop))

    def failed(self, crossing: Crossing, error: BaseException) -> None:
        """A request of another worker has no answer."""
        link = crossing.back.link
        if isinstance(link, Far):
            link.port.refuse(crossing.hop_by_hop, isinstance(error, Busy), str(error))

    def lost(self, port: Port) -> None:
        """The way to a worker has ended: answers for it go nowhere."""
        back = self._back.pop(port, None)
        if back is not None:
            back.link.close()

    def _way_back(self, port: Port) -> Line:
        line = self._back.get(port)
        if line is None:
            link = BackLink(port, self._core.stats)
            line = self._back[port] = Line(link, Connection(link.id, initiator=False))
        return line


def answer_host(answer: Message) -> str:
    """The peer that brought an answer."""
    assert isinstance(answer.context, Neighbour)
    return answer.context.host


def leads(line: Line, port: Port) -> bool:
    """True when a line is one to a peer of the worker behind `port`."""
    return isinstance(line.link, FarLink) and line.link.port is port
