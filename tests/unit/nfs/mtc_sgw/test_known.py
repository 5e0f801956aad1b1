"""What is remembered of the HSS, how long, and how often it may be asked in vain."""

from __future__ import annotations

import pytest

from nfs.mtc_sgw.known import Known, KnownLimits
from nfs.mtc_sgw.logic import Rate

NOW = 1_700_000_000.0
PAIR, OTHER = ("15550001", "meter-1@customer.example"), ("15550002", "meter-1@customer.example")


def known(
    *, remembered: int = 10, budget: Rate | None = None, refused_s: float = 30, granted_s: float = 0
) -> Known[str]:
    return Known(KnownLimits(refused_s=refused_s, granted_s=granted_s, budget=budget), remembered=remembered)


@pytest.mark.requirement("T-TSP-07", "E-TRIG-15")
def test_a_refusal_is_good_for_its_time_and_for_its_scs() -> None:
    cache = known()
    assert cache.refusal(PAIR, NOW) is None
    cache.refused(PAIR, NOW, 5510)
    assert [cache.refusal(PAIR, NOW + after) for after in (0, 29.9, 30)] == [5510, 5510, None]
    assert cache.refusal(OTHER, NOW) is None
    assert cache.spared == 2


def test_a_refusal_is_not_believed_after_the_clock_was_set_back() -> None:
    cache = known()
    cache.refused(PAIR, NOW, 5001)
    assert cache.refusal(PAIR, NOW - 3600) is None


@pytest.mark.requirement("E-TRIG-15")
def test_a_grant_is_good_for_its_time_and_its_priority() -> None:
    cache = known(granted_s=60)
    cache.granted(PAIR, NOW, "plain", priority=False)
    assert cache.grant(PAIR, NOW + 59, priority=False) == "plain"
    assert cache.grant(PAIR, NOW, priority=True) is None
    cache.granted(PAIR, NOW + 30, "urgent", priority=True)
    assert [cache.grant(PAIR, NOW + 59, priority=each) for each in (False, True)] == ["plain", "urgent"]
    assert [cache.grant(PAIR, NOW + 60, priority=each) for each in (False, True)] == [None, None]
    assert cache.grant(OTHER, NOW, priority=False) is None


def test_unless_told_so_no_grant_is_remembered() -> None:
    cache = known()
    cache.granted(PAIR, NOW, "plain", priority=False)
    assert cache.grant(PAIR, NOW, priority=False) is None


@pytest.mark.requirement("E-TRIG-15")
@pytest.mark.parametrize("how", ["forget", "clear", "refused", "granted"])
def test_what_ends_it_before_its_time(how: str) -> None:
    cache = known(granted_s=60)
    if how in ("refused", "forget", "clear"):
        cache.granted(PAIR, NOW, "plain", priority=False)
    else:
        cache.refused(PAIR, NOW, 5001)
    if how == "forget":
        cache.forget(PAIR)
    elif how == "clear":
        cache.clear()
    elif how == "refused":
        cache.refused(PAIR, NOW, 5510)
    else:
        cache.granted(PAIR, NOW, "plain", priority=False)
    assert cache.grant(PAIR, NOW, priority=False) == ("plain" if how == "granted" else None)
    assert cache.refusal(PAIR, NOW) == (5510 if how == "refused" else None)


@pytest.mark.requirement("T-TSP-07")
def test_of_questions_in_vain_no_more_than_the_budget_are_asked() -> None:
    cache = known(budget=Rate(per_s=1, burst=20))
    asked = 0
    for at in range(10_000):
        pair = (PAIR[0], f"foreign-{at}@customer.example")
        if cache.may_ask(pair, NOW + at / 1000):
            asked += 1
            cache.refused(pair, NOW + at / 1000, 5510)
    assert asked == cache.asked == 20 + 9
    assert cache.over == 10_000 - asked
    assert cache.may_ask(OTHER, NOW + 10)  # another SCS has its own


@pytest.mark.requirement("T-TSP-07")
def test_what_is_granted_costs_nothing_and_is_asked_whatever_the_budget() -> None:
    cache = known(budget=Rate(per_s=0.001, burst=1))
    for at in range(100):
        pair = (PAIR[0], f"meter-{at}@customer.example")
        assert cache.may_ask(pair, NOW)
        cache.granted(pair, NOW, "plain", priority=False)
    foreign = (PAIR[0], "foreign@customer.example")
    assert [cache.may_ask(foreign, NOW), cache.may_ask(foreign, NOW)] == [True, False]
    assert cache.may_ask((PAIR[0], "meter-99@customer.example"), NOW)


def test_questions_about_one_device_that_are_under_way_together_all_get_their_tokens_back() -> None:
    """A burst of triggers for a device of one's own, before the HSS has said that it is."""
    cache = known(budget=Rate(per_s=0.001, burst=3))
    for _ in range(2):
        assert [cache.may_ask(PAIR, NOW) for _ in range(4)] == [True, True, True, False]
        for _ in range(3):
            cache.granted(PAIR, NOW, "plain", priority=False)
        cache.refused(PAIR, NOW, 5510)  # taken away, so that it costs again


def test_a_question_that_nobody_answered_is_paid_for() -> None:
    cache = known(budget=Rate(per_s=0.001, burst=3))
    assert [cache.may_ask(PAIR, NOW) for _ in range(2)] == [True, True]
    cache.unanswered(PAIR)
    cache.granted(PAIR, NOW, "plain", priority=False)
    cache.unanswered(PAIR)  # nothing is under way
    foreign = [(PAIR[0], f"foreign-{at}@customer.example") for at in range(3)]
    assert [cache.may_ask(each, NOW) for each in foreign] == [True, True, False]


def test_a_device_that_was_taken_away_costs_again() -> None:
    cache = known(budget=Rate(per_s=0.001, burst=1))
    assert cache.may_ask(PAIR, NOW)
    cache.granted(PAIR, NOW, "plain", priority=False)
    cache.refused(PAIR, NOW, 5510)
    assert [cache.may_ask(PAIR, NOW), cache.may_ask(PAIR, NOW)] == [True, False]


@pytest.mark.requirement("T-TSP-07")
def test_memory_is_bounded() -> None:
    cache = known(remembered=3, granted_s=60)
    for at in range(5):
        cache.refused(("1", f"no-{at}"), NOW, 5001)
        cache.granted(("1", f"yes-{at}"), NOW, "x", priority=False)
    assert [cache.refusal(("1", f"no-{at}"), NOW) for at in range(5)] == [None, None, 5001, 5001, 5001]
    assert [cache.grant(("1", f"yes-{at}"), NOW, priority=False) for at in range(5)] == [None, None, "x", "x", "x"]
