"""The owners' lists, in front of the HSS."""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock

from diameter.testing import run
from nfs.common.tsp import RequestStatus
from nfs.mtc_iwf.owners.lists import OwnedHss
from nfs.mtc_iwf.ports import Device, Found, NotListed, Unnamed
from nfs.mtc_sgw import association
from nfs.mtc_sgw.owners.lists import OwnerCheck, OwnerLists

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
    assert not check.refuses(device, scs)
    check.lists = LISTS
    assert check.refuses(device, scs) is not passes


class HssStub:
    """An HSS that knows an MSISDN of every device."""

    def __init__(self) -> None:
        self.asked: list[Device] = []
        self.forgotten: list[Device] = []
        self.found = Found(imsi="001010000000001", msisdn="15550100001")

    async def ask(self, device: Device, *, scs: str, priority: bool) -> Found:
        self.asked.append(device)
        return self.found

    def forget(self, device: Device, *, scs: str) -> None:
        self.forgotten.append(device)


@pytest.mark.requirement("R-TRIG-11")
@pytest.mark.parametrize(
    ("device", "asked"),
    [
        (Device(external_id="meter-1@customer.example"), False),
        (Device(msisdn="15550100001"), False),
        (Device(external_id="free@open.example", msisdn="15550100001"), False),
        (Device(external_id="free@open.example"), True),  # but the HSS says whose number it has
    ],
)
def test_by_whatever_name_the_device_is_asked_for(device: Device, asked: bool) -> None:
    check, inner = OwnerCheck(), HssStub()
    check.lists = LISTS
    hss = OwnedHss(inner, check)
    with pytest.raises(NotListed):
        run(hss.ask(device, scs="15550002", priority=False), Clock())
    assert bool(inner.asked) is asked
    assert run(hss.ask(device, scs="15550001", priority=False), Clock()).msisdn == "15550100001"
    hss.forget(device, scs="15550001")
    assert inner.forgotten == [device]


@pytest.mark.requirement("R-TRIG-11")
@pytest.mark.parametrize(("hides", "status"), [(True, RequestStatus.INVEXTID), (False, RequestStatus.NOTAUTHORIZED)])
def test_it_looks_like_any_foreign_device(hides: bool, status: RequestStatus) -> None:
    code = NotListed().code
    assert association.status(code, hides=hides) == status
    assert association.hidden(code, hides=hides) is hides


@pytest.mark.requirement("R-TRIG-11")
def test_an_external_identifier_that_the_hss_says_counts_when_the_scs_says_the_msisdn() -> None:
    check, inner = OwnerCheck(), HssStub()
    check.lists = LISTS
    inner.found = Found(
        imsi="001010000000001", msisdn="15550109999", external_ids=("x@open.example", "van-7@fleet.example")
    )
    hss, device = OwnedHss(inner, check), Device(msisdn="15550109999")
    with pytest.raises(NotListed):
        run(hss.ask(device, scs="15550001", priority=False), Clock())
    assert run(hss.ask(device, scs="15550002", priority=False), Clock()) is inner.found


@pytest.mark.requirement("R-TRIG-11")
@pytest.mark.parametrize(
    ("device", "scs", "passes"),
    [
        (Device(msisdn="15550109999"), "15550001", False),  # maybe of the fleet, which lets in another one alone
        (Device(msisdn="15550109999"), "15550002", False),  # maybe a meter
        (Device(msisdn="15550100001"), "15550001", True),  # a meter
        (Device(external_id="free@open.example"), "15550009", True),
    ],
)
def test_a_number_that_may_be_anybodys(device: Device, scs: str, passes: bool) -> None:
    check, inner = OwnerCheck(), HssStub()
    inner.found = Found(imsi="001010000000001", msisdn=device.msisdn)
    hss = OwnedHss(inner, check)
    assert run(hss.ask(device, scs=scs, priority=False), Clock()) is inner.found  # as long as there are no lists
    check.lists = LISTS
    if passes:
        assert run(hss.ask(device, scs=scs, priority=False), Clock()) is inner.found
    else:
        with pytest.raises(Unnamed):
            run(hss.ask(device, scs=scs, priority=False), Clock())
    check.lists = OwnerLists(owners={"15550100001": "meters"}, allowed={"meters": frozenset()})
    if device.msisdn != "15550100001":  # only numbers are owned: whose this one is not is known
        assert run(hss.ask(device, scs=scs, priority=False), Clock()) is inner.found
