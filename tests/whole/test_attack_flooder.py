"""Masses of triggers that are not allowed, and more than allowed of those that are, all counted.

Ten thousand of them, beside authorised ones, are sent by `mtc bench e2e --scenario flood`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

from diameter.message import Message
from helpers.attack import IMSIS, Field
from helpers.attack_wire import TSP
from helpers.network import FORMS, REALM, SCS1, SCS2
from helpers.nodes import dictionary
from nfs.common.identities import encode_number
from nfs.common.tsp import RequestStatus

FLOOD, BUDGET, AT_ONCE = 1_000, 50, 100


@pytest.fixture(params=FORMS)
def field(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Field]:
    limits = f"""
        hide_delay_s = 0
        hss_budget = {{per_s = 0.001, burst = {BUDGET}}}
        rate = {{per_s = 0.001, burst = {BUDGET + FLOOD}}}
        device_rate = {{per_s = 0.1, burst = 5}}
    """
    field = Field(tmp_path, dictionary(), limits, "rate = {per_s = 1, burst = 20}", form=request.param).open()
    yield field
    assert (field.leaked(), field.bugs()) == ([], 0)
    field.close()


def triggers(host: str, number: str, devices: Iterator[str]) -> Iterator[Message]:
    """Device-Action-Requests of one SCS, without end."""
    for at, device in enumerate(devices, 1):
        avps = {
            "Session-Id": f"{host};3;{at}",
            "Auth-Application-Id": 16777309,
            "Auth-Session-State": 1,
            "Origin-Host": host,
            "Origin-Realm": host.partition(".")[2],
            "Destination-Realm": REALM,
            "Device-Action": {
                "External-Identifier": device,
                "SCS-Identity": encode_number(number),
                "Reference-Number": at,
                "Action-Type": 1,
                "Trigger-Data": {"Payload": b"flood"},
            },
        }
        yield dictionary().request("Device-Action", avps, application="Tsp", hop_by_hop=at, end_to_end=at)


def statuses(field: Field, flood: Iterator[Message], count: int, by: str) -> Counter[int]:
    """Send so many, a hundred at once; how often each Request-Status was answered."""
    found: Counter[int] = Counter()
    while count:
        some = list(islice(flood, min(count, AT_ONCE)))
        middle = field.middle(TSP)
        before = len(middle.seen)
        middle.inject(b"".join(each.octets for each in some), by=by)
        field.pass_time(0.1)
        answers = [each for each in field.answers(before) if not each.request]
        found.update(each["Device-Notification"]["Request-Status"] for each in answers)
        count -= len(some)
    return found


def foreign() -> Iterator[str]:
    """Devices of another SCS, of nobody, of another domain, and IMSIs, in turn."""
    at = 0
    while True:
        at += 1
        kinds = (f"meter-{at % 3 + 1}", f"none-{at}", f"none-{at}", IMSIS[at % 5])
        domain = "else.example" if at % 4 == 2 else "customer.example"
        yield f"{kinds[at % 4]}@{domain}"


@pytest.mark.requirement("T-TSP-07", "T-TSP-03", "T-IP-03", "R-TSP-15")
def test_of_a_flood_of_unauthorised_triggers_none_passes_and_the_hss_sees_its_budget(field: Field) -> None:
    found = statuses(field, triggers(SCS2, "15550002", foreign()), FLOOD, SCS2)
    assert sum(found.values()) == FLOOD
    assert set(found) == {RequestStatus.INVEXTID, RequestStatus.RATEEXCEEDED}
    asked = field.heard("S6m", "Subscriber-Information-Request")
    assert 0 < len(asked) <= BUDGET
    assert field.heard("T4", "Device-Trigger-Request") == []
    assert field.deliveries() == []
    lines = field.refusals()
    assert len(lines) == FLOOD
    checks = Counter(line["check"] for line in lines)
    assert checks["hss-budget"] + checks["rate"] == found[RequestStatus.RATEEXCEEDED]
    assert {line["profile"] for line in lines} == {"other"}
    for name in ("meter-1", "meter-2", "meter-3"):  # named hundreds of times, and nothing of theirs is used up
        assert field.ask(name).delivered


@pytest.mark.requirement("T-TSP-03", "R-TRIG-16", "T-IP-03")
def test_of_masses_of_triggers_for_ones_own_devices_so_many_pass_as_the_buckets_hold(field: Field) -> None:
    """The bucket of a device has 5, that of the SCS 20: devices are reached 15 times, whatever is asked for."""

    def own() -> Iterator[str]:
        at = 0
        while True:
            at += 1
            yield f"meter-{at % 3 + 1}@customer.example"

    sent = 300
    begin = field.clock.seconds()
    found = statuses(field, triggers(SCS1, "15550001", own()), sent, SCS1)
    field.pass_time(1)
    more = 3 * 0.1 * (field.clock.seconds() - begin) + 3
    passed = found[RequestStatus.SUCCESS]
    assert found == {RequestStatus.SUCCESS: passed, RequestStatus.RATEEXCEEDED: sent - passed}
    assert 15 <= passed <= 15 + more
    assert len(field.deliveries()) == passed
    assert len(field.heard("SGd", "MT-Forward-Short-Message-Request")) == passed
    lines = field.refusals()
    assert (len(lines), {line["check"] for line in lines}) == (sent - passed, {"rate"})
