"""Tsp, S6m and T4 of the MTC-IWF, each alone: what is asked, and what becomes of answers that are of no use."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.task import Clock

from diameter import Dictionary, ErrorAnswer, Message, RequestTimeout, Undeliverable
from diameter.app import Neighbour
from diameter.testing import FakeRequester, run
from nfs.common.audit import AuditLog
from nfs.common.identities import encode_number
from nfs.common.nodes import NodeKind, ServingNode
from nfs.common.tsp import ActionType, DeliveryOutcome, RequestStatus
from nfs.mtc_iwf.holding import Holding
from nfs.mtc_iwf.logic import Decision, DeviceAction, Report
from nfs.mtc_iwf.ports import Device, Found, HssRefused, Notice, Sender, Submission, Unavailable
from nfs.mtc_iwf.s6m import S6m
from nfs.mtc_iwf.t4 import T4
from nfs.mtc_iwf.tsp import Tsp
from nfs.mtc_sgw.gateway import Gateway
from nfs.mtc_sgw.logic import Profiles, ScsProfile

IMSI = "001010000000001"
NAMED = Device(external_id="meter-1@customer.example")
USER = {"User-Name": IMSI, "MSISDN": encode_number("15550100001")}
NODE = {"MME-Name": "mme1.example", "MME-Realm": "example", "MME-Number-for-MT-SMS": encode_number("15559001")}


@pytest.fixture(scope="module")
def dictionary() -> Dictionary:
    return Dictionary.load()


def ask(dictionary: Dictionary, answer: Any, device: Device = NAMED) -> tuple[Found, Message]:
    s6m = S6m(realm="core.example", host="hss.core.example")
    fake = FakeRequester(s6m, dictionary, {"Subscriber-Information": answer})
    found = run(s6m.ask(device, scs="15550001", priority=True))
    return found, fake.requests[0]


def information(**data: Any) -> Any:
    """An answer with this T4-Data."""
    t4 = {name.replace("_", "-"): value for name, value in data.items()}
    return lambda request: request.answer(2001, {"User-Identifier": USER, "Service-Data": {"T4-Data": t4}})


def test_the_question_to_the_hss(dictionary: Dictionary) -> None:
    found, request = ask(
        dictionary, information(Serving_Node=NODE, Additional_Serving_Node=[{"MSC-Number": b"\x51\x55"}])
    )
    assert request["User-Identifier"]["External-Identifier"] == "meter-1@customer.example"
    assert len(request["User-Identifier"]) == 1
    assert (request["Service-ID"], request["SIR-Flags"], request["Auth-Session-State"]) == (0, 1, 1)
    assert request["SCS-Identity"] == encode_number("15550001")
    parameters = request["Service-Parameters"]["T4-Parameters"]
    assert (parameters["Priority-Indication"], parameters["SM-RP-SMEA"][:2].hex()) == (1, "0891")
    assert (request["Destination-Host"], request["Destination-Realm"]) == ("hss.core.example", "core.example")
    assert "Vendor-Specific-Application-Id" not in request
    assert found == Found(
        imsi=IMSI,
        msisdn="15550100001",
        nodes=(
            ServingNode(kind=NodeKind.MME, number="15559001", name="mme1.example", realm="example"),
            ServingNode(kind=NodeKind.MSC, number="1555"),
        ),
    )


def test_a_device_without_external_identifier_is_asked_for_by_msisdn(dictionary: Dictionary) -> None:
    _, request = ask(dictionary, information(HSS_Cause=0), Device(msisdn="15550100001"))
    assert request["User-Identifier"]["MSISDN"] == encode_number("15550100001")


def test_every_identity_that_the_hss_says_is_the_device_s(dictionary: Dictionary) -> None:
    users = [{"External-Identifier": "a@X.example"}, USER, {"External-Identifier": "b@x.example"}]
    data = {"T4-Data": {"HSS-Cause": 0}}
    found, _ = ask(
        dictionary,
        lambda request: request.answer(2001, {"User-Identifier": users, "Service-Data": data}),
        Device(msisdn="15550100001"),
    )
    assert (found.imsi, found.names) == (IMSI, ("15550100001", "a@x.example", "b@x.example"))


@pytest.mark.parametrize(
    ("cause", "absent", "not_provisioned", "barred"),
    [(1, True, False, False), (2, False, True, False), (4, False, False, True), (8, False, False, False)],
)
def test_causes(dictionary: Dictionary, cause: int, absent: bool, not_provisioned: bool, barred: bool) -> None:
    found, _ = ask(dictionary, information(HSS_Cause=cause, Serving_Node=NODE))
    assert (found.absent, found.not_provisioned, found.barred) == (absent, not_provisioned, barred)
    assert bool(found.nodes) is not absent


def test_an_experimental_result_is_a_refusal(dictionary: Dictionary) -> None:
    with pytest.raises(HssRefused) as caught:
        ask(dictionary, lambda request: request.answer(5510, vendor=10415))
    assert caught.value.code == 5510


@pytest.mark.parametrize(
    "answer",
    [
        RequestTimeout("no answer"),
        Undeliverable("no peer"),
        ErrorAnswer("3004", None),
        lambda request: request.answer(5012),
        lambda request: request.answer(2001),
        lambda request: request.answer(2001, {"User-Identifier": USER}),
        lambda request: request.answer(2001, {"Service-Data": {"T4-Data": {"HSS-Cause": 0}}}),
        lambda request: request.answer(2001, {"User-Identifier": USER, "Service-Data": {}}),
        lambda request: request.answer(
            2001, {"User-Identifier": {"MSISDN": b"\x51"}, "Service-Data": {"T4-Data": {"HSS-Cause": 0}}}
        ),
        lambda request: request.answer(
            2001, {"User-Identifier": {"User-Name": "x"}, "Service-Data": {"T4-Data": {"HSS-Cause": 0}}}
        ),
        information(Serving_Node={"MME-Name": "mme1.example"}),
    ],
)
def test_answers_of_the_hss_that_are_of_no_use(dictionary: Dictionary, answer: Any) -> None:
    with pytest.raises(Unavailable) as caught:
        ask(dictionary, answer)
    assert IMSI not in str(caught.value)


SUBMISSION = Submission(
    scs="15550001",
    reference=7,
    imsi=IMSI,
    device=Device(msisdn="15550100001"),
    payload=b"wake",
    port=None,
    priority=False,
    validity_s=None,
    nodes=(),
)


def test_a_trigger_for_an_absent_device_names_no_node(dictionary: Dictionary) -> None:
    t4 = T4(realm="core.example")
    fake = FakeRequester(t4, dictionary, {"Device-Trigger": lambda request: request.answer(5531, vendor=10415)})
    taken = run(t4.submit(SUBMISSION))
    assert (taken.result, taken.sms_sc) == ((10415, 5531), "peer.example.net")
    (request,) = fake.requests
    for absent in ("Serving-Node", "Validity-Time", "Application-Port-Identifier", "Destination-Host"):
        assert absent not in request
    assert request["User-Identifier"]["MSISDN"] == encode_number("15550100001")
    assert (request["Trigger-Action"], request["Priority-Indication"]) == (0, 0)


def test_an_sms_sc_that_does_not_answer(dictionary: Dictionary) -> None:
    t4 = T4(realm="core.example", host="smssc.core.example")
    FakeRequester(t4, dictionary, {"Device-Trigger": RequestTimeout("no answer")})
    with pytest.raises(Unavailable, match="^SMS-SC: no answer$"):
        run(t4.submit(SUBMISSION))


def test_an_sms_sc_on_the_same_store_takes_what_the_first_one_does_not(dictionary: Dictionary) -> None:
    hosts = ("smssc1.core.example", "smssc2.core.example")
    t4 = T4(realm="core.example", hosts=hosts)
    fake = FakeRequester(t4, dictionary, {"Device-Trigger": lambda request: request.answer(3004)})
    run(t4.submit(replace(SUBMISSION, to=hosts[1])))
    run(t4.submit(SUBMISSION))
    asked = [each.get("Destination-Host") for each in fake.requests]
    assert asked == [hosts[1], hosts[0], None]


class Reports:
    def __init__(self) -> None:
        self.seen: list[Report] = []

    async def report(self, report: Report) -> tuple[int, int]:
        self.seen.append(report)
        return (0, 3002)


def test_a_report_that_cannot_be_delivered_now_is_a_protocol_error(dictionary: Dictionary) -> None:
    t4 = T4(realm="core.example")
    t4.reports = reports = Reports()
    fake = FakeRequester(t4, dictionary)
    answer = fake.deliver(
        "Delivery-Report",
        {
            "User-Identifier": {"External-Identifier": "meter-1@customer.example"},
            "SM-RP-SMEA": bytes.fromhex("089151550010"),
            "SM-Delivery-Outcome-T4": 9,
            "Destination-Host": "node.example.org",
        },
    )
    assert (answer.error, answer.result) == (True, (0, 3002))
    assert reports.seen == [Report(scs="15550001", reference=None, outcome=9, device=NAMED)]


@pytest.mark.parametrize(
    ("wrong", "code"),
    [({"SM-RP-SMEA": b"\x05\x91\xf1"}, 5530), ({"User-Identifier": {"MSISDN": b"\xf1\x51"}}, 5001)],
)
def test_a_report_of_nobody_and_one_for_nobody(dictionary: Dictionary, wrong: dict[str, Any], code: int) -> None:
    t4 = T4(realm="core.example")
    t4.reports = reports = Reports()
    avps = {
        "User-Identifier": {"External-Identifier": "meter-1@customer.example"},
        "SM-RP-SMEA": bytes.fromhex("089151550010"),
        "SM-Delivery-Outcome-T4": 2,
        "Destination-Host": "node.example.org",
    }
    assert FakeRequester(t4, dictionary).deliver("Delivery-Report", avps | wrong).result == (10415, code)
    assert reports.seen == []


class Iwf:
    def __init__(self, decision: Decision) -> None:
        self.decision = decision
        self.asked: list[DeviceAction] = []

    async def act(self, action: DeviceAction, _profile: ScsProfile, _sender: Sender) -> Decision:
        self.asked.append(action)
        return self.decision


class TspRig:
    def __init__(self, folder: Path, dictionary: Dictionary, **answers: Any) -> None:
        profile = ScsProfile(
            name="customer",
            hosts=frozenset({"peer.example.net"}),
            isdn="15550001",
            domains=frozenset({"customer.example"}),
            commands=frozenset({ActionType.TRIGGER}),
        )
        self.path = folder / "audit"
        self.audit = AuditLog(self.path, "iwf.example")
        gateway = Gateway(Profiles.of([profile]), self.audit, core=frozenset(), home_plmns=frozenset())
        self.tsp = Tsp(gateway, self.audit, Holding(Clock(), delay_s=0.0, at_most=10))
        self.fake = FakeRequester(
            self.tsp, dictionary, {name.replace("_", "-"): answer for name, answer in answers.items()}
        )


def test_a_decision_without_a_status_of_tsp(tmp_path: Path, dictionary: Dictionary) -> None:
    rig = TspRig(tmp_path, dictionary)
    decision = Decision(result=5005, failed="Trigger-Data", check="limits", reason="Trigger-Data is missing")
    rig.tsp.iwf = iwf = Iwf(decision)  # type: ignore[assignment]  # a stand-in
    action = {"MSISDN": encode_number("15550100001"), "Reference-Number": 0, "Action-Type": 1}
    answer = rig.fake.deliver("Device-Action", {"Device-Action": action})
    rig.audit.close()
    assert answer.result == (0, 5005)
    assert "Trigger-Data" in answer["Failed-AVP"]["Device-Action"]
    assert answer["Device-Notification"]["Reference-Number"] == 0
    assert iwf.asked == [DeviceAction(device=Device(msisdn="15550100001"), reference=0, action=1)]
    line = rig.path.read_text()
    assert '"check": "limits"' in line
    assert '"reference": 0' in line
    assert "15550100001" not in line


def test_without_a_gateway_there_is_no_service(tmp_path: Path, dictionary: Dictionary) -> None:
    rig = TspRig(tmp_path, dictionary)
    rig.audit.close()
    action = {"MSISDN": encode_number("15550100001"), "Reference-Number": 0, "Action-Type": 1}
    stranger = Neighbour(host="x.example", realm="example")
    assert rig.fake.deliver("Device-Action", {"Device-Action": action}, neighbour=stranger).result == (0, 5003)


def test_priority_and_port_reach_the_procedure(tmp_path: Path, dictionary: Dictionary) -> None:
    rig = TspRig(tmp_path, dictionary)
    rig.tsp.iwf = iwf = Iwf(Decision(status=RequestStatus.SUCCESS))  # type: ignore[assignment]  # a stand-in
    data = {"Payload": b"", "Priority-Indication": 1, "Application-Port-Identifier": 0xFFFFFFFF}
    action = {"External-Identifier": NAMED.external_id, "Reference-Number": 1, "Action-Type": 1, "Trigger-Data": data}
    assert rig.fake.deliver("Device-Action", {"Device-Action": action}).result == (0, 2001)
    rig.audit.close()
    assert (iwf.asked[0].priority, iwf.asked[0].port, iwf.asked[0].payload) == (True, 0xFFFFFFFF, b"")
    assert rig.path.read_text() == ""


@pytest.mark.parametrize(
    ("answer", "result"), [(lambda request: request.answer(5012), (0, 5012)), (RequestTimeout("no answer"), None)]
)
def test_a_notification(tmp_path: Path, dictionary: Dictionary, answer: Any, result: tuple[int, int] | None) -> None:
    rig = TspRig(tmp_path, dictionary, Device_Notification=answer)
    rig.audit.close()
    sender = Sender(host="scs1.customer.example", realm="customer.example")
    notice = Notice(sender=sender, scs="15550001", reference=7, device=Device(msisdn="15550100001"))
    if result is None:
        with pytest.raises(Unavailable, match="^SCS: "):
            run(rig.tsp.notify(notice, DeliveryOutcome.EXPIRED))
    else:
        assert run(rig.tsp.notify(notice, DeliveryOutcome.EXPIRED)) == result
    (request,) = rig.fake.requests
    assert (request["Destination-Host"], request["Destination-Realm"]) == ("scs1.customer.example", "customer.example")
    notification = request["Device-Notification"]
    assert notification["MSISDN"] == encode_number("15550100001")
    assert (notification["Action-Type"], notification["Delivery-Outcome"]) == (2, 1)
