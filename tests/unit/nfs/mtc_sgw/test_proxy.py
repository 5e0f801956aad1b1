"""The gateway as a node of its own: what each side sees of the other, and who is believed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from diameter import ApplicationFault, Dictionary, ErrorAnswer, Message
from diameter.app import Neighbour
from diameter.config import Limits
from diameter.routing.agents import settled
from diameter.security.pseudonym import Pseudonyms
from helpers.network import HSS, IWF, SCS1, SGW, SMS_SC, Network
from nfs.common.audit import AuditLog
from nfs.common.identities import encode_number
from nfs.common.tsp import ActionType, RequestStatus
from nfs.hss.logic import ExternalId, Service, Subscriber
from nfs.mtc_sgw.copies import Copies, mark_of
from nfs.mtc_sgw.gateway import Gateway
from nfs.mtc_sgw.logic import Profiles, ScsProfile
from nfs.mtc_sgw.proxy import Proxy

INNER, DRA, EDGE, SCS = "iwf.core.example", "dra.core.example", "sgw.edge.example", "scs1.customer.example"
SECRET = b"sixteen octets.."
SESSION = f"{INNER};7;9"
IMSI = "001010123456789"
PROFILES = Profiles.of(
    [
        ScsProfile(
            name="customer",
            hosts=frozenset({SCS}),
            isdn="15550001",
            domains=frozenset({"customer.example"}),
            commands=frozenset({ActionType.TRIGGER}),
            agents=frozenset({"dra.customer.example"}),
        )
    ]
)
INSIDE, OUTSIDE = Neighbour(host=INNER, realm="core.example"), Neighbour(host=SCS, realm="customer.example")
METER = Subscriber(
    imsi=IMSI,
    external_ids=(ExternalId(identifier="meter-1@customer.example"),),
    services=frozenset(Service),
    rights=frozenset({("15550001", Service.DEVICE_TRIGGER)}),
)


@pytest.fixture(scope="module")
def dictionary() -> Dictionary:
    return Dictionary.load()


class Rig:
    """A proxy without a node."""

    def __init__(self, folder: Path, dictionary: Dictionary) -> None:
        self.audit = AuditLog(folder / "audit.jsonl", EDGE)
        self.dictionary = dictionary
        self.now = 1_700_000_000.0
        self.proxy = self.another()

    def another(self, secret: bytes = SECRET) -> Proxy:
        """The proxy after a restart: nothing is left of it but its secret."""
        gateway = Gateway(
            PROFILES,
            self.audit,
            core=frozenset({INNER}),
            home_plmns=frozenset({"00101"}),
            identity=(EDGE, "edge.example"),
            hidden=("core.example",),
            clock=lambda: self.now,
        )
        copies = Copies(Limits(), lambda: self.now)
        return Proxy(gateway, self.audit, Pseudonyms(secret, EDGE), copies, inner_realm="core.example")

    def ask(self, message: Message, neighbour: Neighbour, proxy: Proxy | None = None) -> Any:
        """What the proxy makes of a request of this neighbour."""
        message.context = neighbour
        message.origin = b""
        return (proxy or self.proxy).request(message, neighbour.host)

    def action(self, **top: Any) -> Message:
        avps: dict[str, Any] = {
            "Session-Id": f"{SCS};1;1",
            "Auth-Application-Id": 16777309,
            "Auth-Session-State": 1,
            "Origin-Host": SCS,
            "Origin-Realm": "customer.example",
            "Destination-Host": EDGE,
            "Destination-Realm": "edge.example",
            "Device-Action": {
                "External-Identifier": "meter-1@customer.example",
                "SCS-Identity": encode_number("15550001"),
                "Reference-Number": 7,
                "Action-Type": 1,
            },
        }
        avps |= {name.replace("_", "-"): value for name, value in top.items()}
        return self._made("Device-Action", {name: value for name, value in avps.items() if value is not None})

    def report(self, **top: Any) -> Message:
        avps: dict[str, Any] = {
            "Session-Id": SESSION,
            "Auth-Application-Id": 16777309,
            "Auth-Session-State": 1,
            "Origin-Host": INNER,
            "Origin-Realm": "core.example",
            "Destination-Host": SCS,
            "Destination-Realm": "customer.example",
            "Device-Notification": {
                "External-Identifier": "meter-1@customer.example",
                "SCS-Identity": encode_number("15550001"),
                "Reference-Number": 7,
                "Action-Type": 2,
                "Delivery-Outcome": 0,
            },
        }
        avps |= {name.replace("_", "-"): value for name, value in top.items()}
        return self._made("Device-Notification", avps)

    def _made(self, command: str, avps: dict[str, Any]) -> Message:
        return self.dictionary.request(command, avps, application="Tsp", hop_by_hop=1, end_to_end=2)


@pytest.fixture
def rig(tmp_path: Path, dictionary: Dictionary) -> Iterator[Rig]:
    rig = Rig(tmp_path, dictionary)
    yield rig
    rig.audit.close()


@pytest.mark.requirement("R-IP-04", "T-IP-02")
def test_a_report_goes_out_under_the_name_of_the_gateway(rig: Rig) -> None:
    report = rig.report(Route_Record=[INNER], Proxy_Info={"Proxy-Host": DRA, "Proxy-State": b"x"})
    shown = rig.ask(report, INSIDE)
    assert (shown["Origin-Host"], shown["Origin-Realm"], shown["Destination-Host"]) == (EDGE, "edge.example", SCS)
    assert (shown.end_to_end, shown.faults) == (2, ())
    assert "Route-Record" not in shown
    assert "Proxy-Info" not in shown
    assert shown["Session-Id"].startswith(f"{EDGE};")
    assert b"core.example" not in shown.octets
    assert shown["Device-Notification"]["Reference-Number"] == 7
    assert rig.proxy.known_as(INNER) == ""
    assert rig.proxy.known_as(SCS) == SCS


@pytest.mark.requirement("R-IP-04")
def test_its_answer_comes_back_under_the_session_of_the_inside_and_after_a_restart_too(rig: Rig) -> None:
    report = rig.report(Proxy_Info={"Proxy-Host": DRA, "Proxy-State": b"x"})
    shown = rig.ask(report, INSIDE)
    given = {"Origin-Host": SCS, "Origin-Realm": "customer.example", "Error-Message": f"imsi {IMSI}"}
    answer = shown.answer(2001, given)
    for proxy in (rig.proxy, rig.another()):
        back = settled(proxy.answer(answer, report), answer, EDGE)
        assert (back["Session-Id"], back.result, back["Origin-Host"]) == (SESSION, (0, 2001), SCS)
        assert back["Proxy-Info"]["Proxy-State"] == b"x"
        assert "Error-Message" not in back
        assert IMSI.encode() not in back.octets


@pytest.mark.requirement("T-TSP-02", "T-TSP-04")
@pytest.mark.parametrize(
    "wrong",
    [
        {"Origin-Host": "scs2.other.example"},
        {"Session-Id": f"{EDGE};1;2;AAAA"},
        {"Session-Id": SESSION},
        {"Origin-Host": None},
        {"Result-Code": None},
    ],
)
def test_an_answer_that_is_not_the_scs_s_is_none(rig: Rig, wrong: dict[str, Any]) -> None:
    report = rig.report()
    shown = rig.ask(report, INSIDE)
    answer = shown.answer(2001, {"Origin-Host": SCS, "Origin-Realm": "customer.example"})
    (name,), (value,) = wrong, wrong.values()
    answer = answer.edit(remove=name) if value is None else answer.edit(replace=wrong)
    back = rig.proxy.answer(answer, report)
    assert back.result == (0, 3002)
    assert (back["Session-Id"], back.end_to_end) == (SESSION, 2)
    assert rig.audit.alarms == 1
    assert rig.audit.refusals["answer", "authorisation"] == 1


def test_with_another_secret_an_answer_is_not_known(rig: Rig) -> None:
    report = rig.report()
    answer = rig.ask(report, INSIDE).answer(2001, {"Origin-Host": SCS, "Origin-Realm": "customer.example"})
    assert rig.another(b"another secret..").answer(answer, report).result == (0, 3002)


@pytest.mark.requirement("R-IP-04", "T-IP-02")
def test_a_request_goes_in_without_what_agents_outside_have_written_and_its_answer_has_it(rig: Rig) -> None:
    outer = {"Proxy-Host": "dra.customer.example", "Proxy-State": b"theirs"}
    request = rig.action(Proxy_Info=outer)
    inward = rig.ask(request, OUTSIDE)
    assert "Destination-Host" not in inward
    assert "Proxy-Info" not in inward
    assert (inward["Destination-Realm"], inward["Origin-Host"]) == ("core.example", SCS)
    assert (inward.end_to_end, inward["Session-Id"]) == (2, f"{SCS};1;1")
    done = {"Reference-Number": 7, "Action-Type": 1, "Request-Status": 0}
    answer = inward.answer(2001, {"Origin-Host": INNER, "Origin-Realm": "core.example", "Device-Notification": done})
    more = {"Route-Record": [DRA], "Error-Reporting-Host": DRA, "Error-Message": f"asked {INNER} of core.example"}
    shown = rig.proxy.answer(answer.edit(add={**more, "Failed-AVP": {"Route-Record": DRA}}), request)
    assert (shown["Origin-Host"], shown["Origin-Realm"], shown["Error-Reporting-Host"]) == (EDGE, "edge.example", EDGE)
    assert shown["Proxy-Info"]["Proxy-State"] == b"theirs"
    assert not {"Route-Record", "Error-Message", "Failed-AVP"} & {avp.name for avp in shown}
    assert b"core.example" not in shown.octets
    assert shown["Device-Notification"]["Request-Status"] == 0


@pytest.mark.requirement("R-IP-04")
def test_an_answer_that_redirects_into_the_core_tells_no_host(rig: Rig) -> None:
    request = rig.action()
    inward = rig.ask(request, OUTSIDE)
    avps = {"Origin-Host": DRA, "Origin-Realm": "core.example", "Redirect-Host": [f"aaa://{INNER}:3868"]}
    shown = rig.proxy.answer(inward.answer(3006, avps), request)
    assert "Redirect-Host" not in shown
    assert b"core.example" not in shown.octets


@pytest.mark.requirement("R-TSP-14", "T-TSP-04")
def test_an_answer_with_something_private_is_held_back(rig: Rig) -> None:
    request = rig.action()
    inward = rig.ask(request, OUTSIDE)
    answer = inward.answer(2001, {"Origin-Host": INNER, "Origin-Realm": "core.example", "Error-Message": f"no {IMSI}"})
    shown = rig.proxy.answer(answer, request)
    assert shown.result == (0, 5012)
    assert IMSI.encode() not in shown.octets
    assert rig.audit.alarms == 1


@pytest.mark.parametrize(
    ("top", "code", "check"),
    [
        ({"Destination_Host": INNER}, 3002, "destination"),
        ({"Destination_Host": "nobody.core.example"}, 3002, "destination"),
        ({"Destination_Host": None, "Destination_Realm": "core.example"}, 3003, "destination"),
    ],
)
def test_nobody_outside_addresses_the_inside(rig: Rig, top: dict[str, Any], code: int, check: str) -> None:
    fault = rig.ask(rig.action(**top), OUTSIDE)
    assert isinstance(fault, ApplicationFault)
    assert fault.code == code
    assert rig.audit.refusals[check, "authorisation"] == 1


@pytest.mark.requirement("R-TSP-28", "R-TSP-18")
def test_an_scs_sends_no_report_and_the_inside_sends_nothing_else(rig: Rig) -> None:
    for message, neighbour in ((rig.report(), OUTSIDE), (rig.action(), INSIDE)):
        fault = rig.ask(message, neighbour)
        assert isinstance(fault, ApplicationFault)
        assert fault.code == 3001
    fault = rig.ask(rig.report(Destination_Host="scs9.elsewhere.example"), INSIDE)
    assert isinstance(fault, ApplicationFault)
    assert fault.code == 3002


@pytest.mark.requirement("T-IP-02", "R-TSP-28")
def test_what_nobody_outside_may_send_is_answered_alike_whether_it_has_faults_or_not(rig: Rig) -> None:
    """The grammar of an inner application, or of a report, would tell that there is one."""
    d = rig.dictionary
    known = d.request("Device-Trigger", {"Session-Id": "s"}, application="T4", hop_by_hop=1, end_to_end=2)
    nobodys = Message(known.octets[:8] + (4711).to_bytes(4) + known.octets[12:], d)
    report = d.request("Device-Notification", {"Session-Id": "s"}, application="Tsp", hop_by_hop=1, end_to_end=2)
    faults = [rig.ask(each, OUTSIDE) for each in (known, nobodys, report, rig.report())]
    assert [fault.code for fault in faults] == [3007, 3007, 3001, 3001]
    assert rig.audit.refusals == {("application", "authorisation"): 2, ("command", "authorisation"): 2}


def test_a_faulty_request_gets_its_fault_for_an_answer(rig: Rig) -> None:
    request = rig.action()
    answer = rig.ask(request.edit(remove="Auth-Session-State"), OUTSIDE)
    assert isinstance(answer, Message)
    assert (answer.request, answer.result) == (False, (0, 5005))
    assert rig.audit.refusals["fault", "authorisation"] == 1


@pytest.mark.requirement("R-TSP-10")
def test_a_copy_is_no_replay_and_what_differs_is_one(rig: Rig) -> None:
    request = rig.action()
    inward = rig.ask(request, OUTSIDE)
    again = request.edit(hop_by_hop=9, flags=request.flags | 0x10)
    assert rig.ask(again, OUTSIDE)["Destination-Realm"] == "core.example"  # in work: whoever is asked knows it too
    done = {"Reference-Number": 7, "Action-Type": 1, "Request-Status": 0}
    given = {"Origin-Host": INNER, "Origin-Realm": "core.example", "Device-Notification": done}
    rig.proxy.answer(inward.answer(2001, given), request)
    answer = rig.ask(again, OUTSIDE)
    assert (answer.request, answer.hop_by_hop, answer.result) == (False, 9, (0, 2001))
    assert mark_of(request) == mark_of(request.edit(add={"Route-Record": "x.example"}))
    assert mark_of(request) != mark_of(request.edit(replace={"Destination-Host": "x.example"}))
    assert mark_of(request) != mark_of(request.edit(end_to_end=3))
    rig.now += 10_000
    assert isinstance(rig.ask(request.edit(), OUTSIDE, rig.another()), Message)


@pytest.mark.requirement("R-TSP-10", "T-TSP-02")
def test_a_copy_is_for_whoever_may_bring_it_and_nobody_else(rig: Rig) -> None:
    request = rig.action()
    inward = rig.ask(request, OUTSIDE)
    stranger = Neighbour(host="scs2.other.example", realm="other.example")
    for answered in (False, True):
        if answered:
            given = {"Origin-Host": INNER, "Origin-Realm": "core.example"}
            rig.proxy.answer(inward.answer(3004, given), request)
        fault = rig.ask(request.edit(hop_by_hop=9), stranger)
        assert isinstance(fault, ApplicationFault)
        assert fault.avps is not None
        assert fault.avps["Device-Notification"]["Request-Status"] == RequestStatus.INVSCSID
        assert isinstance(rig.ask(request.edit(hop_by_hop=9), OUTSIDE), Message)
    assert rig.audit.refusals["peer-identity", "authentication"] == 2


@pytest.fixture
def network(tmp_path: Path, dictionary: Dictionary) -> Iterator[Network]:
    network = Network(tmp_path, dictionary, (METER,), form="separate").open()
    yield network
    network.close()


def trigger(network: Network, **top: Any) -> Message:
    avps = {
        "External-Identifier": "meter-1@customer.example",
        "SCS-Identity": encode_number("15550001"),
        "Reference-Number": 7,
        "Action-Type": 1,
        "Trigger-Data": {"Payload": b"wake"},
    }
    return network.trigger(avps, **top)


@pytest.mark.requirement("R-IP-04", "T-IP-02", "R-ID-02", "T-TSP-04")
def test_the_outside_sees_no_name_and_no_session_of_the_inside(network: Network) -> None:
    assert trigger(network)["Device-Notification"]["Request-Status"] == RequestStatus.SUCCESS
    assert network.wait(network.sms_sc.report(network.sms_sc.triggers[0], 2)).result == (0, 2001)
    (report,) = network.scs1.reports
    assert report["Origin-Host"] == SGW
    assert report["Session-Id"].startswith(f"{SGW};")
    network.wait(network.nodes[2].stop())  # what the gateway says of its own accord is about nobody either
    with pytest.raises(ErrorAnswer) as caught:
        trigger(network)
    assert caught.value.answer.result == (0, 3002)
    assert "Error-Message" not in caught.value.answer
    outside = network.seen_outside.lower()
    assert SCS1.encode() in outside
    for name in (IWF, HSS, SMS_SC, IMSI):
        assert name.encode() not in outside


@pytest.mark.requirement("R-TSP-10")
def test_a_copy_of_a_request_is_carried_out_once(network: Network) -> None:
    session = {"Session-Id": "scs1.customer.example;9;9"}
    trigger(network, **session)
    link = next(end for end in network.wire.links if end.dialled and end.remote.host == network.front_address)
    sent = [octets for place, octets in network.wire.placed if place == network.front_address]
    request = next(each for each in sent if b";9;9" in each and each[4] & 0x80)
    before = len(network.wire.passed)
    link.write(request[:4] + bytes([request[4] | 0x10]) + request[5:])
    network.settle(lambda: len(network.wire.passed) == before + 2)
    assert len(network.sms_sc.triggers) == 1
    assert network.audit() == []


@pytest.mark.parametrize(("said", "told"), [(4002, 3002), (5012, 2001)])
def test_what_the_scs_answers_a_report_with_reaches_whoever_sent_it(network: Network, said: int, told: int) -> None:
    trigger(network)
    network.scs1.answer_with = said
    reporting = network.sms_sc.report(network.sms_sc.triggers[0], 2)
    if told == 2001:
        assert network.wait(reporting).result == (0, 2001)  # a permanent failure is final
        return
    with pytest.raises(ErrorAnswer) as caught:
        network.wait(reporting)
    assert caught.value.answer.result == (0, told)
