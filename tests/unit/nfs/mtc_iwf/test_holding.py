"""Answers that wait for a common moment."""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock

from diameter.testing import run
from nfs.mtc_iwf.holding import Holding


def waited(took_s: float, delay_s: float = 0.2) -> float:
    """When an answer goes out, in seconds after its request, if it took so long to find."""
    clock = Clock()
    clock.rightNow = 1_700_000_000.0
    since = clock.seconds()
    holding = Holding(clock, delay_s=delay_s, at_most=10)
    clock.advance(took_s)
    run(holding.until_due("customer", since), clock)
    assert not holding.waiting
    return clock.seconds() - since


@pytest.mark.requirement("R-TSP-15")
@pytest.mark.parametrize(("took_s", "due_s"), [(0, 0.2), (0.001, 0.2), (0.19, 0.2), (0.21, 0.4), (1.05, 1.2)])
def test_an_answer_goes_a_whole_number_of_delays_after_its_request(took_s: float, due_s: float) -> None:
    assert waited(took_s) == pytest.approx(due_s, abs=0.011)


def test_without_a_delay_nothing_waits() -> None:
    assert waited(0.05, delay_s=0.0) == pytest.approx(0.05)


def test_answers_of_one_tick_share_a_timer_and_each_scs_has_its_bound() -> None:
    clock = Clock()
    holding = Holding(clock, delay_s=0.2, at_most=3)
    gone: list[int] = []

    async def one(number: int, scs: str) -> None:
        await holding.until_due(scs, clock.seconds())
        gone.append(number)

    held = [one(at, "customer") for at in range(3)] + [one(3, "other")]
    for each in held:
        each.send(None)
    assert len(clock.getDelayedCalls()) == 1
    assert (holding.full("customer"), holding.full("other"), holding.held) == (True, False, 4)
    clock.advance(0.2)
    assert not holding.full("customer")
    for each in held:
        with pytest.raises(StopIteration):
            each.send(None)
    assert gone == [0, 1, 2, 3]


def test_at_the_end_everything_goes() -> None:
    clock = Clock()
    holding = Holding(clock, delay_s=5.0, at_most=3)
    held = holding.until_due("customer", clock.seconds())
    held.send(None)
    holding.stop()
    assert clock.getDelayedCalls() == []
    with pytest.raises(StopIteration):
        held.send(None)
