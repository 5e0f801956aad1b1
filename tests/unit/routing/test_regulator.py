"""What a node asks for when it is offered more than it can do: a simulated second is one line."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diameter.routing.regulator import LEAST, Regulator


def admitted(offered: float, seconds: int, regulator: Regulator, delay: int = 0) -> list[float]:
    """What gets through, as a share of the capacity, when others do as asked `delay` seconds later."""
    heard, found = [1.0] * (delay + 1), []
    for _ in range(seconds):
        found.append(offered * heard[0])
        regulator.judge(found[-1])
        heard = [*heard[1:], 1 - regulator.percent / 100]
    return found


@pytest.mark.parametrize("delay", [0, 1])
@pytest.mark.parametrize("offered", [1.1, 1.5, 2.0, 4.0, 15.0])
def test_what_is_offered_falls_to_the_capacity(offered: float, delay: int) -> None:
    assert (
        admitted(offered, 60, Regulator(), delay)[-20:] == [pytest.approx(1.0, abs=0.16 if offered > 10 else 0.06)] * 20
    )


def test_nothing_is_asked_for_while_all_is_well() -> None:
    regulator = Regulator()
    assert admitted(0.99, 100, regulator) == [0.99] * 100
    assert regulator.percent == 0


def test_the_first_report_takes_the_whole_step() -> None:
    regulator = Regulator()
    assert regulator.judge(4.0) == 75


def test_the_way_back_goes_by_steps_and_ends() -> None:
    regulator = Regulator()
    admitted(4.0, 30, regulator)
    steps = [regulator.judge(0.3 * regulator.keep) for _ in range(12)]
    assert steps == sorted(steps, reverse=True)
    assert all(before - after <= 11 for before, after in pairwise(steps))
    assert (steps[-1], regulator.keep) == (0, 1.0)


def test_near_the_capacity_nothing_changes() -> None:
    """Each change would be a report for everybody."""
    regulator = Regulator()
    regulator.judge(2.0)
    assert {regulator.judge(pressure) for pressure in (0.96, 1.04, 1.0, 0.95, 1.05)} == {50}


def test_clients_that_hear_nothing_make_the_others_pay() -> None:
    """Half of the load comes from clients without overload control."""
    regulator, pressure = Regulator(), 0.0
    for _ in range(60):
        pressure = 0.6 + 0.8 * (1 - regulator.percent / 100)
        regulator.judge(pressure)
    assert pressure == pytest.approx(1.0, abs=0.06)


@given(st.lists(st.floats(0, 1e9, allow_nan=False), max_size=50))
def test_it_stays_in_its_bounds(pressures: list[float]) -> None:
    regulator = Regulator()
    for pressure in pressures:
        assert 0 <= regulator.judge(pressure) <= 95
        assert LEAST <= regulator.keep <= 1.0
