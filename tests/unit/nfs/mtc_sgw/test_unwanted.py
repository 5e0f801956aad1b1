"""What owners of devices do not want."""

from __future__ import annotations

import pytest

from nfs.common.tsp import RequestStatus
from nfs.mtc_sgw.unwanted import Unwanted, Wish

METER, NOON = "meter-1@customer.example", 1_699_963_200.0  # 14 November 2023, 12:00 UTC
HOUR = 3600
SCS, OTHER = "15550001", "15550002"
IMSI, NUMBER = "001010000000001", "15550100001"


@pytest.mark.requirement("E-IP-06", "R-IP-05", "T-IP-03")
@pytest.mark.parametrize(
    ("wish", "blocked"),
    [
        (Wish(devices=(METER,)), False),
        (Wish(devices=(METER,), blocked=frozenset({SCS})), True),
        (Wish(devices=("*@customer.example",), blocked=frozenset({SCS})), True),
        (Wish(devices=("*",), blocked=frozenset({"*"})), True),
        (Wish(devices=("meter-?@other.example",), blocked=frozenset({"*"})), False),
        (Wish(devices=(METER,), blocked=frozenset({OTHER})), False),
        (Wish(devices=(METER,), granted=frozenset({SCS})), False),
        (Wish(devices=(METER,), granted=frozenset({OTHER})), True),
        (Wish(devices=(METER,), granted=frozenset()), True),
        (Wish(devices=(METER,), granted=frozenset({SCS}), blocked=frozenset({SCS})), True),
    ],
)
def test_who_is_blocked(wish: Wish, blocked: bool) -> None:
    assert Unwanted([wish]).blocks(METER, SCS) is blocked
    assert Unwanted([Wish(devices=("*",)), wish]).blocks(METER, SCS) is blocked


@pytest.mark.requirement("E-IP-06")
@pytest.mark.parametrize(
    ("quiet", "hour", "refused"),
    [
        ((8 * HOUR, 18 * HOUR), 12, True),
        ((8 * HOUR, 12 * HOUR), 12, False),
        ((12 * HOUR, 13 * HOUR), 12, True),
        ((22 * HOUR, 6 * HOUR), 23, True),
        ((22 * HOUR, 6 * HOUR), 5.9, True),
        ((22 * HOUR, 6 * HOUR), 6, False),
        ((22 * HOUR, 6 * HOUR), 12, False),
    ],
)
def test_quiet_hours(quiet: tuple[int, int], hour: float, refused: bool) -> None:
    found = Unwanted([Wish(devices=(METER,), quiet=(quiet,))]).check([METER], IMSI, NOON + (hour - 12) * HOUR)
    assert (found is not None) == refused
    if found is not None:
        assert (found.status, found.reason) == (RequestStatus.TEMPORARYERROR, "quiet hours of the device")


@pytest.mark.requirement("E-IP-06")
def test_so_many_in_any_hour_and_no_more() -> None:
    unwanted = Unwanted([Wish(devices=("meter-*",), per_hour=3), Wish(devices=(METER,), per_hour=2)])
    at = [unwanted.check([METER], IMSI, NOON + after) for after in (0, 1800, 3599, 3600, 5399, 5401)]
    assert [each is None for each in at] == [True, True, False, True, False, True]
    assert at[2] is not None
    assert at[2].status is RequestStatus.QUOTAEXCEEDED
    assert unwanted.check(["meter-2@customer.example"], "001010000000002", NOON) is None
    assert unwanted.check(["pump-1@customer.example"], IMSI, NOON) is None


def test_memory_is_bounded() -> None:
    unwanted = Unwanted([Wish(devices=("*",), per_hour=1)], remembered=3)
    assert [unwanted.check([f"meter-{at}"], f"{at:015}", NOON) for at in range(9)] == [None] * 9
    assert len(unwanted.passed) == 3


def test_who_may_not_reach_names_may_not_reach_a_number_without_one() -> None:
    wishes = Unwanted(
        (
            Wish(devices=("*@customer.example",), blocked=frozenset({"15550001"})),
            Wish(devices=("155501*",), blocked=frozenset({"15550002"})),
        )
    )
    found = [wishes.blocks_names(msisdn, scs) for scs in ("15550001", "15550002") for msisdn in ("15559", "155501")]
    assert found == [True, False, False, False]  # 155501... has a wish of its own


@pytest.mark.requirement("E-IP-06")
def test_quiet_hours_by_name_hold_against_a_number_whose_names_nobody_says() -> None:
    night, noon = ((22 * HOUR, 6 * HOUR),), ((11 * HOUR, 13 * HOUR),)
    wishes = Unwanted(
        (
            Wish(devices=("*@customer.example",), quiet=noon),
            Wish(devices=("155502*",), quiet=night),
            Wish(devices=("155503*",)),
        )
    )
    asked = [("15550100001", True), ("15550100001", False), ("15550200001", True), ("15550300001", True)]
    found = [wishes.check([number], IMSI, NOON, unnamed=unnamed) for number, unnamed in asked]
    assert [each is not None for each in found] == [True, False, False, False]  # 155502, 155503: wishes of their own
    assert found[0] is not None
    assert (found[0].status, "no External Identifier" in found[0].reason) == (RequestStatus.TEMPORARYERROR, True)
    assert wishes.check(["meter-1@other.example"], IMSI, NOON) is None


@pytest.mark.requirement("E-IP-06")
def test_a_limit_by_name_holds_against_a_number_whose_names_nobody_says() -> None:
    wishes = Unwanted([Wish(devices=("*@customer.example",), per_hour=2), Wish(devices=("*@b.example",), per_hour=3)])
    ways: tuple[tuple[tuple[str, ...], bool], ...] = (((METER, NUMBER), False), ((NUMBER,), True))
    assert [wishes.check(names, IMSI, NOON, unnamed=unnamed) for names, unnamed in ways] == [None, None]  # one device
    found = [wishes.check(names, IMSI, NOON + 1, unnamed=unnamed) for names, unnamed in ways]
    assert [each and each.status for each in found] == [RequestStatus.QUOTAEXCEEDED] * 2
    assert wishes.check((NUMBER,), IMSI, NOON + HOUR + 1, unnamed=True) is None
    assert wishes.check(("15550100002",), "001010000000002", NOON, unnamed=True) is None


def test_one_device_with_two_names_has_one_limit() -> None:
    wishes = Unwanted([Wish(devices=("*@customer.example",), per_hour=1)])
    assert wishes.check([METER], IMSI, NOON) is None
    assert wishes.check(["alarm-1@customer.example"], IMSI, NOON) is not None
