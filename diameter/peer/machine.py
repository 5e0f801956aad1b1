"""The two state machines of one peer driven: a step of RFC 6733 section 5.6, what it means for the timers, the
watchdog of RFC 3539, the reconnection and the glue, and the actions of the watchdog.

The middle storey of `Peer`, between the actions and the inputs.
"""

from __future__ import annotations

from typing import Final

from diameter.peer import fsm, watchdog
from diameter.peer.actions import DO, IN_ORDER, Actions, Turn
from diameter.peer.fsm import Input, State
from diameter.peer.inputs import Failed, Okay, Opened, Suspect, Unreachable

_OPEN: Final = frozenset({State.I_OPEN, State.R_OPEN})
_CONNECTING: Final = frozenset({State.WAIT_CONN_ACK, State.WAIT_CONN_ACK_ELECT})
_EXCHANGING: Final = frozenset({State.WAIT_I_CEA, State.WAIT_RETURNS})


class Machine(Actions):
    """See `Peer`."""

    __slots__ = ()

    def _feed(self, event: Input, turn: Turn) -> bool:
        """Take one step; False when the event means nothing in this state."""
        found = fsm.step(self.state, event)
        if found is None:
            return False
        actions, after = found
        for action in actions:
            DO[action](self, turn)
        before, self.state = self.state, after
        self._moved(before, turn)
        if self._won:
            self._won = False
            self._feed(Input.WIN_ELECTION, turn)
        if turn.probe and self.state in _OPEN:
            self._watch(self._dog.probe(turn.now), turn)
        if turn.restarted and self._habits.strict_state:
            turn.restarted = False
            self._break(Turn(turn.now, reason="Origin-State-Id has changed on the open link", abort=True))
        return True

    def _break(self, turn: Turn) -> None:
        """End the open link as if the peer had; nothing when there is none."""
        if self.state in _OPEN:
            self._feed(Input.I_PEER_DISC if self.state is State.I_OPEN else Input.R_PEER_DISC, turn)

    def _moved(self, before: State, turn: Turn) -> None:
        """What a change of state means for timers, watchdog and glue."""
        after = self.state
        self._set_timer(before, turn.now)
        if after in _OPEN:
            if before not in _OPEN:
                self._opened(turn)
        elif before in _OPEN:
            self.open_link, self._open, self.usable = None, None, False
            if after is State.CLOSING:
                self._dog.hold()
            else:
                self._failed(turn)
                self._dog.down(turn.now)
                self._retry.lost(turn.now)
        elif before is State.CLOSING and after is State.CLOSED:
            self._closed(turn)
        elif after is State.CLOSED and before is not State.CLOSED:
            self._retry.lost(turn.now)
            due = self._retry.deadline()
            self._out.append(Unreachable(reason=turn.reason, retry_s=None if due is None else due - turn.now))

    def _set_timer(self, before: State, now: float) -> None:
        """A waiting state has one timer, which runs on while an election joins it."""
        after, timers = self.state, self._timers
        for group, wait_s in ((_CONNECTING, timers.connect_timeout_s), (_EXCHANGING, timers.cea_timeout_s)):
            if after in group:
                if before not in group:
                    self._timer = now + wait_s
                return
        if after is not State.CLOSING:
            self._timer = None
        elif before is not State.CLOSING:
            self._timer = now + timers.dpa_timeout_s

    def _opened(self, turn: Turn) -> None:
        connection = self._i if self.state is State.I_OPEN else self._r
        assert connection is not None
        assert self.capabilities is not None
        connection.proven = connection.initiator
        self._open = connection
        self.open_link = self.live_link = connection.link
        self._orderly = self._left = False
        self._dwr_hop = self._dpr_hop = -1
        self._retry.opened()
        self._out.append(Opened(link=connection.link, capabilities=self.capabilities, initiator=connection.initiator))
        self._saw_state(self.capabilities.origin_state_id, Turn(turn.now))
        self._watch(self._dog.up(turn.now), turn)
        if self._dog.state is watchdog.State.OKAY:
            self._okay()
        if connection.message_oriented and not connection.initiator:
            self._watch(self._dog.probe(turn.now), turn)  # its DWA proves that the initiator is open (section 2.1.1)

    def _closed(self, turn: Turn) -> None:
        """Closing has ended.  With DPR and DPA it was no failure: the watchdog rests, and the cause decides when to
        return.
        """
        self._failed(turn)
        if self._orderly:
            self._dog.rest()
        else:
            self._dog.down(turn.now)
        if self._left:
            self._retry.disconnected(turn.now, self._peer_cause)
        else:
            self._retry.lost(turn.now)

    def _failed(self, turn: Turn) -> None:
        assert self.live_link is not None
        self._out.append(Failed(link=self.live_link, reason=turn.reason or IN_ORDER))
        self.live_link = None

    def _watch(self, actions: tuple[watchdog.Action, ...], turn: Turn) -> None:
        """Carry out what the watchdog asks for; CloseConnection is a Peer-Disc for the machine of section 5.6."""
        for action in actions:
            if action is watchdog.Action.SEND_DWR:
                octets, self._dwr_hop = self._base.dwr()
                self._dwr_at = turn.now
                self._write(self._live().link, octets)
            elif action is watchdog.Action.FAILOVER:
                self.usable = False
                self._out.append(Suspect(link=self._live().link))
            elif action is watchdog.Action.FAILBACK:
                self._okay()
            elif action is watchdog.Action.CLOSE:
                self._break(turn)
            elif action is watchdog.Action.ATTEMPT_OPEN:
                self._feed(Input.START, turn)

    def _okay(self) -> None:
        assert self.open_link is not None
        self.usable = True
        self._out.append(Okay(link=self.open_link))
