"""The counts of one link in Python, in typed Python, and compiled: the same for any octets."""

from __future__ import annotations

import importlib
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diameter._node import _core_book, _typed_book, book
from diameter._node.tally import USUAL, Tally
from diameter.wire import core


def _others() -> list[Any]:
    try:
        return [_typed_book, importlib.import_module("diameter._node._ccore_book")]
    except ImportError:
        return [_typed_book]


OTHERS: Final = _others()
PARTS: Final = st.lists(
    st.sampled_from((USUAL, b"\0\0\7\xd1", bytes(4), bytes(3), b"\0\0\1\x29\x40\0\0\x10", b"\0\0\1\x07\x40\0\0\x08")),
    max_size=8,
)


def test_what_serves_is_what_the_core_is() -> None:
    assert book.Book is (OTHERS[-1] if core.NAME == "compiled" else _core_book).Book


def _counted(module: Any, answers: list[bytes]) -> Any:
    tally = Tally()
    one = module.Book(tally, "a.example.org", True)
    for octets in answers:
        one.count(octets)
    return tally._counts


@given(st.lists(st.tuples(st.integers(0, 24), PARTS), max_size=5))
def test_the_books_agree(answers: list[tuple[int, list[bytes]]]) -> None:
    octets = [bytes(size) + b"".join(parts) for size, parts in answers]
    expected = _counted(_core_book, octets)
    assert sum(count for (count,) in expected.values()) == len(octets)
    for module in OTHERS:
        assert _counted(module, octets) == expected


@pytest.mark.parametrize("module", [_core_book, *OTHERS])
def test_a_link_keeps_few_rows_and_counts_the_others_as_well(module: Any) -> None:
    octets = [bytes(20) + USUAL + number.to_bytes(4) for number in range(_core_book.KEPT + 10)]
    assert set(map(tuple, _counted(module, octets * 2).values())) == {(2,)}
