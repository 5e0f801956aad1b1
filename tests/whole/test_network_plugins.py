"""Checks that a package brings for T4, and the firewall of a relay, with everybody connected."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from diameter import Dictionary, ErrorAnswer
from diameter.config import parse
from helpers.inline import InlineReactor, InlineThreads
from helpers.network import FORMS, IWF_TOML, SMS_SC, Network, node
from nfs.common.audit import Stage
from nfs.common.function import Surroundings
from nfs.common.identities import encode_number
from nfs.hss.logic import ExternalId, Service, Subscriber
from nfs.mtc_sgw.firewall.crossing import Crossing
from nfs.mtc_sgw.firewall.screen import Firewall
from nfs.mtc_sgw.logic import Refuse
from nfs.mtc_sgw.plugins import group, installed
from nfs.relay.__main__ import build
from nfs.relay.config import RelayConfig

METER = Subscriber(
    imsi="001010000000001",
    external_ids=(ExternalId(identifier="meter@customer.example"),),
    services=frozenset(Service),
    rights=frozenset({("15550001", Service.DEVICE_TRIGGER)}),
)
FIREWALL = """
[firewall]
home_plmns = ["00101"]
home_realms = ["core.example"]
[[firewall.interface]]
name = "T4"
checks = ["well-formed", "no-reports"]
"""


def no_reports(crossing: Crossing) -> Refuse | None:
    """A check of somebody's: no delivery reports about one subscriber."""
    if crossing.command == "Delivery-Report-Request" and crossing.imsi == METER.imsi:
        return Refuse(stage=Stage.AUTHORISATION, reason="no reports", result=5012)
    return None


@pytest.fixture(scope="module")
def dictionary() -> Dictionary:
    return Dictionary.load()


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    info = tmp_path / "packages" / "customer_t4-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: customer-t4\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{group('T4')}]\nno-reports = {__name__}:no_reports\n")
    monkeypatch.syspath_prepend(info.parent)


@pytest.fixture(params=FORMS)
def network(request: pytest.FixtureRequest, package: None, tmp_path: Path, dictionary: Dictionary) -> Iterator[Network]:
    network = Network(tmp_path, dictionary, (METER,), IWF_TOML + FIREWALL, request.param).open()
    yield network
    network.close()


def test_a_check_for_t4_is_asked_about_what_the_sms_sc_sends(network: Network) -> None:
    assert [entry.name for entry in installed("T4")] == ["no-reports"]
    avps = {
        "External-Identifier": "meter@customer.example",
        "SCS-Identity": encode_number("15550001"),
        "Reference-Number": 7,
        "Action-Type": 1,
        "Trigger-Data": {"Payload": b"wake"},
    }
    assert network.trigger(avps)["Device-Notification"]["Request-Status"] == 0
    done = network.wait(network.sms_sc.report(network.sms_sc.triggers[0], 2))
    assert done.result == (0, 5012)
    assert network.scs1.reports == []
    (line,) = network.audit()
    assert (line["check"], line["peer"], line["profile"]) == ("no-reports", SMS_SC, "T4")


RELAY = f"""
audit = "relay.audit"
{node("dea.core.example")}
[[peer]]
host = "mme1.epc.mnc002.mcc262.3gppnetwork.org"
realm = "epc.mnc002.mcc262.3gppnetwork.org"
transport = "tcp"
physical_protection = true
physical_protection_reason = "in memory"
{FIREWALL.replace("T4", "S6a").replace(', "no-reports"', ', "closed-command"')}
"""


def test_a_relay_has_the_firewall_as_its_screen(tmp_path: Path, dictionary: Dictionary) -> None:
    around = Surroundings(reactor=InlineReactor(), dictionary=dictionary, folder=tmp_path, threads=InlineThreads())
    config = parse(RELAY, RelayConfig, source="relay.toml", base=tmp_path)
    parts = build(config, around)
    (screen,) = parts.screens
    assert isinstance(screen, Firewall)
    assert "firewall" in parts.live
    assert parts.reload is not None
    parts.reload(config)
    assert parts.stopped is not None
    parts.stopped()
    assert issubclass(ErrorAnswer, Exception)
