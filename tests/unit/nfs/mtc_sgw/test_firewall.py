"""The signalling firewall: what crosses the border on S6a, who may send it, and where a subscriber cannot be."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from diameter import ApplicationFault, ConfigError, Dictionary, Message
from diameter.app import Neighbour
from nfs.common.audit import AuditLog
from nfs.common.identities import encode_plmn
from nfs.mtc_sgw.firewall.crossing import Networks
from nfs.mtc_sgw.firewall.screen import Firewall
from nfs.mtc_sgw.firewall.tables import FirewallTable

OURS, THEIRS, OTHERS = "epc.mnc001.mcc001.3gppnetwork.org", "epc.mnc002.mcc262.3gppnetwork.org", "ipx.example"
MME, HSS = f"mme1.{THEIRS}", f"hss1.{THEIRS}"
SUBSCRIBER, ROAMER = "001010000000001", "262020000000001"
TABLE: dict[str, Any] = {
    "home_plmns": ["00101"],
    "home_realms": [OURS],
    "partner": [{"realm": OTHERS, "plmns": ["310150", "20801"]}],
    "interface": [
        {
            "name": "S6a",
            "commands": ["Update-Location", "Authentication-Information", "Cancel-Location"],
            "home_only": ["Cancel-Location"],
            "serving": ["Update-Location", "Authentication-Information"],
            "located": ["Update-Location"],
        }
    ],
}


@pytest.fixture(scope="module")
def dictionary() -> Dictionary:
    return Dictionary.load()


class Rig:
    def __init__(self, folder: Path, dictionary: Dictionary) -> None:
        self.path = folder / "audit.jsonl"
        self.audit = AuditLog(self.path, "dea.core.example")
        self.dictionary = dictionary
        self.now = 1_700_000_000.0
        self.wall = self.firewall(TABLE)

    def firewall(self, table: dict[str, Any]) -> Firewall:
        return Firewall(
            FirewallTable.model_validate(table),
            self.dictionary,
            self.audit,
            outside=[MME, HSS, f"mme1.{OTHERS}", "mme9.nowhere.example", f"mme66.{OURS}"],
            clock=lambda: self.now,
        )

    def send(self, message: Message, wall: Firewall | None = None) -> int:
        """0 for what passes, else the Result-Code."""
        host, realm = message.text("Origin-Host"), message.text("Origin-Realm")
        outcome = (wall or self.wall).inbound(message, Neighbour(host=host, realm=realm))
        return outcome.code if isinstance(outcome, ApplicationFault) else 0

    def location(self, imsi: str = SUBSCRIBER, visited: str = "26202", origin: str = MME) -> Message:
        more = {"RAT-Type": 1004, "ULR-Flags": 2, "Visited-PLMN-Id": encode_plmn(visited)}
        return self.request("Update-Location", origin, imsi, more)

    def cancel(self, imsi: str, origin: str = HSS) -> Message:
        return self.request(
            "Cancel-Location", origin, imsi, {"Destination-Host": f"mme1.{OURS}", "Cancellation-Type": 0}
        )

    def request(self, command: str, origin: str, imsi: str, more: dict[str, Any], application: str = "S6a") -> Message:
        avps = {
            "Session-Id": f"{origin};1;1",
            "Auth-Session-State": 1,
            "Origin-Host": origin,
            "Origin-Realm": origin.partition(".")[2],
            "Destination-Realm": OURS,
            "User-Name": imsi,
        }
        return self.dictionary.request(command, avps | more, application=application)

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.path.read_text().splitlines()]


@pytest.fixture
def rig(tmp_path: Path, dictionary: Dictionary) -> Iterator[Rig]:
    rig = Rig(tmp_path, dictionary)
    yield rig
    rig.audit.close()


def test_what_is_in_order_passes(rig: Rig) -> None:
    assert rig.send(rig.location()) == 0
    assert rig.send(rig.cancel(ROAMER)) == 0
    assert rig.lines() == []


def test_what_nobody_outside_may_send_does_not_come_in(rig: Rig) -> None:
    purge = rig.request("Purge-UE", MME, SUBSCRIBER, {})
    assert rig.send(purge) == 3001
    (line,) = rig.lines()
    assert (line["check"], line["peer"], line["profile"], line["result"]) == ("closed-command", MME, "S6a", "3001")
    assert SUBSCRIBER not in json.dumps(line)
    assert rig.wall.counts["S6a", "closed-command", "refused"] == 1


def test_a_reference_point_without_a_table_is_closed_and_open_inside(rig: Rig) -> None:
    for origin, expected in ((MME, 3007), ("hss1.core.example", 0)):
        alert = rig.request("Alert-Service-Centre", origin, SUBSCRIBER, {"SC-Address": b"\x91"}, "S6c")
        message = alert.edit(remove="User-Name")
        assert rig.send(message) == expected
    assert [line["check"] for line in rig.lines()] == ["application"]


def test_nobody_outside_speaks_in_our_name(rig: Rig) -> None:
    assert rig.send(rig.location(origin=f"mme66.{OURS}", visited="00101")) == 5003
    assert rig.lines()[0]["reason"] == "Origin-Realm is our own"


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (lambda rig: rig.cancel(SUBSCRIBER), "not from the home network of the subscriber"),
        (lambda rig: rig.cancel("310150000000001"), "not from the home network of the subscriber"),
        (lambda rig: rig.location(imsi=ROAMER), "about a subscriber who is not ours"),
        (lambda rig: rig.location(visited="26201"), "Visited-PLMN-Id is not the network of the sender"),
        (lambda rig: rig.location(origin="mme9.nowhere.example"), "Origin-Realm speaks for no network that is known"),
    ],
)
def test_only_the_network_concerned_may_ask(rig: Rig, message: Any, reason: str) -> None:
    assert rig.send(message(rig)) == 5003
    (line,) = rig.lines()
    assert (line["check"], line["reason"]) == ("home-network", reason)


def test_nobody_is_in_two_countries_within_half_an_hour(rig: Rig) -> None:
    assert rig.send(rig.location()) == 0
    rig.now += 1799
    abroad = rig.location(visited="310150", origin=f"mme1.{OTHERS}")
    assert rig.send(abroad) == 5003
    assert rig.lines()[0]["check"] == "plausible-location"
    rig.now += 1
    assert rig.send(abroad) == 0
    assert rig.send(rig.location(imsi="001010000000002", visited="20801", origin=f"mme1.{OTHERS}")) == 0


def test_who_was_just_seen_at_home_is_not_abroad(rig: Rig) -> None:
    at_home = rig.location(origin=f"mme1.{OURS}", visited="00101")
    assert rig.send(at_home) == 0
    assert rig.send(rig.location()) == 5003
    assert rig.send(at_home) == 0  # what comes from inside is never refused for that


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"User-Name": "somebody@example.org"}, 5004),
        ({"Visited-PLMN-Id": b"\xff\xff\xff"}, 5004),
        ({"Visited-PLMN-Id": b"\x01"}, 5004),
    ],
)
def test_identities_that_are_none_are_refused(rig: Rig, changed: dict[str, Any], code: int) -> None:
    assert rig.send(rig.location().edit(replace=changed)) == code
    assert rig.lines()[0]["check"] == "well-formed"


def test_a_message_with_a_fault_gets_its_result(rig: Rig) -> None:
    assert rig.send(rig.location().edit(remove="ULR-Flags")) == 5005


def test_observed_is_written_down_and_passes(rig: Rig) -> None:
    table = TABLE | {"interface": [TABLE["interface"][0] | {"mode": "observe"}]}
    wall = rig.firewall(table)
    assert rig.send(rig.cancel(SUBSCRIBER), wall) == 0
    assert rig.lines()[0]["result"] == "observed"
    assert wall.counts["S6a", "home-network", "observed"] == 1


def test_other_tables_come_into_force_and_locations_stay(rig: Rig) -> None:
    assert rig.send(rig.location()) == 0
    table = TABLE | {"interface": [TABLE["interface"][0] | {"abroad_s": 10}]}
    rig.wall.load(FirewallTable.model_validate(table), [f"mme1.{OTHERS}"])
    abroad = rig.location(visited="310150", origin=f"mme1.{OTHERS}")
    assert rig.send(abroad) == 5003
    rig.now += 10
    assert rig.send(abroad) == 0


def test_a_realm_speaks_for_the_network_in_its_name() -> None:
    networks = Networks(home=frozenset({"00101"}), realms=frozenset({OURS}), partners={})
    assert networks.of_realm(THEIRS) == {"26202", "262002"}
    assert networks.of_realm("epc.mnc150.mcc310.3gppnetwork.org.") == {"310150"}
    assert networks.of_realm(OURS) == {"00101"}
    assert networks.of_realm("customer.example") == frozenset()


@pytest.mark.parametrize(
    ("changed", "wrong"),
    [
        ({"name": "S99"}, "S99"),
        ({"home_only": ["Purge-UE"]}, "home_only.*Purge-UE: not among commands"),
        ({"checks": ["well-formed", "guess"]}, "guess: no such check for S6a; known are closed-command, "),
        ({"checks": ["well-formed", "well-formed"]}, "named twice"),
    ],
)
def test_what_is_wrong_with_a_table_is_said(rig: Rig, changed: dict[str, Any], wrong: str) -> None:
    table = TABLE | {"interface": [TABLE["interface"][0] | changed]}
    with pytest.raises((ConfigError, ValueError), match=wrong):
        rig.firewall(table)


def test_an_interface_has_one_table() -> None:
    table = TABLE | {"interface": [TABLE["interface"][0]] * 2}
    with pytest.raises(ValueError, match="the same as one before"):
        FirewallTable.model_validate(table)


@pytest.mark.parametrize("more", [{"User-Identifier": {"User-Name": ROAMER}}, {"User-Name": ROAMER}])
def test_a_message_about_two_subscribers_is_about_none(rig: Rig, more: dict[str, Any]) -> None:
    """Else it would be let through for the one, and be carried out for the other."""
    assert rig.send(rig.cancel(ROAMER).edit(add=more)) == (0 if "User-Identifier" in more else 5009)
    assert rig.send(rig.cancel(SUBSCRIBER).edit(add=more)) in (5004, 5009)
    checks = ["closed-command", "home-network"]  # where nothing else looks at the form of a message
    wall = rig.firewall(TABLE | {"interface": [TABLE["interface"][0] | {"checks": checks}]})
    assert rig.send(rig.cancel(SUBSCRIBER).edit(add=more), wall) == 5003
