"""Wake-ups: whatever wakes a node, its consequences are carried out in one pass and leave in one write for each link.

Order of a pass: what woke us; coroutines spawned meanwhile; `on_batch` of the applications (a store commits); what was
spawned by that; the writes.  So an answer that acknowledges something leaves after the commit, and one commit serves
all messages of the pass.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from diameter._node.core import Core, DelayedCall
from diameter._node.requests import Requests
from diameter._node.serving import Guard, Raised, Serving

MINIMUM_WAIT_S = 0.001
"""No timer is armed for less: rounding must not make one fire before its time for ever."""


class Wakeups:
    """Begins and ends the passes of one node."""

    def __init__(
        self, core: Core, on_batch: Sequence[Callable[[], None]], guard: Guard, bug: Callable[..., None]
    ) -> None:
        self._core = core
        self._on_batch = tuple(on_batch)
        self._guard = guard
        self._bug = bug
        self._settling = False
        self._expiry: DelayedCall | None = None
        self._expiry_at = 0.0
        self.awake = False
        self.after: Callable[[], None] | None = None
        """Called after each pass, when set (stopping looks whether all is done)."""
        self.serving: Serving
        self.requests: Requests

    def wake(self, call: Callable[[], None]) -> None:
        """Run `call` as one pass, or as part of the present one."""
        if self.awake:
            call()
            return
        self.begin()
        try:
            call()
        finally:
            self.end()

    def begin(self) -> None:
        """A pass begins: one look at the clock for all of it."""
        self.awake = True
        core = self._core
        core.now = core.clock.seconds()
        core.stats.wake_ups += 1

    def end(self) -> None:
        """A pass ends: start what was spawned, let the applications commit, write."""
        try:
            self.serving.start_spawned()
            if self._on_batch:
                self._commit()
                self.serving.start_spawned()
            self._core.flush()
        finally:
            self.awake = False
        deadline = self.requests.pending.deadline()
        if deadline is not None and (self._expiry is None or deadline < self._expiry_at):
            self._arm(deadline)
        if self.after is not None:
            self.after()

    def _commit(self) -> None:
        for on_batch in self._on_batch:
            outcome = self._guard(on_batch)
            if outcome.__class__ is Raised:
                self._bug(outcome.error, "on_batch", "nobody")

    def now(self) -> float:
        """The time of this pass; between passes, the clock's."""
        if not self.awake:
            self._core.now = self._core.clock.seconds()
        return self._core.now

    def settle(self) -> None:
        """Something was queued: see to it that a pass follows which writes it."""
        if not self.awake and not self._settling:
            self._settling = True
            self._core.clock.callLater(0, self._settled)

    def stop(self) -> None:
        """Forget the timer."""
        if self._expiry is not None:
            self._expiry.cancel()
            self._expiry = None

    def _settled(self) -> None:
        self._settling = False
        self.wake(lambda: None)

    def _arm(self, deadline: float) -> None:
        self.stop()
        self._expiry_at = deadline
        wait_s = max(deadline - self._core.clock.seconds(), MINIMUM_WAIT_S)
        self._expiry = self._core.clock.callLater(wait_s, self._expire)

    def _expire(self) -> None:
        self._expiry = None
        self.wake(self.requests.expire)
