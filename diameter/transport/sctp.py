"""An SCTP association as a link (RFC 6733 sections 2.1 and 2.1.1), whoever implements the SCTP.

Order.  What the owner writes in order goes on stream 0, in order: until the peer is known to be open that is all.
Then, as configured: unordered, by turns on all streams; or in order on a stream for each session; or as before.
`after_all` waits until everything before is acknowledged, since a DPR must not overtake an answer.

Payload protocol identifiers: 46 is sent, 46 and 0 are taken (freeDiameter and Erlang's diameter send 0); 47 is
Diameter under DTLS, so its sender is cut off; messages with others are thrown away.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import ClassVar, Final, NamedTuple

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from diameter.config import SctpConfig
from diameter.errors import NotOpen
from diameter.security.link import CLEAR, LinkSecurity
from diameter.transport.association import Association, Received
from diameter.transport.link import Address, Link, LinkOwner
from diameter.transport.pressure import Pressure
from diameter.transport.sctp_ends import Unsent, cause_of
from diameter.transport.sctp_events import (
    DeliveryAborted,
    Event,
    KeysWorn,
    Lost,
    PathChanged,
    PeerError,
    PeerShutsDown,
    SendFailed,
    Unknown,
    Up,
)
from diameter.transport.stream import CLOSE_S, EASY, link_ids

PPID: Final = 46
"""Diameter in DATA chunks, RFC 6733 section 11.5; host order."""
PPID_DTLS: Final = 47
TAKEN: Final = frozenset({0, PPID})
SLICE: Final = 8
"""Messages delivered at once while the link is under pressure, so that a pause takes effect soon."""
LOOK_S: Final = 0.005
"""Seconds between looks at whether everything is acknowledged."""

Renew = Callable[[Association], object]


class _Item(NamedTuple):
    data: bytes
    stream: int
    ordered: bool
    after_all: bool


class SctpLink(Link):
    """One association; what that tells comes in as `AssociationUser`."""

    __slots__ = (
        "_association", "_cause", "_clock", "_closing", "_delivering", "_down", "_end", "_failed", "_finished",
        "_flush", "_gone", "_next", "_order", "_owner", "_pressure", "_queue", "_reads", "_reason", "_renew",
        "_strange", "_unread", "_writable",
    )  # fmt: skip
    transport: ClassVar[str] = "sctp"
    message_oriented: ClassVar[bool] = True

    def __init__(
        self,
        association: Association,
        owner: LinkOwner,
        clock: IReactorTime,
        *,
        config: SctpConfig,
        send_limit: int,
        security: LinkSecurity = CLEAR,
        renew: Renew | None = None,
        gone: Callable[[], None] = lambda: None,
    ) -> None:
        """`renew`: told of the association when the peer has restarted it, after this link was lost; `gone`: called
        at the end, before the owner hears of it.
        """
        ends = association.local_addresses[0], association.remote_addresses[0]
        super().__init__(next(link_ids), *ends, security)
        self._association = association
        self._owner = owner
        self._clock = clock
        self._order = config.order
        self._renew = renew
        self._gone = gone
        self._pressure = Pressure(send_limit)
        self._queue: deque[_Item] = deque()
        self._unread: deque[bytes] = deque()
        self._failed = Unsent()
        self._strange, self.ppid_out = False, PPID
        self._writable = self._reads = True
        self._closing = self._delivering = self._finished = self._down = False
        self._reason: str | None = None
        self._cause, self._next = "", 0
        self._flush: IDelayedCall | None = None
        self._end: IDelayedCall | None = None

    # -- what the owner asks

    @property
    def local_addresses(self) -> tuple[Address, ...]:
        """Every address of our end."""
        return self._association.local_addresses if not self._down else (self.local,)

    @property
    def remote_addresses(self) -> tuple[Address, ...]:
        """Every address of the other end, the primary one first."""
        return self._association.remote_addresses if not self._down else (self.remote,)

    @property
    def by_session(self) -> bool:
        """True when each session is to have its stream."""
        return self._order == "session"

    @property
    def largest(self) -> int | None:
        """Octets of the longest message that the association can send."""
        return self._association.largest

    @property
    def buffered(self) -> int:
        """Octets written and not yet taken by SCTP."""
        return self._pressure.waiting

    @property
    def congested(self) -> bool:
        """True from a quarter of `send_limit` up, until an eighth is left."""
        return self._pressure.congested

    def write(self, data: bytes, *, ordered: bool = True, stream: int | None = None, after_all: bool = False) -> None:
        """Take one message; one that is too long for the association comes back by `link_unsent`."""
        if self._closing:
            raise NotOpen(f"link {self.id} to {self.remote} is closed")
        if len(data) > self._association.largest:
            self._clock.callLater(0, self._too_long, data)
            return
        self.peak_buffered = max(self.peak_buffered, self._pressure.take(len(data)))
        if self._pressure.over:
            self.abort(f"send limit of {self._pressure.limit} octets reached: the peer does not read")
            return
        self._queue.append(self._placed(data, ordered, stream, after_all))
        self._regulate()
        if not self._delivering and (self._writable or self._pressure.untold):
            self._soon()

    def pause(self) -> None:
        """Deliver nothing more until `resume`."""
        self._pressure.held = True
        self._regulate()

    def resume(self) -> None:
        """Deliver again, from the reactor."""
        self._pressure.held = False
        self._regulate()

    def close(self) -> None:
        """Send what was written, then SHUTDOWN, for CLOSE_S seconds at most; then ABORT."""
        if self._closing:
            return
        self._closing = True
        self._reason = ""
        self._unread.clear()
        self._end = self._clock.callLater(CLOSE_S, self.abort, "closed by us; the peer did not take the rest")
        if not self._reads:
            self._reads = True
            self._association.resume()  # what arrives must be read, or SCTP aborts instead of shutting down
        if not self._delivering:
            self._soon()

    def abort(self, reason: str = "aborted") -> None:
        """ABORT at once; what was not sent comes back by `link_unsent`."""
        if not self._down and not self._reason:
            self._closing = True
            self._reason = reason
            self._unread.clear()
            self._association.abort()

    # -- what the association tells

    def made(self) -> None:
        """Tell the owner, then start to deliver."""
        self._owner.link_up(self)
        self._association.attach(self)

    def received(self, messages: Sequence[Received]) -> None:
        """Deliver what arrived, or keep it while the link is paused."""
        found: list[bytes] = []
        for data, _, ppid in messages:
            self.octets_in += len(data)
            self.ppid_in = ppid
            if ppid in TAKEN:
                found.append(data)
            else:
                self._stranger(ppid)
        if self._closing or not found:
            return
        if not self._pressure.go or self._unread:
            self._unread.extend(found)
        else:
            self._deliver(found)

    def happened(self, event: Event) -> None:
        """Everything else that SCTP says."""
        match event:
            case Up(restarted=True):
                self._restarted()
            case Lost():
                self._cause = cause_of(event)
            case PeerShutsDown():
                self._closing = True
            case SendFailed():
                self._failed.take(event)
            case PathChanged():
                state = event.state.name.lower().replace("_", " ")
                self._note(f"path {event.address.host} is {state}")
            case DeliveryAborted():
                self._note("the rest of a message will not come")
            case PeerError():
                self._note(f"the peer reports error {event.error}")
            case KeysWorn():
                self._owner.link_worn(self)
            case Unknown():
                self._note(f"notification {event.kind:#x} of {event.octets} octets is not understood")
            case _:
                pass

    def writable(self) -> None:
        """There is room again."""
        self._writable = True
        self._send()
        self._tell()

    def ended(self, reason: str) -> None:
        """The association is gone."""
        self._over((self._cause or reason) if self._reason is None else self._reason)

    # -- inside

    def _placed(self, data: bytes, ordered: bool, stream: int | None, after_all: bool) -> _Item:
        """Choose the stream of a message; stream 0 is for what has an order, where there are others."""
        if ordered or self._order == "ordered":
            return _Item(data, 0, True, after_all)
        streams = self._association.outbound_streams
        if stream is None:
            stream = self._next = self._next + 1
        chosen = stream % streams if streams < 2 else 1 + stream % (streams - 1)
        return _Item(data, chosen, self._order == "session", after_all)

    def _soon(self) -> None:
        if self._flush is None:
            self._flush = self._clock.callLater(0, self._flush_now)

    def _flush_now(self) -> None:
        """End of the wake-up, or of a pause: send what waits, deliver what lies here."""
        self._flush = None
        self._send()
        if self._unread and self._pressure.go and not self._closing:
            found = list(self._unread)
            self._unread.clear()
            self._deliver(found)
        self._regulate()
        self._tell()

    def _send(self) -> None:
        """Give SCTP what it takes; behind the last message of a closing link, SHUTDOWN."""
        queue, association = self._queue, self._association
        while queue and self._writable and not self._finished:
            item = queue[0]
            if item.after_all and association.outstanding:
                if self._flush is None:
                    self._flush = self._clock.callLater(LOOK_S, self._flush_now)
                break
            more = len(queue) > 1 and not queue[1].after_all
            if not association.send(item.data, stream=item.stream, ppid=PPID, ordered=item.ordered, more=more):
                self._writable = False
                break
            queue.popleft()
            self._pressure.gone(len(item.data))
            self.writes += 1
            self.octets_out += len(item.data)
        self._regulate()
        if self._closing and not queue and not self._finished and not self._down:
            self._finished = True
            association.finish()

    def _deliver(self, messages: list[bytes]) -> None:
        """Give messages to the owner, few at a time while many answers wait, and send what it wrote meanwhile."""
        self._delivering = True
        try:
            at = 0
            while at < len(messages) and self._pressure.go and not self._closing:
                size = len(messages) if self._pressure.fits(sum(map(len, messages)) * EASY) else SLICE
                self._owner.link_messages(self, messages[at : at + size])
                at += size
            if not self._closing:
                self._unread.extend(messages[at:])
        finally:
            self._delivering = False
        self._send()
        self._regulate()
        self._tell()

    def _regulate(self) -> None:
        """Make the association read, or not, as the owner, the marks and what lies here unread ask for."""
        if self._closing or self._down:
            return
        go = self._pressure.go
        if go and self._unread:
            self._soon()
            go = False
        if go is not self._reads:
            self._reads = go
            if go:
                self._association.resume()
            else:
                self.pauses += 1
                self._association.pause()

    def _tell(self) -> None:
        if self._pressure.untold and not self._closing:
            self._pressure.told = self._pressure.congested
            if self._pressure.told:
                self._owner.link_congested(self)
            else:
                self._owner.link_drained(self)

    def _stranger(self, ppid: int) -> None:
        """A message that is no Diameter in clear."""
        if ppid == PPID_DTLS and not self._closing:
            self.abort("the peer speaks DTLS (payload protocol identifier 47) on a link in clear")
        elif not self._strange:
            self._strange = True
            self._note(f"messages with payload protocol identifier {ppid} are thrown away")

    def _note(self, text: str) -> None:
        self._owner.link_note(self, text)

    def _too_long(self, data: bytes) -> None:
        if not self._down:
            self._note(f"a message of {len(data)} octets is longer than {self._association.largest}")
            self._owner.link_unsent(self, (data,))

    def _restarted(self) -> None:
        """The peer has begun anew on the same addresses and ports: for Diameter that is another link."""
        association, renew = self._association, self._renew
        self._over("the peer has restarted the association")
        if renew is None:
            association.abort()
        else:
            renew(association)

    def _over(self, reason: str) -> None:
        if self._down:
            return
        self._down = self._closing = True
        for call in (self._flush, self._end):
            if call is not None and call.active():
                call.cancel()
        self._unread.clear()
        unsent = (*self._failed.messages, *(item.data for item in self._queue))
        self._queue.clear()
        self._gone()
        if unsent:
            self._owner.link_unsent(self, unsent)
        self._owner.link_lost(self, reason)
