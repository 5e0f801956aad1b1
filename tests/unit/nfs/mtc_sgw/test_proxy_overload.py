"""Overload reports at a gateway of its own (RFC 7683): whose are heard, and that none passes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from diameter import Dictionary, ErrorAnswer, Message, decode
from helpers.network import HSS, IWF, IWF_TOML, Network, peer
from nfs.common.identities import encode_number
from nfs.common.tsp import RequestStatus
from nfs.hss.logic import ExternalId, Service, Subscriber

IMSI = "001010123456789"
METER = Subscriber(
    imsi=IMSI,
    external_ids=(ExternalId(identifier="meter-1@customer.example"),),
    services=frozenset(Service),
    rights=frozenset({("15550001", Service.DEVICE_TRIGGER)}),
)


@pytest.fixture(scope="module")
def dictionary() -> Dictionary:
    return Dictionary.load()


def trigger(network: Network, **top: Any) -> Message:
    avps = {
        "External-Identifier": "meter-1@customer.example",
        "SCS-Identity": encode_number("15550001"),
        "Reference-Number": 7,
        "Action-Type": 1,
        "Trigger-Data": {"Payload": b"wake"},
    }
    return network.trigger(avps, **top)


@pytest.mark.requirement("R-IP-04")
def test_an_overload_is_between_the_gateway_and_the_mtc_iwf(tmp_path: Path, dictionary: Dictionary) -> None:
    """RFC 7683: under the gateway's name a report would be about all that is behind it."""
    hss = peer(HSS, dial="127.0.0.3")
    iwf = IWF_TOML.replace(hss, f"[node.overload]\nreports = true\nreduction = 100\n{hss}")
    network = Network(tmp_path, dictionary, (METER,), iwf, form="separate").open()
    try:
        asking: dict[str, Any] = {"OC-Supported-Features": {"OC-Feature-Vector": 1}}
        answer = trigger(network, **asking)
        assert answer["Device-Notification"]["Request-Status"] == RequestStatus.SUCCESS
        assert "OC-OLR" not in answer
        before = len(network.sms_sc.triggers)
        with pytest.raises(ErrorAnswer) as caught:
            trigger(network, **asking)
        assert caught.value.answer.result == (0, 3004)
        assert len(network.sms_sc.triggers) == before
        inside = [decode(octets, dictionary) for place, octets in network.wire.placed if place == "127.0.0.2"]
        answers = [each for each in inside if each.command == "Device-Action-Answer"]
        assert [int(each["OC-OLR"]["OC-Reduction-Percentage"]) for each in answers] == [100]
    finally:
        network.close()


@pytest.mark.requirement("T-TSP-04")
def test_an_scs_asks_nobody_for_less_in_the_name_of_the_mtc_iwf(tmp_path: Path, dictionary: Dictionary) -> None:
    hss = peer(HSS, dial="127.0.0.3")
    iwf = IWF_TOML.replace(hss, f"[node.overload]\nreports = true\n{hss}")
    network = Network(tmp_path, dictionary, (METER,), iwf, form="separate").open()
    try:
        trigger(network)
        reports = [{"OC-Sequence-Number": 9, "OC-Report-Type": kind, "OC-Reduction-Percentage": 100} for kind in (0, 1)]
        network.scs1.answer_more = {
            "Origin-Host": IWF,
            "Origin-Realm": "core.example",
            "OC-Supported-Features": {"OC-Feature-Vector": 1},
            "OC-OLR": reports,
        }
        with pytest.raises(ErrorAnswer):
            network.wait(network.sms_sc.report(network.sms_sc.triggers[0], 2))
        again = network.trigger(
            {
                "External-Identifier": "meter-1@customer.example",
                "SCS-Identity": encode_number("15550001"),
                "Reference-Number": 8,
                "Action-Type": 1,
                "Trigger-Data": {"Payload": b"wake"},
            }
        )
        assert again["Device-Notification"]["Request-Status"] == RequestStatus.SUCCESS
    finally:
        network.close()
