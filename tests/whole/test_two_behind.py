"""Two MTC-IWFs on one store behind a gateway: what is diverted from one to the other is reported by either."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from diameter import Dictionary, decode
from helpers.asking import METER
from helpers.network import HSS, HSS_TOML, IWF, IWF_TOML, REALM, SGW, SMS_SC, Network, SmsScStub, node, peer, two
from nfs.common.identities import encode_number
from nfs.common.tsp import DeliveryOutcome, RequestStatus
from nfs.hss.__main__ import build as build_hss
from nfs.hss.config import HssConfig
from nfs.mtc_iwf.__main__ import build as build_iwf
from nfs.mtc_iwf.config import IwfConfig

SECOND: Final = f"iwf2.{REALM}"
DIAL_HSS: Final = peer(HSS, dial="127.0.0.3")
BUSY: Final = IWF_TOML.replace(DIAL_HSS, f"[node.overload]\nreports = true\nreduction = 100\n{DIAL_HSS}")


class Both(Network):
    """The first MTC-IWF reports that it wants nothing more (RFC 7683); the second has the same database."""

    def __init__(self, folder: Path, dictionary: Dictionary) -> None:
        super().__init__(folder, dictionary, (METER,), BUSY, "separate")
        _, tables = two(IWF_TOML)
        tables["node"] = tables["node"] | {"origin_host": SECOND}
        tables["node"]["listen"][0]["host"] = "127.0.0.6"
        tables["audit"] = "iwf2-audit.jsonl"
        config: IwfConfig = self._validate(tables, IwfConfig)
        self.parts.append(build_iwf(config, self.around))
        self.second = self._function(config, self.parts[-1])
        hss: HssConfig = self._parse(f"{HSS_TOML}{peer(SECOND)}", HssConfig)
        self.hss_parts = build_hss(hss, self.around)
        self.parts.append(self.hss_parts)
        self.nodes[0] = self._function(hss, self.hss_parts)
        self.sms_sc = SmsScStub()
        self.nodes[1] = self._node(f"{node(SMS_SC, '127.0.0.4')}\n{peer(IWF)}\n{peer(SECOND)}", self.sms_sc)
        self.nodes.append(self.second)

    def fronting(self, gateway: dict[str, Any]) -> dict[str, Any]:
        """Both are behind it."""
        first = gateway["peer"][0]
        gateway["peer"].append(first | {"host": SECOND, "addresses": ["127.0.0.6"]})
        gateway["mtc_iwf"]["hosts"] = [IWF, SECOND]
        return gateway

    def open(self) -> Both:
        """Start everything and wait until all are connected."""
        super().open()
        for host in (HSS, SMS_SC):
            self.wait(self.second.when_open(host))
        self.wait(self.nodes[5].when_open(SECOND))
        return self

    def ask(self, reference: int) -> int:
        """A trigger; its Request-Status."""
        avps = {
            "External-Identifier": "meter-1@customer.example",
            "SCS-Identity": encode_number("15550001"),
            "Reference-Number": reference,
            "Action-Type": 1,
            "Trigger-Data": {"Payload": b"wake"},
        }
        status: int = self.trigger(avps)["Device-Notification"]["Request-Status"]
        return status

    def report(self, at: int, to: str) -> tuple[int, int] | None:
        """The SMS-SC reports on its trigger number `at` to one of them; the answer's result."""
        trigger = self.sms_sc.triggers[at]
        avps = {
            "User-Identifier": trigger["User-Identifier"],
            "SM-RP-SMEA": trigger["SM-RP-SMEA"],
            "SM-Delivery-Outcome-T4": 2,
            "Reference-Number": trigger["Reference-Number"],
        }
        result: tuple[int, int] | None = self.wait(
            self.sms_sc.request("Delivery-Report", avps, to=to, realm=REALM)
        ).result
        return result

    def told(self) -> list[tuple[int, int, str]]:
        """Reference-Number, Delivery-Outcome and Origin-Host of what the SCS has heard."""
        found = [(each["Device-Notification"], each["Origin-Host"]) for each in self.scs1.reports]
        return [(each["Reference-Number"], each["Delivery-Outcome"], host) for each, host in found]


@pytest.fixture
def both(tmp_path: Path) -> Iterator[Both]:
    both = Both(tmp_path, Dictionary.load()).open()
    yield both
    both.close()


@pytest.mark.requirement("C-GEN-03")
def test_what_was_diverted_in_transit_is_reported_by_whoever_the_sms_sc_asks(both: Both) -> None:
    assert [both.ask(reference) for reference in (7, 8)] == [RequestStatus.SUCCESS] * 2
    assert [each["Origin-Host"] for each in both.sms_sc.triggers] == [IWF, SECOND]  # the second one was diverted
    assert both.report(1, IWF) == (0, 2001)
    assert both.report(0, SECOND) == (0, 2001)
    success = int(DeliveryOutcome.SUCCESS)
    assert both.told() == [(8, success, SGW), (7, success, SGW)]
    for host in (IWF, SECOND):  # what is reported again, to whomever, is told no more
        assert both.report(1, host) == (0, 2001)
    assert len(both.told()) == 2
    outside = [decode(octets, both.dictionary) for place, octets in both.wire.placed if place == both.front_address]
    assert {each["Origin-Host"] for each in outside} == {SGW, "scs1.customer.example", "scs2.other.example"}
