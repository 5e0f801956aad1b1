"""The watchdog of RFC 3539 section 3.4 and appendix A: is the peer at the other end alive?

`TABLE` is the table of appendix A in its order; what its conditions test (Pending, NumDWA) is part of the input, so
that a row is a key.  Its state stands beside the state of RFC 6733 section 5.6 and is never merged with it.

Settled here: (1) Tw is re-armed lazily: `last_rx` is a plain attribute, stored once per wake-up, and the timer is
drawn again when it fires too early; each draw has its own jitter.  (2) In INITIAL and DOWN the timer that attempts
to open is Tc (RFC 6733 section 2.1), so only an up link has a deadline here; the caller feeds `expire` when Tc
fires.  (3) The pseudo-code of the appendix sets DOWN before it switches on the old state; we follow the table.  (4)
Pending dies with the connection.  (5) The appendix leaves the timer of REOPEN running on the way to OKAY; so do we.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType
from typing import Final

from diameter.peer.inputs import Timers, Uniform


class State(Enum):
    """States of appendix A."""

    INITIAL = "INITIAL"
    OKAY = "OKAY"
    SUSPECT = "SUSPECT"
    DOWN = "DOWN"
    REOPEN = "REOPEN"


class Input(Enum):
    """Events of appendix A, with the conditions its rows test."""

    RECEIVE_DWA = "Receive DWA"
    RECEIVE_LAST_DWA = "Receive DWA, NumDWA == 2"
    RECEIVE_OTHER = "Receive non-DWA"
    EXPIRED_IDLE = "Timer expires, not pending"
    EXPIRED_PENDING = "Timer expires, pending"
    EXPIRED_PENDING_AGAIN = "Timer expires, pending, NumDWA < 0"
    CONNECTION_UP = "Connection up"
    CONNECTION_DOWN = "Connection down"


class Action(Enum):
    """Actions of appendix A."""

    SET_WATCHDOG = "SetWatchdog()"
    SEND_DWR = "SendWatchdog()"
    SET_PENDING = "Pending = TRUE"
    CLEAR_PENDING = "Pending = FALSE"
    COUNT_DWA = "NumDWA++"
    CLEAR_DWAS = "NumDWA = 0"
    FORGIVE_ONE = "NumDWA = -1"
    FAILOVER = "Failover()"
    FAILBACK = "Failback()"
    CLOSE = "CloseConnection()"
    ATTEMPT_OPEN = "AttemptOpen()"
    THROW_AWAY = "Throwaway()"


Step = tuple[State, tuple[Action, ...]]
_S, _I, _A = State, Input, Action
_PROBE = (_A.SEND_DWR, _A.SET_WATCHDOG, _A.SET_PENDING)

TABLE: Final[Mapping[tuple[State, Input], Step]] = MappingProxyType(
    {
        (_S.OKAY, _I.RECEIVE_DWA): (_S.OKAY, (_A.CLEAR_PENDING, _A.SET_WATCHDOG)),
        (_S.OKAY, _I.RECEIVE_OTHER): (_S.OKAY, (_A.SET_WATCHDOG,)),
        (_S.SUSPECT, _I.RECEIVE_DWA): (_S.OKAY, (_A.CLEAR_PENDING, _A.FAILBACK, _A.SET_WATCHDOG)),
        (_S.SUSPECT, _I.RECEIVE_OTHER): (_S.OKAY, (_A.FAILBACK, _A.SET_WATCHDOG)),
        (_S.REOPEN, _I.RECEIVE_LAST_DWA): (_S.OKAY, (_A.CLEAR_PENDING, _A.COUNT_DWA, _A.FAILBACK)),
        (_S.REOPEN, _I.RECEIVE_DWA): (_S.REOPEN, (_A.CLEAR_PENDING, _A.COUNT_DWA)),
        (_S.REOPEN, _I.RECEIVE_OTHER): (_S.REOPEN, (_A.THROW_AWAY,)),
        (_S.INITIAL, _I.RECEIVE_DWA): (_S.INITIAL, (_A.CLEAR_PENDING, _A.THROW_AWAY)),
        (_S.INITIAL, _I.RECEIVE_OTHER): (_S.INITIAL, (_A.THROW_AWAY,)),
        (_S.DOWN, _I.RECEIVE_DWA): (_S.DOWN, (_A.CLEAR_PENDING, _A.THROW_AWAY)),
        (_S.DOWN, _I.RECEIVE_OTHER): (_S.DOWN, (_A.THROW_AWAY,)),
        (_S.OKAY, _I.EXPIRED_IDLE): (_S.OKAY, _PROBE),
        (_S.OKAY, _I.EXPIRED_PENDING): (_S.SUSPECT, (_A.FAILOVER, _A.SET_WATCHDOG)),
        (_S.SUSPECT, _I.EXPIRED_IDLE): (_S.DOWN, (_A.CLOSE, _A.SET_WATCHDOG)),
        (_S.SUSPECT, _I.EXPIRED_PENDING): (_S.DOWN, (_A.CLOSE, _A.SET_WATCHDOG)),
        (_S.INITIAL, _I.EXPIRED_IDLE): (_S.INITIAL, (_A.ATTEMPT_OPEN, _A.SET_WATCHDOG)),
        (_S.DOWN, _I.EXPIRED_IDLE): (_S.DOWN, (_A.ATTEMPT_OPEN, _A.SET_WATCHDOG)),
        (_S.REOPEN, _I.EXPIRED_IDLE): (_S.REOPEN, _PROBE),
        (_S.REOPEN, _I.EXPIRED_PENDING): (_S.REOPEN, (_A.FORGIVE_ONE, _A.SET_WATCHDOG)),
        (_S.REOPEN, _I.EXPIRED_PENDING_AGAIN): (_S.DOWN, (_A.CLOSE, _A.SET_WATCHDOG)),
        (_S.INITIAL, _I.CONNECTION_UP): (_S.OKAY, (_A.SET_WATCHDOG,)),
        (_S.DOWN, _I.CONNECTION_UP): (_S.REOPEN, (_A.CLEAR_DWAS, *_PROBE)),
        (_S.OKAY, _I.CONNECTION_DOWN): (_S.DOWN, (_A.CLOSE, _A.FAILOVER, _A.SET_WATCHDOG)),
        (_S.SUSPECT, _I.CONNECTION_DOWN): (_S.DOWN, (_A.CLOSE, _A.SET_WATCHDOG)),
        (_S.REOPEN, _I.CONNECTION_DOWN): (_S.DOWN, (_A.CLOSE, _A.SET_WATCHDOG)),
    }
)

_UP: Final = frozenset({State.OKAY, State.SUSPECT, State.REOPEN})


class Watchdog:
    """One peer's watchdog.  Public: `state`, `pending` (a DWR is unanswered), `dwas` (NumDWA), `last_rx`.

    Every input returns the actions the caller has to carry out: SEND_DWR, FAILOVER, FAILBACK, CLOSE, ATTEMPT_OPEN,
    THROW_AWAY, in the order of the row; what concerns the variables of the machine is done here.
    """

    __slots__ = ("_armed_at", "_deadline", "_timers", "_uniform", "dwas", "last_rx", "pending", "state")

    def __init__(self, timers: Timers, uniform: Uniform, *, state: State = State.INITIAL) -> None:
        self.state = state
        self.pending = False
        self.dwas = 0
        self.last_rx = float("-inf")
        self._timers = timers
        self._uniform = uniform
        self._armed_at = float("-inf")
        self._deadline: float | None = None

    def retime(self, timers: Timers) -> None:
        """Use these from the next time Tw is set."""
        self._timers = timers

    def deadline(self) -> float | None:
        """When `expire` has something to look at; None while no link is up (INITIAL, DOWN)."""
        return self._deadline

    def received(self, now: float, *, dwa: bool = False) -> tuple[Action, ...]:
        """Any message arrived; `dwa` when it answers our DWR."""
        self.last_rx = now
        if not dwa:
            return self._feed(Input.RECEIVE_OTHER, now)
        last = self.state is State.REOPEN and self.dwas + 1 >= self._timers.reopen_dwas
        return self._feed(Input.RECEIVE_LAST_DWA if last else Input.RECEIVE_DWA, now)

    def expire(self, now: float) -> tuple[Action, ...]:
        """The timer fired: Tw while a link is up, Tc otherwise.  Nothing happens when Tw is not over yet."""
        if self._deadline is not None:
            if self.state is State.OKAY and self.last_rx > self._armed_at:
                self._arm(self.last_rx)  # what SetWatchdog at that message would have done
            if now < self._deadline:
                return ()
        if not self.pending or self.state in (State.INITIAL, State.DOWN):
            return self._feed(Input.EXPIRED_IDLE, now)
        again = self.state is State.REOPEN and self.dwas < 0
        return self._feed(Input.EXPIRED_PENDING_AGAIN if again else Input.EXPIRED_PENDING, now)

    def up(self, now: float) -> tuple[Action, ...]:
        """A link has opened.  From DOWN: REOPEN, unless the settings ask for no answers, or for no DWR at all."""
        self.pending = False
        if self.state is State.DOWN and not (self._timers.reopen_dwas and self._timers.watch):
            self.state = State.INITIAL
        return self._feed(Input.CONNECTION_UP, now)

    def down(self, now: float) -> tuple[Action, ...]:
        """The link has failed."""
        return self._feed(Input.CONNECTION_DOWN, now)

    def rest(self) -> None:
        """The link ended by DPR and DPA, which is no failure: the next one starts from INITIAL, without probation.

        RFC 3539 knows no orderly end; REOPEN would make a peer that restarted politely wait for three DWAs.
        """
        self.state = State.INITIAL
        self.pending = False
        self._deadline = None

    def hold(self) -> None:
        """Stop the timer and keep the state: the link is closing and another timer watches it."""
        self._deadline = None

    def probe(self, now: float) -> tuple[Action, ...]:
        """Ask now instead of at the end of Tw; nothing while a DWR is unanswered or no link is up."""
        if self.pending or not self._timers.watch or self.state not in (State.OKAY, State.REOPEN):
            return ()
        return self._feed(Input.EXPIRED_IDLE, now)

    def _feed(self, event: Input, now: float) -> tuple[Action, ...]:
        found = TABLE.get((self.state, event))
        if found is None:
            return ()
        self.state, actions = found
        for action in actions:
            self._apply(action, now)
        if self.state not in _UP:
            self._deadline, self.pending = None, False
        return tuple(action for action in actions if action not in _INTERNAL)

    def _apply(self, action: Action, now: float) -> None:
        if action is Action.SET_WATCHDOG:
            self._arm(now)
        elif action is Action.SET_PENDING:
            self.pending = True
        elif action is Action.CLEAR_PENDING:
            self.pending = False
        elif action is Action.COUNT_DWA:
            self.dwas += 1
        elif action is Action.CLEAR_DWAS:
            self.dwas = 0
        elif action is Action.FORGIVE_ONE:
            self.dwas = -1

    def _arm(self, since: float) -> None:
        jitter = self._timers.tw_jitter_s
        self._armed_at = since
        if not self._timers.watch:
            self._deadline = None
            return
        self._deadline = since + self._timers.tw_s + self._uniform(-jitter, jitter)


_INTERNAL: Final = frozenset(
    {
        Action.SET_WATCHDOG,
        Action.SET_PENDING,
        Action.CLEAR_PENDING,
        Action.COUNT_DWA,
        Action.CLEAR_DWAS,
        Action.FORGIVE_ONE,
    }
)
