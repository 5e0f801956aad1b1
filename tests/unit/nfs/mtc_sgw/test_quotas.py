"""Quotas of gateway, SCS and device: periods, what counts, and what is kept."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nfs.common.tsp import ActionType, RequestStatus
from nfs.mtc_sgw.logic import Offer, Quota, ScsProfile
from nfs.mtc_sgw.quotas import QuotaLimits, Quotas, Used

DAY = 86_400
MIDNIGHT = 1_699_920_000.0  # 14 November 2023, UTC
TWO = Quota(triggers=2, period_s=DAY)
PROFILE = ScsProfile(
    name="customer",
    hosts=frozenset({"scs1.customer.example"}),
    isdn="15550001",
    domains=frozenset({"customer.example"}),
    commands=frozenset({ActionType.TRIGGER}),
    quota=TWO,
)


def offer(at: float = MIDNIGHT, *, device: int = 1, profile: ScsProfile = PROFILE, action: int = 1) -> Offer:
    return Offer(
        peer="scs1.customer.example",
        origin="scs1.customer.example",
        profile=profile,
        action=action,
        external_identifier=f"meter-{device}@customer.example",
        now=at,
    )


def passes(quotas: Quotas, *offers: Offer) -> list[bool]:
    return [quotas.check(each) is None for each in offers]


@pytest.mark.requirement("R-TRIG-16", "T-TSP-03")
@pytest.mark.parametrize("where", ["gateway", "SCS", "device"])
def test_a_quota_lasts_for_its_period(where: str) -> None:
    limits = QuotaLimits(gateway=TWO if where == "gateway" else None, device=TWO if where == "device" else None)
    profile = replace(PROFILE, quota=TWO if where == "SCS" else None)
    quotas = Quotas(limits, remembered=10)
    assert passes(quotas, *[offer(profile=profile)] * 3) == [True, True, False]
    refused = quotas.check(offer(MIDNIGHT + DAY - 1, profile=profile))
    assert refused is not None
    assert (refused.status, refused.reason) == (RequestStatus.QUOTAEXCEEDED, f"the quota of this {where} is used up")
    assert passes(quotas, *[offer(MIDNIGHT + DAY, profile=profile)] * 3) == [True, True, False]


def test_a_recall_counts_nothing_and_is_never_over_quota() -> None:
    quotas = Quotas(QuotaLimits(), remembered=10)
    assert all(passes(quotas, *[offer(action=ActionType.RECALL)] * 9))
    assert passes(quotas, offer(action=ActionType.REPLACE), offer(), offer(), offer(action=3)) == [
        True,
        True,
        False,
        True,
    ]


def test_a_quota_of_none_lets_nothing_pass() -> None:
    assert passes(Quotas(QuotaLimits(gateway=Quota(triggers=0, period_s=1)), remembered=1), offer()) == [False]


def test_what_one_quota_refuses_is_not_counted_in_the_others() -> None:
    quotas = Quotas(QuotaLimits(gateway=Quota(triggers=3, period_s=DAY)), remembered=10)
    other = replace(PROFILE, name="other")
    assert passes(quotas, *[offer()] * 4, *[offer(profile=other)] * 2) == [True, True, False, False, True, False]


def test_memory_is_bounded_and_masses_of_devices_do_not_push_out_an_scs() -> None:
    quotas = Quotas(QuotaLimits(device=Quota(triggers=1, period_s=DAY)), remembered=5)
    assert passes(quotas, offer(), offer(device=2)) == [True, True]
    free = replace(PROFILE, name="free", quota=None)
    assert all(passes(quotas, *[offer(device=at, profile=free) for at in range(3, 50)]))
    assert (len(quotas.devices), quotas.devices.evicted) == (5, 44)
    assert passes(quotas, offer(device=99)) == [False]


@pytest.mark.requirement("R-TRIG-16")
def test_what_was_counted_elsewhere_is_gone_on_from() -> None:
    quotas = Quotas(QuotaLimits(device=TWO), remembered=10)
    assert passes(quotas, offer(MIDNIGHT + 9)) == [True]  # before the store has been read
    device = Used(scope="device", name="15550001 meter-1@customer.example", until=MIDNIGHT + DAY, count=2)
    quotas.learn([device, replace(device, count=1)])  # the older of two says nothing new
    assert passes(quotas, offer(MIDNIGHT + 10), offer(MIDNIGHT + DAY)) == [False, True]
