"""NIDD authorisation on S6t, communication patterns, network parameters, enhanced coverage."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from diameter import Message
from helpers.exposure import FLEET, METER, NOW, OTHER, SCEF, Lab, code, event
from helpers.mobility import ABROAD, HOME, IMSI, MME, MONTE, NO_EPS, PROFILES, SGSN, TUAK_IMSI
from nfs.common.identities import encode_number
from nfs.hss import ordered
from nfs.hss import tables as subscribers
from nfs.hss.groups import tables as groups
from nfs.hss.groups.logic import Group
from nfs.hss.logic import ExternalId, Subscriber, UserId
from nfs.hss.monitoring import revoke, tables

BOTH = {"Vendor-Id": 10415, "Feature-List-ID": 2, "Feature-List": 3 << 18}
HOUR = datetime.fromtimestamp(NOW + 3600, UTC)
RELAY = "relay.operator.example"


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    lab = Lab(tmp_path)
    yield lab
    lab.close()


def _nir(lab: Lab, user: dict[str, Any] | None = None, apn: str | None = "data", **more: Any) -> Message:
    asked = {} if apn is None else {"Service-Selection": apn}
    avps = {"NIDD-Authorization-Request": {**asked, **more.pop("asked", {})}}
    if user is not None:
        avps["User-Identifier"] = user
    return lab.say("NIDD-Information", avps, **more)


def test_a_device_by_each_of_its_names(lab: Lab) -> None:
    found = _nir(lab, asked={"Requested-Validity-Time": HOUR})["NIDD-Authorization-Response"]
    assert (found["User-Name"], found["MSISDN"]) == (IMSI, encode_number("15550100001"))
    assert (found["Granted-Validity-Time"], "External-Identifier" in found) == (HOUR, False)
    found = _nir(lab, {"MSISDN": encode_number("15550100001")})["NIDD-Authorization-Response"]
    assert (found["External-Identifier"], "MSISDN" in found) == (METER, False)
    assert found["Granted-Validity-Time"].timestamp() == NOW + lab.config.monitoring.longest_nidd_s
    found = _nir(lab, {"User-Name": IMSI})["NIDD-Authorization-Response"]
    assert (found["External-Identifier"], found["MSISDN"]) == (METER, encode_number("15550100001"))


def test_the_mme_learns_the_scef_of_the_apn(lab: Lab) -> None:
    lab.at()
    _nir(lab, apn="DATA")
    profile = lab.fake.requests[-1]["Subscription-Data"]["APN-Configuration-Profile"]
    assert profile["All-APN-Configurations-Included-Indicator"] == 1
    (apn,) = profile.all("APN-Configuration")
    assert (apn["Service-Selection"], apn["SCEF-ID"], apn["SCEF-Realm"]) == ("data", SCEF, "operator.example")
    asked = len(lab.fake.requests)
    _nir(lab)
    assert len(lab.fake.requests) == asked  # nothing changed
    second = lab.at()["Subscription-Data"]["APN-Configuration-Profile"].all("APN-Configuration")[1]
    assert second["SCEF-ID"] == SCEF
    lab.mme = lambda request: request.answer(5012)
    assert _nir(lab, scef=OTHER, peer=RELAY).result == (0, 5012)
    assert [each.scef for each in lab.items()] == [SCEF]  # the authorisation before it holds


@pytest.mark.parametrize(("bad", "told"), [((MME, SGSN), [OTHER, OTHER]), ((SGSN,), [OTHER, OTHER, SCEF, SCEF])])
def test_a_second_scef_that_a_node_refuses_takes_nothing_from_the_first(
    lab: Lab, bad: tuple[str, ...], told: list[str]
) -> None:
    lab.at()
    lab.at(host=SGSN, ULR_Flags=0)
    _nir(lab)
    before, asked = lab.items(), len(lab.fake.requests)
    lab.mme = lambda request: request.answer(5012 if request["Destination-Host"] in bad else 2001)
    assert _nir(lab, scef=OTHER, peer=RELAY).result == (0, 5012)
    assert lab.items() == before
    names = [each["Subscription-Data"]["APN-Configuration-Profile"] for each in lab.fake.requests[asked:]]
    assert [each["APN-Configuration"]["SCEF-ID"] for each in names] == told


@pytest.mark.parametrize(
    ("user", "apn", "result"),
    [
        (None, "internet", (10415, 5451)),
        (None, "nowhere", (10415, 5451)),
        ({"User-Name": TUAK_IMSI}, "data", (10415, 5451)),
        ({"User-Name": NO_EPS}, "data", (10415, 5511)),
        ({"User-Name": "001019999999999"}, "data", (10415, 5001)),
        ({"External-Identifier": "no@group.example", "Type-Of-External-Identifier": 1}, "data", (10415, 5001)),
        (None, None, (0, 5012)),
    ],
)
def test_refused(lab: Lab, user: dict[str, Any] | None, apn: str | None, result: tuple[int, int]) -> None:
    assert _nir(lab, user, apn).result == result
    assert lab.items() == []


def test_an_mtc_provider_that_is_not_the_devices(lab: Lab) -> None:
    avps = {"NIDD-Authorization-Request": {"Service-Selection": "data"}}
    for name, result in (("acme", (0, 2001)), ("other", (10415, 5516))):
        provider = {"MTC-Provider-Info": {"MTC-Provider-ID": name}}
        assert lab.say("NIDD-Information", {**avps, **provider}).result == result


def test_every_mtc_provider_of_a_request_must_be_the_devices(lab: Lab) -> None:
    events = [
        {**event(number, 0, Monitoring_Duration=HOUR), "MTC-Provider-Info": {"MTC-Provider-ID": name}}
        for number, name in enumerate(("acme", "other"), 1)
    ]
    assert lab.cir(*events).result == (10415, 5516)
    assert lab.items() == []


def test_a_scef_has_one_name_however_it_spells_it(lab: Lab) -> None:
    names = (SCEF, SCEF.upper(), SCEF.title(), SCEF.capitalize())
    wanted = [{**event(number, 0, Monitoring_Duration=HOUR), "SCEF-ID": name} for number, name in enumerate(names, 1)]
    answer = lab.cir(*wanted)
    assert [code(answer, at) for at in range(4)] == [2001, 2001, 2001, 5006]  # three are allowed
    assert {each.scef for each in lab.items()} == {SCEF}
    lab.cir(CIR_Flags=1)
    assert lab.items() == []


def test_a_device_without_a_name_loses_its_authorisation(lab: Lab) -> None:
    with lab.transaction() as connection:
        found = subscribers.find(connection, UserId(imsi=IMSI))
        assert found is not None
        subscribers.save(connection, replace(found, msisdn=None, external_ids=()))
    assert _nir(lab, {"User-Name": IMSI}).result == (0, 2001)
    with lab.transaction() as connection:
        revoke.cancel(connection, tables.of(connection, IMSI, NOW), NOW)
    lab.later(0)
    assert [each["User-Identifier"]["User-Name"] for each in lab.told.requests] == [IMSI]
    assert lab.notes() == []


def test_what_cannot_be_kept_of_a_pattern_is_left_out(lab: Lab) -> None:
    lab.at(Supported_Features=[MONTE, BOTH])
    extra = {"Periodic-Communication-Indicator": 0, "Host-IP-Address": "192.0.2.1"}
    pattern = {"SCEF-ID": SCEF, "SCEF-Reference-ID": 5, "Communication-Pattern-Set": [extra]}
    assert lab.cir(AESE_Communication_Pattern=pattern).result == (0, 2001)
    assert lab.items()[0].detail == {"Communication-Pattern-Set": [{"Periodic-Communication-Indicator": 0}]}


def test_a_group_in_parts(lab: Lab) -> None:
    names = [METER, "a@customer.example", "b@customer.example", "c@customer.example"]
    with lab.transaction() as connection:
        for number, name in enumerate(names[1:], 10):
            profile = "anywhere" if number == 12 else "iot"
            one = Subscriber(
                imsi=f"0010100000000{number}", external_ids=(ExternalId(identifier=name),), profile=profile
            )
            subscribers.save(connection, one)
        groups.make(connection, Group(external_id=FLEET, members=tuple(names)), replace=True)
    lab.s6t._nidd._config = lab.config.monitoring.model_copy(update={"group_items": 1})
    answer = _nir(lab, {"External-Identifier": FLEET, "Type-Of-External-Identifier": 1})
    assert (answer.result, answer["NIA-Flags"]) == ((0, 2001), 1)
    lab.told.settle()
    parts = [answer, *lab.told.requests]
    assert [each["Group-User-Identifier"]["External-Identifier"] for each in parts] == names[:3]
    assert [each["NIR-Flags"] for each in lab.told.requests] == [1, 0]
    assert all(each["User-Identifier"]["External-Identifier"] == FLEET for each in lab.told.requests)
    with lab.transaction() as connection:
        groups.make(connection, Group(external_id=FLEET, members=names[3:]), replace=True)  # type: ignore[arg-type]
    assert _nir(lab, {"External-Identifier": FLEET, "Type-Of-External-Identifier": 1}).result == (10415, 5451)


def _pattern(reference: int, scef: str = SCEF, **more: Any) -> dict[str, Any]:
    sets = {"Periodic-Communication-Indicator": 0, "Periodic-Time": 3600, "Communication-Duration-Time": 30, **more}
    week = {"Day-Of-Week-Mask": 0b111_1110, "Time-Of-Day-Start": 0}
    return {
        "SCEF-ID": scef,
        "SCEF-Reference-ID": reference,
        "Communication-Pattern-Set": {**sets, "Scheduled-Communication-Time": [week]},
    }


def test_communication_patterns_go_to_the_mme(lab: Lab) -> None:
    lab.ulr(Supported_Features=[BOTH])
    validity: dict[str, Any] = {"Reference-ID-Validity-Time": HOUR}
    answer = lab.cir(AESE_Communication_Pattern=[_pattern(1), _pattern(2, **validity)])
    statuses = answer.all("AESE-Communication-Pattern-Config-Status")
    assert [(each["SCEF-Reference-ID"], "AESE-Error-Report" in each) for each in statuses] == [(1, False), (2, False)]
    asked = lab.fake.requests[-1]["Subscription-Data"].all("AESE-Communication-Pattern")
    found = asked[1]["Communication-Pattern-Set"]
    assert (found["Periodic-Time"], found["Reference-ID-Validity-Time"]) == (3600, HOUR)
    assert found["Scheduled-Communication-Time"]["Day-Of-Week-Mask"] == 0b111_1110
    lab.later(3601)
    again = lab.ulr(Supported_Features=[BOTH])["Subscription-Data"].all("AESE-Communication-Pattern")
    assert [each["SCEF-Reference-ID"] for each in again] == [1]
    assert "AESE-Communication-Pattern" not in lab.ulr(Supported_Features=[MONTE])["Subscription-Data"]
    gone = {"SCEF-ID": SCEF, "SCEF-Reference-ID-for-Deletion": [1, 9]}
    statuses = lab.cir(AESE_Communication_Pattern=gone).all("AESE-Communication-Pattern-Config-Status")
    bad = statuses[1]["AESE-Error-Report"]["Service-Result"]
    assert ("AESE-Error-Report" in statuses[0], bad["Service-Result-Code"]) == (False, 5514)
    assert lab.items() == []


def test_a_device_has_patterns_of_one_scef(lab: Lab) -> None:
    assert lab.cir(AESE_Communication_Pattern=_pattern(1))["S6t-HSS-Cause"] == 1
    answer = lab.cir(AESE_Communication_Pattern=_pattern(1, OTHER), scef=OTHER, peer=RELAY)
    error = answer["AESE-Communication-Pattern-Config-Status"]["AESE-Error-Report"]["Service-Result"]
    assert (error["Vendor-Id"], error["Service-Result-Code"]) == (10415, 5513)
    lab.cir(CIR_Flags=8)
    answer = lab.cir(AESE_Communication_Pattern=_pattern(1, OTHER), scef=OTHER, peer=RELAY)
    assert "AESE-Error-Report" not in answer["AESE-Communication-Pattern-Config-Status"]


def test_network_parameters_are_taken_moved_and_merged(lab: Lab) -> None:
    lab.at()
    names = {"SCEF-ID": SCEF, "SCEF-Reference-ID": 1}
    asked = {**names, "Subscribed-Periodic-RAU-TAU-Timer": 7200, "Active-Time": 30}
    answer = lab.cir(Suggested_Network_Configuration=asked)["Suggested-Network-Configuration"]
    assert (answer["SCEF-Reference-ID"], len(answer)) == (1, 2)
    data = lab.fake.requests[-1]["Subscription-Data"]
    assert (data["Subscribed-Periodic-RAU-TAU-Timer"], data["Active-Time"]) == (7200, 30)
    more = {**names, "SCEF-Reference-ID": 2, "Active-Time": 999_999, "DL-Buffering-Suggested-Packet-Count": 80}
    answer = lab.cir(Suggested_Network_Configuration=more)["Suggested-Network-Configuration"]
    assert answer["Active-Time"] == 86_400
    limits = {"Reachability-Type": 2, "Maximum-Latency": 600, "DL-Buffering-Suggested-Packet-Count": 50}
    assert code(lab.cir(event(3, 1, Monitoring_Duration=HOUR, UE_Reachability_Configuration=limits))) == 2001
    data = lab.fake.requests[-1]["Subscription-Data"]
    assert (data["Subscribed-Periodic-RAU-TAU-Timer"], data["Active-Time"]) == (600, 86_400)
    assert data["DL-Buffering-Suggested-Packet-Count"] == 100  # 80 and 50, within the range
    pure = {**names, "SCEF-Reference-ID": 2, "SCEF-Reference-ID-for-Deletion": 2}
    assert "Suggested-Network-Configuration" not in lab.cir(Suggested_Network_Configuration=pure)
    assert lab.fake.requests[-1]["Subscription-Data"]["Active-Time"] == 30
    lab.cir(CIR_Flags=16)
    assert [each.kind for each in lab.items()] == ["event"]


def test_enhanced_coverage_of_a_group_is_not_taken(lab: Lab) -> None:
    group = {"External-Identifier": FLEET, "Type-Of-External-Identifier": 1}
    restricted = {"Restricted-PLMN-List": {"Visited-PLMN-Id": [HOME]}}
    for avps in ({"CIR_Flags": 2}, {"Enhanced_Coverage_Restriction": restricted}):
        assert lab.cir(User_Identifier=group, **avps).result == (0, 5012)


def test_enhanced_coverage(lab: Lab) -> None:
    lab.at()

    def lists(name: str, *plmns: bytes) -> dict[str, Any]:
        return {"Enhanced_Coverage_Restriction": {name: {"Visited-PLMN-Id": list(plmns)} if plmns else {}}}

    def now() -> Message:
        return lab.cir(CIR_Flags=2)

    data = now()["Enhanced-Coverage-Restriction-Data"]
    assert data["Visited-PLMN-Id"] == HOME
    assert data["Enhanced-Coverage-Restriction"]["Restricted-PLMN-List"].all("Visited-PLMN-Id") == ()
    assert lab.cir(**lists("Allowed-PLMN-List", HOME, ABROAD)).result == (0, 2001)
    allowed = now()["Enhanced-Coverage-Restriction-Data"]["Enhanced-Coverage-Restriction"]["Allowed-PLMN-List"]
    assert allowed.all("Visited-PLMN-Id") == (HOME, ABROAD)
    lab.cir(**lists("Allowed-PLMN-List"))
    assert "Allowed-PLMN-List" in now()["Enhanced-Coverage-Restriction-Data"]["Enhanced-Coverage-Restriction"]


def _restricted(plmn: bytes) -> dict[str, Any]:
    return {"Enhanced_Coverage_Restriction": {"Restricted-PLMN-List": {"Visited-PLMN-Id": [plmn]}}}


def _told(lab: Lab) -> list[tuple[str, int]]:
    """Who was told what in the last requests."""
    asked = [each for each in lab.fake.requests if "Access-Restriction-Data" in each.get("Subscription-Data", {})]
    lab.fake.requests.clear()
    return [(each["Destination-Host"], each["Subscription-Data"]["Access-Restriction-Data"]) for each in asked]


def test_nodes_learn_where_enhanced_coverage_may_be_used(lab: Lab) -> None:
    """Each for its own network: at once, and with the next location update."""
    with lab.transaction() as connection:
        found = subscribers.find(connection, UserId(imsi=IMSI))
        assert found is not None
        subscribers.save(connection, replace(found, profile="anywhere"))
    assert lab.cir(**_restricted(HOME)).get("S6t-HSS-Cause") == 1  # it is nowhere
    ours = PROFILES["anywhere"].restrictions
    assert lab.at()["Subscription-Data"]["Access-Restriction-Data"] == ours | 1 << 7
    assert (
        lab.at(host=SGSN, ULR_Flags=0, Visited_PLMN_Id=ABROAD)["Subscription-Data"].get("Access-Restriction-Data", 0)
        == ours
    )
    answer = lab.cir(**_restricted(ABROAD))
    assert (answer.result, "S6t-HSS-Cause" in answer) == ((0, 2001), False)
    assert sorted(_told(lab)) == [(MME, ours), (SGSN, ours | 1 << 7)]
    with lab.transaction() as connection:
        number = ordered.place(connection, ordered.Order(verb="update", imsi=IMSI))
    desk = ordered.desk_of(lab.s6a, lab.s6a._follow, 1.0, lab.store, lab.clock)
    assert desk is not None
    desk.wake()
    lab.fake.settle()
    assert sorted(_told(lab)) == [(MME, ours), (SGSN, ours | 1 << 7)]
    with lab.transaction() as connection:
        assert [each["good"] for each in ordered.outcome(connection, number) or ()] == [True, True]


@pytest.mark.parametrize("before", [None, HOME])
def test_enhanced_coverage_that_a_node_does_not_take_is_as_it_was(lab: Lab, before: bytes | None) -> None:
    if before is not None:
        lab.cir(**_restricted(before))
    lab.at()
    lab.at(host=SGSN, ULR_Flags=0)
    first = lab.cir(CIR_Flags=2)["Enhanced-Coverage-Restriction-Data"]
    lab.fake.requests.clear()
    lab.mme = lambda request: request.answer(5012 if request["Destination-Host"] == SGSN else 2001)
    assert lab.cir(Enhanced_Coverage_Restriction={"Allowed-PLMN-List": {}}).result == (0, 5012)
    bit = 0 if before is None else 1 << 7
    ours = PROFILES["iot"].restrictions
    assert _told(lab) == [(MME, ours | 1 << 7), (SGSN, ours | 1 << 7), (MME, ours | bit), (SGSN, ours | bit)]
    assert lab.cir(CIR_Flags=2)["Enhanced-Coverage-Restriction-Data"] == first
