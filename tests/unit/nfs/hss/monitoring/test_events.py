"""Monitoring events on S6t: configured, reported at once or later, deleted; what goes to the MME and what stays."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from diameter.errors import RequestTimeout
from helpers.exposure import METER, NOW, SCEF, Lab, code, event, watching
from helpers.mobility import ABROAD, HOME, IMSI, MME, OLD
from nfs.common.identities import encode_number

LOSS, REACH, LOCATION, IMEI, ROAMING, FAILURE, DDN = 0, 1, 2, 3, 4, 5, 6
PHONE = {"IMEI": "35299708123456", "Software-Version": "78"}
HOUR = datetime.fromtimestamp(NOW + 3600, UTC)


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    lab = Lab(tmp_path)
    yield lab
    lab.close()


def test_another_terminal_is_reported(lab: Lab) -> None:
    answer = lab.cir(event(7, IMEI, Association_Type=1, Maximum_Number_of_Reports=3))
    assert (answer.result, code(answer)) == ((0, 2001), 2001)
    assert "Monitoring-Event-Report" not in answer
    lab.at(Terminal_Information=PHONE)
    lab.at(Terminal_Information=PHONE)
    lab.at(Terminal_Information={**PHONE, "Software-Version": "79"})
    lab.at(Terminal_Information={**PHONE, "IMEI": "11111111111111"})
    assert [each["Monitoring-Event-Report"]["IMEI-Change"] for each in lab.reports()] == [1, 2, 1]
    last = lab.reports()[-1]
    assert last["User-Identifier"]["External-Identifier"] == METER
    assert "User-Name" not in last["User-Identifier"]
    assert (last["Destination-Host"], last["Destination-Realm"]) == (SCEF, "operator.example")
    report = last["Monitoring-Event-Report"]
    assert (report["SCEF-Reference-ID"], report["SCEF-ID"], report["Monitoring-Type"]) == (7, SCEF, IMEI)
    assert report["Terminal-Information"]["IMEI"] == "11111111111111"
    assert (lab.items(), lab.notes()) == ([], [])  # three reports were asked for


def test_the_software_alone_does_not_count_where_the_imei_is_asked_for(lab: Lab) -> None:
    lab.cir(event(7, IMEI, Maximum_Number_of_Reports=9))
    lab.at(Terminal_Information=PHONE)
    lab.at(Terminal_Information={**PHONE, "Software-Version": "79"})
    assert len(lab.reports()) == 1


def test_what_is_known_is_reported_at_once_and_once(lab: Lab) -> None:
    lab.at(Terminal_Information=PHONE)
    answer = lab.cir(event(7, IMEI))
    report = answer["Monitoring-Event-Report"]
    assert (report["SCEF-Reference-ID"], report["IMEI-Change"]) == (7, 1)
    assert (lab.items(), lab.reports()) == ([], [])
    lab.at(Terminal_Information={"IMEI": "11111111111111"})
    assert lab.reports() == []


@pytest.mark.parametrize(("wanted", "plmn"), [(None, HOME), (0, HOME), (1, None)])
def test_roaming_status(lab: Lab, wanted: int | None, plmn: bytes | None) -> None:
    lab.at()
    more = {} if wanted is None else {"PLMN_ID_Requested": wanted}
    report = lab.cir(event(8, ROAMING, Monitoring_Duration=HOUR, **more))["Monitoring-Event-Report"]
    assert (report["Roaming-Information"], report.get("Visited-PLMN-Id")) == (1, plmn)
    lab.at()
    assert lab.reports() == []


def test_a_device_that_leaves_home(lab: Lab) -> None:
    lab.at("001010000000002")
    user = {"MSISDN": encode_number("15550100001")}
    lab.cir(event(8, ROAMING, Maximum_Number_of_Reports=2), User_Identifier=user)
    lab.at()
    lab.s6a.profiles = {**lab.s6a.profiles, "iot": lab.s6a.profiles["iot"].model_copy(update={"plmns": ()})}
    lab.at(Visited_PLMN_Id=ABROAD)
    first, second = (each["Monitoring-Event-Report"] for each in lab.reports())
    assert (first["Roaming-Information"], second["Roaming-Information"]) == (1, 0)
    assert second["Visited-PLMN-Id"] == ABROAD
    assert lab.reports()[0].raw("User-Identifier") != b""
    assert lab.reports()[0]["User-Identifier"]["MSISDN"] == encode_number("15550100001")


def test_reachable_for_short_messages(lab: Lab) -> None:
    lab.at()
    answer = lab.cir(event(9, REACH))
    assert "Monitoring-Event-Report" not in answer
    assert lab.fake.requests[-1]["IDR-Flags"] == 1  # the MME is to say when
    until = datetime.fromtimestamp(NOW + 60, UTC)
    lab.ask("Notify", {"User-Name": IMSI, "NOR-Flags": 1 << 3, "Maximum-UE-Availability-Time": until})
    lab.told.settle()
    (report,) = (each["Monitoring-Event-Report"] for each in lab.reports())
    assert (report["Reachability-Information"], report["Maximum-UE-Availability-Time"]) == (0, until)
    assert lab.items() == []
    number = encode_number("15550000300")
    lab.at(MME_Number_for_MT_SMS=number)
    at_once = lab.cir(event(10, REACH))["Monitoring-Event-Report"]
    assert at_once["Reachability-Information"] == 0


def test_what_an_mme_detects_goes_to_the_mme(lab: Lab) -> None:
    lab.at()
    place = {"MME-Location-Information": {"Age-Of-Location-Information": 0}}
    lab.mme = watching(report={"EPS-Location-Information": place, "Monitoring-Type": LOCATION})
    where = {"MONTE-Location-Type": 0, "Accuracy": 1}
    answer = lab.cir(event(5, LOCATION, Location_Information_Configuration=where))
    assert code(answer) == 2001
    asked = lab.fake.requests[-1]["Subscription-Data"]["Monitoring-Event-Configuration"]
    assert (asked["SCEF-Reference-ID"], asked["Maximum-Number-of-Reports"]) == (5, 1)
    assert asked["Location-Information-Configuration"]["Accuracy"] == 1
    found = answer["Monitoring-Event-Report"]["EPS-Location-Information"]["MME-Location-Information"]
    assert found["Age-Of-Location-Information"] == 0
    assert lab.items() == []  # asked once, reported once
    lab.mme = watching()
    limits = {"Maximum-Latency": 600, "Maximum-Response-Time": 20, "Reachability-Type": 2}
    lab.cir(event(6, REACH, Monitoring_Duration=HOUR, UE_Reachability_Configuration=limits))
    data = lab.fake.requests[-1]["Subscription-Data"]
    asked = data["Monitoring-Event-Configuration"]
    assert asked["UE-Reachability-Configuration"]["Maximum-Latency"] == 600
    assert (asked["Monitoring-Duration"], "Maximum-Number-of-Reports" in asked) == (HOUR, False)
    assert (data["Subscribed-Periodic-RAU-TAU-Timer"], data["Active-Time"]) == (600, 20)


def test_a_device_that_moves_takes_its_events_along(lab: Lab) -> None:
    lab.at()
    lab.cir(
        event(5, LOSS, Monitoring_Duration=HOUR, Maximum_Detection_Time=600), event(6, IMEI, Monitoring_Duration=HOUR)
    )
    data = lab.at(host=OLD)["Subscription-Data"]
    (asked,) = data.all("Monitoring-Event-Configuration")
    assert (asked["SCEF-Reference-ID"], asked["Maximum-Detection-Time"]) == (5, 600)
    assert data["Subscribed-Periodic-RAU-TAU-Timer"] == 600
    data = lab.at(Supported_Features=None)["Subscription-Data"]
    assert "Monitoring-Event-Configuration" not in data
    lab.at()
    handled = [each["Monitoring-Event-Report"].get("Event-Handling") for each in lab.reports()]
    assert handled == [0, 1]  # SUSPEND, RESUME
    lab.later(3601)
    assert "Monitoring-Event-Configuration" not in lab.at()["Subscription-Data"]


def test_an_mme_that_cannot_go_on_watching(lab: Lab) -> None:
    lab.at()
    lab.cir(event(5, LOSS, Monitoring_Duration=HOUR))
    why = {"Service-Result": {"Vendor-Id": 0, "Service-Result-Code": 5012}, "Node-Type": 1}
    status = {"SCEF-Reference-ID": 5, "SCEF-ID": SCEF, "Service-Report": why}
    for _ in range(2):
        lab.ask("Notify", {"User-Name": IMSI, "Monitoring-Event-Config-Status": status})
        lab.told.settle()
    (report,) = (each["Monitoring-Event-Report"] for each in lab.reports())
    assert report["Event-Handling"] == 0
    assert report["Service-Report"]["Service-Result"]["Service-Result-Code"] == 5012


def test_an_mme_that_refuses_leaves_nothing(lab: Lab) -> None:
    lab.at()
    lab.mme = watching({5: 5012})
    answer = lab.cir(event(5, LOSS, Monitoring_Duration=HOUR), event(6, FAILURE, Monitoring_Duration=HOUR))
    assert [code(answer, at) for at in (0, 1)] == [5012, 2001]
    assert [each.reference for each in lab.items()] == [6]
    lab.mme = RequestTimeout("no answer in 10 s")
    assert code(lab.cir(event(7, LOCATION))) == 5012
    assert [each.reference for each in lab.items()] == [6]


def test_a_device_that_is_nowhere_is_configured_for_later(lab: Lab) -> None:
    answer = lab.cir(event(5, DDN))
    assert (answer["S6t-HSS-Cause"], code(answer)) == (1, 2001)
    assert lab.fake.requests == []
    asked = lab.at()["Subscription-Data"]["Monitoring-Event-Configuration"]
    assert (asked["SCEF-Reference-ID"], "Maximum-Number-of-Reports" in asked) == (5, False)


def test_deletion_here_and_at_the_mme(lab: Lab) -> None:
    lab.at()
    lab.cir(event(5, LOSS, Monitoring_Duration=HOUR), event(6, IMEI, Monitoring_Duration=HOUR))
    gone = {"Monitoring-Type": LOSS, "SCEF-Reference-ID-for-Deletion": [5, 6, 99]}
    answer = lab.cir(gone)
    assert [code(answer, at) for at in range(3)] == [2001, 2001, 5514]
    assert answer.result == (0, 2001)
    asked = lab.fake.requests[-1]["Subscription-Data"].all("Monitoring-Event-Configuration")
    assert [each["SCEF-Reference-ID-for-Deletion"] for each in asked] == [5]
    assert lab.items() == []


def test_what_a_node_does_not_delete_is_not_said_to_be_gone(lab: Lab) -> None:
    """No answer, or another one than that it is done: it is there still, and may be deleted once more."""
    pattern = {"SCEF-ID": SCEF, "SCEF-Reference-ID": 8, "Communication-Pattern-Set": [{"Stationary-Indication": 0}]}
    lab.at()
    lab.cir(
        event(5, LOSS, Monitoring_Duration=HOUR), event(6, IMEI, Monitoring_Duration=HOUR),
        AESE_Communication_Pattern=pattern,
    )  # fmt: skip
    before = lab.items()
    gone = {"Monitoring-Type": LOSS, "SCEF-Reference-ID-for-Deletion": [5, 6]}
    no_pattern = {"SCEF-ID": SCEF, "SCEF-Reference-ID-for-Deletion": [8]}
    lab.mme = RequestTimeout("no answer in 10 s")
    answer = lab.cir(gone, AESE_Communication_Pattern=no_pattern)
    assert (answer.result, [code(answer, at) for at in (0, 1)]) == ((0, 2001), [5012, 2001])
    said = answer["AESE-Communication-Pattern-Config-Status"]["AESE-Error-Report"]["Service-Result"]
    assert said["Service-Result-Code"] == 5012
    assert lab.items() == [each for each in before if each.reference != 6]
    everything = lab.cir(CIR_Flags=1 | 1 << 3)
    assert (code(everything), everything["Monitoring-Event-Config-Status"]["SCEF-Reference-ID"]) == (5012, 5)
    assert "AESE-Error-Report" in everything["AESE-Communication-Pattern-Config-Status"]
    lab.mme = lambda request: request.answer(5012)
    assert code(lab.cir(gone)) == 5012
    lab.mme = lambda request: request.answer(5001, vendor=10415)  # it does not have the device
    assert code(lab.cir(gone)) == 2001
    assert [each.reference for each in lab.items()] == [8]


@pytest.mark.parametrize(("said", "told"), [(5514, 2001), (5012, 5012)])
def test_what_a_node_says_of_a_deletion_counts(lab: Lab, said: int, told: int) -> None:
    lab.at()
    lab.cir(event(5, LOSS, Monitoring_Duration=HOUR))
    result = {"Service-Result": {"Vendor-Id": 10415 if said > 5500 else 0, "Service-Result-Code": said}}
    status = {"Service-Report": result, "SCEF-Reference-ID": 5, "SCEF-ID": SCEF}
    lab.mme = lambda request: request.answer(2001, {"Monitoring-Event-Config-Status": status})
    assert code(lab.cir({"Monitoring-Type": LOSS, "SCEF-Reference-ID-for-Deletion": [5]})) == told
    assert len(lab.items()) == int(told != 2001)


def test_one_in_the_place_of_another_that_the_node_does_not_hear_of(lab: Lab) -> None:
    lab.at()
    lab.cir(event(5, LOSS, Monitoring_Duration=HOUR))
    before = lab.items()
    lab.mme = RequestTimeout("no answer in 10 s")
    answer = lab.cir(event(5, LOSS, Monitoring_Duration=HOUR, SCEF_Reference_ID_for_Deletion=[5]))
    assert [code(answer, at) for at in (0, 1)] == [5012, 5012]
    assert lab.items() == before


def test_deletion_and_creation_in_one(lab: Lab) -> None:
    lab.cir(event(6, IMEI, Monitoring_Duration=HOUR))
    answer = lab.cir(event(7, ROAMING, Monitoring_Duration=HOUR, SCEF_Reference_ID_for_Deletion=[6]))
    assert [code(answer, at) for at in (0, 1)] == [2001, 2001]
    assert [each.reference for each in lab.items()] == [7]


def test_references_of_64_bits(lab: Lab) -> None:
    lab.at()
    wide = (1 << 64) - 3
    both = {"SCEF-Reference-ID-Ext": wide, "SCEF-Reference-ID": 0}
    answer = lab.cir({"Monitoring-Type": IMEI, "Monitoring-Duration": HOUR, **both})
    assert answer["Monitoring-Event-Config-Status"]["SCEF-Reference-ID-Ext"] == wide
    lab.at(Terminal_Information=PHONE)
    assert lab.reports()[0]["Monitoring-Event-Report"]["SCEF-Reference-ID-Ext"] == wide
    lab.cir({"Monitoring-Type": LOSS, "Monitoring-Duration": HOUR, **both, "SCEF-Reference-ID-Ext": wide - 1})
    asked = lab.fake.requests[-1]["Subscription-Data"]["Monitoring-Event-Configuration"]
    assert asked["SCEF-Reference-ID-Ext"] == wide - 1
    both_gone = {"Monitoring-Type": LOSS, "SCEF-Reference-ID-for-Deletion-Ext": [wide, wide - 1]}
    assert [code(lab.cir(both_gone), at) for at in (0,)] == [2001]
    asked = lab.fake.requests[-1]["Subscription-Data"]["Monitoring-Event-Configuration"]
    assert asked["SCEF-Reference-ID-for-Deletion-Ext"] == wide - 1
    assert lab.items() == []


def test_all_events_of_a_scef_at_once(lab: Lab) -> None:
    lab.cir(event(6, IMEI, Monitoring_Duration=HOUR), event(7, LOSS, Monitoring_Duration=HOUR))
    assert lab.cir(CIR_Flags=1).result == (0, 2001)
    assert lab.items() == []


def test_supported_services_say_what_may_be_watched(lab: Lab) -> None:
    answer = lab.cir(event(6, IMEI, Monitoring_Duration=HOUR))
    assert answer["Supported-Services"]["Supported-Monitoring-Events"] == 0b1_0111_1111
    assert answer["Supported-Features"]["Feature-List"] == 0b111_1101_1111
    bare = lab.cir(event(6, IMEI, Monitoring_Duration=HOUR), Supported_Features=None)
    assert ("Supported-Features" in bare, "Supported-Services" in bare) == (False, False)


def test_two_nodes_that_do_not_agree(lab: Lab) -> None:
    lab.at()
    lab.at(host="sgsn.visited.example", ULR_Flags=0)
    good, bad = watching(), watching({5: 5012})
    lab.mme = lambda request: (good if request["Destination-Host"] == MME else bad)(request)
    status = lab.cir(event(5, LOSS, Monitoring_Duration=HOUR))["Monitoring-Event-Config-Status"]
    said = {each["Node-Type"]: each["Service-Result"]["Service-Result-Code"] for each in status.all("Service-Report")}
    assert said == {1: 2001, 2: 5012}
    assert len(lab.items()) == 1
