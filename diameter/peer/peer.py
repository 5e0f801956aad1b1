"""One remote Diameter identity: the state machine of RFC 6733 section 5.6, the watchdog of RFC 3539 and at most two
links.

The glue (`node.py`) calls the inputs with `now`, carries out what `drain()` returns, in order, and calls
`expire(now)` no later than `deadline()`.  In OPEN, application messages bypass this class: the glue reads
`open_link` and `usable`, and calls `heard(now)` once per wake-up in which the open link delivered anything.

Settled here, where the RFCs leave room.  A CER is checked before it becomes R-Conn-CER, so that a refused one
disturbs nothing; a CEA that fails the checks counts as I-Rcv-Non-CEA.  A rejected second connection is told
DIAMETER_ELECTION_LOST before it is closed, and the open link is probed at once, because the peer may have lost it
without our knowing.  What arrives in REOPEN is served (RFC 6733: Process), where RFC 3539 would throw it away: the
peer that restarted does not know that we are on probation with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from diameter.errors import NotOpen, ResultCode
from diameter.peer import watchdog
from diameter.peer.actions import Turn
from diameter.peer.capabilities import CAPABILITIES_EXCHANGE, Refusal, check_cea, check_cer, refusing
from diameter.peer.fsm import Input, State
from diameter.peer.inputs import (
    ORDINARY,
    Close,
    DisconnectCause,
    Habits,
    LinkId,
    Output,
    Probed,
    Refused,
    Timers,
    Uniform,
)
from diameter.peer.machine import Machine

if TYPE_CHECKING:
    from diameter.message import Message
    from diameter.peer.base import BaseMessages
    from diameter.peer.connection import Connection

DEVICE_WATCHDOG = 280
DISCONNECT_PEER = 282

_RECEIVED = {
    DEVICE_WATCHDOG: ((Input.I_RCV_DWA, Input.I_RCV_DWR), (Input.R_RCV_DWA, Input.R_RCV_DWR)),
    DISCONNECT_PEER: ((Input.I_RCV_DPA, Input.I_RCV_DPR), (Input.R_RCV_DPA, Input.R_RCV_DPR)),
}
_OPEN = frozenset({State.I_OPEN, State.R_OPEN})
_LIVE = _OPEN | {State.CLOSING}


class Peer(Machine):
    """One remote identity.  host: its Origin-Host.  initiate: we connect (and reconnect) to it; else we only answer.

    base: builder of base messages, shared by the peers of a node.  uniform: source of jitter.  habits: what this peer
    is allowed beside the rules.

    Read-only for the glue: `host`, `state` (fsm.State), `watchdog_state`, `open_link` (LinkId while I-Open or
    R-Open, else None: where requests and answers are sent), `usable` (open, and the watchdog says OKAY: new requests
    may be sent), `live_link` (open or Closing: answers that arrive are still delivered), `ordered` (for `Send` of
    application messages), `capabilities` (of the open link, or of the last one), `last_rx`.
    """

    __slots__ = ()

    def __init__(
        self,
        host: str,
        base: BaseMessages,
        *,
        uniform: Uniform,
        timers: Timers | None = None,
        habits: Habits = ORDINARY,
        initiate: bool = False,
    ) -> None:
        super().__init__(host, base, uniform, timers or Timers(), habits, initiate=initiate)

    @property
    def watchdog_state(self) -> watchdog.State:
        """State of RFC 3539, beside and apart from `state`."""
        return self._dog.state

    @property
    def ordered(self) -> bool:
        """How application messages are to be sent on the open link (RFC 6733 section 2.1.1)."""
        return self._open is None or self._open.ordered

    @property
    def retry_at(self) -> float | None:
        """When the next attempt to connect is made; None when none is planned."""
        return self._retry.deadline()

    @property
    def last_rx(self) -> float:
        """When anything was last received on an open link; minus infinity before."""
        return self._dog.last_rx

    # ---- inputs from the operator

    def retime(self, timers: Timers) -> None:
        """Use these waiting times from the next that begins; those that run end as they began."""
        self._timers = timers
        self._dog.retime(timers)
        self._retry.retime(timers)

    def start(self, now: float, *, once: bool = False) -> None:
        """Want a connection: connect now if nothing is under way, and again after Tc whenever it is lost (Start of
        5.6), or with `once` not again.

        A peer with `initiate` false goes on waiting to be connected to.
        """
        if self._initiate:
            self._retry.want()
            self._feed(Input.START, Turn(now))
            if once:
                self._retry.unwant()

    def stop(self, now: float, cause: DisconnectCause = DisconnectCause.REBOOTING) -> None:
        """Disconnect by DPR and stay disconnected until `start` or until the peer connects (Stop)."""
        self._retry.unwant()
        self._feed(Input.STOP, Turn(now, reason="stopped here", cause=cause))

    def initiates(self, initiate: bool) -> None:
        """From the next `start` on: connect, or only answer."""
        self._initiate = initiate

    def give_way(self, now: float, reason: str) -> None:
        """End what there is without a DPR and stay closed until `await_return`: another process has this peer now."""
        self._retry.unwant()
        turn = Turn(now, reason=reason, abort=True)
        if self.state in _OPEN:
            self._break(turn)
        else:
            self._feed(Input.STOP, turn)

    def await_return(self, now: float) -> None:
        """Want a connection again, after Tc: the other process has lost it."""
        if self._initiate:
            self._retry.want()
            self._retry.lost(now)

    def probe(self, now: float) -> None:
        """Send a DWR now if none is unanswered; `Probed` tells the time of its DWA."""
        if self.state in _OPEN:
            self._watch(self._dog.probe(now), Turn(now))

    def send(self, octets: bytes, now: float) -> None:
        """Send a message on the open link (Send-Message).  Raises NotOpen."""
        if not self._feed(Input.SEND_MESSAGE, Turn(now, octets=octets)):
            raise NotOpen(f"peer {self.host} is {self.state.value}")

    # ---- inputs from the transport

    def connected(self, connection: Connection, now: float) -> None:
        """The link asked for by `Connect` is up (I-Rcv-Conn-Ack)."""
        if not self._attempting:
            self._out.append(Close(link=connection.link, reason="no connection is awaited any more"))
            return
        self._attempting = False
        self._i = connection
        self._feed(Input.I_RCV_CONN_ACK, Turn(now))

    def connect_failed(self, now: float, reason: str) -> None:
        """The attempt asked for by `Connect` failed (I-Rcv-Conn-Nack)."""
        if self._attempting:
            self._attempting = False
            self._feed(Input.I_RCV_CONN_NACK, Turn(now, reason=reason))

    def link_lost(self, link: LinkId, now: float, reason: str = "") -> None:
        """The transport lost the link or the other side closed it (Peer-Disc); links already closed here are
        ignored.
        """
        turn = Turn(now, reason=reason or "closed by the other side")
        if self._i is not None and self._i.link == link:
            self._i = None
            self._feed(Input.I_PEER_DISC, turn)
        elif self._r is not None and self._r.link == link:
            self._r = None
            self._feed(Input.R_PEER_DISC, turn)

    # ---- inputs from the wire

    def accept(self, connection: Connection, cer: Message, now: float) -> None:
        """An inbound link brought a CER of this peer (R-Conn-CER).

        The CER is checked here; one that cannot be accepted is answered and its link closed, whatever the state.
        """
        refusal = check_cer(cer, self._base.local, self.host, secure=connection.secure, habits=self._habits)
        if refusal is not None:
            self._out += self._base.refuse(connection, cer, refusal)
            return
        if self._habits.replace:
            self._break(Turn(now, reason="a newer connection of the same host replaces it", abort=True))
        self._feed(Input.R_CONN_CER, Turn(now, message=cer, connection=connection))

    def heard(self, now: float) -> None:
        """Something arrived on the open link.  Cheap in OKAY: it stores `last_rx`; in SUSPECT it fails back."""
        if self._open is not None:
            self._open.proven = True
            if self._dog.state is watchdog.State.OKAY:
                self._dog.last_rx = now
            else:
                self._watch(self._dog.received(now), Turn(now))

    def receive(self, link: LinkId, message: Message, now: float) -> None:
        """A message arrived: every CER/CEA, DWR/DWA and DPR/DPA, and any message while `open_link` is not `link`."""
        turn = Turn(now, message=message)
        code = message.command_code if message.application_id == 0 else -1
        if self._i is not None and self._i.link == link:
            initiator = True
        elif self._r is not None and self._r.link == link:
            initiator = False
        else:
            self._drop(link, message, "the link is closed, or of another peer")
            return
        if self.state not in _LIVE:
            if initiator:
                self._in_exchange(link, message, turn, code)
            else:
                turn.reason = f"{message.command} before the CEA was sent"
                self._drop(link, message, turn.reason)
                self._feed(Input.R_RCV_MESSAGE, turn)
            return
        dwa = code == DEVICE_WATCHDOG and not message.request and message.hop_by_hop == self._dwr_hop
        if dwa and self._open is not None:
            self._answered(self._open, now)
        else:
            self.heard(now)
        self._in_open(link, message, turn, code, initiator=initiator)

    def _in_exchange(self, link: LinkId, message: Message, turn: Turn, code: int) -> None:
        """A message on the link we initiated, before it is open: the CEA, or the end of the attempt."""
        if code != CAPABILITIES_EXCHANGE or message.request or message.hop_by_hop != self._cer_hop:
            turn.reason = f"{message.command} where the CEA was awaited"
            self._drop(link, message, turn.reason)
            self._feed(Input.I_RCV_NON_CEA, turn)
            return
        refusal = check_cea(message, self._base.local, self.host, self._habits)
        if refusal is None:
            self._feed(Input.I_RCV_CEA, turn)
            return
        turn.reason = refusal.reason
        self._out.append(Refused(link=link, reason=refusal.reason, by_peer=refusal.by_peer, result_code=refusal.code))
        self._feed(Input.I_RCV_NON_CEA, turn)

    def _in_open(self, link: LinkId, message: Message, turn: Turn, code: int, *, initiator: bool) -> None:
        """A message on the link that is open or closing."""
        if code == CAPABILITIES_EXCHANGE:
            if message.request:
                again = Refusal(ResultCode.UNABLE_TO_COMPLY, "capabilities were exchanged already")
                self._write(link, self._base.answer(message, again))
            self._drop(link, message, "capabilities were exchanged already")
            return
        awaited = self._dwr_hop if code == DEVICE_WATCHDOG else self._dpr_hop
        if code not in _RECEIVED:
            event = Input.I_RCV_MESSAGE if initiator else Input.R_RCV_MESSAGE
        elif message.request or message.hop_by_hop == awaited:
            event = _RECEIVED[code][0 if initiator else 1][message.request]
        else:
            self._drop(link, message, f"{message.command} answers no request of ours")
            return
        if code == DISCONNECT_PEER and not message.request:
            self._orderly = True
        turn.refusal = refusing(message)
        if not self._feed(event, turn):
            self._drop(link, message, f"{message.command} means nothing in {self.state.value}")

    def _answered(self, connection: Connection, now: float) -> None:
        """A DWA with the identifier of our DWR arrived."""
        connection.proven = True
        self._out.append(Probed(link=connection.link, rtt_s=now - self._dwr_at))
        self._watch(self._dog.received(now, dwa=True), Turn(now))

    # ---- time

    def expire(self, now: float) -> None:
        """Act on every timer that is due."""
        if self._timer is not None and self._timer <= now:
            self._timer = None
            self._feed(Input.TIMEOUT, Turn(now, reason=f"nothing came in {self.state.value}", abort=True))
        due = self._dog.deadline()
        if due is not None and due <= now:
            self._watch(self._dog.expire(now), Turn(now, reason="the watchdog had no answer", abort=True))
        due = self._retry.deadline()
        if due is not None and due <= now:
            self._retry.trying()
            self._watch(self._dog.expire(now), Turn(now))

    def deadline(self) -> float | None:
        """When `expire` must be called next; None when nothing is awaited."""
        waits = (self._timer, self._dog.deadline(), self._retry.deadline())
        return min((wait for wait in waits if wait is not None), default=None)

    def drain(self) -> list[Output]:
        """What is to be done, in order; empties the list."""
        out = self._out
        self._out = []
        return out
