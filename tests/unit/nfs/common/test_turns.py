"""A report that one host does not take goes to the next: from SMS-SC to MTC-IWFs, and on to the hosts of an SCS."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, Final

import pytest
from twisted.internet.task import Clock

from diameter import Dictionary, Message, RequestError, RequestTimeout, Undeliverable
from diameter.testing import FakeRequester, run
from nfs.common.tsp import DeliveryOutcome
from nfs.common.turns import in_turn
from nfs.mtc_iwf.ports import Device, Notice, Sender, Unavailable
from nfs.mtc_iwf.tsp import Tsp
from nfs.mtc_sgw.logic import Profiles, ScsProfile
from nfs.sms_sc.logic import Policy, ServiceCentre, Trigger
from nfs.sms_sc.outcomes import Outcome
from nfs.sms_sc.t4 import T4

DICTIONARY: Final = Dictionary.load()
TRIGGER = Trigger(
    scs="15550001",
    reference=7,
    imsi="001010000000001",
    external_identifier="meter-1@customer.example",
    msisdn=None,
    payload=b"wake",
    port=None,
    priority=False,
    validity_s=None,
    serving=None,
    iwf_host="iwf2.example",
    iwf_realm="example",
    submission="iwf2.example;1;1",
)
PROFILE = ScsProfile(
    name="customer",
    hosts=frozenset({"scs1.example", "scs2.example"}),
    isdn="15550001",
    domains=frozenset({"customer.example"}),
    commands=frozenset(),
    report_to=("scs1.example", "scs2.example"),
)


def answering(*codes: int | Exception) -> list[Any]:
    """A script for FakeRequester: Result-Codes, or what is raised instead of an answer."""

    def answer(code: int) -> Any:
        return lambda request: request.answer(code)

    return [code if isinstance(code, Exception) else answer(code) for code in codes]


def reported(hosts: tuple[str, ...], *codes: int | Exception) -> tuple[tuple[int, int] | None, list[Message]]:
    """What comes of a report of the SMS-SC, and the requests it made."""
    t4 = T4(ServiceCentre(Policy()), None, Clock().seconds)  # type: ignore[arg-type]  # nothing is stored here
    t4.iwf_hosts = hosts
    fake = FakeRequester(t4, DICTIONARY, {"Delivery-Report-Request": answering(*codes)})
    result = run(t4.report(TRIGGER, Outcome.SUCCESSFUL_TRANSFER), Clock())
    return result, fake.requests


@pytest.mark.parametrize("first", [3002, 3004, RequestTimeout("no answer"), Undeliverable("not open")])
def test_a_report_that_an_iwf_does_not_take_goes_to_the_next_of_its_set(first: int | Exception) -> None:
    hosts = ("iwf1.example", "iwf2.example", "iwf3.example")
    result, requests = reported(hosts, first, 3004, 2001)
    assert result == (0, 2001)
    assert [each["Destination-Host"] for each in requests] == ["iwf2.example", "iwf3.example", "iwf1.example"]
    assert {each["Reference-Number"] for each in requests} == {7}
    assert len({each["Session-Id"] for each in requests}) == 3
    assert len({each.octets for each in requests}) == 3


def test_what_is_final_goes_nowhere_else() -> None:
    assert reported(("iwf1.example", "iwf2.example"), 5001)[0] == (0, 5001)


@pytest.mark.parametrize("hosts", [(), ("iwf1.example", "iwf3.example"), ("IWF2.example",)])
def test_an_iwf_of_no_set_stands_for_itself(hosts: tuple[str, ...]) -> None:
    result, requests = reported(hosts, 3002)
    assert (result, len(requests)) == ((0, 3002), 1)


def test_when_nobody_takes_it_the_last_one_has_the_word() -> None:
    with pytest.raises(RequestTimeout):
        reported(("iwf2.example", "iwf1.example"), 3002, RequestTimeout("no answer"))


def notified(profile: ScsProfile, *codes: int | RequestError) -> tuple[Any, list[str]]:
    """What comes of a notification, and the hosts that were asked."""
    tsp = Tsp(SimpleNamespace(profiles=Profiles.of([profile])), None, None)  # type: ignore[arg-type]
    fake = FakeRequester(tsp, DICTIONARY, {"Device-Notification-Request": answering(*codes)})
    notice = Notice(
        sender=Sender(host="scs2.example", realm="example"),
        scs="15550001",
        reference=7,
        device=Device(external_id="meter-1@customer.example"),
    )
    try:
        result = run(tsp.notify(notice, DeliveryOutcome.SUCCESS), Clock())
    finally:
        hosts = [str(each["Destination-Host"]) for each in fake.requests]
        assert hosts[0] == "scs2.example"
    return result, hosts


def test_a_report_goes_to_the_next_host_of_the_scs() -> None:
    assert notified(PROFILE, RequestTimeout("x"), 2001) == ((0, 2001), ["scs2.example", "scs1.example"])
    assert notified(PROFILE, 2001) == ((0, 2001), ["scs2.example"])
    with pytest.raises(Unavailable, match="no answer"):
        notified(PROFILE, 3004, RequestTimeout("no answer"))


def test_an_scs_without_other_hosts_is_told_where_it_asked() -> None:
    alone = ScsProfile(name="x", hosts=PROFILE.hosts, isdn=PROFILE.isdn, domains=PROFILE.domains, commands=frozenset())
    assert notified(alone, 3002) == ((0, 3002), ["scs2.example"])


def test_the_order_of_turns() -> None:
    assert in_turn("b", ("a", "B", "c", "d")) == ("b", "c", "d", "a")
    assert in_turn("x", ("a", "b")) == ("x",)
    assert in_turn("a", ("b", "a", "a")) == ("a", "b")
