"""Events of groups: answered at once, carried out member by member, reported together; members that come and go."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from diameter.errors import Undeliverable
from helpers.exposure import FLEET, METER, NOW, SCEF, Lab, code, event, watching
from helpers.mobility import BARE, IMSI, MONTE, PROFILES, TUAK_IMSI
from nfs.hss import tables as subscribers
from nfs.hss.groups import tables as groups
from nfs.hss.groups.logic import Group
from nfs.hss.logic import ExternalId, Subscriber
from nfs.hss.monitoring import access
from nfs.hss.monitoring.logic import Service
from nfs.hss.monitoring.tables import set_imsi_group

LOSS, IMEI, ROAMING = 0, 3, 4
USER: dict[str, Any] = {"User_Identifier": {"External-Identifier": FLEET, "Type-Of-External-Identifier": 1}}
GUARDED: dict[str, Any] = {**USER, "Group_Reporting_Guard_Timer": 20}
HOUR = datetime.fromtimestamp(NOW + 3600, UTC)
SECOND = "meter-2@customer.example"
PHONE = {"IMEI": "35299708123456"}


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    lab = Lab(tmp_path)
    with lab.transaction() as connection:
        second = Subscriber(imsi=TUAK_IMSI, external_ids=(ExternalId(identifier=SECOND),), profile="anywhere")
        subscribers.save(connection, second)
        groups.make(connection, Group(external_id=FLEET, members=(METER, SECOND)), replace=True)
    assert set(PROFILES) == {"iot", "anywhere"}
    yield lab
    lab.close()


def _items(lab: Lab) -> list[dict[str, Any]]:
    """Group-Report-Items by device, over all reports so far."""
    found = []
    for request in lab.reports():
        for each in request["Group-Report"].all("Group-Report-Item"):
            found.append({"who": each["User-Identifier"]["External-Identifier"], "item": each})
    return found


def test_a_group_is_answered_at_once_and_reported_together(lab: Lab) -> None:
    lab.at(Terminal_Information=PHONE)
    answer = lab.cir(event(7, IMEI, Maximum_Number_of_Reports=3), **GUARDED)
    assert (answer.result, code(answer)) == ((0, 2001), 2001)
    assert (answer["CIA-Flags"], answer["Number-of-UEs"]) == (1, 2)
    assert "User-Identifier" not in answer
    assert lab.reports() == []
    lab.later(10)
    (report,) = lab.reports()
    assert report["User-Identifier"]["External-Identifier"] == FLEET
    assert report["User-Identifier"]["Type-Of-External-Identifier"] == 1
    assert ("RIR-Flags" in report, report["Group-Report"]["SCEF-Reference-ID"]) == (False, 7)
    known, absent = (each["item"] for each in _items(lab))
    assert (known["IMEI-Change"], "IMEI-Change" in absent) == (1, False)
    lab.at(TUAK_IMSI, Terminal_Information=PHONE)
    lab.at(Terminal_Information={"IMEI": "11111111111111"})
    assert len(lab.reports()) == 1
    lab.later(10)
    assert [each["who"] for each in _items(lab)[2:]] == [SECOND, METER]
    assert [each.remaining for each in (*lab.items(), *lab.items(TUAK_IMSI))] == [1, 2]


def test_members_that_an_mme_watches(lab: Lab) -> None:
    lab.at()
    lab.ulr(TUAK_IMSI, Supported_Features=[MONTE], host="old.visited.example")
    lab.mme = lambda request: watching({7: 5012} if request["User-Name"] == TUAK_IMSI else None)(request)
    lab.cir(event(7, LOSS, Monitoring_Duration=HOUR), **GUARDED)
    lab.later(10)
    good, bad = (each["item"] for each in _items(lab))
    assert "Service-Report" not in good
    assert bad["Service-Report"]["Service-Result"]["Service-Result-Code"] == 5012
    assert (len(lab.items()), lab.items(TUAK_IMSI)) == (1, [])
    gone = {"Monitoring-Type": LOSS, "SCEF-Reference-ID-for-Deletion": 7}
    answer = lab.cir(gone, **USER)
    assert (code(answer), "CIA-Flags" in answer) == (2001, False)
    lab.later(1)
    event_gone = lab.fake.requests[-1]["Subscription-Data"]["Monitoring-Event-Configuration"]
    assert (lab.fake.requests[-1]["User-Name"], event_gone["SCEF-Reference-ID-for-Deletion"]) == (IMSI, 7)
    assert (lab.items(), lab.notes()) == ([], [])
    assert code(lab.cir(gone, **USER)) == 5514


@pytest.mark.parametrize("back", [True, False])
def test_a_member_whose_node_gives_no_answer_is_tried_again(lab: Lab, back: bool) -> None:
    lab.at()
    lab.mme = Undeliverable("no peer")
    lab.cir(event(7, LOSS, Monitoring_Duration=HOUR), **GUARDED)
    lab.later(1)
    assert (lab.items(), [each.what for each in lab.notes()].count("member")) == ([], 1)
    if back:
        lab.mme = watching()
    lab.later(10)
    for _ in range(10):
        lab.later(10)
    reported = next(each["item"] for each in _items(lab) if each["who"] == METER)
    assert (len(lab.items()), "Service-Report" not in reported) == (int(back), back)
    assert lab.notes() == []


def test_an_absent_member_says_so(lab: Lab) -> None:
    lab.cir(event(7, LOSS, Monitoring_Duration=HOUR), **GUARDED)
    lab.later(10)
    assert [each["item"]["S6t-HSS-Cause"] for each in _items(lab)] == [1, 1]


def test_a_member_that_is_never_watched_is_left_out_with_its_reason(lab: Lab) -> None:
    with lab.transaction() as connection:
        access.change(connection, IMSI, access.Row(device="x", never=(Service.ROAMING_STATUS,)))
    lab.cir(event(7, ROAMING, Monitoring_Duration=HOUR), **GUARDED)
    lab.later(10)
    first, second = (each["item"] for each in _items(lab))
    assert first["Service-Report"]["Service-Result"]["Service-Result-Code"] == 5511
    assert "Service-Report" not in second
    assert lab.items() == []


def test_a_report_of_many_members_is_split(lab: Lab) -> None:
    lab.s6t.outbox.config = lab.config.monitoring.model_copy(update={"group_items": 1})
    lab.cir(event(7, IMEI, Monitoring_Duration=HOUR), **GUARDED)
    lab.later(10)
    assert [each.get("RIR-Flags") for each in lab.reports()] == [1, None]
    assert [each["who"] for each in _items(lab)] == [METER, SECOND]


def test_single_members_leave_and_come_back(lab: Lab) -> None:
    lab.at()
    lab.cir(event(7, LOSS, Monitoring_Duration=HOUR), **GUARDED)
    lab.later(10)
    names = {"External-Identifier": [METER, "nobody@customer.example"], "MSISDN": [bytes.fromhex("214365")]}
    lab.cir(event(7, LOSS, Exclude_Identifiers=names), **USER)
    lab.later(1)
    assert (lab.items(), len(lab.items(TUAK_IMSI))) == ([], 1)
    asked = lab.fake.requests[-1]["Subscription-Data"]["Monitoring-Event-Configuration"]
    assert asked["SCEF-Reference-ID-for-Deletion"] == 7
    answer = lab.cir(event(7, LOSS, Include_Identifiers={"External-Identifier": METER}), **USER)
    assert answer["CIA-Flags"] == 1
    lab.later(10)
    assert len(lab.items()) == 1


def test_all_at_once_and_references_that_are_taken(lab: Lab) -> None:
    for number in (7, 8):
        lab.cir(event(number, IMEI, Monitoring_Duration=HOUR), **GUARDED)
    lab.later(10)
    assert code(lab.cir(event(7, IMEI, Monitoring_Duration=HOUR))) == 5513  # for the device alone
    assert code(lab.cir({"Monitoring-Type": IMEI, "SCEF-Reference-ID-for-Deletion": 7})) == 5514
    assert lab.cir(CIR_Flags=1, **USER).result == (0, 2001)
    assert (lab.items(), lab.items(TUAK_IMSI)) == ([], [])


def test_members_that_are_no_more_and_limits(lab: Lab) -> None:
    lab.cir(event(7, LOSS, Monitoring_Duration=HOUR), **GUARDED)
    with lab.transaction() as connection:
        subscribers.remove(connection, TUAK_IMSI)
    lab.cir(event(8, LOSS, Maximum_Detection_Time=1), **GUARDED)
    lab.later(10)
    assert [each["who"] for each in _items(lab)] == [METER, SECOND] or [each["who"] for each in _items(lab)] == [METER]
    for number in (1, 2):
        lab.cir(event(number, LOSS, Monitoring_Duration=HOUR))
    assert code(lab.cir(event(9, LOSS, Monitoring_Duration=HOUR), **GUARDED)) == 5006


def test_patterns_and_network_parameters_of_a_group(lab: Lab) -> None:
    lab.ulr(Supported_Features=[{"Vendor-Id": 10415, "Feature-List-ID": 2, "Feature-List": 3 << 18}])
    sets = {"Communication-Pattern-Set": {"Stationary-Indication": 0}}
    pattern = {"SCEF-ID": SCEF, "SCEF-Reference-ID": 3, **sets}
    network = {"SCEF-ID": SCEF, "SCEF-Reference-ID": 4, "Active-Time": 30}
    answer = lab.cir(AESE_Communication_Pattern=pattern, Suggested_Network_Configuration=network, **GUARDED)
    assert answer["AESE-Communication-Pattern-Config-Status"]["SCEF-Reference-ID"] == 3
    lab.later(1)
    assert sorted(each.kind for each in lab.items()) == ["network", "pattern"]
    asked = lab.fake.requests[-1]["Subscription-Data"]["AESE-Communication-Pattern"]
    assert asked["Communication-Pattern-Set"]["Stationary-Indication"] == 0
    lab.cir(CIR_Flags=8 | 16, **USER)
    lab.later(1)
    asked = lab.fake.requests[-1]["Subscription-Data"]["AESE-Communication-Pattern"]
    assert asked["SCEF-Reference-ID-for-Deletion"] == 3
    assert lab.items() == []


def test_imsi_group_ids(lab: Lab) -> None:
    other = "other@customer.example"
    with lab.transaction() as connection:
        groups.make(connection, Group(external_id=other))
        access.change(connection, other, access.Row(device="x", scef=SCEF, services=(Service.GROUP_ID,)))
        set_imsi_group(connection, FLEET, 1, "00101", b"\x07")
    assert lab.cir(CIR_Flags=4, **USER, AdditionalIdentifiers={"External-Identifier": other}).result == (10415, 5001)
    with lab.transaction() as connection:
        set_imsi_group(connection, other, 1001, "00101", b"\x08")
    answer = lab.cir(CIR_Flags=4, **USER, AdditionalIdentifiers={"External-Identifier": other})
    found = [(each["Group-Service-Id"], each["Local-Group-Id"]) for each in answer.all("IMSI-Group-Id")]
    assert found == [(1, b"\x07"), (1001, b"\x08")]
    assert BARE not in str(answer.to_json())
