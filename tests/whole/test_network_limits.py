"""Rates and quotas of the gateway with everybody connected: what is answered and written down, who is not asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from diameter import Dictionary, Message
from helpers.network import FORMS, IWF_TOML, Network
from nfs.common.identities import encode_number
from nfs.common.nodes import NodeKind, ServingNode
from nfs.common.tsp import RequestStatus
from nfs.hss.logic import ExternalId, Service, Subscriber

METERS = tuple(
    Subscriber(
        imsi=f"00101000000000{at}",
        external_ids=(ExternalId(identifier=f"meter-{at}@customer.example"),),
        services=frozenset(Service),
        rights=frozenset({("15550001", Service.DEVICE_TRIGGER)}),
        nodes=(ServingNode(kind=NodeKind.MME, number="15559001", name="mme1.core.example", realm="core.example"),),
    )
    for at in (1, 2)
)
Open = Callable[[str, str], Network]


@pytest.fixture(scope="module")
def dictionary() -> Dictionary:
    return Dictionary.load()


@pytest.fixture(params=FORMS)
def opened(request: pytest.FixtureRequest, tmp_path: Path, dictionary: Dictionary) -> Iterator[Open]:
    """Opens a network with more keys in `[sgw]` and in the first `[[scs]]`."""
    networks: list[Network] = []

    def start(sgw: str = "", scs: str = "") -> Network:
        text = IWF_TOML.replace('home_plmns = ["00101"]', f'home_plmns = ["00101"]\n{sgw}')
        text = text.replace('commands = ["trigger"]', f'commands = ["trigger"]\n{scs}')
        networks.append(Network(tmp_path, dictionary, METERS, text, request.param).open())
        return networks[-1]

    yield start
    for network in networks:
        network.close()


def ask(network: Network, reference: int, device: str = "meter-1@customer.example", **top: Any) -> Message:
    """A trigger of the first SCS; the answer."""
    avps = {
        "External-Identifier": device,
        "SCS-Identity": encode_number("15550001"),
        "Reference-Number": reference,
        "Action-Type": 1,
        "Trigger-Data": {"Payload": b"wake", "Priority-Indication": 1, "Application-Port-Identifier": 8000},
        "Validity-Time": 3600,
    }
    return network.trigger(avps, **top)


def status(answer: Message) -> RequestStatus:
    assert answer.result == (0, 2001)
    return RequestStatus(answer["Device-Notification"]["Request-Status"])


@pytest.mark.requirement("R-TRIG-16", "T-TSP-03")
@pytest.mark.parametrize(
    ("sgw", "scs", "check", "expected"),
    [
        ("rate = {per_s = 0.1, burst = 2}", "", "rate", RequestStatus.RATEEXCEEDED),
        ("device_rate = {per_s = 0.1, burst = 2}", "", "rate", RequestStatus.RATEEXCEEDED),
        ("", "rate = {per_s = 0.1, burst = 2}", "rate", RequestStatus.RATEEXCEEDED),
        ("quota = {triggers = 2}", "", "quota", RequestStatus.QUOTAEXCEEDED),
        ("device_quota = {triggers = 2}", "", "quota", RequestStatus.QUOTAEXCEEDED),
        ("", "quota = {triggers = 2}", "quota", RequestStatus.QUOTAEXCEEDED),
    ],
)
def test_over_a_limit_nobody_is_asked(opened: Open, sgw: str, scs: str, check: str, expected: RequestStatus) -> None:
    network = opened(sgw, scs)
    assert [status(ask(network, at)) for at in (1, 2)] == [RequestStatus.SUCCESS] * 2
    before = network.asked
    answer = ask(network, 3)
    assert status(answer) is expected
    assert answer["Device-Notification"]["External-Identifier"] == "meter-1@customer.example"
    assert network.asked == before
    (line,) = network.audit()
    assert (line["check"], line["stage"], line["result"]) == (check, "authorisation", expected.name)
    assert (line["profile"], line["reference"]) == ("customer", 3)


@pytest.mark.requirement("R-TRIG-16")
def test_after_a_while_it_passes_again(opened: Open) -> None:
    network = opened("", "rate = {per_s = 0.1, burst = 1}")
    assert [status(ask(network, at)) for at in (1, 2)] == [RequestStatus.SUCCESS, RequestStatus.RATEEXCEEDED]
    network.clock.advance(10)
    assert status(ask(network, 2)) is RequestStatus.SUCCESS


def test_what_another_check_refuses_takes_nothing(opened: Open) -> None:
    network = opened("", "rate = {per_s = 0.01, burst = 1}\nquota = {triggers = 1}")
    assert status(ask(network, 1, "meter-1@elsewhere.example")) is RequestStatus.INVEXTID
    assert status(ask(network, 1)) is RequestStatus.SUCCESS


@pytest.mark.requirement("R-TSP-10", "T-TSP-01")
def test_a_request_that_comes_again_under_another_identifier_is_not_carried_out(opened: Open) -> None:
    network = opened("", "quota = {triggers = 2}")
    first = ask(network, 1, **{"Session-Id": "scs1.customer.example;9;9"})
    assert status(first) is RequestStatus.SUCCESS
    again = ask(network, 1, **{"Session-Id": "scs1.customer.example;9;9"})
    assert status(again) is RequestStatus.PERMANENTERROR
    assert len(network.sms_sc.triggers) == 1
    assert network.audit()[-1]["check"] == "replay"
    assert status(ask(network, 2)) is RequestStatus.SUCCESS  # and the quota of two is not touched by it
