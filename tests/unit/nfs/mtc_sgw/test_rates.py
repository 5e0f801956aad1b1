"""Token buckets of gateway, SCS and device, on a clock of the test's own."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nfs.common.tsp import ActionType, RequestStatus
from nfs.mtc_sgw.logic import Offer, Rate, ScsProfile
from nfs.mtc_sgw.rates import RateLimits, Rates

NOW = 1_700_000_000.0
PROFILE = ScsProfile(
    name="customer",
    hosts=frozenset({"scs1.customer.example"}),
    isdn="15550001",
    domains=frozenset({"customer.example"}),
    commands=frozenset({ActionType.TRIGGER}),
)


def offer(after_s: float = 0.0, *, device: int = 1, profile: ScsProfile = PROFILE) -> Offer:
    return Offer(
        peer="scs1.customer.example",
        origin="scs1.customer.example",
        profile=profile,
        action=ActionType.TRIGGER,
        external_identifier=f"meter-{device}@customer.example",
        now=NOW + after_s,
    )


def passes(rates: Rates, *offers: Offer) -> list[bool]:
    return [rates.check(each) is None for each in offers]


@pytest.mark.requirement("R-TRIG-16", "T-TSP-03")
def test_without_limits_everything_passes() -> None:
    assert all(passes(Rates(RateLimits(), remembered=1), *[offer()] * 100))


@pytest.mark.requirement("R-TRIG-16", "T-TSP-03")
@pytest.mark.parametrize("where", ["gateway", "SCS", "device"])
def test_a_burst_passes_then_only_what_the_rate_lets(where: str) -> None:
    rate = Rate(per_s=2, burst=3)
    limits = RateLimits(
        gateway=rate if where == "gateway" else None,
        device=rate if where == "device" else None,
    )
    profile = replace(PROFILE, rate=rate if where == "SCS" else None)
    rates = Rates(limits, remembered=10)
    assert passes(rates, *[offer(profile=profile)] * 5) == [True, True, True, False, False]
    refused = rates.check(offer(profile=profile))
    assert refused is not None
    assert (refused.status, refused.reason) == (RequestStatus.RATEEXCEEDED, f"the rate of this {where} is used up")
    assert passes(rates, *[offer(0.5, profile=profile)] * 2) == [True, False]
    assert passes(rates, *[offer(100, profile=profile)] * 4) == [True, True, True, False]


@pytest.mark.requirement("R-TRIG-16")
def test_one_scs_and_one_device_do_not_use_up_what_is_another_s() -> None:
    rates = Rates(RateLimits(device=Rate(per_s=1, burst=1)), remembered=10)
    first = replace(PROFILE, rate=Rate(per_s=1, burst=2))
    second = replace(first, name="other", isdn="15550009")
    assert passes(rates, *[offer(device=at, profile=first) for at in (0, 0, 1, 2)]) == [True, False, True, False]
    assert passes(rates, *[offer(device=at, profile=second) for at in (0, 0, 2)]) == [True, False, True]


def test_a_long_name_of_a_device_is_counted_under_a_short_one() -> None:
    long = replace(offer(), external_identifier=f"{'m' * 240}@customer.example")
    assert long.pair != replace(long, external_identifier=f"{'n' * 240}@customer.example").pair
    assert (len(long.pair), len(offer().pair) < 64) == (64, True)


def test_what_one_bucket_refuses_takes_nothing_from_the_others() -> None:
    rates = Rates(RateLimits(gateway=Rate(per_s=1, burst=2), device=Rate(per_s=1, burst=1)), remembered=10)
    assert passes(rates, *[offer()] * 5, offer(device=2)) == [True, False, False, False, False, True]


def test_a_device_is_the_same_however_its_domain_is_written() -> None:
    rates = Rates(RateLimits(device=Rate(per_s=1, burst=1)), remembered=10)
    other = replace(offer(), external_identifier="meter-1@CUSTOMER.example.")
    assert passes(rates, offer(), other) == [True, False]


@pytest.mark.requirement("R-TRIG-16")
def test_memory_is_bounded_and_masses_of_devices_do_not_push_out_an_scs() -> None:
    rates = Rates(RateLimits(device=Rate(per_s=1, burst=1)), remembered=10)
    slow = replace(PROFILE, name="slow", rate=Rate(per_s=0.001, burst=1))
    assert passes(rates, offer(profile=slow)) == [True]
    assert all(passes(rates, *[offer(device=at) for at in range(2, 100)]))
    assert (len(rates.devices), rates.devices.evicted) == (10, 89)
    assert passes(rates, offer(profile=slow)) == [False]


def test_a_clock_that_is_set_back_closes_no_bucket_for_long() -> None:
    rates = Rates(RateLimits(gateway=Rate(per_s=1, burst=2)), remembered=1)
    yesterday = -86400.0
    offers = [offer(), *(offer(yesterday + after) for after in (0, 0.9, 1.1, 1.9, 2.2))]
    assert passes(rates, *offers) == [True, False, False, True, False, True]


@pytest.mark.requirement("T-TSP-03", "R-TRIG-16")
def test_of_a_flood_passes_what_the_rate_lets() -> None:
    rates = Rates(RateLimits(), remembered=10)
    profile = replace(PROFILE, rate=Rate(per_s=5, burst=20))
    flood = [offer(at / 1000, device=at, profile=profile) for at in range(10_000)]
    assert sum(passes(rates, *flood)) == 20 + 5 * 10 - 1


@pytest.mark.requirement("T-TSP-03")
@given(
    gaps=st.lists(st.floats(0, 2), min_size=1, max_size=200),
    per_s=st.floats(0.1, 50),
    burst=st.integers(1, 20),
)
def test_in_any_stretch_of_time_no_more_pass_than_burst_and_rate(gaps: list[float], per_s: float, burst: int) -> None:
    rates = Rates(RateLimits(gateway=Rate(per_s=per_s, burst=burst)), remembered=1)
    at, passed = 0.0, list[float]()
    for gap in gaps:
        at += gap
        if rates.check(offer(at)) is None:
            passed.append(at)
    for first, start in enumerate(passed):
        for last in range(first, len(passed)):
            assert last - first + 1 <= burst + (passed[last] - start) * per_s + 0.01
