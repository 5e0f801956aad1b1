"""Records are held back so that no genuine one meets the window of 64, and none passes twice."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diameter.security import replay
from diameter.security.link import ProtectionFailed
from diameter.security.replay import WINDOW, HoldBack


def _through(hold: HoldBack, numbers: Sequence[int]) -> list[int]:
    """What is let through, in that order."""
    found: list[int] = []
    for number in numbers:
        if hold.admit(number, b"%d" % number):
            hold.passed(number)
            found.append(number)
        while (following := hold.next_held()) is not None:
            assert following[1] == b"%d" % following[0]
            hold.passed(following[0])
            found.append(following[0])
    return found


class Window:
    """OpenSSL's window: true for a record it would take."""

    def __init__(self) -> None:
        self.highest = -1
        self.seen: set[int] = set()

    def takes(self, number: int) -> bool:
        if number in self.seen or self.highest - number >= WINDOW:
            return False
        self.seen.add(number)
        self.highest = max(self.highest, number)
        return True


@given(st.integers(0, 300).flatmap(lambda count: st.permutations(range(count))), st.data())
def test_any_order_with_any_repetition_passes_the_window_whole(order: list[int], data: st.DataObject) -> None:
    again = data.draw(st.lists(st.sampled_from(order), max_size=20)) if order else []
    arrivals = list(order)
    for number in again:
        arrivals.insert(data.draw(st.integers(0, len(arrivals))), number)
    hold, window = HoldBack(), Window()
    passed = _through(hold, arrivals)
    assert sorted(passed) == sorted(order)
    assert all(window.takes(number) for number in passed)
    assert (hold.missing, hold.held, hold.replayed) == (len(order), 0, len(again))


def test_nothing_waits_that_need_not() -> None:
    hold = HoldBack()
    assert _through(hold, range(1, WINDOW)) == list(range(1, WINDOW))
    assert _through(hold, [WINDOW]) == []
    assert hold.held == 1
    assert _through(hold, [0]) == [0, WINDOW]
    assert hold.missing == WINDOW + 1


def test_a_gap_that_never_closes_is_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay, "HELD", 3)
    hold = HoldBack()
    assert _through(hold, [64, 65, 66]) == []
    with pytest.raises(ProtectionFailed, match="DTLS record 0 is missing, 3 later ones have arrived"):
        hold.admit(67, b"")
    assert not hold.admit(66, b"")
    assert hold.replayed == 1


def test_what_is_held_back_is_bounded_in_octets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay, "HELD_OCTETS", 10)
    hold = HoldBack()
    assert not hold.admit(100, b"x" * 9)
    with pytest.raises(ProtectionFailed, match="is missing"):
        hold.admit(101, b"xx")
    for number in range(38):
        hold.passed(number)
    assert hold.next_held() == (100, b"x" * 9)
    assert not hold.admit(200, b"x" * 10)
