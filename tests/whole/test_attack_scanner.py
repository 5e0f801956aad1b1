"""An SCS that walks everything it can name: identifiers, numbers, applications, commands, destinations.

It learns nothing: what it may not have is answered alike, whether it is there or not, and in the same time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from diameter import Message
from helpers.attack import IMSIS, MME_HOST, NAMES, Field
from helpers.attack_wire import TSP
from helpers.network import FORMS, HSS, IWF, REALM, SCS2, SMS_SC
from helpers.nodes import dictionary
from nfs.common.identities import encode_number, encode_tbcd
from nfs.common.tsp import RequestStatus

OWN = {"Session-Id": f"{SCS2};9;1", "Auth-Session-State": 1, "Origin-Host": SCS2, "Origin-Realm": "other.example"}
DEVICE = {"External-Identifier": "meter-1@customer.example"}


@pytest.fixture(params=FORMS)
def field(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Field]:
    limits = "hide_delay_s = 0.5\ndevice = [{devices = ['theirs-2@*'], blocked = ['*']}]"
    field = Field(tmp_path, dictionary(), limits, form=request.param).open()
    yield field
    assert (field.leaked(), field.bugs(), field.deliveries()) == ([], 0, [])
    field.close()


def request(command: str, application: str, at: int = 1, **avps: Any) -> Message:
    """A request of the scanning SCS; it is not held against any grammar."""
    named = {name.replace("_", "-"): value for name, value in avps.items()}
    whole = {**OWN, "Session-Id": f"{SCS2};9;{at}", "Destination-Realm": REALM, **named}
    return dictionary().request(command, whole, application=application, hop_by_hop=at, end_to_end=at)


def action(at: int, **device: Any) -> Message:
    """A trigger for a device."""
    avps = {name.replace("_", "-"): value for name, value in device.items()}
    avps |= {"SCS-Identity": encode_number("15550002"), "Reference-Number": at, "Action-Type": 1}
    avps |= {"Trigger-Data": {"Payload": b"scan"}}
    return request("Device-Action", "Tsp", at, Auth_Application_Id=16777309, Device_Action=avps)


def shape(answer: Message, *, without: tuple[str, ...] = ()) -> list[object]:
    """All of an answer but what repeats the request: identifiers, Session-Id, device, Reference-Number."""
    repeated = {"Session-Id", "External-Identifier", "MSISDN", "Reference-Number", *without}
    found: list[object] = [answer.flags]
    for avp in answer:
        if avp.name not in repeated:
            found.append(
                (
                    avp.name,
                    avp.flags,
                    [m.name for m in avp.members if m.name not in repeated] if avp.members else avp.data,
                )
            )
    notification = answer.get("Device-Notification")
    return [*found, None if notification is None else notification.get("Request-Status")]


def timed(field: Field, message: Message) -> tuple[Message, float]:
    """The answer, and how long it took on the clock of the network."""
    middle, begin = field.middle(TSP), field.clock.seconds()
    before = len(middle.seen)
    middle.inject(message.octets, by=SCS2)
    field.settle(lambda: any(not to_iwf for to_iwf, _ in middle.seen[before:]))
    took_s = field.clock.seconds() - begin
    (answer,) = field.answers(before)
    return answer, took_s


@pytest.mark.requirement("T-IP-02", "T-IP-01", "T-ID-01", "R-TSP-15")
def test_devices_that_are_there_and_that_are_not_look_alike_and_take_as_long(field: Field) -> None:
    """Devices of another SCS, one that its owner has closed to everybody, nobody's; by name and by number."""
    walked = [f"{name}@customer.example" for name in (*NAMES[:3], NAMES[4], "meter-4", "meter-0001", "x")]
    found = [timed(field, action(at, External_Identifier=name)) for at, name in enumerate(walked, 1)]
    found += [
        timed(field, action(at, MSISDN=encode_number(number)))
        for at, number in enumerate(("15550100001", "15550100002", "15550100003", "15550199999", "4915"), 100)
    ]
    assert {answer["Device-Notification"]["Request-Status"] for answer, _ in found} == {RequestStatus.INVEXTID}
    assert len({repr(shape(answer)) for answer, _ in found}) == 1
    times = [took_s for _, took_s in found]
    assert 0.5 <= min(times) <= max(times) <= 0.55
    lines = field.refusals()
    assert len(lines) == len(found)
    assert {line["check"] for line in lines} <= {"association", "block-list", "negative-cache"}


@pytest.mark.requirement("T-ID-01", "T-IP-01", "R-ID-01")
def test_guessed_imsis_are_answered_like_any_word(field: Field) -> None:
    """Of devices that exist and of some that do not, in every AVP that takes one: the HSS is never asked."""
    named: list[dict[str, Any]] = []
    for imsi in (*IMSIS, "001019123456789"):
        named += [{"External_Identifier": f"{imsi}@customer.example"}, {"MSISDN": encode_tbcd(imsi)}]
        named += [{"External_Identifier": f"0{imsi}@nai.epc.mnc001.mcc001.3gppnetwork.org"}]
    answers = [timed(field, action(at, **device))[0] for at, device in enumerate(named, 1)]
    assert {answer["Device-Notification"]["Request-Status"] for answer in answers} == {RequestStatus.INVEXTID}
    assert len({repr(shape(answer)) for answer in answers}) == 1
    assert {line["check"] for line in field.refusals()} == {"inbound-imsi"}
    assert field.heard("S6m", "Subscriber-Information-Request") == []


CORE: list[tuple[str, str, dict[str, Any]]] = [
    ("Subscriber-Information", "S6m", {"User_Identifier": DEVICE, "SIR_Flags": 1}),
    ("Device-Trigger", "T4", {"User_Identifier": DEVICE, "SM_RP_SMEA": b"\x91\x51", "Payload": b"scan"}),
    ("Delivery-Report", "T4", {"User_Identifier": DEVICE, "SM_RP_SMEA": b"\x91\x51", "SM_Delivery_Outcome_T4": 2}),
    ("MT-Forward-Short-Message", "SGd", {"User_Name": IMSIS[0], "SC_Address": b"\x51", "SM_RP_UI": b"\4"}),
    ("Configuration-Information", "S6t", {"User_Identifier": DEVICE}),
    ("Update-Location", "S6a", {"User_Name": IMSIS[0]}),
    ("Connection-Management", "T6a", {"User_Identifier": DEVICE, "Bearer_Identifier": b"\5"}),
]


@pytest.mark.requirement("T-IP-02", "R-TSP-28", "R-TSP-18", "T-TRIG-04")
def test_the_applications_of_the_core_look_like_those_that_nobody_has(field: Field) -> None:
    """With a fault in them and without: the answer is that of application 4711, which nobody has."""
    answers = [
        field.say(request(command, application, at, **avps, **to))[0]
        for at, (command, application, avps) in enumerate(CORE, 1)
        for to in ({}, {"Destination_Host": IWF}, {"Destination_Host": HSS})
    ]
    nobodys = request("Subscriber-Information", "S6m", 99, **CORE[0][2]).octets
    answers += field.say(nobodys[:8] + (4711).to_bytes(4) + nobodys[12:])
    assert {answer.result for answer in answers} == {(0, 3007)}
    assert len({repr(shape(answer, without=("Error-Message",))) for answer in answers}) == 1
    assert len({str(answer.get("Error-Message")).replace(answer.application, "X") for answer in answers}) == 1
    lines = field.refusals()
    check = "destination" if field.form == "embedded" else "application"
    assert Counter((line["check"], line["peer"], line["area"]) for line in lines) == {(check, SCS2, "B1"): len(answers)}
    for point in field.points[1:]:
        assert [octets for _, octets in field.middle(point).seen if octets[5:8] != b"\0\1\1"] == []


@pytest.mark.requirement("T-IP-02", "R-IP-04")
def test_hosts_of_the_core_look_like_hosts_that_are_not_there(field: Field) -> None:
    hosts = (HSS, SMS_SC, MME_HOST, "hss2.core.example", "nothing.core.example")
    avps = {"SCS-Identity": encode_number("15550002"), "Reference-Number": 1, "Action-Type": 1, **DEVICE}
    answers = [
        field.say(
            request("Device-Action", "Tsp", at, Auth_Application_Id=16777309, Device_Action=avps, Destination_Host=host)
        )[0]
        for at, host in enumerate(hosts, 1)
    ]
    assert {answer.result for answer in answers} == {(0, 3002)}
    assert len({repr(shape(answer, without=("Error-Message",))) for answer in answers}) == 1
    texts = {str(answer.get("Error-Message")).replace(host, "X") for answer, host in zip(answers, hosts, strict=True)}
    assert len(texts) == 1
    assert len(field.refusals()) == len(hosts)


@pytest.mark.requirement("T-IP-02")
def test_the_capabilities_exchange_tells_of_tsp_alone(field: Field) -> None:
    answers = field.heard(TSP, "Capabilities-Exchange-Answer")
    assert len(answers) == 2
    for answer in answers:
        told = [group.number("Auth-Application-Id") for group in answer.all("Vendor-Specific-Application-Id")]
        assert (told, "Auth-Application-Id" in answer) == ([16777309], False)
        assert [str(address) for address in answer.all("Host-IP-Address")] == [field.front_address]
    to_hss = field.heard("S6m", "Capabilities-Exchange-Request")[0]
    assert len(to_hss.all("Vendor-Specific-Application-Id")) == 3


@pytest.mark.requirement("T-IP-02")
@pytest.mark.parametrize("code", [0, 1, 256, 8388638, 8388640, 8388641, 8388643, 16777215])
def test_commands_that_are_not_there_are_answered_alike(field: Field, code: int) -> None:
    octets = action(1, External_Identifier="meter-1@customer.example").octets
    (answer,) = field.say(octets[:5] + code.to_bytes(3) + octets[8:])
    assert answer.result == (0, 3001)
    assert field.refusals()[0]["stage"] == "authorisation"
