"""Triggers in masses, the local store of associations, and lengths that tell nothing, with everybody connected."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from diameter import ConfigError, Dictionary, Message, decode
from helpers.network import FORMS, IWF_TOML, SCS1, Network
from nfs.common.identities import encode_number
from nfs.common.nodes import NodeKind, ServingNode
from nfs.common.tsp import RequestStatus
from nfs.hss.logic import ExternalId, Service, Subscriber


def subscriber(at: int, name: str, scs: str = "15550001") -> Subscriber:
    return Subscriber(
        imsi=f"00101000000000{at}",
        external_ids=(ExternalId(identifier=f"{name}@customer.example"),),
        services=frozenset(Service),
        rights=frozenset({(scs, Service.DEVICE_TRIGGER)}),
        nodes=(ServingNode(kind=NodeKind.MME, number="15559001", name=f"mme{at}.core.example", realm="core.example"),),
    )


SUBSCRIBERS = (subscriber(1, "meter"), subscriber(2, "pump"), subscriber(3, "theirs", "15550002"))
Open = Callable[..., Network]


@pytest.fixture(scope="module")
def dictionary() -> Dictionary:
    return Dictionary.load()


@pytest.fixture(params=FORMS)
def opened(request: pytest.FixtureRequest, tmp_path: Path, dictionary: Dictionary) -> Iterator[Open]:
    networks: list[Network] = []

    def start(sgw: str = "", peer: str = "") -> Network:
        text = IWF_TOML.replace('home_plmns = ["00101"]', f'home_plmns = ["00101"]\n{sgw}')
        text = text.replace(f'host = "{SCS1}"', f'host = "{SCS1}"\n{peer}')
        networks.append(Network(tmp_path, dictionary, SUBSCRIBERS, text, request.param).open())
        return networks[-1]

    yield start
    for network in networks:
        network.close()


def action(name: str, reference: int, *, priority: int = 0) -> dict[str, Any]:
    avps: dict[str, Any] = {
        "External-Identifier": f"{name}@customer.example",
        "SCS-Identity": encode_number("15550001"),
        "Reference-Number": reference,
        "Action-Type": 1,
        "Trigger-Data": {"Payload": b"wake", "Priority-Indication": priority, "Application-Port-Identifier": 1},
    }
    return {"Device-Action": avps}


def status(answer: Message) -> RequestStatus:
    return RequestStatus(answer["Device-Notification"]["Request-Status"])


def ask(network: Network, name: str, reference: int = 7, **more: Any) -> RequestStatus:
    return status(network.trigger(action(name, reference, **more)["Device-Action"]))


@pytest.mark.requirement("R-TRIG-16", "T-TSP-03")
def test_a_mass_of_triggers_reaches_the_sms_sc_spread_over_time(opened: Open) -> None:
    network = opened("spread = {per_s = 2, burst = 1, up_to_s = 2}")
    started = network.clock.seconds()
    asking = [network.scs1.request("Device-Action", action("meter", at), realm="core.example") for at in range(7)]
    network.settle(lambda: len(network.sms_sc.triggers) == 5)
    took_s = network.clock.seconds() - started
    assert 2.0 <= took_s < 2.5
    found = [status(network.wait(each)) for each in asking]
    assert found.count(RequestStatus.SUCCESS) == 5
    assert found.count(RequestStatus.RATEEXCEEDED) == 2
    assert [line["check"] for line in network.audit()] == ["spread", "spread"]


def test_a_trigger_with_priority_does_not_wait(opened: Open) -> None:
    network = opened("spread = {per_s = 0.1, burst = 1, up_to_s = 20}")
    started = network.clock.seconds()
    assert [ask(network, "meter", at, priority=1) for at in range(3)] == [RequestStatus.SUCCESS] * 3
    assert network.clock.seconds() - started < 1


@pytest.mark.requirement("R-TRIG-16")
def test_an_area_is_known_by_the_node_that_serves_it(opened: Open) -> None:
    network = opened('area = [{name = "valley", nodes = ["MME1.core.example"], per_s = 0.1, burst = 1}]')
    assert [ask(network, "meter", at) for at in (1, 2)] == [RequestStatus.SUCCESS, RequestStatus.RATEEXCEEDED]
    assert [ask(network, "pump", at) for at in (3, 4)] == [RequestStatus.SUCCESS] * 2
    assert "area valley" in network.audit()[0]["reason"]


def test_what_waits_when_the_function_stops_is_let_go(opened: Open) -> None:
    network = opened("spread = {per_s = 0.1, burst = 1, up_to_s = 20}")
    ask(network, "meter", 1)
    asking = network.scs1.request("Device-Action", action("meter", 2), realm="core.example")
    network.clock.advance(1)
    assert not asking.done
    network.wait(network.nodes[2].stop())
    assert network.iwf_parts.stopped is not None
    network.wait(network.iwf_parts.stopped())
    network.clock.advance(0.1)
    assert len(network.sms_sc.triggers) == 1
    network.parts.remove(network.iwf_parts)


@pytest.mark.requirement("E-TRIG-15", "R-TRIG-12", "R-TSP-15")
def test_a_pair_that_the_local_store_has_not_looks_like_an_unknown_device(opened: Open, tmp_path: Path) -> None:
    (tmp_path / "pairs.csv").write_text("scs,device,until\n15550001,meter@customer.example,\n")
    network = opened('associations = "pairs.csv"\nhide_delay_s = 0.5')
    assert ask(network, "meter") is RequestStatus.SUCCESS
    before, since = network.asked, network.clock.seconds()
    assert ask(network, "pump") is RequestStatus.INVEXTID
    assert network.clock.seconds() - since >= 0.5  # as long as the HSS's own refusal
    assert network.asked == before
    assert [line["check"] for line in network.audit()] == ["local-association"]


@pytest.mark.requirement("E-TRIG-15")
def test_a_pair_ends_at_its_time_and_a_reload_brings_others(opened: Open, tmp_path: Path) -> None:
    pairs = tmp_path / "pairs.csv"
    pairs.write_text("scs,device,until\n15550001,*@customer.example,2023-11-14T22:14:20Z\n")  # it is 22:13:20
    network = opened('associations = "pairs.csv"\nhide_delay_s = 0')
    assert ask(network, "meter", 1) is RequestStatus.SUCCESS
    network.clock.advance(60)
    assert ask(network, "meter", 2) is RequestStatus.INVEXTID
    assert network.iwf_parts.reload is not None
    pairs.write_text("scs,device,until\nnobody\n")
    with pytest.raises(ConfigError, match=r"pairs\.csv:2"):
        network.iwf_parts.reload(network.iwf_config)
    pairs.write_text("scs,device,until\n15550001,meter@customer.example,\n")
    network.iwf_parts.reload(network.iwf_config)
    assert ask(network, "meter", 3) is RequestStatus.SUCCESS


@pytest.mark.requirement("E-TRIG-15")
def test_where_local_store_and_hss_differ_the_hss_is_believed_and_somebody_is_told(
    opened: Open, tmp_path: Path
) -> None:
    (tmp_path / "pairs.csv").write_text("scs,device,until\n15550001,*@customer.example,\n")
    network = opened('associations = "pairs.csv"')
    assert ask(network, "theirs") is RequestStatus.INVEXTID
    lines = network.audit()
    assert {line["check"] for line in lines} == {"association-differs", "association"}
    (alarm,) = (line for line in lines if line["check"] == "association-differs")
    assert (alarm["alarm"], alarm["target"]) == (True, "t***@customer.example")


SIZES = (512, 1024)


@pytest.mark.requirement("T-TSP-05")
def test_whatever_goes_to_an_scs_is_of_one_of_a_few_lengths(opened: Open) -> None:
    network = opened(peer="padding = {sizes = [512, 1024], vendor = 32473}")
    assert ask(network, "meter") is RequestStatus.SUCCESS
    assert ask(network, "nobody") is RequestStatus.INVEXTID
    assert ask(network, "meter@elsewhere.example/") is RequestStatus.INVEXTID  # refused by the gateway itself
    network.wait(network.sms_sc.report(network.sms_sc.triggers[0], 2))
    assert len(network.scs1.reports) == 1
    found = [
        decode(octets, network.dictionary) for place, octets in network.wire.placed if place == network.front_address
    ]
    ours = [each for each in found if each["Origin-Host"] == network.front and each.application == "Tsp"]
    assert [(each.command, len(each.octets) in SIZES) for each in ours] == [
        ("Device-Action-Answer", True),
        ("Device-Action-Answer", True),
        ("Device-Action-Answer", True),
        ("Device-Notification-Request", True),
    ]
    opening = {len(each.octets) for each in found if each.command == "Capabilities-Exchange-Answer"}
    assert opening & set(SIZES)  # those of the base protocol too
