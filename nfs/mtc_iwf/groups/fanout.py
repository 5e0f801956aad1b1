"""Hands the members of groups over to the SMS-SC: so many at once, so many a second, and none lost with the process.

Who is to be handed over stands in the store.  A process takes a handful, offers each to the SMS-SC, writes down what
became of it, and takes the next; a process that begins looks first for what another one left.  A member that was
handed over just before a kill is handed over again: the SMS-SC knows it by SCS, Reference-Number and IMSI.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Final

from diameter.app import Later
from nfs.common.tsp import DeliveryOutcome, RequestStatus
from nfs.mtc_iwf import statuses
from nfs.mtc_iwf.groups.ports import Entry, GroupTrigger, Keep, Key, Progress
from nfs.mtc_iwf.ports import Device, Notice, Scs, SmsSc, Submission, Unavailable
from nfs.mtc_iwf.statuses import unmet
from nfs.mtc_sgw.logic import Refuse, device_name

AT_ONCE: Final = 100
"""Members read from the store at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How many triggers of groups may wait for the SMS-SC, how many leave a second, how often one is offered."""

    outstanding: int = 20
    per_s: float = 50.0
    attempts: int = 3


class FanOut:
    """Works through groups.  `pace` may be replaced while running.

    clock: Twisted's IReactorTime; wall: seconds since 1970.  spawn: runs a coroutine.  unwanted: what the owner of a
    device has against a trigger now, which counts it otherwise.  `handed` and `ended` count members that the SMS-SC
    took, and that came to their end without it.
    """

    def __init__(
        self,
        *,
        keep: Keep,
        sms_sc: SmsSc,
        scs: Scs,
        pace: Pace,
        clock: Any,
        wall: Callable[[], float],
        spawn: Callable[[Coroutine[Any, Any, None]], object],
        unwanted: Callable[[str], Refuse | None] = lambda device: None,
    ) -> None:
        self._keep = keep
        self._sms_sc = sms_sc
        self._scs = scs
        self.pace = pace
        self._clock = clock
        self._wall = wall
        self._spawn = spawn
        self._unwanted = unwanted
        self.handed = self.ended = 0
        self._running: set[Key] = set()
        self._tries: dict[tuple[Key, str], int] = {}
        self._out = 0
        self._next_at = 0.0
        self._queue: deque[Later[None]] = deque()
        self._timer: Any = None
        self._stopped = False

    def go(self, key: Key) -> None:
        """Begin with a group as soon as the present work of the reactor is done, unless it is being worked on."""
        if key not in self._running and not self._stopped:
            self._running.add(key)
            self._clock.callLater(0, lambda: self._spawn(self._run(key)))

    async def resume(self) -> None:
        """Go on with what is left of groups, of another process too that is no more.  Raises Unavailable."""
        for key in await self._keep.busy():
            self.go(key)

    def stop(self) -> None:
        """Hand nothing more over; what is left is for the next process."""
        self._stopped = True
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        while self._queue:
            self._queue.popleft().resolve(None)

    async def _run(self, key: Key) -> None:
        """Until nothing is left to do for a group, or nothing that can be done now."""
        try:
            while not self._stopped:
                taken = await self._keep.take(key, AT_ONCE)
                if taken is None or not taken[1]:
                    return
                if not await self._handful(*taken):
                    return
        except Unavailable:  # the store; `resume` looks again
            return
        finally:
            self._running.discard(key)

    async def _handful(self, group: GroupTrigger, entries: tuple[Entry, ...]) -> bool:
        """Whether anything has moved."""
        moved: list[bool] = []
        over: Later[None] = Later()

        async def one(entry: Entry) -> None:
            moved.append(not self._stopped and await self._one(group, entry))
            self._free()
            if len(moved) == len(entries):
                over.resolve(None)

        for entry in entries:
            await self._place()
            self._spawn(one(entry))
        await over
        return any(moved)

    async def _one(self, group: GroupTrigger, entry: Entry) -> bool:
        """Bring one member a step further; whether that went well."""
        try:
            if entry.progress is Progress.OWED and entry.outcome is not None:
                return await self._tell(entry, entry.outcome)
            left_s = group.left_s(self._wall())
            if left_s is not None and left_s < 0:
                return await self._end(entry, DeliveryOutcome.EXPIRED)
            if self._unwanted(device_name(entry.member.external_id, None)) is not None:
                return await self._end(entry, DeliveryOutcome.TEMPORARYERROR)
            return await self._offer(group, entry, left_s)
        except Unavailable:
            return False

    async def _offer(self, group: GroupTrigger, entry: Entry, validity_s: int | None) -> bool:
        """One Device-Trigger-Request without Serving-Node: the SMS-SC asks the HSS where the member is."""
        submission = Submission(
            scs=group.scs,
            reference=group.reference,
            imsi=entry.member.imsi,
            device=Device(external_id=entry.member.external_id),
            payload=group.payload,
            port=group.port,
            priority=group.priority,
            validity_s=validity_s,
            nodes=(),
        )
        status, sms_sc = RequestStatus.TEMPORARYERROR, ""
        try:
            taken = await self._sms_sc.submit(submission)
            status, sms_sc = statuses.of_submission(taken.result), taken.sms_sc
        except Unavailable:
            pass  # as when it answers that it may be asked again
        tries = (entry.scs, entry.reference), entry.member.imsi
        if status is RequestStatus.SUCCESS:
            self._tries.pop(tries, None)
            self.handed += 1
            await self._keep.handed(entry, sms_sc)
            return True
        if status is not RequestStatus.TEMPORARYERROR:
            return await self._end(entry, DeliveryOutcome.UNDELIVERABLE)
        self._tries[tries] = self._tries.get(tries, 0) + 1
        if self._tries[tries] < self.pace.attempts:
            return False
        del self._tries[tries]
        return await self._end(entry, DeliveryOutcome.TEMPORARYERROR)

    async def _end(self, entry: Entry, outcome: DeliveryOutcome) -> bool:
        """The member's trigger is over without the SMS-SC: remember it, then tell the SCS."""
        self.ended += 1
        await self._keep.settle(entry, outcome, Progress.OWED)
        await self._tell(entry, outcome)
        return True

    async def _tell(self, entry: Entry, outcome: DeliveryOutcome) -> bool:
        """Whether the SCS has heard; else it is offered again."""
        notice = Notice(
            sender=entry.sender,
            scs=entry.scs,
            reference=entry.reference,
            device=Device(external_id=entry.member.external_id),
        )
        if unmet(await self._scs.notify(notice, outcome)):
            return False
        await self._keep.settle(entry, outcome, Progress.REPORTED)
        return True

    async def _place(self) -> None:
        """Wait for a place among the outstanding ones and in time."""
        later: Later[None] = Later()
        self._queue.append(later)
        self._next()
        await later

    def _free(self) -> None:
        self._out -= 1
        self._next()

    def _next(self) -> None:
        """Let go who may; a timer for whom only the time is missing."""
        while self._queue and (self._stopped or self._out < self.pace.outstanding):
            now = self._clock.seconds()
            wait_s = self._next_at - now
            if wait_s > 0 and not self._stopped:
                if self._timer is None or not self._timer.active():
                    self._timer = self._clock.callLater(wait_s, self._next)
                return
            self._next_at = max(now, self._next_at) + 1 / self.pace.per_s
            self._out += 1
            self._queue.popleft().resolve(None)
