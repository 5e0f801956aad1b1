"""Identifiers of a node that is several processes: no two of them make the same."""

from __future__ import annotations

import pytest

from diameter.routing.identifiers import EndToEndSource, Lane, SessionIds

NOW = 1_700_000_000.25


@pytest.mark.parametrize(("processes", "step"), [(1, 1), (2, 2), (3, 4), (4, 4), (64, 64)])
def test_a_step_is_a_power_of_two(processes: int, step: int) -> None:
    assert [Lane.among(index, processes) for index in range(processes)] == [Lane(i, step) for i in range(processes)]


@pytest.mark.parametrize(("seed", "each"), [(0xFFFFF, 1 << 10), (0x12345678, 1 << 18)])
def test_end_to_end_identifiers_differ_over_workers_also_when_the_counter_wraps(seed: int, each: int) -> None:
    sources = [EndToEndSource(seed + index, Lane.among(index, 4)) for index in range(4)]
    made = [source.next(NOW) for source in sources for _ in range(each)]
    assert len(set(made)) == len(made) == 4 * each


def test_session_ids_differ_over_workers_and_grow() -> None:
    sources = [SessionIds("m.example", NOW, Lane.among(index, 3)) for index in range(3)]
    made = [[source.next() for _ in range(1000)] for source in sources]
    assert len({name for names in made for name in names}) == 3000
    for names in made:
        values = [tuple(map(int, name.split(";")[1:])) for name in names]
        assert values == sorted(values)
        assert all(low < 1 << 32 for _, low in values)


def test_a_node_alone_makes_what_it_made_before() -> None:
    assert SessionIds("m", NOW).next() == SessionIds("m", NOW, Lane.among(0, 1)).next()
    assert EndToEndSource(7).next(NOW) == EndToEndSource(7, Lane(0, 1)).next(NOW)
