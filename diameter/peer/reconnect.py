"""When to try a lost peer again: the Tc timer of RFC 6733 section 2.1 and what each Disconnect-Cause of section
5.4.3 asks for.

A DPR that says REBOOTING lets us return after Tc.  BUSY means not soon: `busy_s` instead.
DO_NOT_WANT_TO_TALK_TO_YOU means not at all, until the operator starts the peer again or the peer itself connects.
Without a DPR the wait is Tc, growing by `tc_backoff` for each attempt in a row that failed, up to `tc_max_s` (the
RFC's constant Tc is a backoff of 1, the default).
"""

from __future__ import annotations

from diameter.peer.inputs import DisconnectCause, Timers, Uniform


class Reconnection:
    """Wants, refusals and the Tc timer of one peer.  `wanted`: the operator asked for a connection and has not
    withdrawn it.
    """

    __slots__ = ("_at", "_barred", "_failures", "_timers", "_uniform", "wanted")

    def __init__(self, timers: Timers, uniform: Uniform) -> None:
        self.wanted = False
        self._timers = timers
        self._uniform = uniform
        self._at: float | None = None
        self._failures = 0
        self._barred = False

    def retime(self, timers: Timers) -> None:
        """Use these from the next attempt that is planned."""
        self._timers = timers

    def want(self) -> None:
        """The operator asks for a connection: refusals of the peer count no more."""
        self.wanted = True
        self._barred = False
        self._failures = 0
        self._at = None

    def unwant(self) -> None:
        """The operator withdraws."""
        self.wanted = False
        self._at = None

    def trying(self) -> None:
        """An attempt is under way: no timer until it ends."""
        self._at = None

    def opened(self) -> None:
        """The peer is open, whoever connected: it wants to talk to us after all."""
        self._failures = 0
        self._barred = False
        self._at = None

    def disconnected(self, now: float, cause: int | None) -> None:
        """The peer ended the connection by a DPR with this cause (None, or a number without a name: taken as
        REBOOTING).
        """
        self._barred = cause == DisconnectCause.DO_NOT_WANT_TO_TALK_TO_YOU
        self._plan(now, self._timers.busy_s if cause == DisconnectCause.BUSY else self._timers.tc_s)

    def lost(self, now: float) -> None:
        """An attempt failed, or the open link was lost."""
        timers = self._timers
        wait_s = min(timers.tc_s * timers.tc_backoff**self._failures, max(timers.tc_max_s, timers.tc_s))
        if wait_s < timers.tc_max_s:
            self._failures += 1
        self._plan(now, wait_s)

    def deadline(self) -> float | None:
        """When to try next; None when not wanted, barred, or under way."""
        return self._at

    def _plan(self, now: float, wait_s: float) -> None:
        jitter = self._timers.tc_jitter
        due = now + wait_s * (1 + self._uniform(-jitter, jitter))
        self._at = due if self.wanted and not self._barred else None
