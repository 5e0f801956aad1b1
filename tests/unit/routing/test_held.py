"""Requests that wait their turn: highest priority first, the lowest gives way (RFC 7944)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diameter.routing.held import Held


def filled(*rows: tuple[str, int]) -> Held[str]:
    held: Held[str] = Held()
    for item, priority in rows:
        held.push(item, priority)
    return held


def test_highest_priority_first_and_the_oldest_among_equals() -> None:
    held = filled(("a", 10), ("b", 0), ("c", 15), ("d", 0), ("e", 10))
    assert held.drain() == ["b", "d", "a", "e", "c"]
    assert len(held) == 0
    with pytest.raises(IndexError):
        held.pop()


def test_the_youngest_of_the_lowest_gives_way_to_a_higher_one_only() -> None:
    held = filled(("a", 12), ("b", 12), ("c", 3))
    assert held.shed(12) is None
    assert held.shed(11) == "b"
    assert held.shed(0) == "a"
    assert held.shed(3) is None
    assert held.shed(2) == "c"
    assert held.shed(0) is None


def test_a_priority_that_does_not_exist_counts_as_the_default() -> None:
    held = filled(("a", 11), ("b", 99), ("c", -1), ("d", 9))
    assert held.drain() == ["d", "b", "c", "a"]


@given(st.lists(st.tuples(st.integers(), st.integers(0, 15))))
def test_the_order_is_that_of_a_stable_sort(rows: list[tuple[int, int]]) -> None:
    held: Held[int] = Held()
    for item, priority in rows:
        held.push(item, priority)
    assert len(held) == len(rows)
    assert held.drain() == [item for item, _ in sorted(rows, key=lambda row: row[1])]
