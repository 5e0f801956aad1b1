"""Delivery: moves what the service centre decides between SGd, T4 and the store.

A UE has one coroutine while it has something to send.  How a trigger ended is written when its report is acknowledged,
or could not be: a crash before that sends the same SMS once more, which the UE drops, and then the report.  A report
that the MTC-IWF does not acknowledge is sent again, at growing intervals, and once more after a restart, because its
row is not finished.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Protocol

from diameter.errors import LocalError, RequestError
from nfs.sms_sc.keep import Keep
from nfs.sms_sc.logic import Attempt, ServiceCentre, Trigger
from nfs.sms_sc.outcomes import Delivered, Outcome

FIRST_REPEAT_S = 5.0
LAST_REPEAT_S = 300.0
TIDY_S = 60.0


class Timer(Protocol):
    """What `call_later` returns."""

    def cancel(self) -> None:
        """Never call."""


class Reports(Protocol):
    """T4, as far as it is needed here."""

    async def report(self, trigger: Trigger, outcome: Outcome) -> tuple[int, int] | None:
        """Send a DRR; (vendor, code) of its answer; raises RequestError."""

    def spawn(self, coroutine: Coroutine[Any, Any, None]) -> object:
        """Run beside the handlers."""


class Messages(Protocol):
    """The way to the device, as far as it is needed here."""

    async def deliver(self, attempt: Attempt) -> Delivered:
        """Send one SMS-DELIVER."""


class Delivery:
    """See the module.  `clock`: seconds since 1970.  `call_later(seconds, callable)` returns a Timer.

    `at_once`: UEs to which something may be on its way; the others wait for their turn, in order.
    """

    def __init__(
        self,
        centre: ServiceCentre,
        keep: Keep,
        t4: Reports,
        sgd: Messages,
        *,
        clock: Callable[[], float],
        call_later: Callable[[float, Callable[[], None]], Timer],
        at_once: int = 1000,
    ) -> None:
        self._centre = centre
        self._keep = keep
        self._t4 = t4
        self._sgd = sgd
        self._clock = clock
        self._call_later = call_later
        self._timer: Timer | None = None
        self._due: float | None = None
        self._tidying: Timer | None = None
        self._stopped = False
        self.repeat_s = (FIRST_REPEAT_S, LAST_REPEAT_S)
        """First and longest wait before a report that nobody took is sent again."""
        self.at_once = at_once
        self._open = 0
        self._backlog: OrderedDict[str, None] = OrderedDict()
        self._reporting: set[str] = set()
        self._turn = 0  # what was begun in an earlier one is not ours any more
        self._repeats: dict[str, Timer] = {}

    def resume(self) -> None:
        """Take up what a restart left: deliveries, and reports that are owed."""
        self._stopped = False
        self._take_up()
        self._tidying = self._call_later(TIDY_S, self._tidy)

    def adopt(self, triggers: Sequence[Trigger]) -> None:
        """Take up what another SMS-SC on the same store left."""
        if triggers:
            self._centre.restore(triggers)
            self._take_up()

    def _take_up(self) -> None:
        for trigger in tuple(self._centre.owed.values()):
            self.report(trigger)
        self._expire()  # what ran out meanwhile is reported, and not sent
        for imsi in self._centre.waiting():
            self.attempt(imsi)

    def stop(self) -> None:
        """Start nothing more; what is kept is taken up by the next process."""
        self._stopped = True
        for timer in (self._timer, self._tidying, *self._repeats.values()):
            if timer is not None:
                timer.cancel()
        self._timer = self._tidying = self._due = None
        self._repeats.clear()

    def suspend(self) -> None:
        """Let go of everything: another SMS-SC may have it.  `resume` begins anew."""
        self.stop()
        self._turn += 1
        self._reporting.clear()
        self._backlog.clear()
        self._centre.clear()

    def attempt(self, imsi: str) -> None:
        """Send what is due to this UE, unless something is outstanding to it."""
        if self._open >= self.at_once and not self._stopped:
            self._backlog[imsi] = None
            return
        attempt = None if self._stopped else self._centre.next(imsi, self._clock())
        if attempt is not None:
            self._open += 1
            self._t4.spawn(self._deliver(attempt))
        self._arm()

    def report(self, trigger: Trigger) -> None:
        """Tell whoever sent it how this trigger ended, now: a repetition that waits for its time is not wanted then."""
        waiting = self._repeats.pop(trigger.key, None)
        if waiting is not None:
            waiting.cancel()
        self._t4.spawn(self._report(trigger, self.repeat_s[0]))

    async def _deliver(self, attempt: Attempt) -> None:
        """One UE's turn, then that of whoever waits for room."""
        try:
            await self._series(attempt)
        finally:
            self._open -= 1
        while self._backlog and self._open < self.at_once:
            self.attempt(self._backlog.popitem(last=False)[0])
        self._arm()

    async def _series(self, attempt: Attempt) -> None:
        """One SMS after the other to one UE, until nothing is due."""
        due: Attempt | None = attempt
        turn = self._turn
        while due is not None:
            result = await self._sgd.deliver(due)
            if self._stopped or turn != self._turn:
                return
            settled = self._centre.ended(due, result, self._clock())
            if settled is not None:
                self.report(settled)
            due = self._centre.next(attempt.trigger.imsi, self._clock())

    async def _report(self, trigger: Trigger, repeat_s: float) -> None:
        key = trigger.key
        if self._stopped or trigger.outcome is None or key not in self._centre.owed or key in self._reporting:
            return
        self._reporting.add(key)
        turn = self._turn
        try:
            result = await self._t4.report(trigger, trigger.outcome)
        except RequestError:
            result = None
        finally:
            if turn == self._turn:
                self._reporting.discard(key)
        if turn != self._turn:
            return
        if result is None or (result[0] == 0 and 3000 <= result[1] < 5000):
            if not self._stopped:
                longer_s = min(repeat_s * 2, self.repeat_s[1])
                self._repeats[key] = self._call_later(repeat_s, lambda: self._repeat(trigger, longer_s))
            await self._settle(trigger, repeat_s)
            return
        await self._settle(self._centre.reported(key, self._clock()), repeat_s)

    async def _settle(self, trigger: Trigger, repeat_s: float) -> None:
        """Write how a trigger ended; later once more where the store does not work just now."""
        try:
            await self._keep.settle(trigger)
        except LocalError:
            if trigger.finished_at is not None and not self._stopped:
                longer_s = min(repeat_s * 2, self.repeat_s[1])
                again = self._call_later(repeat_s, lambda: self._settle_later(trigger, longer_s))
                self._repeats[trigger.key] = again

    def _settle_later(self, trigger: Trigger, repeat_s: float) -> None:
        del self._repeats[trigger.key]
        self._t4.spawn(self._settle(trigger, repeat_s))

    def _repeat(self, trigger: Trigger, repeat_s: float) -> None:
        del self._repeats[trigger.key]
        self._t4.spawn(self._report(trigger, repeat_s))

    def _arm(self) -> None:
        """One timer, at the time the centre names."""
        deadline = None if self._stopped else self._centre.deadline()
        if deadline == self._due:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._due = deadline
        self._timer = None if deadline is None else self._call_later(max(0.0, deadline - self._clock()), self._expire)

    def _expire(self) -> None:
        self._timer = self._due = None
        over, again = self._centre.expire(self._clock())
        for trigger in over:
            self.report(trigger)
        for imsi in again:
            self.attempt(imsi)
        self._arm()

    def _tidy(self) -> None:
        """Drop what finished long ago, here and in the store."""
        self._tidying = self._call_later(TIDY_S, self._tidy)
        old = self._centre.forget(self._clock())
        if old or self._keep.shared:
            self._t4.spawn(self._remove(old))

    async def _remove(self, keys: tuple[str, ...]) -> None:
        await self._keep.remove(keys, self._clock() - self._centre.policy.keep_finished_s)
