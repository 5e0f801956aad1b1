"""The actions of RFC 6733 section 5.6.3 carried out for one peer: what each becomes for the glue.

`Actions` is the lowest storey of `Peer` and holds its state; `machine.py` decides when an action is due.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from diameter.errors import ResultCode
from diameter.peer import watchdog
from diameter.peer.capabilities import Capabilities, Refusal, read
from diameter.peer.election import wins
from diameter.peer.fsm import Action, State
from diameter.peer.inputs import (
    CancelConnect,
    Close,
    Connect,
    Deliver,
    DisconnectCause,
    Disconnecting,
    Dropped,
    Habits,
    LinkId,
    Output,
    Restarted,
    Send,
    Timers,
    Uniform,
    Write,
)
from diameter.peer.reconnect import Reconnection

if TYPE_CHECKING:
    from diameter.message import Message
    from diameter.peer.base import BaseMessages
    from diameter.peer.connection import Connection


@dataclass(slots=True)
class Turn:
    """What one input brought; the actions of its row read it."""

    now: float
    message: Message | None = None
    connection: Connection | None = None
    octets: bytes = b""
    reason: str = ""
    cause: DisconnectCause = DisconnectCause.REBOOTING
    refusal: Refusal | None = None
    abort: bool = False
    probe: bool = False
    restarted: bool = False


IN_ORDER: Final = "disconnected in order"


class Actions:
    """State of one peer, and what its tables' actions do; the public attributes are explained in `Peer`."""

    __slots__ = (
        "_attempting", "_base", "_capabilities_r", "_cer_hop", "_cer_r", "_dog", "_dpr_hop", "_dwr_at", "_dwr_hop",
        "_habits", "_i", "_initiate", "_left", "_open", "_orderly", "_origin_state_id", "_out", "_peer_cause", "_r",
        "_retry", "_timer", "_timers", "_won", "capabilities", "host", "live_link", "open_link", "state", "usable",
    )  # fmt: skip

    def __init__(
        self, host: str, base: BaseMessages, uniform: Uniform, timers: Timers, habits: Habits, *, initiate: bool
    ) -> None:
        self.host = host
        self.state = State.CLOSED
        self.open_link: LinkId | None = None
        self.live_link: LinkId | None = None
        self.usable = False
        self.capabilities: Capabilities | None = None
        self._base = base
        self._timers = timers
        self._habits = habits
        self._initiate = initiate
        self._dog = watchdog.Watchdog(timers, uniform)
        self._retry = Reconnection(timers, uniform)
        self._out: list[Output] = []
        self._i: Connection | None = None
        self._r: Connection | None = None
        self._open: Connection | None = None
        self._attempting = False
        self._cer_r: Message | None = None
        self._capabilities_r: Capabilities | None = None
        self._cer_hop = self._dwr_hop = self._dpr_hop = -1
        self._dwr_at = 0.0
        self._timer: float | None = None
        self._won = False
        self._orderly = False
        self._left = False
        self._peer_cause: int | None = None
        self._origin_state_id = 0

    def says(self, base: BaseMessages) -> None:
        """Build CER, CEA and all other base messages of this peer with `base` from now on."""
        self._base = base

    def _saw_state(self, origin_state_id: int, turn: Turn) -> None:
        """Origin-State-Id of the peer (section 8.16); 0 says nothing.  It may only change with a restart, which ends
        the link; whoever changes it on a link is believed, unless its habits are to be strict.
        """
        if origin_state_id:
            turn.restarted = self.open_link is not None and origin_state_id != self._origin_state_id != 0
            if 0 < self._origin_state_id < origin_state_id:
                self._out.append(Restarted(origin_state_id=origin_state_id))
            self._origin_state_id = origin_state_id

    # ---- actions of section 5.6.3

    def _write(self, link: LinkId, octets: bytes) -> None:
        self._out.append(Write(link=link, send=Send(octets)))

    def _drop(self, link: LinkId, message: Message, reason: str) -> None:
        self._out.append(Dropped(link=link, reason=reason, message=message))

    def _live(self) -> Connection:
        """The connection that is, or was, open."""
        connection = self._i if self._i is not None and self._i.link == self.live_link else self._r
        assert connection is not None
        return connection

    def _snd_conn_req(self, turn: Turn) -> None:
        self._attempting = True
        self._retry.trying()
        self._out.append(Connect())

    def _accept(self, turn: Turn) -> None:
        assert turn.message is not None
        self._r, self._cer_r = turn.connection, turn.message

    def _process_cer(self, turn: Turn) -> None:
        assert turn.message is not None
        self._capabilities_r = read(turn.message, self._habits)

    def _reject(self, turn: Turn) -> None:
        assert turn.message is not None
        assert turn.connection is not None
        refusal = Refusal(ResultCode.ELECTION_LOST, f"{self.host} is {self.state.value} on another connection")
        self._out += self._base.refuse(turn.connection, turn.message, refusal)
        turn.probe = True

    def _snd_cer(self, turn: Turn) -> None:
        assert self._i is not None
        octets, self._cer_hop = self._base.cer(self._i)
        self._write(self._i.link, octets)

    def _snd_cea(self, turn: Turn) -> None:
        assert self._r is not None
        assert self._cer_r is not None
        self._write(self._r.link, self._base.cea(self._r, self._cer_r))
        self.capabilities, self._cer_r = self._capabilities_r, None

    def _process_cea(self, turn: Turn) -> None:
        assert turn.message is not None
        self.capabilities = read(turn.message, self._habits)

    def _elect(self, turn: Turn) -> None:
        assert self._cer_r is not None
        self._won = wins(self._base.local.origin_host, self._cer_r.text("Origin-Host"))

    def _error(self, turn: Turn) -> None:
        if self._attempting:
            self._attempting = False
            self._out.append(CancelConnect())
        self._i_disc(turn)
        self._r_disc(turn)

    def _i_disc(self, turn: Turn) -> None:
        self._disconnect(self._i, turn)
        self._i = None

    def _r_disc(self, turn: Turn) -> None:
        self._disconnect(self._r, turn)
        self._r = self._cer_r = None

    def _disconnect(self, connection: Connection | None, turn: Turn) -> None:
        if connection is not None:
            self._out.append(Close(link=connection.link, reason=turn.reason or IN_ORDER, abort=turn.abort))

    def _snd_message(self, turn: Turn) -> None:
        connection = self._live()
        self._out.append(Write(link=connection.link, send=Send(turn.octets, connection.ordered)))

    def _process(self, turn: Turn) -> None:
        """A message for the layers above.  In Closing a request is not begun, because its answer could not be sent."""
        assert turn.message is not None
        assert self.live_link is not None
        if self.state is State.CLOSING and turn.message.request:
            self._drop(self.live_link, turn.message, "a request after the DPR")
        else:
            self._out.append(Deliver(link=self.live_link, message=turn.message))

    def _process_dwr(self, turn: Turn) -> None:
        assert turn.message is not None
        if turn.refusal is None:
            self._saw_state(turn.message.get("Origin-State-Id", 0), turn)

    def _process_dwa(self, turn: Turn) -> None:
        self._dwr_hop = -1
        self._process_dwr(turn)

    def _snd_answer(self, turn: Turn) -> None:
        """DWA or DPA; to a request with faults the answer says the first."""
        assert turn.message is not None
        self._write(self._live().link, self._base.answer(turn.message, turn.refusal))

    def _snd_dpr(self, turn: Turn) -> None:
        connection = self._live()
        octets, self._dpr_hop = self._base.dpr(turn.cause)
        self._write(connection.link, octets)
        self._out.append(Disconnecting(link=connection.link, cause=turn.cause, by_peer=False))

    def _snd_dpa(self, turn: Turn) -> None:
        assert turn.message is not None
        assert self.live_link is not None
        self._snd_answer(turn)
        self._left = self._orderly = True
        self._peer_cause = None if turn.refusal is not None else turn.message.number("Disconnect-Cause")
        self._out.append(Disconnecting(link=self.live_link, cause=self._peer_cause, by_peer=True))


DO: Final[Mapping[Action, Callable[[Actions, Turn], None]]] = {
    Action.I_SND_CONN_REQ: Actions._snd_conn_req,
    Action.R_ACCEPT: Actions._accept,
    Action.R_REJECT: Actions._reject,
    Action.PROCESS_CER: Actions._process_cer,
    Action.PROCESS_CEA: Actions._process_cea,
    Action.R_SND_CEA: Actions._snd_cea,
    Action.I_SND_CER: Actions._snd_cer,
    Action.CLEANUP: Actions._error,
    Action.ERROR: Actions._error,
    Action.ELECT: Actions._elect,
    Action.I_DISC: Actions._i_disc,
    Action.R_DISC: Actions._r_disc,
    Action.I_SND_MESSAGE: Actions._snd_message,
    Action.R_SND_MESSAGE: Actions._snd_message,
    Action.PROCESS: Actions._process,
    Action.PROCESS_DWR: Actions._process_dwr,
    Action.I_SND_DWA: Actions._snd_answer,
    Action.R_SND_DWA: Actions._snd_answer,
    Action.PROCESS_DWA: Actions._process_dwa,
    Action.I_SND_DPR: Actions._snd_dpr,
    Action.R_SND_DPR: Actions._snd_dpr,
    Action.I_SND_DPA: Actions._snd_dpa,
    Action.R_SND_DPA: Actions._snd_dpa,
}
