"""The pace of masses: who waits, how long, and who cannot."""

from __future__ import annotations

import pytest

from nfs.common.tsp import RequestStatus
from nfs.mtc_sgw.logic import Rate, Refuse
from nfs.mtc_sgw.spreading import Area, Pace, Spreading, SpreadLimits

NOW = 1_700_000_000.0
TEN = Pace(rate=Rate(per_s=10, burst=2), up_to_s=0.5)


def spreading(everybody: Pace | None = TEN, *areas: Area, jitter_s: float = 0.0) -> Spreading:
    return Spreading(SpreadLimits(everybody=everybody, areas=areas, jitter_s=jitter_s), lambda: 0.5)


def waits(spread: Spreading, count: int, *names: str, priority: bool = False, now: float = NOW) -> list[float | str]:
    found: list[float | str] = []
    for _ in range(count):
        outcome = spread.wait_s(names, (), now, priority=priority)
        found.append("refused" if isinstance(outcome, Refuse) else round(outcome, 3))
    return found


@pytest.mark.requirement("R-TRIG-16", "T-TSP-03")
def test_a_burst_is_stretched_and_what_would_wait_too_long_is_refused() -> None:
    spread = spreading()
    assert waits(spread, 9) == [0, 0, 0.1, 0.2, 0.3, 0.4, 0.5, "refused", "refused"]
    assert (spread.delayed, spread.refused) == (5, 2)
    assert waits(spread, 1, now=NOW + 0.1) == [0.5]  # what was refused has taken nothing
    assert waits(spread, 2, now=NOW + 60) == [0, 0]


def test_the_refusal_says_that_it_may_be_tried_again() -> None:
    spread = spreading(Pace(rate=Rate(per_s=1, burst=1)))
    assert waits(spread, 1) == [0]
    outcome = spread.wait_s((), (), NOW, priority=False)
    assert isinstance(outcome, Refuse)
    assert outcome.status is RequestStatus.RATEEXCEEDED


def test_with_priority_nobody_waits_and_others_wait_longer() -> None:
    spread = spreading()
    assert waits(spread, 4, priority=True) == [0, 0, 0, 0]
    assert waits(spread, 1) == [0.3]


@pytest.mark.parametrize(("up_to_s", "waited_s"), [(0.5, [0.35, 0.45]), (0.1, [0.1]), (0.0, [0.0])])
def test_with_priority_nobody_takes_the_turn_of_all_others(up_to_s: float, waited_s: list[float]) -> None:
    spread = spreading(Pace(rate=Rate(per_s=10, burst=2), up_to_s=up_to_s))
    assert waits(spread, 1000, priority=True) == [0] * 1000
    assert waits(spread, 3)[: len(waited_s)] == waited_s
    assert waits(spread, 1000, priority=True) == [0] * 1000
    assert waits(spread, 1, now=NOW + 0.2) != ["refused"]


@pytest.mark.requirement("R-TRIG-16")
def test_an_area_has_a_pace_of_its_own() -> None:
    slow = Area(
        name="valley",
        pace=Pace(rate=Rate(per_s=1, burst=1)),
        devices=("meter-*@customer.example",),
        nodes=frozenset({"mme7.core.example"}),
    )
    spread = spreading(None, slow)
    assert waits(spread, 2, "meter-1@customer.example") == [0, "refused"]
    assert waits(spread, 2, "pump-1@customer.example") == [0, 0]
    assert isinstance(spread.wait_s(["pump-2@customer.example"], ["MME7.core.example"], NOW, priority=False), Refuse)


def test_who_is_refused_in_one_bucket_takes_from_none() -> None:
    area = Area(name="valley", pace=Pace(rate=Rate(per_s=1, burst=1)), devices=("*",))
    spread = spreading(Pace(rate=Rate(per_s=1, burst=2)), area)
    assert waits(spread, 3, "a@x.example") == [0, "refused", "refused"]
    assert waits(spread, 1) == [0]  # the second token of everybody is still there


def test_by_chance_each_waits_a_little_more() -> None:
    assert waits(spreading(jitter_s=0.2), 3) == [0.1, 0.1, 0.2]
