"""Killed between a commit and telling the serving nodes: they are told by whoever looks next."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from diameter import Message
from diameter.errors import RequestTimeout
from helpers.exposure import FLEET, METER, NOW, OTHER, REALM, SCEF, Lab, code, event, watching
from helpers.mobility import IMSI, MME, MONTE, PROFILES
from nfs.common.identities import encode_plmn
from nfs.hss import tables as subscribers
from nfs.hss.monitoring import nidd, tables, telling

TEN_MINUTES = datetime.fromtimestamp(NOW + 600, UTC)
LOSS, IMEI = 0, 3
RELAY = "relay.operator.example"
PATTERNS = {**MONTE, "Feature-List": 3 << 18}
PATTERN = {"SCEF-ID": SCEF, "SCEF-Reference-ID": 1}
NIDD = {"NIDD-Authorization-Request": {"Service-Selection": "data"}}
SCHEDULE = "AESE-Communication-Pattern"


class Killed(Exception):
    """The process is no more."""


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    lab = Lab(tmp_path)
    lab.at(Supported_Features=[PATTERNS])
    yield lab
    lab.close()


def _killed(lab: Lab, ask: Any) -> None:
    """The process is killed when it begins to tell the node; another one takes its place."""

    def kill(_: Message) -> Message:
        raise Killed

    before, lab.mme = lab.mme, kill
    with pytest.raises(Killed):
        ask()
    lab.restart()
    lab.mme = before


def _told(lab: Lab) -> list[Any]:
    """What nodes were told since the process began, and that nothing is left to be told."""
    found = [each["Subscription-Data"] for each in lab.fake.requests]
    assert lab.notes() == []
    return found


def test_a_deletion(lab: Lab) -> None:
    lab.cir(event(7, LOSS, Monitoring_Duration=TEN_MINUTES))
    _killed(lab, lambda: lab.cir({"SCEF-Reference-ID-for-Deletion": 7, "Monitoring-Type": LOSS}))
    assert lab.items() == []
    lab.later(59)
    assert lab.fake.requests == []  # the one that was killed might be about to
    lab.later(1)
    (data,) = _told(lab)
    assert data["Monitoring-Event-Configuration"]["SCEF-Reference-ID-for-Deletion"] == 7


def test_a_deletion_of_all_patterns_and_events(lab: Lab) -> None:
    lab.cir(event(7, LOSS, Monitoring_Duration=TEN_MINUTES))
    lab.cir(AESE_Communication_Pattern=PATTERN)
    _killed(lab, lambda: lab.cir(CIR_Flags=1 | 8))
    lab.later(60)
    gone = "SCEF-Reference-ID-for-Deletion"
    told = [
        (name, data[name][gone])
        for data in _told(lab)
        for name in (SCHEDULE, "Monitoring-Event-Configuration")
        if name in data
    ]
    assert sorted(told) == [(SCHEDULE, 1), ("Monitoring-Event-Configuration", 7)]


def test_what_was_told_is_not_told_again(lab: Lab) -> None:
    lab.cir(event(7, LOSS, Monitoring_Duration=TEN_MINUTES, Maximum_Detection_Time=300))
    lab.cir({"SCEF-Reference-ID-for-Deletion": 7, "Monitoring-Type": LOSS})
    asked = len(lab.fake.requests)
    lab.later(61)
    assert (len(lab.fake.requests), lab.notes()) == (asked, [])


def test_a_reference_that_is_used_again_meanwhile(lab: Lab) -> None:
    lab.cir(event(7, LOSS, Monitoring_Duration=TEN_MINUTES))
    _killed(lab, lambda: lab.cir({"SCEF-Reference-ID-for-Deletion": 7, "Monitoring-Type": LOSS}))
    assert code(lab.cir(event(7, LOSS, Monitoring_Duration=TEN_MINUTES))) == 2001
    lab.later(60)
    told = [each["Monitoring-Event-Configuration"] for each in _told(lab)]
    assert all("SCEF-Reference-ID-for-Deletion" not in each for each in told)
    assert [each.reference for each in lab.items()] == [7]


def test_a_new_event_and_what_the_node_says_to_it(lab: Lab) -> None:
    loss = {"Loss-Of-Connectivity-Reason": 0}
    lab.mme = watching(report=loss)
    _killed(lab, lambda: lab.cir(event(7, LOSS, Monitoring_Duration=TEN_MINUTES)))
    lab.later(60)
    (data,) = _told(lab)
    assert data["Monitoring-Event-Configuration"]["SCEF-Reference-ID"] == 7
    (report,) = lab.reports()
    assert report["Monitoring-Event-Report"]["SCEF-Reference-ID"] == 7


def test_a_new_event_that_the_node_refuses_is_not_kept(lab: Lab) -> None:
    lab.mme = watching({7: 5012})
    _killed(lab, lambda: lab.cir(event(7, LOSS, Monitoring_Duration=TEN_MINUTES)))
    lab.later(60)
    assert (len(_told(lab)), lab.items()) == (1, [])


def test_a_node_that_is_silent_is_tried_again_and_holds_up_no_report(lab: Lab) -> None:
    lab.cir(event(7, LOSS, Monitoring_Duration=TEN_MINUTES), event(8, IMEI, Monitoring_Duration=TEN_MINUTES))
    _killed(lab, lambda: lab.cir({"SCEF-Reference-ID-for-Deletion": 7, "Monitoring-Type": LOSS}))
    lab.mme = RequestTimeout("no answer in 10 s")
    lab.ulr(Supported_Features=[PATTERNS], Terminal_Information={"IMEI": "35299708123456", "Software-Version": "78"})
    lab.later(60)
    assert [each["Monitoring-Event-Report"]["SCEF-Reference-ID"] for each in lab.reports()] == [8]
    assert [(each.what, each.tries) for each in lab.notes()] == [("tell", 1)]
    lab.mme = watching()
    lab.later(2)
    assert lab.notes() == []


def test_timers(lab: Lab) -> None:
    network = {"SCEF-ID": SCEF, "SCEF-Reference-ID": 3, "Subscribed-Periodic-RAU-TAU-Timer": 7200}
    _killed(lab, lambda: lab.cir(Suggested_Network_Configuration=network))
    lab.later(60)
    (data,) = _told(lab)
    assert data["Subscribed-Periodic-RAU-TAU-Timer"] == 7200


def test_timers_that_a_node_did_not_hear_of(lab: Lab) -> None:
    network = {"SCEF-ID": SCEF, "SCEF-Reference-ID": 3, "Subscribed-Periodic-RAU-TAU-Timer": 7200}
    lab.mme = RequestTimeout("no answer in 10 s")
    assert lab.cir(Suggested_Network_Configuration=network).result == (0, 2001)
    lab.mme = watching()
    before = len(lab.fake.requests)
    lab.later(2)
    (data,) = _told(lab)[before:]
    assert data["Subscribed-Periodic-RAU-TAU-Timer"] == 7200


def test_where_enhanced_coverage_may_be_used(lab: Lab) -> None:
    wanted = {"Restricted-PLMN-List": {"Visited-PLMN-Id": bytes.fromhex("00f110")}}
    _killed(lab, lambda: lab.cir(Enhanced_Coverage_Restriction=wanted))
    lab.later(60)
    (data,) = _told(lab)
    assert data["Access-Restriction-Data"] & 1 << 7


def test_the_scef_of_an_apn(lab: Lab) -> None:
    _killed(lab, lambda: lab.say("NIDD-Information", NIDD))
    assert lab.say("NIDD-Information", NIDD).result == (0, 2001)  # the SCEF asks again, before anybody told the node
    lab.later(60)
    for data in _told(lab):
        assert data["APN-Configuration-Profile"]["APN-Configuration"]["SCEF-ID"] == SCEF
    assert len(lab.fake.requests) == 2


def test_who_is_gone_is_told_of_nowhere(lab: Lab) -> None:
    lab.cir(event(7, LOSS, Monitoring_Duration=TEN_MINUTES))
    _killed(lab, lambda: lab.cir(CIR_Flags=1, AESE_Communication_Pattern=PATTERN))
    with lab.transaction() as connection:
        subscribers.remove(connection, IMSI)
        telling.hold(connection, [telling.tell(IMSI, SCEF, NOW, kind="timers")], NOW)
    lab.later(61)
    assert _told(lab) == []


def test_a_node_that_watches_for_nothing_any_more_is_not_told_of_events(lab: Lab) -> None:
    _killed(lab, lambda: lab.cir(event(7, LOSS, Monitoring_Duration=TEN_MINUTES), AESE_Communication_Pattern=PATTERN))
    lab.at(Supported_Features=[{**MONTE, "Feature-List": 1}])
    lab.later(60)
    assert (_told(lab), len(lab.items())) == ([], 2)


def _update(lab: Lab) -> list[tuple[str, Any]]:
    """Authorisations that SCEFs were told are over: who, and which APN."""
    return [
        (each["Destination-Host"], each["NIDD-Authorization-Update"]["APN-Validity-Time"]["Service-Selection"])
        for each in lab.told.requests
        if "NIDD-Authorization-Update" in each
    ]


def test_the_scef_that_had_an_apn_before_another_one_hears_of_it(lab: Lab) -> None:
    lab.say("NIDD-Information", NIDD)
    lab.say("NIDD-Information", NIDD)  # the same again takes nothing away
    assert _update(lab) == []
    assert lab.say("NIDD-Information", NIDD, scef=OTHER, peer=RELAY).result == (0, 2001)
    lab.told.settle()
    assert (_update(lab), lab.notes()) == ([(SCEF, "data")], [])
    request = lab.told.requests[-1]
    assert request["NIDD-Authorization-Update"]["APN-Validity-Time"]["Granted-Validity-Time"].timestamp() == NOW - 1
    assert (request["User-Identifier"]["External-Identifier"], "NIDD-Authorization-Request" in request) == (
        METER,
        False,
    )
    assert [each.scef for each in lab.items()] == [OTHER]


def test_it_hears_nothing_where_the_node_refused_or_it_knows_no_such_changes(lab: Lab) -> None:
    lab.say("NIDD-Information", NIDD)
    lab.mme = lambda request: request.answer(5012)
    assert lab.say("NIDD-Information", NIDD, scef=OTHER, peer=RELAY).result == (0, 5012)
    lab.later(61)
    assert (_update(lab), [each.scef for each in lab.items()]) == ([], [SCEF])
    lab.mme = watching()
    lab.say("NIDD-Information", {**NIDD, "Supported-Features": None})
    lab.say("NIDD-Information", NIDD, scef=OTHER, peer=RELAY)
    lab.later(61)
    assert (_update(lab), lab.notes()) == ([], [])


def test_it_hears_of_it_after_a_kill(lab: Lab) -> None:
    lab.say("NIDD-Information", NIDD)
    _killed(lab, lambda: lab.say("NIDD-Information", NIDD, scef=OTHER, peer=RELAY))
    lab.later(60)
    assert _update(lab) == [(SCEF, "data")]
    assert _told(lab)[-1]["APN-Configuration-Profile"]["APN-Configuration"]["SCEF-ID"] == OTHER


def test_an_apn_of_a_group(lab: Lab) -> None:
    lab.say("NIDD-Information", NIDD, scef=OTHER, peer=RELAY)
    fleet = {"External-Identifier": FLEET, "Type-Of-External-Identifier": 1}
    assert lab.say("NIDD-Information", {**NIDD, "User-Identifier": fleet}).result == (0, 2001)
    lab.later(0)
    assert _update(lab) == [(OTHER, "data")]
    assert _told(lab)[-1]["APN-Configuration-Profile"]["APN-Configuration"]["SCEF-ID"] == SCEF


def test_of_an_apn_that_the_profile_has_no_more_nobody_is_told(lab: Lab) -> None:
    with lab.transaction() as connection:
        telling.hold(connection, [telling.tell(IMSI, SCEF, NOW, kind="nidd", apn="gone")], NOW)
    lab.later(60)
    assert _told(lab) == []


def _while_telling(lab: Lab, act: Callable[[], object]) -> None:
    """Something happens, once, while a node is told."""
    before: Any = lab.mme

    def answer(request: Message) -> Message:
        lab.mme = before
        act()
        return watching()(request)

    lab.mme = answer


def test_what_another_process_changes_meanwhile_is_told_too(lab: Lab) -> None:
    network = encode_plmn("00101")
    _killed(lab, lambda: lab.cir(Enhanced_Coverage_Restriction={"Restricted-PLMN-List": {"Visited-PLMN-Id": network}}))

    def elsewhere() -> None:
        with lab.transaction() as connection:
            connection.execute(update(tables.COVERAGE).values(plmns="[]"))

    _while_telling(lab, elsewhere)
    lab.later(60)
    lab.later(2)
    assert [each["Access-Restriction-Data"] >> 7 & 1 for each in _told(lab)] == [1, 0]


def test_an_event_that_another_process_deletes_meanwhile_is_deleted_in_the_node(lab: Lab) -> None:
    _killed(lab, lambda: lab.cir(event(7, LOSS, Monitoring_Duration=TEN_MINUTES)))

    def elsewhere() -> None:
        with lab.transaction() as connection:
            tables.remove(connection, tables.of(connection, IMSI, NOW)[0])

    _while_telling(lab, elsewhere)
    lab.later(60)
    lab.later(2)
    told = [each["Monitoring-Event-Configuration"] for each in _told(lab)]
    assert ["SCEF-Reference-ID-for-Deletion" in each for each in told] == [False, True]


def test_an_authorisation_that_another_scef_got_meanwhile_stays_its_own(lab: Lab) -> None:
    def elsewhere() -> None:
        with lab.transaction() as connection:
            (mine,) = tables.of(connection, IMSI, NOW)
            nidd.grant(connection, replace(mine, scef=OTHER), NOW)
            tables.know(connection, tables.Known(host=OTHER, realm=REALM, features=0))
        raise RequestTimeout("no answer in 10 s")

    _while_telling(lab, elsewhere)
    assert lab.say("NIDD-Information", NIDD).result == (0, 5012)
    lab.later(0)
    assert [each.scef for each in lab.items()] == [OTHER]
    assert _told(lab)[-1]["APN-Configuration-Profile"]["APN-Configuration"]["SCEF-ID"] == OTHER


def test_an_authorisation_that_is_withdrawn_meanwhile_leaves_the_profiles_scef(lab: Lab) -> None:
    with lab.transaction() as connection:
        telling.hold(connection, [telling.tell(IMSI, SCEF, NOW, kind="nidd", apn="data")], NOW)
    lab.later(60)
    (data,) = _told(lab)
    own = next(each for each in PROFILES["iot"].apn if each.name == "data")
    assert data["APN-Configuration-Profile"]["APN-Configuration"]["SCEF-ID"] == own.scef
    assert lab.fake.requests[-1]["Destination-Host"] == MME
