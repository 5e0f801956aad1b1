"""The gateway as a screen: messages in, messages or faults out, a line and a counter for each refusal."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from diameter import ApplicationFault, Dictionary, Message, decode
from diameter.app import Neighbour
from diameter.security.link import LinkSecurity
from nfs.common.audit import AuditLog
from nfs.common.identities import encode_number, encode_tbcd
from nfs.common.tsp import ActionType
from nfs.mtc_sgw.gateway import Gateway
from nfs.mtc_sgw.logic import Profiles, ScsProfile

HOST, CORE = "scs1.customer.example", "hss.core.example"
IMSI = "001010000000001"
PROFILES = Profiles.of(
    [
        ScsProfile(
            name="customer",
            hosts=frozenset({HOST}),
            isdn="15550001",
            domains=frozenset({"customer.example"}),
            commands=frozenset({ActionType.TRIGGER}),
        )
    ]
)
OUTSIDE = Neighbour(host=HOST.upper() + ".", realm="customer.example")
INSIDE = Neighbour(host=CORE, realm="core.example")


@pytest.fixture(scope="module")
def dictionary() -> Dictionary:
    return Dictionary.load()


class Rig:
    def __init__(self, folder: Path, dictionary: Dictionary) -> None:
        self.path = folder / "audit.jsonl"
        self.audit = AuditLog(self.path, "iwf.core.example")
        self.dictionary = dictionary
        self.gateway = Gateway(PROFILES, self.audit, core=frozenset({CORE}), home_plmns=frozenset({"00101"}))

    def request(self, action: dict[str, Any] | None = None, **top: Any) -> Message:
        avps: dict[str, Any] = {
            "Session-Id": f"{HOST};1;1",
            "Auth-Application-Id": 16777309,
            "Auth-Session-State": 1,
            "Origin-Host": HOST,
            "Origin-Realm": "customer.example",
            "Destination-Realm": "core.example",
            "Device-Action": {
                "External-Identifier": "meter-1@customer.example",
                "SCS-Identity": encode_number("15550001"),
                "Reference-Number": 7,
                "Action-Type": 1,
                **(action or {}),
            },
        }
        avps |= {name.replace("_", "-"): value for name, value in top.items()}
        return self.dictionary.request("Device-Action", avps, application="Tsp")

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.path.read_text().splitlines()]


@pytest.fixture
def rig(tmp_path: Path, dictionary: Dictionary) -> Any:
    rig = Rig(tmp_path, dictionary)
    yield rig
    rig.audit.close()


def test_a_request_in_order_is_passed_on_as_it_is(rig: Rig) -> None:
    request = rig.request()
    assert rig.gateway.inbound(request, OUTSIDE) is request
    assert (rig.gateway.passed, rig.lines()) == (1, [])


@pytest.mark.requirement("R-TSP-35", "R-TSP-27")
def test_the_certificate_counts_and_not_what_a_request_claims(rig: Rig) -> None:
    stranger = Neighbour(
        host=HOST,
        realm="customer.example",
        secure=True,
        security=LinkSecurity(mechanism="tls", peer_names=("x.example",)),
    )
    fault = rig.gateway.inbound(rig.request(), stranger)
    assert isinstance(fault, ApplicationFault)
    assert fault.avps is not None
    assert fault.avps["Device-Notification"]["Request-Status"] == 103
    (line,) = rig.lines()
    assert (line["check"], line["stage"]) == ("peer-identity", "authentication")
    assert rig.audit.refusals == {("peer-identity", "authentication"): 1}
    proven = Neighbour(
        host=HOST, realm="customer.example", secure=True, security=LinkSecurity(mechanism="tls", peer_names=(HOST,))
    )
    assert isinstance(rig.gateway.inbound(rig.request(), proven), Message)


@pytest.mark.requirement("R-ID-01")
@pytest.mark.parametrize("hidden", [{"User_Name": IMSI}, {"User_Identifier": {"User-Name": IMSI}}])
def test_an_imsi_is_found_wherever_it_hides(rig: Rig, hidden: dict[str, Any]) -> None:
    fault = rig.gateway.inbound(rig.request(**hidden), OUTSIDE)
    assert isinstance(fault, ApplicationFault)
    assert "External-Identifier" not in str(fault.avps)
    assert rig.lines()[0]["check"] == "inbound-imsi"
    assert IMSI not in rig.path.read_text()


def nested(message: Message, dictionary: Dictionary, depth: int) -> Message:
    """The message with so many groups inside each other at its end, and a User-Name in the last."""
    inner = b"\0\0\0\x01\x40\0\0\x09x\0\0\0"
    for _ in range(depth):
        inner = (279).to_bytes(4) + b"\x40" + (8 + len(inner)).to_bytes(3) + inner
    octets = message.octets + inner
    return decode(octets[:1] + len(octets).to_bytes(3) + octets[4:], dictionary)


@pytest.mark.parametrize(("depth", "held"), [(5, "outbound-imsi"), (5000, "outbound-private")])
def test_groups_are_looked_into_and_not_without_end(rig: Rig, depth: int, held: str) -> None:
    request = nested(rig.request(), rig.dictionary, depth)
    assert isinstance(rig.gateway.inbound(request, OUTSIDE), ApplicationFault)
    answer = nested(rig.request().answer(2001), rig.dictionary, depth)
    assert isinstance(rig.gateway.outbound(answer, OUTSIDE), ApplicationFault)
    assert [line["check"] for line in rig.lines()] == ["inbound-imsi", held]


def test_what_is_long_is_not_remembered(rig: Rig) -> None:
    """Whoever is outside has his own AVPs come back to him."""
    answer = rig.request().answer(2001, {"Error-Message": "x" * 300})
    assert rig.gateway.outbound(answer, OUTSIDE) is answer
    assert max(len(data) for _, data in rig.gateway._outbound._harmless) < 300


@pytest.mark.requirement("R-TSP-25", "R-TSP-28", "R-TSP-18")
def test_only_tsp_is_spoken_outside(rig: Rig) -> None:
    request = rig.dictionary.request(
        "Subscriber-Information",
        {
            "Session-Id": "x;1;1",
            "Auth-Session-State": 1,
            "Origin-Host": HOST,
            "Origin-Realm": "customer.example",
            "Destination-Realm": "core.example",
            "User-Identifier": {"User-Name": IMSI},
            "SIR-Flags": 1,
        },
        application="S6m",
    )
    fault = rig.gateway.inbound(request, OUTSIDE)
    assert isinstance(fault, ApplicationFault)
    assert fault.code == 5003
    assert rig.lines()[0]["check"] == "application"
    assert rig.gateway.inbound(request, INSIDE) is request


def test_a_core_node_is_no_scs(rig: Rig) -> None:
    fault = rig.gateway.inbound(rig.request(Origin_Host=CORE), INSIDE)
    assert isinstance(fault, ApplicationFault)
    assert rig.lines()[0]["result"] == "NOTAUTHORIZED"


@pytest.mark.requirement("R-TSP-14", "T-ID-01")
def test_what_would_carry_an_imsi_out_is_held_back_with_an_alarm(rig: Rig) -> None:
    notification = {"Reference-Number": 7, "Action-Type": 2}
    clean = rig.request().answer(2001, {"Device-Notification": notification})
    assert rig.gateway.outbound(clean, OUTSIDE) is clean
    leaky = rig.request().answer(
        2001, {"Device-Notification": notification, "Error-Message": f"no such subscriber: {IMSI}"}
    )
    assert rig.gateway.outbound(leaky, INSIDE) is leaky
    fault = rig.gateway.outbound(leaky, OUTSIDE)
    assert isinstance(fault, ApplicationFault)
    assert fault.code == 5012
    (line,) = rig.lines()
    assert (line["check"], line["alarm"], line["result"]) == ("outbound-imsi", True, "held back")
    assert rig.audit.alarms == 1
    assert IMSI not in rig.path.read_text()


@pytest.mark.parametrize("reference", [0x3A3A, 0x3A3A3A3A, 0x3A3A00, 0x0A3A3A31, int.from_bytes(b"lgi4")])
def test_a_number_whose_octets_could_be_an_address_or_a_word_leaves(rig: Rig, reference: int) -> None:
    """One Reference-Number in some 40,000 has them: its trigger reached the device, and its SCS heard of no success."""
    rig.gateway.keep_inside(["LGI4"])
    notification = {"Reference-Number": reference, "Action-Type": 2, "Delivery-Outcome": 0}
    answer = rig.request().answer(2001, {"Device-Notification": notification})
    assert rig.gateway.outbound(answer, OUTSIDE) is answer


def test_what_should_be_a_number_and_has_more_octets_is_read(rig: Rig) -> None:
    notification = {"Reference-Number": 7, "Action-Type": 2, "Delivery-Outcome": 0}
    answer = rig.request().answer(2001, {"Device-Notification": notification})
    origin_state = b"\0\0\x01\x16\x40\0\0\x14UE 10.45.0.7"
    octets = answer.octets + origin_state
    longer = decode(octets[:1] + len(octets).to_bytes(3) + octets[4:], rig.dictionary)
    assert isinstance(rig.gateway.outbound(longer, OUTSIDE), ApplicationFault)


@pytest.mark.parametrize(("data", "leaves"), [(encode_tbcd(IMSI), False), (b"10::7: at", True)])
def test_a_number_of_eight_octets_may_be_the_digits_of_an_imsi_and_is_no_text(
    rig: Rig, data: bytes, leaves: bool
) -> None:
    answer = rig.request().answer(2001, {"Device-Notification": {"Reference-Number": 7, "Action-Type": 2}})
    octets = answer.octets + b"\0\0\x01\x1f\x40\0\0\x10" + data[:8]  # Accounting-Sub-Session-Id
    longer = decode(octets[:1] + len(octets).to_bytes(3) + octets[4:], rig.dictionary)
    assert (rig.gateway.outbound(longer, OUTSIDE) is longer) is leaves


@pytest.mark.requirement("R-ID-05", "T-GRP-06", "R-IP-03", "R-IP-04", "T-IP-02")
@pytest.mark.parametrize("text", ["local group lgi-4711", "UE at 10.45.0.7", "cell 4711", "imei 490154203237518"])
def test_what_is_private_is_held_back_with_an_alarm(rig: Rig, text: str) -> None:
    rig.gateway.keep_inside(["LGI-4711"])
    leaky = rig.request().answer(5012, {"Device-Notification": {"Reference-Number": 7, "Action-Type": 1}})
    leaky = leaky.edit(add={"Error-Message": text})
    assert rig.gateway.outbound(leaky, INSIDE) is leaky
    assert isinstance(rig.gateway.outbound(leaky, OUTSIDE), ApplicationFault)
    (line,) = rig.lines()
    assert (line["check"], line["alarm"], line["result"]) == ("outbound-private", True, "held back")
    assert text.split()[-1] not in rig.path.read_text().lower()


@pytest.mark.requirement("R-IP-04", "T-IP-02")
def test_the_name_of_a_core_node_is_hidden_or_held_back(rig: Rig) -> None:
    rig.gateway.host, rig.gateway.realm = "iwf.edge.example", "edge.example"
    notification = {"Device-Notification": {"Reference-Number": 7, "Action-Type": 1}}
    told = rig.request().answer(5012, notification).edit(add={"Error-Message": f"no answer of {CORE}"})
    shown = rig.gateway.outbound(told, OUTSIDE)
    assert isinstance(shown, Message)
    assert "Error-Message" not in shown
    assert rig.lines() == []
    inner = rig.request(Session_Id=f"{CORE};1;1").answer(2001, notification)
    assert isinstance(rig.gateway.outbound(inner, OUTSIDE), ApplicationFault)
    assert rig.lines()[0]["check"] == "outbound-private"
