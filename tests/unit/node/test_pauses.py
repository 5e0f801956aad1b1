"""What a full search for cycles has found alive is not looked at again."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest

from diameter._node import pauses


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    thresholds = gc.get_threshold()
    yield
    pauses.leave()
    gc.freeze()  # all that the session has: it would be looked through for the rest of it
    gc.set_threshold(*thresholds)


def test_what_is_there_is_kept_out_of_the_search_and_so_is_what_a_search_leaves() -> None:
    pauses.keep_short()
    pauses.keep_short()
    assert gc.get_threshold() == pauses.YOUNG
    before = gc.get_freeze_count()
    assert before > 1000
    held = [[number] for number in range(500)]
    gc.collect()
    assert gc.get_freeze_count() >= before + len(held)
    gc.collect(1)
    count = gc.get_freeze_count()
    assert count == gc.get_freeze_count()


def test_a_cycle_that_dies_later_is_found_when_everything_is_looked_at() -> None:
    class Node:
        other: Node

    one, two = Node(), Node()
    one.other, two.other = two, one
    there = weakref.ref(one)
    pauses.keep_short()
    del one, two
    gc.collect()
    assert there() is not None
    pauses.look_again()
    assert there() is None
