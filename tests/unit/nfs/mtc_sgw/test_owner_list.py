"""The owner's list as a check of the gateway."""

from __future__ import annotations

import pytest

from nfs.common.audit import Stage
from nfs.common.tsp import RequestStatus
from nfs.mtc_sgw.logic import Offer, Placement, ScsProfile
from nfs.mtc_sgw.owner_list import OwnerCheck, OwnerLists

LISTS = OwnerLists(
    owners={
        "meter-1@customer.example": "meters",
        "15550100001": "meters",
        "*@fleet.example": "fleet",
        "boss@fleet.example": "meters",
        "free@open.example": "open",
        "shut@shut.example": "shut",
    },
    allowed={"meters": frozenset({"15550001"}), "fleet": frozenset({"15550002"}), "shut": frozenset()},
)


def offer(
    device: str | None, scs: str = "15550001", placement: Placement = "outside", msisdn: str | None = None
) -> Offer:
    profile = ScsProfile(
        name="x", hosts=frozenset(), isdn=scs, domains=frozenset(), commands=frozenset(), placement=placement
    )
    return Offer(peer="x", origin="x", profile=profile, action=1, external_identifier=device, msisdn=msisdn)


@pytest.mark.requirement("R-TRIG-11")
@pytest.mark.parametrize(
    ("device", "scs", "passes"),
    [
        ("meter-1@customer.example", "15550001", True),
        ("meter-1@CUSTOMER.example", "15550001", True),
        ("meter-1@customer.example", "15550002", False),
        ("meter-1@Customer.Example.", "15550002", False),
        ("van-7@fleet.example", "15550001", False),
        ("van-7@fleet.example", "15550002", True),
        ("boss@fleet.example", "15550001", True),
        ("boss@fleet.example", "15550002", False),
        ("free@open.example", "15550009", True),
        ("nobody@customer.example", "15550009", True),
        ("shut@shut.example", "15550001", False),
        ("no identifier", "15550009", True),
    ],
)
def test_the_list_decides(device: str, scs: str, passes: bool) -> None:
    check = OwnerCheck()
    assert check.check(offer(device, scs)) is None
    check.lists = LISTS
    assert (check.check(offer(device, scs)) is None) is passes


def test_under_its_number_too_and_under_either() -> None:
    check = OwnerCheck()
    check.lists = LISTS
    assert check.check(offer(None, "15550002", msisdn="15550100001")) is not None
    assert check.check(offer("free@open.example", "15550002", msisdn="15550100001")) is not None
    assert check.check(offer(None, "15550001", msisdn="15550100001")) is None


@pytest.mark.requirement("R-TRIG-11")
@pytest.mark.parametrize(
    ("placement", "status"), [("outside", RequestStatus.INVEXTID), ("inside", RequestStatus.NOTAUTHORIZED)]
)
def test_it_looks_like_any_foreign_device(placement: Placement, status: RequestStatus) -> None:
    check = OwnerCheck()
    check.lists = LISTS
    refused = check.check(offer("meter-1@customer.example", "15550002", placement))
    assert refused is not None
    assert (refused.status, refused.stage) == (status, Stage.AUTHORISATION)
