"""The engine of a scenario: what UEs do, when, and what the HSS and service centres are told."""

from __future__ import annotations

from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.task import Clock

from diameter.app import Later
from diameter.config import parse
from nfs.mme.logic import Meeting, Waiter
from nfs.mme.scenario.engine import Engine, Notice
from nfs.mme.scenario.model import EventTable, Scenario, order
from nfs.ue.logic import Behaviour

OWN = "mme.example"
FIRST = "001010000000001"
START = 1_700_000_000.0
WAITER = Waiter(latest=START + 5000, number=b"\x51", host="sc.example", realm="example")


class Acts:
    """Does everything at once, or when told; writes it down."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.done: list[tuple[float, str, str]] = []
        self.here: set[str] = set()
        self.notices: list[Notice] = []
        self.good = True
        self.held: list[Later[None]] | None = None

    def spawn(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Run it until it waits; what it waits for goes on with it."""
        try:
            later = coroutine.send(None)
        except StopIteration:
            return
        assert isinstance(later, Later)
        later.then(lambda: self.spawn(coroutine))

    def attached(self, imsi: str) -> bool:
        return imsi in self.here

    async def _note(self, what: str, imsi: str) -> bool:
        self.done.append((self.clock.seconds() - START, what, imsi[-2:]))
        if self.held is not None:
            self.held.append(later := Later[None]())
            await later
        return self.good

    async def attach(self, imsi: str, *, initial: bool) -> bool:
        self.here.add(imsi)
        return await self._note("attach" if initial else "arrive", imsi)

    async def update(self, imsi: str) -> bool:
        return await self._note("update", imsi)

    async def detach(self, imsi: str) -> bool:
        self.here.discard(imsi)
        return await self._note("detach", imsi)

    async def notify(self, notice: Notice) -> bool:
        self.notices.append(notice)
        return await self._note("notify", notice.imsi)

    async def alert(self, imsi: str, waiter: Waiter) -> bool:
        return await self._note(f"alert {waiter.host}", imsi)

    async def send(self, imsi: str, event: EventTable) -> bool:
        return await self._note(f"send {event.to}", imsi)

    async def join(self, imsi: str, event: EventTable) -> bool:
        return await self._note(f"join {event.group}", imsi)


class Lab:
    """An engine on a clock."""

    def __init__(self, text: str, *, own: str = OWN, window: int = 100, count: int = 4, more: str = "") -> None:
        self.clock = Clock()
        self.clock.rightNow = START
        self.acts = Acts(self.clock)
        table = f'[[population]]\nname = "a"\nfirst_imsi = "{FIRST}"\ncount = {count}\n{more}\n'
        scenario = parse(f"schema = 1\nseed = 3\n{table}{text}", Scenario, source="s.toml", base=Path())
        self.engine = Engine(scenario, self.acts, self.clock, own=own, tac=9, window=window)
        self.engine.start()

    def at(self, seconds: float) -> list[tuple[float, str, str]]:
        """Go to this time, timer by timer; what was done since."""
        while calls := [c.getTime() for c in self.clock.getDelayedCalls() if c.getTime() <= START + seconds]:
            self.clock.advance(max(0.0, min(calls) - self.clock.seconds()))
        self.clock.advance(START + seconds - self.clock.seconds())
        done, self.acts.done = self.acts.done, []
        return done

    def meet(self, at: int = 0, waiter: Waiter | None = None) -> Meeting:
        found = self.engine.meet(f"{int(FIRST) + at:015}", waiter)
        assert found is not None
        return found

    def give(self, **form: Any) -> int:
        return self.engine.give(order(form, self.engine.scenario))


def event(do: str, **keys: Any) -> str:
    lines = "".join(f"{key} = {value if not isinstance(value, str) else repr(value)}\n" for key, value in keys.items())
    return f'[[event]]\ndo = "{do}"\n{lines}'


def test_all_attach_each_at_its_time_and_always_at_the_same() -> None:
    first = Lab("", more="attach = { uniform = [0, 60] }").at(60)
    assert sorted(what for _, _, what in first) == ["01", "02", "03", "04"]
    assert [when for when, _, _ in first] == sorted(when for when, _, _ in first)
    assert len({when for when, _, _ in first}) == 4
    assert first == Lab("", more="attach = { uniform = [0, 60] }").at(60)


def test_no_more_at_once_than_the_window() -> None:
    lab = Lab("", more="attach = 1", count=500, window=3)
    lab.acts.held = []
    assert len(lab.at(2)) == 3
    assert (lab.engine.page()["under_way"], lab.engine.page()["waiting"]) == (3, 497)
    lab.acts.held.pop().resolve(None)
    assert len(lab.at(3)) == 1
    lab.engine.stop()
    assert lab.engine.page()["waiting"] == 0


def test_what_does_not_go_well_is_counted() -> None:
    lab = Lab(event("send", on="attached", to="123"), more="attach = 1")
    lab.acts.good = False
    assert {what for _, what, _ in lab.at(2)} == {"attach"}
    assert lab.engine.counters == {"attach": 4, "attach failed": 4}


def test_events_follow_events() -> None:
    lab = Lab(event("send", on="attached", to="123", spread=2), more="attach = 1")
    assert [what for _, what, _ in lab.at(2)] == ["attach"] * 4
    assert {(when, what) for when, what, _ in lab.at(3)} == {(3.0, "send 123")}


def test_again_and_again() -> None:
    lab = Lab(event("tau", at_s=1, every_s=10, times=3, tac=77), count=1)
    assert [when for when, _, _ in lab.at(100)] == [1.0, 11.0, 21.0]
    assert lab.engine.tac(FIRST) == 77
    assert lab.engine.tac("1") is None


def test_a_part_of_them() -> None:
    lab = Lab(event("detach", at_s=1, share=0.25), count=2000)
    chosen = lab.at(2)
    assert 400 < len(chosen) < 600
    assert chosen == Lab(event("detach", at_s=1, share=0.25), count=2000).at(2)


def test_a_full_memory_and_room_again() -> None:
    lab = Lab(event("memory-full", at_s=1, for_s=10), count=2)
    assert lab.meet().behaviour is Behaviour.NORMAL
    lab.at(2)
    assert lab.meet().behaviour is Behaviour.MEMORY_FULL
    assert lab.engine.page()["populations"][0]["missed"] == 1
    assert [(when, what, ue) for when, what, ue in lab.at(20)] == [(11.0, "notify", "01")]  # nobody tried the other one
    assert lab.acts.notices == [Notice(imsi=FIRST, memory=True, sms=True)]
    assert lab.meet().behaviour is Behaviour.NORMAL


@pytest.mark.parametrize("do", ["absent", "no-paging"])
def test_absent_and_back(do: str) -> None:
    lab = Lab(event(do, at_s=1) + event("normal", at_s=5), count=1)
    lab.at(2)
    assert lab.meet().behaviour is Behaviour(do)
    assert len(lab.at(6)) == 1
    assert lab.acts.notices == [Notice(imsi=FIRST, sms=True)]


@pytest.mark.parametrize("do", ["busy", "silent", "barred", "illegal-equipment", "no-sms", "protocol-error"])
def test_what_nobody_is_told_of_afterwards(do: str) -> None:
    lab = Lab(event(do, at_s=1) + event("normal", at_s=5), count=1)
    lab.at(2)
    assert lab.meet().behaviour is Behaviour(do)
    assert lab.at(6) == []


def test_asleep_until_woken() -> None:
    lab = Lab(event("sleep", at_s=1, for_s=50), count=1)
    lab.at(2)
    assert lab.meet(waiter=WAITER) == Meeting(Behaviour.ASLEEP)  # nobody knows until when
    assert [what for _, what, _ in lab.at(60)] == ["notify"]


POWER = '[population.power]\nmode = "psm"\ncycle_s = 1000\nawake_s = 10\n'


def sleeping(count: int = 1) -> tuple[Lab, float]:
    """A lab at a time when its first UE sleeps, and when that wakes."""
    lab = Lab("", more=POWER, count=count)
    place = lab.engine.groups.find(FIRST)
    assert place is not None
    awake, _ = lab.engine.groups.awake(place, 0.0)
    lab.at(awake + 20)
    begins, ends = lab.engine.groups.awake(place, awake + 20)
    assert begins - awake == pytest.approx(1000, abs=10)
    assert ends - begins == pytest.approx(10)
    return lab, begins


def test_power_saving_without_somebody_who_waits() -> None:
    lab, begins = sleeping()
    assert lab.meet() == Meeting(Behaviour.ASLEEP)
    assert lab.meet() == Meeting(Behaviour.ASLEEP)
    ((when, what, _),) = lab.at(begins + 1)
    assert when == pytest.approx(begins)
    assert what == "notify"
    assert lab.acts.notices[0].until == pytest.approx(START + begins + 10)
    assert lab.meet().behaviour is Behaviour.NORMAL


def test_power_saving_with_somebody_who_comes_again() -> None:
    lab, begins = sleeping()
    meeting = lab.meet(waiter=WAITER)
    assert meeting.behaviour is Behaviour.ASLEEP
    assert meeting.retry_at == pytest.approx(START + begins)
    assert lab.at(begins + 1) == []  # it comes by itself
    assert lab.meet(waiter=WAITER).behaviour is Behaviour.NORMAL
    lab.engine.delivered(FIRST)
    assert lab.at(begins + 2000) == []


def test_awake_before_its_time() -> None:
    lab, _ = sleeping()
    lab.meet(waiter=WAITER)
    assert lab.give(do="tau") == 1
    now = lab.clock.seconds() - START
    assert {what for _, what, _ in lab.at(now + 1)} == {"update", "alert sc.example"}
    assert lab.meet().behaviour is Behaviour.NORMAL
    assert lab.at(now + 12) == []
    assert lab.meet().behaviour is Behaviour.ASLEEP


def test_who_waits_no_longer_than_it_sleeps_is_told_nothing() -> None:
    lab, _ = sleeping()
    late = Waiter(latest=lab.clock.seconds() + 1, number=b"", host="", realm="")
    assert lab.meet(waiter=late) == Meeting(Behaviour.ASLEEP)


def test_the_hss_wants_to_know_when_it_is_there() -> None:
    lab, begins = sleeping()
    lab.engine.awaited(FIRST)
    lab.engine.awaited("1")
    assert [what for _, what, _ in lab.at(begins + 1)] == ["notify"]
    assert lab.acts.notices[0].sms is False
    plain = Lab("", count=1)
    plain.engine.awaited(FIRST)
    assert [what for _, what, _ in plain.at(5)] == ["notify"]


def test_from_one_mme_to_another() -> None:
    text = event("move", at_s=10, mme="other.example", tac=5) + event("tau", at_s=20)
    labs = [Lab(text, own=own, more=f'mme = "{OWN}"\nattach = 1', count=1) for own in (OWN, "other.example")]
    one, other = labs
    assert (one.meet().behaviour, other.meet().behaviour) == (Behaviour.ABSENT, Behaviour.UNKNOWN)
    assert [lab.at(5) for lab in labs] == [[(1.0, "attach", "01")], []]
    assert one.meet().behaviour is Behaviour.NORMAL
    assert [lab.at(15) for lab in labs] == [[], [(10.0, "arrive", "01")]]
    assert (one.meet().behaviour, other.meet().behaviour) == (Behaviour.UNKNOWN, Behaviour.NORMAL)
    assert other.engine.tac(FIRST) == 5
    assert [lab.at(25) for lab in labs] == [[], [(20.0, "update", "01")]]
    other.acts.here.clear()  # the HSS has cancelled it
    assert other.give(do="tau") == 1
    assert [what for _, what, _ in other.at(30)] == ["arrive"]


def test_what_follows_a_cancellation_and_a_delivery() -> None:
    lab = Lab(event("attach", on="cancelled", spread=1) + event("busy", on="delivered", share=1.0), count=1)
    lab.engine.cancelled(FIRST)
    lab.engine.cancelled("1")
    lab.engine.delivered("1")
    assert lab.at(2) == [(1.0, "attach", "01")]
    lab.engine.delivered(FIRST)
    lab.at(3)
    assert lab.meet().behaviour is Behaviour.BUSY
    assert lab.engine.meet("1", None) is None


def test_where_they_are() -> None:
    lab = Lab("", count=1000, more="tacs = [1, 2, 3]")
    places = [lab.engine.tac(f"{int(FIRST) + at:015}") for at in range(1000)]
    assert {1, 2, 3} == set(places)
    assert places.count(1) > 250
    assert Lab("", count=1).engine.tac(FIRST) == 9


def test_a_stopped_engine_does_nothing_more() -> None:
    lab = Lab(event("tau", at_s=1, every_s=1), count=1)
    lab.engine.stop()
    lab.give(do="tau")
    assert lab.at(5) == []
    assert lab.clock.getDelayedCalls() == []


def test_ues_say_once_they_are_attached_that_they_belong_to_a_group() -> None:
    event = '[[event]]\ndo = "join"\non = "attached"\nspread = 2\ngroup = "0000000A-001-01-07"'
    lab = Lab(event, count=1, more="attach = 1")
    assert lab.at(5) == [(1.0, "attach", "01"), (3.0, "join 0000000a-001-01-07", "01")]
    lab.acts.good = False
    lab.engine.give(order({"do": "join", "group": "0000000a-001-01-08"}, lab.engine.scenario))
    lab.at(6)
    assert lab.engine.counters == {"attach": 1, "join": 2, "join failed": 1}


def test_an_hss_that_did_not_hear_that_a_ue_is_back_is_told_again() -> None:
    lab = Lab(event("no-paging", at_s=1, for_s=10), count=1)
    lab.at(2)
    assert lab.meet().behaviour is Behaviour.NO_PAGING
    lab.acts.good = False
    assert [when for when, what, _ in lab.at(1000) if what == "notify"] == [11, 16, 26, 46, 86, 166, 326]
    assert lab.engine.page()["populations"][0]["missed"] == 1
    lab.acts.good = True
    lab.give(do="tau")  # it is heard of: once more
    assert "notify" in [what for _, what, _ in lab.at(1001)]
    assert lab.engine.page()["populations"][0]["missed"] == 0
    assert lab.at(2000) == []


def test_who_attaches_by_an_update_because_it_could_not_before_has_attached() -> None:
    lab = Lab(event("tau", at_s=5) + event("absent", on="attached"), count=1, more="attach = 1")
    lab.acts.good = False
    lab.at(2)
    lab.acts.here.clear()
    lab.acts.good = True
    assert [what for _, what, _ in lab.at(6)] == ["arrive"]
    assert lab.meet().behaviour is Behaviour.ABSENT
