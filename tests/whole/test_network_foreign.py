"""Devices of others, with everybody connected: hidden, in the same time, and without a flood at the HSS."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from diameter import Dictionary, Message, decode
from helpers.network import FORMS, IWF_TOML, Network
from nfs.common.identities import encode_number
from nfs.common.tsp import RequestStatus
from nfs.hss.logic import ExternalId, Service, Subscriber


def subscriber(at: int, name: str, scs: str) -> Subscriber:
    return Subscriber(
        imsi=f"00101000000000{at}",
        external_ids=(ExternalId(identifier=f"{name}@customer.example"),),
        services=frozenset(Service),
        rights=frozenset({(scs, Service.DEVICE_TRIGGER)}),
    )


SUBSCRIBERS = (subscriber(1, "meter", "15550001"), subscriber(2, "theirs", "15550002"))
HIDDEN = ("nobody", "theirs")
Open = Callable[..., Network]


@pytest.fixture(scope="module")
def dictionary() -> Dictionary:
    return Dictionary.load()


@pytest.fixture(params=FORMS)
def opened(request: pytest.FixtureRequest, tmp_path: Path, dictionary: Dictionary) -> Iterator[Open]:
    networks: list[Network] = []

    def start(sgw: str = "", scs: str = "") -> Network:
        text = IWF_TOML.replace('home_plmns = ["00101"]', f'home_plmns = ["00101"]\n{sgw}')
        text = text.replace('commands = ["trigger"]', f'commands = ["trigger"]\n{scs}')
        networks.append(Network(tmp_path, dictionary, SUBSCRIBERS, text, request.param).open())
        return networks[-1]

    yield start
    for network in networks:
        network.close()


def ask(network: Network, name: str, reference: int = 7) -> Message:
    avps: dict[str, Any] = {
        "External-Identifier": f"{name}@customer.example",
        "SCS-Identity": encode_number("15550001"),
        "Reference-Number": reference,
        "Action-Type": 1,
        "Trigger-Data": {"Payload": b"wake"},
        "Validity-Time": 3600,
    }
    return network.trigger(avps)


def status(answer: Message) -> RequestStatus:
    return RequestStatus(answer["Device-Notification"]["Request-Status"])


def timed(network: Network, name: str) -> tuple[RequestStatus, float]:
    before = network.clock.seconds()
    answer = ask(network, name)
    return status(answer), round(network.clock.seconds() - before, 2)


def asked(network: Network) -> int:
    """Questions that the HSS has seen."""
    found = [decode(octets, network.dictionary) for _, octets in network.wire.passed]
    return sum(each.application == "S6m" and each.request for each in found)


@pytest.mark.requirement("R-TSP-15", "T-LOC-05", "R-IP-05", "T-IP-03")
def test_an_unknown_device_a_foreign_one_and_a_remembered_one_look_the_same(opened: Open) -> None:
    network = opened("hide_delay_s = 0.5")
    answers = [timed(network, name) for name in (*HIDDEN, *HIDDEN)]
    assert {each[0] for each in answers} == {RequestStatus.INVEXTID}
    times = {each[1] for each in answers}
    assert max(times) - min(times) <= 0.02
    assert min(times) >= 0.5
    assert asked(network) == 2
    assert [line["check"] for line in network.audit()] == ["association"] * 2 + ["negative-cache"] * 2
    assert network.sms_sc.triggers == []
    assert timed(network, "meter")[1] < 0.5
    assert len(network.sms_sc.triggers) == 1


@pytest.mark.requirement("R-TSP-15")
def test_an_scs_that_nothing_is_hidden_from_gets_the_word_of_the_clause(opened: Open) -> None:
    network = opened("hide_delay_s = 0.5", "hide_foreign_devices = false")
    for name, expected in zip(HIDDEN, (RequestStatus.INVEXTID, RequestStatus.NOTAUTHORIZED), strict=True):
        found, took_s = timed(network, name)
        assert found is expected
        assert took_s < 0.5


@pytest.mark.requirement("T-TSP-07")
def test_foreign_devices_do_not_flood_the_hss(opened: Open) -> None:
    network = opened("hide_delay_s = 0\nhss_budget = {per_s = 0.001, burst = 5}")
    assert status(ask(network, "meter")) is RequestStatus.SUCCESS
    before = asked(network)
    found = [status(ask(network, f"foreign-{at}")) for at in range(50)]
    assert found == [RequestStatus.INVEXTID] * 5 + [RequestStatus.RATEEXCEEDED] * 45
    assert asked(network) - before == 5
    assert network.audit()[-1]["check"] == "hss-budget"
    assert status(ask(network, "meter", 8)) is RequestStatus.SUCCESS  # its own devices are still served


@pytest.mark.requirement("E-TRIG-15")
def test_a_grant_is_remembered_until_a_failure_says_it_may_be_old(opened: Open) -> None:
    network = opened("granted_s = 600")
    assert [status(ask(network, "meter", at)) for at in (1, 2)] == [RequestStatus.SUCCESS] * 2
    assert asked(network) == 1
    network.wait(network.sms_sc.report(network.sms_sc.triggers[0], 0))
    assert status(ask(network, "meter", 3)) is RequestStatus.SUCCESS
    assert asked(network) == 2
    network.sms_sc.answer_with = (10415, 5001)
    assert status(ask(network, "meter", 4)) is RequestStatus.PERMANENTERROR
    ask(network, "meter", 5)
    assert asked(network) == 3


@pytest.mark.requirement("E-TRIG-15")
def test_a_reload_forgets_what_the_hss_has_said(opened: Open) -> None:
    network = opened()
    assert [status(ask(network, "nobody")) for _ in range(2)] == [RequestStatus.INVEXTID] * 2
    assert asked(network) == 1
    assert network.iwf_parts.reload is not None
    network.iwf_parts.reload(network.iwf_config)
    ask(network, "nobody")
    assert asked(network) == 2


def test_answers_are_held_up_to_a_bound(opened: Open) -> None:
    network = opened("hide_delay_s = 5\nheld_answers = 1")
    first = network.scs1.request("Device-Action", {"Device-Action": _action("nobody")}, realm="core.example")
    network.settle(lambda: asked(network) == 1)
    network.clock.advance(0.1)
    assert status(ask(network, "theirs")) is RequestStatus.RATEEXCEEDED
    assert network.audit()[-1]["check"] == "held-answers"
    assert asked(network) == 1
    assert status(network.wait(first)) is RequestStatus.INVEXTID


def _action(name: str) -> dict[str, Any]:
    return {
        "External-Identifier": f"{name}@customer.example",
        "SCS-Identity": encode_number("15550001"),
        "Reference-Number": 1,
        "Action-Type": 1,
        "Trigger-Data": {"Payload": b"wake"},
    }


@pytest.mark.requirement("E-IP-06", "R-IP-05", "T-IP-03")
def test_an_scs_that_the_owner_blocks_is_told_what_it_is_told_of_foreign_devices(opened: Open) -> None:
    network = opened('hide_delay_s = 0.5\ndevice = [{devices = ["meter@*"], blocked = ["15550001"]}]')
    (found, took_s), (foreign, as_long) = timed(network, "meter"), timed(network, "theirs")
    assert found is foreign is RequestStatus.INVEXTID
    assert abs(took_s - as_long) <= 0.02
    assert [line["check"] for line in network.audit()] == ["block-list", "association"]
    assert network.sms_sc.triggers == []


@pytest.mark.requirement("E-IP-06")
def test_quiet_hours_and_numbers_are_told_to_those_alone_who_may_name_the_device(opened: Open) -> None:
    network = opened('device = [{devices = ["*"], per_hour = 1}]')
    assert [status(ask(network, "meter", at)) for at in (1, 2)] == [
        RequestStatus.SUCCESS,
        RequestStatus.QUOTAEXCEEDED,
    ]
    assert network.audit()[-1]["check"] == "unwanted"
    assert [status(ask(network, "theirs", at)) for at in (3, 4)] == [RequestStatus.INVEXTID] * 2


@pytest.mark.requirement("E-IP-06")
def test_in_quiet_hours_nothing_goes_to_the_sms_sc(opened: Open) -> None:
    network = opened('device = [{devices = ["meter@customer.example"], quiet = ["22:00-22:20"]}]')  # it is 22:13 UTC
    assert status(ask(network, "meter")) is RequestStatus.TEMPORARYERROR
    assert network.audit()[-1]["reason"] == "quiet hours of the device"
    assert network.sms_sc.triggers == []
