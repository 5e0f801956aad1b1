"""A device trigger through SCS, gateway, MTC-IWF, HSS and SMS-SC, all nodes in memory; and everything refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from diameter import Dictionary, ErrorAnswer, Message
from helpers.network import FORMS, IWF, Form, Network
from nfs.common.identities import encode_number, encode_tbcd
from nfs.common.nodes import NodeKind, ServingNode
from nfs.common.tsp import DeliveryOutcome, RequestStatus
from nfs.hss.logic import ExternalId, Service, Subscriber

IMSI = "001010123456789"
METER = Subscriber(
    imsi=IMSI,
    msisdn="15550100001",
    external_ids=(ExternalId(identifier="meter-1@customer.example"),),
    services=frozenset(Service),
    rights=frozenset({("15550001", Service.DEVICE_TRIGGER)}),
    nodes=(ServingNode(kind=NodeKind.MME, number="15559001", name="mme1.core.example", realm="core.example"),),
)
FOREIGN = Subscriber(
    imsi="001010000000002",
    external_ids=(ExternalId(identifier="theirs@customer.example"),),
    services=frozenset(Service),
    rights=frozenset({("15550002", Service.DEVICE_TRIGGER)}),
)
NO_SERVICE = Subscriber(
    imsi="001010000000003",
    external_ids=(ExternalId(identifier="silent@customer.example"),),
    rights=frozenset({("15550001", Service.DEVICE_TRIGGER)}),
)
ABSENT = Subscriber(
    imsi="001010000000004",
    external_ids=(ExternalId(identifier="away@customer.example"),),
    services=frozenset(Service),
    rights=frozenset({("15550001", Service.DEVICE_TRIGGER)}),
)
SCS_IDENTITY = encode_number("15550001")


@pytest.fixture(scope="module")
def dictionary() -> Dictionary:
    return Dictionary.load()


@pytest.fixture(params=FORMS)
def network(request: pytest.FixtureRequest, tmp_path: Path, dictionary: Dictionary) -> Iterator[Network]:
    network = Network(tmp_path, dictionary, (METER, FOREIGN, NO_SERVICE, ABSENT), form=request.param).open()
    yield network
    network.close()


def action(**changed: Any) -> dict[str, Any]:
    """A Device-Action in order, with changes; None takes an AVP out."""
    avps = {
        "External-Identifier": "meter-1@customer.example",
        "SCS-Identity": SCS_IDENTITY,
        "Reference-Number": 7,
        "Action-Type": 1,
        "Trigger-Data": {"Payload": b"\x00wake\xff", "Priority-Indication": 1, "Application-Port-Identifier": 8000},
        "Validity-Time": 3600,
    }
    avps |= {name.replace("_", "-"): value for name, value in changed.items()}
    return {name: value for name, value in avps.items() if value is not None}


def status(answer: Message) -> int:
    assert answer.result == (0, 2001)
    number: int = answer["Device-Notification"]["Request-Status"]
    return number


@pytest.mark.requirement("C-GEN-03", "C-GEN-14", "R-TRIG-14", "S-TSP-24", "R-TSP-26", "R-TSP-19", "E-TSP-20")
def test_a_trigger_goes_through_and_its_report_comes_back(network: Network) -> None:
    answer = network.trigger(action())
    assert status(answer) == RequestStatus.SUCCESS
    notification = answer["Device-Notification"]
    assert notification["External-Identifier"] == "meter-1@customer.example"
    assert (notification["Reference-Number"], notification["Action-Type"]) == (7, 1)

    (trigger,) = network.sms_sc.triggers
    user = trigger["User-Identifier"]
    assert (user["User-Name"], user["External-Identifier"]) == (IMSI, "meter-1@customer.example")
    assert trigger["SM-RP-SMEA"] == bytes.fromhex("0891") + SCS_IDENTITY
    assert trigger["Payload"] == b"\x00wake\xff"
    assert (trigger["Reference-Number"], trigger["Validity-Time"], trigger["Priority-Indication"]) == (7, 3600, 1)
    assert trigger["Application-Port-Identifier"] == 8000
    assert trigger["Serving-Node"]["MME-Name"] == "mme1.core.example"
    assert trigger["Serving-Node"]["MME-Number-for-MT-SMS"] == encode_number("15559001")
    assert trigger["Origin-Host"] == IWF

    done = network.wait(network.sms_sc.report(trigger, 2))
    assert done.result == (0, 2001)
    (report,) = network.scs1.reports
    notification = report["Device-Notification"]
    assert notification["Action-Type"] == 2
    assert notification["Reference-Number"] == 7
    assert notification["Delivery-Outcome"] == DeliveryOutcome.SUCCESS
    assert notification["External-Identifier"] == "meter-1@customer.example"
    assert network.audit() == []


@pytest.mark.requirement("R-TSP-14", "R-ID-01", "R-ID-02", "T-ID-01", "T-TSP-04")
def test_no_octet_outside_holds_an_imsi(network: Network) -> None:
    network.trigger(action())
    network.wait(network.sms_sc.report(network.sms_sc.triggers[0], 2))
    outside = network.seen_outside
    assert b"meter-1@customer.example" in outside
    assert IMSI.encode() not in outside
    assert encode_tbcd(IMSI) not in outside
    assert b"mme1" not in outside
    assert IMSI.encode() in b"".join(octets for _, octets in network.wire.passed)  # the test can see one


def test_a_reference_number_whose_octets_are_those_of_an_address_is_like_any_other(network: Network) -> None:
    assert status(network.trigger(action(Reference_Number=int.from_bytes(b"\0\0::")))) == RequestStatus.SUCCESS
    assert network.wait(network.sms_sc.report(network.sms_sc.triggers[0], 2)).result == (0, 2001)
    assert network.scs1.reports[0]["Device-Notification"]["Delivery-Outcome"] == DeliveryOutcome.SUCCESS
    assert network.audit() == []


def test_a_device_is_named_by_its_msisdn_too(network: Network) -> None:
    avps = action(External_Identifier=None, MSISDN=encode_number("15550100001"))
    assert status(network.trigger(avps)) == RequestStatus.SUCCESS
    network.wait(network.sms_sc.report(network.sms_sc.triggers[0], 3))
    notification = network.scs1.reports[0]["Device-Notification"]
    assert notification["MSISDN"] == encode_number("15550100001")
    assert "External-Identifier" not in notification
    assert notification["Delivery-Outcome"] == DeliveryOutcome.EXPIRED


REFUSED: list[tuple[str, dict[str, Any], int]] = [
    ("command-rights", {"Action_Type": 3}, 105),
    ("inbound-imsi", {"External_Identifier": f"{IMSI}@customer.example"}, 102),
    ("inbound-imsi", {"External_Identifier": "262019876543210@customer.example"}, 102),
    ("inbound-imsi", {"External_Identifier": f"0{IMSI}@nai.epc.mnc001.mcc001.3gppnetwork.org"}, 102),
    ("inbound-imsi", {"External_Identifier": None, "MSISDN": encode_tbcd(IMSI)}, 102),
    ("inbound-imsi", {"User_Name": IMSI}, 102),
    ("external-identifier", {"External_Identifier": "meter-1@elsewhere.example"}, 102),
    ("external-identifier", {"External_Identifier": "meter-1"}, 102),
    ("external-identifier", {"External_Identifier": None, "MSISDN": b"\xff\xff"}, 102),
    ("scs-identity", {"SCS_Identity": encode_number("15550002")}, 103),
    ("scs-identity", {"SCS_Identity": b"\xfe"}, 103),
]


@pytest.mark.requirement("R-TSP-07", "R-TSP-15", "S-TSP-34", "R-TSP-35", "R-ID-01", "R-TRIG-09")
@pytest.mark.parametrize(("check", "changed", "expected"), REFUSED)
def test_what_the_gateway_refuses_reaches_nobody(
    network: Network, check: str, changed: dict[str, Any], expected: int
) -> None:
    before = len(network.wire.passed)
    assert status(network.trigger(action(**changed))) == expected
    assert len(network.wire.passed) == before + 2  # the request and its answer: nothing towards the core
    assert network.gone_in == 0
    (line,) = network.audit()
    assert (line["check"], line["stage"], line["area"]) == (check, "authorisation", "B1")
    assert (line["peer"], line["profile"], line["reference"]) == ("scs1.customer.example", "customer", 7)
    assert line["result"] == RequestStatus(expected).name
    assert IMSI not in str(line)


@pytest.mark.requirement("R-ID-01")
def test_an_imsi_from_outside_is_not_even_repeated(network: Network) -> None:
    answer = network.trigger(action(External_Identifier=f"{IMSI}@customer.example"))
    assert IMSI.encode() not in answer.octets
    assert answer["Device-Notification"]["Reference-Number"] == 7


@pytest.mark.requirement("R-TRIG-13")
@pytest.mark.parametrize("missing", ["SCS-Identity", "External-Identifier"])
def test_both_parties_must_be_named(network: Network, missing: str) -> None:
    answer = network.trigger(action(**{missing.replace("-", "_"): None}))
    assert answer.result == (0, 5005)
    assert missing in answer["Failed-AVP"]["Device-Action"]
    assert network.sms_sc.triggers == []
    assert [line["check"] for line in network.audit()] == ["completeness"]


def test_a_request_without_device_action_misses_it(network: Network) -> None:
    answer = network.wait(network.scs1.request("Device-Action", {}, realm="core.example"))
    assert answer.result == (0, 5005)
    assert "Device-Action" in answer["Failed-AVP"]


@pytest.mark.parametrize("kind", [0, 2, 5, 99])
def test_an_action_that_no_scs_can_ask_for(network: Network, kind: int) -> None:
    answer = network.trigger(action(Action_Type=kind))
    assert answer.result == (0, 5004)
    assert answer["Failed-AVP"]["Device-Action"]["Action-Type"] == kind


@pytest.mark.requirement("R-TSP-07")
def test_an_scs_without_the_right_to_trigger(network: Network) -> None:
    answer = network.trigger(
        action(External_Identifier="theirs@customer.example", SCS_Identity=encode_number("15550002")),
        scs=network.scs2,
    )
    assert status(answer) == RequestStatus.NOTAUTHORIZED
    assert network.audit()[0]["profile"] == "other"
    assert network.audit("hss") == []


@pytest.mark.requirement("R-TSP-15", "R-TRIG-12", "T-LOC-05")
def test_a_device_of_another_customer_looks_like_an_unknown_one(network: Network) -> None:
    unknown = network.trigger(action(External_Identifier="nobody@customer.example"))
    foreign = network.trigger(action(External_Identifier="theirs@customer.example"))
    assert status(unknown) == status(foreign) == RequestStatus.INVEXTID
    assert [avp.name for avp in unknown] == [avp.name for avp in foreign]
    assert [a.name for a in unknown["Device-Notification"]] == [a.name for a in foreign["Device-Notification"]]
    assert network.sms_sc.triggers == []
    assert [line["check"] for line in network.audit()] == ["association", "association"]
    assert [line["result"] for line in network.audit("hss")] == ["USER_UNKNOWN", "UNAUTHORIZED_REQUESTING_ENTITY"]


def test_a_subscription_without_the_service(network: Network) -> None:
    answer = network.trigger(action(External_Identifier="silent@customer.example"))
    assert status(answer) == RequestStatus.SERVICEUNAVAILABLE


def test_an_absent_device_is_stored_at_the_sms_sc_unless_there_is_no_time(network: Network) -> None:
    avps = action(External_Identifier="away@customer.example")
    assert status(network.trigger(avps | {"Validity-Time": 0})) == RequestStatus.TEMPORARYERROR
    assert network.sms_sc.triggers == []
    assert status(network.trigger(avps)) == RequestStatus.SUCCESS
    assert "Serving-Node" not in network.sms_sc.triggers[0]


@pytest.mark.requirement("R-TSP-28", "R-TSP-18")
def test_an_scs_cannot_speak_to_the_core_through_the_iwf(network: Network) -> None:
    """A delivery report sent by an SCS on T4, as the SMS-SC would."""
    request = network.dictionary.request(
        "Delivery-Report",
        {
            "Session-Id": "scs1.customer.example;1;1",
            "Auth-Session-State": 1,
            "Origin-Host": "scs1.customer.example",
            "Origin-Realm": "customer.example",
            "Destination-Host": network.front,
            "Destination-Realm": "core.example",
            "User-Identifier": {"User-Name": IMSI},
            "SM-RP-SMEA": bytes.fromhex("0891") + SCS_IDENTITY,
            "SM-Delivery-Outcome-T4": 2,
            "Reference-Number": 7,
        },
        application="T4",
        hop_by_hop=1,
        end_to_end=1,
    )
    link = next(
        end for end in network.wire.links if end.local.port > 40_000 and end.remote.host == network.front_address
    )
    link.write(request.octets)
    network.settle(lambda: any(line["check"] in ("application", "destination") for line in network.audit()))
    assert network.scs1.reports == []


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        ((10415, 5530), RequestStatus.PERMANENTERROR),
        ((10415, 5531), RequestStatus.PERMANENTERROR),
        ((10415, 5533), RequestStatus.REPLACEFAIL),
        ((10415, 5534), RequestStatus.RECALLFAIL),
        ((10415, 5535), RequestStatus.ORIGINALMESSAGESENT),
        ((0, 3004), RequestStatus.TEMPORARYERROR),
        ((0, 5012), RequestStatus.PERMANENTERROR),
    ],
)
def test_what_the_sms_sc_refuses_is_told_and_gets_no_report(
    network: Network, result: tuple[int, int], expected: RequestStatus
) -> None:
    network.sms_sc.answer_with = result
    assert status(network.trigger(action())) == expected
    done = network.wait(network.sms_sc.report(network.sms_sc.triggers[0], 2))
    assert done.result == (0, 2001)
    assert network.scs1.reports == []


def test_a_report_comes_once_although_the_sms_sc_sends_it_twice(network: Network) -> None:
    network.trigger(action())
    for _ in range(2):
        assert network.wait(network.sms_sc.report(network.sms_sc.triggers[0], 2)).result == (0, 2001)
    assert len(network.scs1.reports) == 1


@pytest.mark.parametrize(
    "changed",
    [
        {"Reference-Number": 8},
        {"Reference-Number": []},
        {"SM-RP-SMEA": bytes.fromhex("0891") + encode_number("15550002")},
        {"User-Identifier": {"User-Name": "001010000000009"}},
        {"User-Identifier": {"External-Identifier": "other@customer.example"}},
        {"User-Identifier": {"MSISDN": encode_number("15550199999")}},
    ],
)
def test_a_report_about_nothing_known_is_user_unknown(network: Network, changed: dict[str, Any]) -> None:
    network.trigger(action())
    done = network.wait(network.sms_sc.report(network.sms_sc.triggers[0], 2, **changed))
    assert done.result == (10415, 5001)
    assert network.scs1.reports == []


def test_a_report_with_a_bad_address_is_refused(network: Network) -> None:
    network.trigger(action())
    done = network.wait(network.sms_sc.report(network.sms_sc.triggers[0], 2, **{"SM-RP-SMEA": b"\x01"}))
    assert done.result == (10415, 5530)


def test_a_repeat_is_handed_over_again_and_another_trigger_is_not(network: Network) -> None:
    assert status(network.trigger(action())) == RequestStatus.SUCCESS
    assert status(network.trigger(action())) == RequestStatus.SUCCESS
    assert len(network.sms_sc.triggers) == 2
    assert status(network.trigger(action(Validity_Time=60))) == RequestStatus.PERMANENTERROR
    assert len(network.sms_sc.triggers) == 2
    network.wait(network.sms_sc.report(network.sms_sc.triggers[0], 2))
    assert status(network.trigger(action(Validity_Time=60))) == RequestStatus.SUCCESS


@pytest.mark.parametrize("form", FORMS)
def test_a_trigger_outlives_the_process_that_accepted_it(tmp_path: Path, dictionary: Dictionary, form: Form) -> None:
    """What another process finds in the store is enough to bring the report to the SCS."""
    first = Network(tmp_path, dictionary, (METER,), form=form).open()
    assert status(first.trigger(action())) == RequestStatus.SUCCESS
    (trigger,) = first.sms_sc.triggers
    second = Network(tmp_path, dictionary, form=form).open()  # and the first never stopped: it was killed
    assert second.wait(second.sms_sc.report(trigger, 2)).result == (0, 2001)
    assert second.scs1.reports[0]["Device-Notification"]["Reference-Number"] == 7
    assert first.scs1.reports == []
    assert status(second.trigger(action(Reference_Number=8))) == RequestStatus.SUCCESS
    second.close()
    first.close()


def test_a_report_waits_at_the_sms_sc_while_the_scs_is_away(network: Network) -> None:
    network.trigger(action())
    (trigger,) = network.sms_sc.triggers
    network.wait(network.nodes[3].stop())
    with pytest.raises(ErrorAnswer) as caught:
        network.wait(network.sms_sc.report(trigger, 2))
    assert caught.value.answer.result == (0, 3002)
    assert network.scs1.reports == []


@pytest.mark.requirement("R-GEN-07")
def test_counters_and_lines_agree(network: Network) -> None:
    for _, changed, _ in REFUSED:
        network.trigger(action(**changed))
    assert len(network.audit()) == len(REFUSED)
