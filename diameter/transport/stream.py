"""A link over any byte stream that Twisted offers: TCP, and TLS on top of it.

Batching: whatever the owner writes in one wake-up leaves in one hand-over, at the end of `link_received` or of the
reactor turn.  It is offered to the kernel at once; only what the kernel does not take waits in the transport, whose
own way costs two changes of the poll set and another turn of the reactor for each batch.  Counting: the link is a pull
producer of its transport, which asks for more exactly when it holds nothing, so `buffered` is never below what waits in
this process (push producers are told of 64 KiB steps only).  Marks, as parts of `send_limit`: see
`diameter.transport.link`.
"""

from __future__ import annotations

from itertools import count
from typing import Final, Protocol

from twisted.internet.interfaces import IDelayedCall, IPullProducer, IReactorTime
from zope.interface import implementer

from diameter.errors import NotOpen
from diameter.security.link import CLEAR, LinkSecurity
from diameter.transport.link import Address, Link, StreamOwner

SLICE: Final = 4096
"""Octets delivered at once while the link is under pressure, so that a pause takes effect soon."""
EASY: Final = 8
"""Answers are taken to be at most this many times as long as their requests when deciding whether to slice."""
CLOSE_S: Final = 5.0
"""Seconds a closing link may take to send what was written; a peer that stopped reading would hold it for ever."""

link_ids: Final = count(1)
"""Numbers of links, of every transport."""


class StreamTransport(Protocol):
    """What a link needs of a Twisted transport; `ITCPTransport`, `IConsumer` and `IPushProducer` together."""

    def write(self, data: bytes) -> None: ...
    def loseConnection(self) -> None: ...
    def abortConnection(self) -> None: ...
    def pauseProducing(self) -> None: ...
    def resumeProducing(self) -> None: ...
    def registerProducer(self, producer: IPullProducer, streaming: bool) -> None: ...
    def unregisterProducer(self) -> None: ...


@implementer(IPullProducer)
class StreamLink(Link):
    """One connection.  What the transport tells comes in through `LinkProtocol`."""

    __slots__ = (
        "_clock", "_closing", "_congested", "_congested_at", "_delivering", "_end", "_flush", "_held", "_limit",
        "_outstanding", "_owner", "_paused_at", "_queue", "_queued", "_reading", "_reason", "_told", "_unread", "_up",
        "_wire", "_wire_reads", "_writable",
    )  # fmt: skip

    def __init__(
        self,
        wire: StreamTransport,
        owner: StreamOwner,
        clock: IReactorTime,
        *,
        ends: tuple[Address, Address],
        send_limit: int,
        security: LinkSecurity = CLEAR,
    ) -> None:
        super().__init__(next(link_ids), *ends, security)
        self._wire = wire
        self._owner = owner
        self._clock = clock
        self._limit = send_limit
        self._congested_at = send_limit // 4
        self._paused_at = send_limit // 2
        self._queue: list[bytes] = []
        self._queued = self._outstanding = 0
        self._unread = b""
        self._up = self._reading = self._wire_reads = True
        self._writable = self._closing = self._congested = self._told = self._held = self._delivering = False
        self._reason: str | None = None
        self._flush: IDelayedCall | None = None
        self._end: IDelayedCall | None = None

    # -- what the owner asks

    @property
    def buffered(self) -> int:
        """Octets written and not yet taken by the kernel; the hand-over in progress counts whole until it is done."""
        return self._queued + self._outstanding

    @property
    def congested(self) -> bool:
        """True from a quarter of `send_limit` up, until an eighth is left."""
        return self._congested

    def write(self, data: bytes, *, ordered: bool = True, stream: int | None = None, after_all: bool = False) -> None:
        """Take octets for the end of this wake-up; a byte stream has one order and no streams."""
        if self._closing:
            raise NotOpen(f"link {self.id} to {self.remote} is closed")
        waiting = self._queued + self._outstanding + len(data)
        if waiting > self._congested_at and not self._press(waiting):
            return
        self._queue.append(data)
        self._queued += len(data)
        if self._flush is None and not self._delivering and (self._writable or self._congested is not self._told):
            self._flush = self._clock.callLater(0, self._flush_now)

    def pause(self) -> None:
        """Deliver nothing more until `resume`."""
        self._held = True
        self._regulate()

    def resume(self) -> None:
        """Deliver again, from the reactor."""
        self._held = False
        self._regulate()

    def close(self) -> None:
        """Send what was written, for CLOSE_S seconds at most, then close."""
        if self._closing:
            return
        self._closing = True
        self._reason = ""
        self._unread = b""
        self._end = self._clock.callLater(CLOSE_S, self.abort, "closed by us; the peer did not read the rest")
        if self._writable and not self._delivering:
            self._hand_over()

    def abort(self, reason: str = "aborted") -> None:
        """Close at once; what was not sent is lost."""
        if self._up:
            self._closing = True
            self._reason = reason
            self._drop()
            self._wire.abortConnection()

    # -- what the transport tells

    def made(self) -> None:
        """The transport is ready: tell the owner, then start to send."""
        self._owner.link_up(self)
        self._wire.registerProducer(self, False)

    def received(self, data: bytes) -> None:
        """Deliver what arrived, or keep it while the link is paused: the transport may have read on a little."""
        self.octets_in += len(data)
        if self._closing:
            return
        if self._held or not self._reading or self._unread:
            self._unread += data
        else:
            self._deliver(data)

    def lost(self, reason: str) -> None:
        """The transport is gone; `reason` counts unless we closed."""
        self._up = self._writable = False
        self._closing = True
        self._drop()
        for call in (self._flush, self._end):
            if call is not None and call.active():
                call.cancel()
        self._owner.link_lost(self, reason if self._reason is None else self._reason)

    def resumeProducing(self) -> None:
        """The transport holds nothing any more: hand over the next batch (IPullProducer)."""
        self._writable = True
        self._outstanding = 0
        if self._queue or self._closing:
            self._hand_over()
        self._ease()
        self._tell()

    def stopProducing(self) -> None:
        """The transport takes nothing any more (IPullProducer); `lost` follows."""
        self._writable = False

    # -- inside

    def _deliver(self, data: bytes) -> None:
        """Give `data` to the owner, in slices while many answers wait, and send what it wrote meanwhile."""
        self._delivering = True
        try:
            if len(data) <= SLICE or self.buffered + EASY * len(data) < self._paused_at:
                self._owner.link_received(self, data)
            else:
                at = 0
                while at < len(data) and self._reading and not self._held and not self._closing:
                    self._owner.link_received(self, data[at : at + SLICE])
                    at += SLICE
                if not self._closing:
                    self._unread = data[at:]
        finally:
            self._delivering = False
        if self._writable and (self._queue or self._closing):
            self._hand_over()
        if self._unread:
            self._regulate()
        self._tell()

    def _regulate(self) -> None:
        """Make the transport read, or not, as the owner, the marks and what lies here unread ask for."""
        if self._closing:
            return
        go = self._reading and not self._held
        if go and self._unread:
            if self._flush is None:
                self._flush = self._clock.callLater(0, self._flush_now)
            go = False
        if go is not self._wire_reads:
            self._wire_reads = go
            if go:
                self._wire.resumeProducing()
            else:
                self.pauses += 1
                self._wire.pauseProducing()

    def _flush_now(self) -> None:
        """End of the wake-up, or of a pause: send what waits, deliver what lies here."""
        self._flush = None
        if self._writable and self._queue:
            self._hand_over()
        if self._unread and self._reading and not self._held:
            data, self._unread = self._unread, b""
            self._deliver(data)
            self._regulate()
        self._tell()

    def _hand_over(self) -> None:
        """Give everything that waits to the transport in one write; of a closing link that was the last one."""
        queue = self._queue
        if queue:
            octets = queue[0] if len(queue) == 1 else b"".join(queue)
            queue.clear()
            size = len(octets)
            self._queued = 0
            if size > self.peak_buffered:
                self.peak_buffered = size
            self.writes += 1
            self.octets_out += size
            self._outstanding = self._put(octets)
            self._writable = not self._outstanding
            if self._congested or not self._reading:
                self._ease()
        if self._closing and self._up:
            self._wire.unregisterProducer()
            self._wire.loseConnection()

    def _put(self, octets: bytes) -> int:
        """Offer octets to the kernel, leave what it does not take to the transport; return how many that are."""
        at_once = getattr(self._wire, "writeSomeData", None)
        if at_once is not None:
            sent = at_once(octets)
            if sent == len(octets):
                return 0
            if isinstance(sent, int) and sent > 0:
                octets = octets[sent:]
        self._wire.write(octets)  # a connection that is lost says so from the reactor
        return len(octets)

    def _ease(self) -> None:
        """Less waits than before: end what the marks began."""
        waiting = self._queued + self._outstanding
        if self._congested and waiting <= self._congested_at // 2:
            self._congested = False
        if not self._reading and waiting <= self._paused_at // 2:
            self._reading = True
            self._regulate()

    def _press(self, waiting: int) -> bool:
        """Act on the marks that `waiting` octets pass; False when they are too many and the link was given up."""
        if waiting > self._limit:
            self.abort(f"send limit of {self._limit} octets reached: the peer does not read")
            return False
        self.peak_buffered = max(self.peak_buffered, waiting)
        self._congested = True
        if waiting > self._paused_at and self._reading:
            self._reading = False
            self._regulate()
        return True

    def _tell(self) -> None:
        if self._congested is not self._told and not self._closing:
            self._told = self._congested
            if self._told:
                self._owner.link_congested(self)
            else:
                self._owner.link_drained(self)

    def _drop(self) -> None:
        self._queue.clear()
        self._queued = 0
        self._unread = b""
