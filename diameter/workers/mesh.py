"""The way from one worker to another: batches of requests and answers, with the back-pressure of any link."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable
from typing import Any, ClassVar, cast

from twisted.internet.interfaces import IReactorTime

from diameter._node.crossing import Crossings
from diameter._node.sharing import Sharing
from diameter.transport.link import Address, Link
from diameter.transport.stream import StreamLink, StreamTransport
from diameter.workers import frames
from diameter.workers.channel import Channel
from diameter.workers.frames import GarbledFrame, Reader


class MeshLink(StreamLink):
    """Octets between two workers."""

    __slots__ = ()
    transport: ClassVar[str] = "worker"


class Strand:
    """One of the sockets between this worker and the others (`diameter._node.crossing.Port`).

    `lost` is called once, with this and a reason, when the socket is of no use any more, unless `close` was called.
    """

    def __init__(
        self,
        reactor: Any,
        end: socket.socket,
        worker: int,
        peering: Sharing,
        wake: Callable[[Callable[[], None]], None],
        lost: Callable[[Strand, str], None],
        *,
        send_limit: int,
    ) -> None:
        self.worker = worker
        self._peering = peering
        self._crossings: Crossings = peering.crossings
        self._wake = wake
        self._lost: Callable[[Strand, str], None] | None = lost
        self._reader = Reader()
        self._channel = Channel(reactor, end, self._read, self._ended)
        ends = Address(f"worker {worker}", 0), Address(f"worker {worker}", 0)
        self._link = MeshLink(
            cast(StreamTransport, self._channel), self, cast(IReactorTime, reactor), ends=ends, send_limit=send_limit
        )
        self._link.made()

    # ---- what the node sends

    @property
    def congested(self) -> bool:
        """True while the other worker does not keep up."""
        return self._link.congested

    @property
    def buffered(self) -> int:
        """Octets that have not left yet."""
        return self._link.buffered

    def requests(self, host: str, messages: Iterable[tuple[int, bytes]]) -> None:
        """Requests for a peer that the other worker has."""
        self._link.write(frames.requests(host, messages))

    def answers(self, octets: bytes) -> None:
        """Answers to requests of the other worker."""
        self._link.write(frames.frame(frames.ANSWERS, octets))

    def refuse(self, hop_by_hop: int, busy: bool, reason: str) -> None:
        """A request of the other worker cannot be answered."""
        self._link.write(frames.refused(hop_by_hop, busy, reason))

    def close(self) -> None:
        """The other worker has gone, or another socket takes the place of this one."""
        self._lost = None
        self._link.abort("replaced")

    # ---- what comes

    def _read(self, data: bytes) -> None:
        self._link.received(data)

    def _ended(self, reason: str) -> None:
        self._link.lost(reason)

    def link_up(self, link: Link) -> None:
        """Nothing: `Sharing.port_up` follows."""

    def link_received(self, link: Link, data: bytes) -> None:
        """All frames of one read are one wake-up."""
        self._wake(lambda: self._take(data))

    def link_lost(self, link: Link, reason: str) -> None:
        """The socket is gone."""
        lost, self._lost = self._lost, None
        self._wake(lambda: self._peering.port_lost(self))
        if lost is not None:
            lost(self, reason)

    def link_congested(self, link: Link) -> None:
        """Lines that lead here say so."""

    def link_drained(self, link: Link) -> None:
        """What was held back may go."""
        self._wake(lambda: self._peering.release(self))

    def link_refused(self, transport: str, remote: Address, reason: str) -> None:
        """Never: nothing is refused here."""

    def _take(self, data: bytes) -> None:
        crossings = self._crossings
        try:
            for kind, body in self._reader.feed(data):
                if kind == frames.REQUESTS:
                    crossings.take_requests(self, *frames.requests_of(body))
                elif kind == frames.ANSWERS:
                    crossings.take_answers(self, frames.answers_of(body))
                elif kind == frames.REFUSED:
                    crossings.take_back(self, *frames.refused_of(body))
                else:
                    raise GarbledFrame(f"kind {kind} between workers")
        except GarbledFrame as error:
            self._link.abort(f"garbled: {error}")
