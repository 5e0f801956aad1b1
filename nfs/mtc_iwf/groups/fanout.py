"""Hands the members of groups over to the SMS-SC: so many at once, so many a second, and none lost with the process.

Who is to be handed over stands in the store.  A process takes a handful, offers each to the SMS-SC, writes down what
became of it, and takes the next; a process that begins looks first for what another one left.  A member that was
handed over just before a kill is handed over again: the SMS-SC knows it by SCS, Reference-Number and IMSI.  The recall
of a group goes the same way, member by member (`nfs.mtc_iwf.groups.recalls`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Final

from diameter.app import Later
from nfs.common.tsp import DeliveryOutcome, RequestStatus
from nfs.mtc_iwf import statuses
from nfs.mtc_iwf.capabilities import Remembered
from nfs.mtc_iwf.groups.counts import GroupCounts
from nfs.mtc_iwf.groups.ports import Entry, GroupScs, GroupTrigger, Keep, Key, Progress
from nfs.mtc_iwf.groups.recalls import Recalls
from nfs.mtc_iwf.ports import Capabilities, Device, Notice, SmsSc, Submission, Unavailable
from nfs.mtc_iwf.statuses import unmet
from nfs.mtc_sgw.logic import Refuse, device_name

AT_ONCE: Final = 100
"""Members read from the store at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How many triggers of groups may wait for the SMS-SC, how many leave a second, how often one is offered.

    named: the SMS-SC, and with it the device, is told which group it is.
    """

    outstanding: int = 20
    per_s: float = 50.0
    attempts: int = 3
    named: bool = True


class FanOut:
    """Works through groups.  `pace` may be replaced while running.

    clock: Twisted's IReactorTime; wall: seconds since 1970.  spawn: runs a coroutine.  unwanted: what the owner of a
    device has against a trigger now, which counts it otherwise.  capabilities: what SMS-SCs said they support.
    """

    def __init__(
        self,
        *,
        keep: Keep,
        sms_sc: SmsSc,
        scs: GroupScs,
        pace: Pace,
        clock: Any,
        wall: Callable[[], float],
        spawn: Callable[[Coroutine[Any, Any, None]], object],
        unwanted: Callable[[tuple[str], str], Refuse | None] = lambda names, imsi: None,
        capabilities: Capabilities | None = None,
        counts: GroupCounts | None = None,
    ) -> None:
        self._keep = keep
        self._sms_sc = sms_sc
        self._scs = scs
        self.pace = pace
        self._clock = clock
        self._wall = wall
        self._spawn = spawn
        self._unwanted = unwanted
        self._capabilities = capabilities or Remembered()
        self.counts = GroupCounts() if counts is None else counts
        self._recalls = Recalls(keep, sms_sc, self._capabilities, self._let_go)
        self._after: dict[Key, set[Key]] = {}
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
            for recall in self._after.pop(key, ()):
                self.go(recall)

    async def _let_go(self, key: Key, recall: Key) -> bool:
        """Whether nobody hands members of this group over now; else its recall goes on when this process is done."""
        if key in self._running:
            self._after.setdefault(key, set()).add(recall)
            return False
        return await self._keep.let_go(key)

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
                return await self._tell(group, entry, entry.outcome)
            if group.recalls is not None:
                status = await self._recalls.status(group, entry)
                return await self._again(group, entry, status, RequestStatus.TEMPORARYERROR)
            left_s = group.left_s(self._wall())
            if left_s is not None and left_s < 0:
                return await self._end(group, entry, DeliveryOutcome.EXPIRED)
            if self._unwanted((device_name(entry.member.external_id, None),), entry.member.imsi) is not None:
                return await self._end(group, entry, DeliveryOutcome.TEMPORARYERROR)
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
            group=group.group if self.pace.named else "",
        )
        status, sms_sc = RequestStatus.TEMPORARYERROR, ""
        try:
            taken = await self._sms_sc.submit(submission)
            status, sms_sc = statuses.of_submission(taken.result), taken.sms_sc
            if taken.features is not None:
                await self._capabilities.learn(sms_sc, taken.features)
        except Unavailable:
            pass  # as when it answers that it may be asked again
        if status is RequestStatus.SUCCESS:
            self._tries.pop(_name(entry), None)
            self.counts.members["handed over"] += 1
            await self._keep.handed(entry, sms_sc)
            return True
        outcome = None if status is RequestStatus.TEMPORARYERROR else DeliveryOutcome.UNDELIVERABLE
        return await self._again(group, entry, outcome, DeliveryOutcome.TEMPORARYERROR)

    async def _again(self, group: GroupTrigger, entry: Entry, outcome: int | None, at_last: int) -> bool:
        """End a member with its outcome; without one it is tried again, so often, and then ends with `at_last`."""
        name = _name(entry)
        if outcome is None:
            self._tries[name] = self._tries.get(name, 0) + 1
            if self._tries[name] < self.pace.attempts:
                return False
            outcome = at_last
        self._tries.pop(name, None)
        return await self._end(group, entry, outcome)

    async def _end(self, group: GroupTrigger, entry: Entry, outcome: int) -> bool:
        """The member's trigger is over without the SMS-SC: remember it, then tell the SCS."""
        await self._keep.owe(entry, outcome)
        await self._tell(group, entry, outcome)
        return True

    async def _tell(self, group: GroupTrigger, entry: Entry, outcome: int) -> bool:
        """Whether the SCS has heard; else it is offered again."""
        notice = Notice(
            sender=entry.sender,
            scs=entry.scs,
            reference=entry.reference,
            device=Device(external_id=entry.member.external_id),
        )
        if group.recalls is None:
            result = await self._scs.notify(notice, DeliveryOutcome(outcome))
        else:
            result = await self._scs.recalled(notice, RequestStatus(outcome))
        if unmet(result):
            return False
        if await self._keep.end(entry, Progress.REPORTED, outcome):
            self.counts.ended(outcome, recall=group.recalls is not None)
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


def _name(entry: Entry) -> tuple[Key, str]:
    return (entry.scs, entry.reference), entry.member.imsi
