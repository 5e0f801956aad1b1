"""Plays a scenario: decides what each UE does and how it meets a short message.  No AVP, no peer, no random source.

What has to be asked of others it hands to `Acts`, `window` of them at a time; the same seed and clock give the same
order of everything.
"""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Coroutine
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final, Protocol

from nfs.mme.logic import Meeting, Waiter
from nfs.mme.scenario.agenda import Agenda, Clock, Sweep
from nfs.mme.scenario.groups import ASLEEP, AWAITED, BEHAVIOURS, FULL, HERE, MISSED, Group, Groups, Place
from nfs.mme.scenario.model import EventTable, On, Scenario
from nfs.ue.logic import Behaviour

ATTACHING: Final = -1
"""Stands for an event: the `attach` of a population."""
GIVEN: Final = 1_000_000
"""Numbers of events that come from outside begin here."""
UNREACHED: Final = frozenset({Behaviour.ABSENT, Behaviour.NO_PAGING})
AGAIN_S: Final = 5.0
LAST_AGAIN_S: Final = 160.0
"""First and last wait before the HSS, which did not take that a UE is back, is told so once more."""
FOR_NOW: Final = 1.0
"""Seconds for which a UE without power saving is at least there, once it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """The HSS hears of a UE: `memory`: it has room again; `sms`: a message may come; `data`: it is reachable.

    `until`: seconds since the epoch, for how long at least; None: nobody knows.
    """

    imsi: str
    memory: bool = False
    sms: bool = False
    until: float | None = None


class Acts(Protocol):
    """What an MME does for a UE; the coroutines return whether it went well, and raise nothing."""

    def spawn(self, coroutine: Coroutine[Any, Any, None], /) -> object:
        """Run it."""

    def attached(self, imsi: str) -> bool:
        """Whether the UE is registered here."""

    async def attach(self, imsi: str, *, initial: bool) -> bool:
        """Authenticate and register; not `initial`: it comes from another MME."""

    async def update(self, imsi: str) -> bool:
        """Tracking area update: tell the HSS where it must hear of it."""

    async def detach(self, imsi: str) -> bool:
        """Purge."""

    async def notify(self, notice: Notice) -> bool:
        """Tell the HSS."""

    async def alert(self, imsi: str, waiter: Waiter) -> bool:
        """Tell the SMS-GMSC that waits."""

    async def send(self, imsi: str, event: EventTable) -> bool:
        """A short message of the UE's own."""

    async def join(self, imsi: str, event: EventTable) -> bool:
        """Ask for the credentials of a group that the UE says it is a member of."""


class Engine:
    """One MME's part of a scenario.  `own`: its Origin-Host; `tac`: of UEs whose population has none.

    `counters`: what was done, by its name, and how much of it did not go well ("attach failed").
    """

    def __init__(self, scenario: Scenario, acts: Acts, clock: Clock, *, own: str, tac: int, window: int) -> None:
        self.scenario = scenario
        self.groups = Groups(scenario.population, own=own, seed=scenario.seed, tac=tac)
        self.counters: dict[str, int] = {}
        self._acts = acts
        self._clock = clock
        self._own = own
        self._window = window
        self._agenda = Agenda(clock)
        self._start = 0.0
        self._given = GIVEN
        self._jobs: deque[tuple[str, Group, int, EventTable | None]] = deque()
        self._running = 0
        self._waiters: dict[str, Waiter] = {}
        self._untold: dict[str, float] = {}
        self._following: dict[On, list[tuple[int, EventTable]]] = {}
        self._attaching = {
            group.number
            for group in self.groups.all
            if group.table.attach is not None
            or any(event.do == "attach" and event.population in (None, group.table.name) for event in scenario.event)
        }

    def start(self) -> None:
        """Now is the start."""
        self._start = self._clock.seconds()
        for group in self.groups.all:
            if group.table.attach is not None and group.flags and group.has(0, HERE):
                spread, number = group.table.attach, ATTACHING
                self._sweep(
                    group, range(group.table.count), EventTable(do="attach", at_s=0.0, spread=spread), number, 0
                )
        for number, event in enumerate(self.scenario.event):
            self.add(number, event)

    def add(self, number: int, event: EventTable) -> None:
        """Have an event happen."""
        if event.on is not None:
            self._following.setdefault(event.on, []).append((number, event))
        else:
            self._agenda.at(self._start + (event.at_s or 0.0), partial(self._begin, number, event, 0))

    def give(self, event: EventTable) -> int:
        """Have an event happen that is not in the file, counted from now; for how many UEs."""
        self._given += 1
        now_s = self._clock.seconds() - self._start
        self.add(self._given, event.model_copy(update={"at_s": None if event.on else (event.at_s or 0.0) + now_s}))
        number, share = self._given, event.share
        return sum(1 for group in self.groups.named(event.population) for _ in self.groups.chosen(group, number, share))

    def stop(self) -> None:
        """Nothing more."""
        self._agenda.stop()
        self._jobs.clear()

    # ---- events

    def _begin(self, number: int, event: EventTable, turn: int) -> None:
        for group in self.groups.named(event.population):
            self._sweep(group, self.groups.chosen(group, number, event.share), event, number, turn)
        if event.every_s is not None and (event.times is None or turn + 1 < event.times):
            at_s = (event.at_s or 0.0) + (turn + 1) * event.every_s
            self._agenda.at(self._start + at_s, partial(self._begin, number, event, turn + 1))

    def _sweep(self, group: Group, places: Any, event: EventTable, number: int, turn: int) -> None:
        now = self._clock.seconds()
        chosen = array("L", places)
        times = array("d", (now + event.spread.draw(self.groups.chance(group, at, number, turn)) for at in chosen))
        self._agenda.sweep(Sweep(chosen, times, partial(self._do, group, event)))

    def happened(self, what: On, place: Place) -> None:
        """Something that events may follow."""
        for number, event in self._following.get(what, ()):
            group, at = place
            if event.population in (None, group.table.name) and self.groups.is_chosen(group, at, number, event.share):
                later = event.spread.draw(self.groups.chance(group, at, number, 0))
                self._agenda.at(self._clock.seconds() + later, partial(self._do, group, event, at))

    def _do(self, group: Group, event: EventTable, at: int) -> None:
        """One UE, one event."""
        place, do = Place(group, at), event.do
        if do == "move":
            self._move(place, event)
            return
        if not group.has(at, HERE):
            return
        self._count(do)
        if do in ("attach", "detach", "send", "join"):
            self._queue(do, place, event)
        elif do == "tau":
            self._update(place, event)
        elif do == "sleep":
            group.put(at, ASLEEP, True)
        elif do == "wake":
            group.put(at, ASLEEP, False)
            self.groups.active(place, self._clock.seconds() - self._start)
            self._back(place)
        else:
            group.behaviour[at] = BEHAVIOURS.index(Behaviour(do))
            if do == "normal":
                self._back(place)
        if event.for_s is not None:
            back = EventTable(do="wake" if do == "sleep" else "normal", at_s=0.0)
            self._agenda.at(self._clock.seconds() + event.for_s, partial(self._do, group, back, at))

    def _move(self, place: Place, event: EventTable) -> None:
        """To the MME of the event: it leaves here without a word, and registers there."""
        group, at = place
        if event.mme != self._own:
            group.put(at, HERE, False)
            return
        self._count("move")
        group.put(at, HERE, True)
        if event.tac is not None:
            group.tac[at] = event.tac
        self._queue("arrive", place, event)

    def _update(self, place: Place, event: EventTable) -> None:
        group, at = place
        if event.tac is not None:
            group.tac[at] = event.tac
        self.groups.active(place, self._clock.seconds() - self._start)
        self._queue("tau", place, event)
        self._back(place)

    # ---- what is asked of others

    def _queue(self, what: str, place: Place, event: EventTable | None = None) -> None:
        self._jobs.append((what, place.group, place.at, event))
        self._pump()

    def _pump(self) -> None:
        while self._jobs and self._running < self._window:
            self._running += 1
            self._acts.spawn(self._work())

    async def _work(self) -> None:
        """Jobs, until there are no more."""
        try:
            while self._jobs:
                what, group, at, event = self._jobs.popleft()
                if not await self._one(what, Place(group, at), event):
                    self._count(f"{what} failed")
        finally:
            self._running -= 1

    async def _one(self, what: str, place: Place, event: EventTable | None) -> bool:
        acts, imsi = self._acts, place.imsi
        if what == "tau" and (acts.attached(imsi) or place.group.number not in self._attaching):
            return await acts.update(imsi)
        if what in ("attach", "arrive", "tau"):
            good = await acts.attach(imsi, initial=what == "attach")
            if good:
                self.happened("attached", place)
            return good
        if what == "detach":
            return await acts.detach(imsi)
        if what in ("send", "join") and event is not None:
            return await (acts.send if what == "send" else acts.join)(imsi, event)
        return await self._ready(place)

    async def _ready(self, place: Place) -> bool:
        """Tell whoever waits for a UE that is there again."""
        group, at = place
        now = self._clock.seconds()
        begins, ends = self.groups.awake(place, now - self._start)
        until = None if ends == float("inf") else self._start + max(ends, begins)
        missed, full, awaited = (group.has(at, flag) for flag in (MISSED, FULL, AWAITED))
        group.put(at, MISSED | FULL | AWAITED, False)
        waiter, good = self._waiters.pop(place.imsi, None), True
        if waiter is not None:
            good = await self._acts.alert(place.imsi, waiter)
        notice, untold = Notice(imsi=place.imsi, until=until), 0
        if (missed or awaited) and not await self._acts.notify(replace(notice, sms=missed)):
            untold |= (MISSED if missed else 0) | (AWAITED if awaited else 0)
        if full and not await self._acts.notify(replace(notice, memory=True, sms=True)):
            untold |= FULL
        if untold:
            self._later(place, untold)
        else:
            self._untold.pop(place.imsi, None)
        return good and not untold

    def _later(self, place: Place, untold: int) -> None:
        """The HSS has not taken it: again in a while, some times; and when the UE is heard of next."""
        group, at = place
        group.put(at, untold, True)
        after_s = self._untold.get(place.imsi, AGAIN_S)
        if after_s <= LAST_AGAIN_S:
            self._untold[place.imsi] = after_s * 2
            self._agenda.at(self._clock.seconds() + after_s, partial(self._back, place))

    # ---- short messages

    def meet(self, imsi: str, waiter: Waiter | None) -> Meeting | None:
        """How a UE meets a short message; None for UEs of nobody here.  `waiter`: who may be told to come again."""
        place = self.groups.find(imsi)
        if place is None:
            return None
        group, at = place
        if not group.has(at, HERE):
            return Meeting(Behaviour.UNKNOWN)
        if group.number in self._attaching and not self._acts.attached(imsi):
            return Meeting(Behaviour.ABSENT)
        behaviour = BEHAVIOURS[group.behaviour[at]]
        if behaviour is Behaviour.NORMAL:
            return self._power(place, waiter)
        if behaviour in UNREACHED or behaviour is Behaviour.MEMORY_FULL:
            group.put(at, FULL if behaviour is Behaviour.MEMORY_FULL else MISSED, True)
            self.happened("missed", place)
        return Meeting(behaviour)

    def _power(self, place: Place, waiter: Waiter | None) -> Meeting:
        """Of a UE that would take it if it were awake."""
        group, at = place
        now = self._clock.seconds()
        if group.has(at, ASLEEP):
            group.put(at, MISSED, True)
            self.happened("missed", place)
            return Meeting(Behaviour.ASLEEP)
        begins = self._start + self.groups.awake(place, now - self._start)[0]
        if begins <= now:
            return Meeting(Behaviour.NORMAL)
        told = waiter is not None and begins <= waiter.latest
        if told and waiter is not None:
            self._waiters[place.imsi] = waiter
        elif not group.has(at, MISSED):
            group.put(at, MISSED, True)
            self._when_awake(place, begins)
        self.happened("missed", place)
        return Meeting(Behaviour.ASLEEP, begins if told else None)

    def _when_awake(self, place: Place, begins: float) -> None:
        self._agenda.at(begins, partial(self._back, place))

    def delivered(self, imsi: str) -> None:
        """A UE has taken a short message."""
        self._waiters.pop(imsi, None)
        place = self.groups.find(imsi)
        if place is not None:
            self.happened("delivered", place)

    def _back(self, place: Place) -> None:
        """A UE is there again; when somebody waits for it and it can be reached, it is said."""
        group, at = place
        if not group.has(at, HERE) or group.has(at, ASLEEP) or group.behaviour[at]:
            return
        if group.flags[at] & (MISSED | FULL | AWAITED) or place.imsi in self._waiters:
            self._queue("ready", place)

    def awaited(self, imsi: str) -> None:
        """The HSS wants to hear when this UE is reachable (URRP)."""
        place = self.groups.find(imsi)
        if place is not None:
            place.group.put(place.at, AWAITED, True)
            now = self._clock.seconds()
            begins = self._start + self.groups.awake(place, now - self._start)[0]
            self._when_awake(place, max(begins, now + FOR_NOW if begins <= now else begins))

    def cancelled(self, imsi: str) -> None:
        """The HSS has let the UE go from here."""
        place = self.groups.find(imsi)
        if place is not None:
            self.happened("cancelled", place)

    def tac(self, imsi: str) -> int | None:
        """The tracking area of a UE; None for UEs of nobody here."""
        place = self.groups.find(imsi)
        return None if place is None else place.group.tac[place.at]

    def page(self) -> dict[str, Any]:
        """For the operator: counts, no identities."""
        populations = [
            {
                "name": group.table.name,
                "count": group.table.count,
                "here": sum(bool(flags & HERE) for flags in group.flags),
                "missed": sum(bool(flags & (MISSED | FULL)) for flags in group.flags),
                "behaviours": {
                    behaviour.value: group.behaviour.count(index)
                    for index, behaviour in enumerate(BEHAVIOURS)
                    if group.behaviour.count(index)
                },
            }
            for group in self.groups.all
        ]
        return {
            "elapsed_s": round(self._clock.seconds() - self._start, 1),
            "waiting": len(self._jobs),
            "under_way": self._running,
            "counters": dict(sorted(self.counters.items())),
            "populations": populations,
        }

    def _count(self, name: str) -> None:
        self.counters[name] = self.counters.get(name, 0) + 1
