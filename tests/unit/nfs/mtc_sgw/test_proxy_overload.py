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


def trigger(network: Network, reference: int = 7, **top: Any) -> Message:
    avps = {
        "External-Identifier": "meter-1@customer.example",
        "SCS-Identity": encode_number("15550001"),
        "Reference-Number": reference,
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
        assert trigger(network, **asking).result == (0, 5012)  # section 8: on no other path would it get through
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
        again = trigger(network, 8)
        assert again["Device-Notification"]["Request-Status"] == RequestStatus.SUCCESS
    finally:
        network.close()


def test_rfc_7683_section_8_too_busy_for_what_may_get_through_elsewhere(tmp_path: Path, dictionary: Dictionary) -> None:
    """A report names its SCS: the MTC-IWF may ask another host of it, or later, and so it is 3004 and not lost."""
    hss = peer(HSS, dial="127.0.0.3")
    iwf = IWF_TOML.replace(hss, f"[node.overload]\nreports = true\n{hss}")
    network = Network(tmp_path, dictionary, (METER,), iwf, form="separate").open()
    try:
        less = {"OC-Sequence-Number": 9, "OC-Report-Type": 0, "OC-Reduction-Percentage": 100}
        network.scs1.answer_more = {"OC-Supported-Features": {"OC-Feature-Vector": 1}, "OC-OLR": less}
        for reference in (7, 8):
            trigger(network, reference)
        first, second = network.sms_sc.triggers
        assert network.wait(network.sms_sc.report(first, 2)).result == (0, 2001)
        with pytest.raises(ErrorAnswer):
            network.wait(network.sms_sc.report(second, 2))
        inside = [decode(octets, dictionary) for place, octets in network.wire.placed if place == "127.0.0.2"]
        answers = [each.result for each in inside if each.command == "Device-Notification-Answer"]
        assert answers == [(0, 2001), (0, 3004)]
        network.clock.advance(60)
        assert network.wait(network.sms_sc.report(second, 2)).result == (0, 2001)
        assert [each["Device-Notification"]["Reference-Number"] for each in network.scs1.reports] == [7, 8]
    finally:
        network.close()
