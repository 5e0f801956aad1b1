"""Every result code of S6t, each for its own reason; what no row of the access matrix allows is refused."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from diameter import Message
from helpers.exposure import FLEET, OTHER, POOR, SCEF, STRANGER, Lab, code, event, watching
from helpers.mobility import IMSI
from nfs.hss import tables
from nfs.hss.monitoring import access
from nfs.hss.monitoring.logic import EVENTS, Error, Service

TGPP = 10415
LOSS, REACH, LOCATION, IMEI, ROAMING, DDN, COUNT = 0, 1, 2, 3, 4, 6, 7
GROUP = {"External-Identifier": FLEET, "Type-Of-External-Identifier": 1}
HOURLY = {"Maximum-Number-of-Reports": 5}


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    lab = Lab(tmp_path)
    yield lab
    lab.close()


def _whole(answer: Message) -> int:
    assert answer.result is not None
    assert "Monitoring-Event-Config-Status" not in answer
    return answer.result[1]


def unknown_user(lab: Lab) -> int:
    return _whole(lab.cir(event(1, IMEI), User_Identifier={"External-Identifier": "nobody@customer.example"}))


def too_many_events(lab: Lab) -> int:
    lab.cir(*(event(number, IMEI, **HOURLY) for number in (1, 2, 3)))
    assert code(lab.cir(event(3, IMEI, **HOURLY))) == 2001  # one that is replaced is not one more
    return code(lab.cir(event(4, IMEI, **HOURLY)))


def a_type_that_is_asked_elsewhere(lab: Lab) -> int:
    return code(lab.cir(event(1, COUNT)))


def apn_not_subscribed(lab: Lab) -> int:
    asked = {"NIDD-Authorization-Request": {"Service-Selection": "internet"}}
    return _whole(lab.say("NIDD-Information", asked))


def scef_without_the_event(lab: Lab) -> int:
    answer = lab.cir(event(1, LOCATION, **HOURLY, Location_Information_Configuration={"MONTE-Location-Type": 0}),
                     event(2, IMEI), scef=POOR)  # fmt: skip
    assert code(answer) == 2001
    return code(answer, 1)


def scef_unknown(lab: Lab) -> int:
    return _whole(lab.cir(event(1, IMEI), scef=STRANGER))


def device_does_not_allow_it(lab: Lab) -> int:
    with lab.transaction() as connection:
        access.change(connection, IMSI, access.Row(device="x", scef=SCEF, services=(Service.IMEI_CHANGE,)), take=True)
    answer = lab.cir(event(1, ROAMING, **HOURLY), event(2, IMEI))
    assert code(answer) == 2001
    return code(answer, 1)


def beyond_the_range(lab: Lab) -> int:
    return code(lab.cir(event(1, LOSS, Maximum_Detection_Time=10)))


def replaced_in_vain(lab: Lab) -> int:
    lab.at()
    lab.cir(event(1, LOSS, **HOURLY, Maximum_Detection_Time=600))
    lab.mme = watching({1: 5012})
    found = code(lab.cir(event(1, LOSS, **HOURLY, Maximum_Detection_Time=700)))
    assert lab.items()[0].detail["detection_s"] == 600
    return found


def nothing_to_delete(lab: Lab) -> int:
    return code(lab.cir({"Monitoring-Type": IMEI, "SCEF-Reference-ID-for-Deletion": 9}))


def reference_that_the_scef_forgot(lab: Lab) -> int:
    lab.cir(event(1, IMEI, **HOURLY))
    status = {"SCEF-Reference-ID": 1, "SCEF-ID": SCEF, "Experimental-Result-Code": 5515}
    members = {"Auth-Session-State": 1, "Monitoring-Event-Report-Status": status}
    lab.scef = lambda request: request.answer(2001, members)
    lab.at(Terminal_Information={"IMEI": "35299708123456"})
    assert lab.items() == []
    lab.scef = lambda request: request.answer(5515, {"Auth-Session-State": 1}, vendor=TGPP)
    lab.cir(event(2, ROAMING, **HOURLY), User_Identifier={"External-Identifier": "meter-1@customer.example"})
    lab.cir(event(3, IMEI, **HOURLY))
    lab.at(Terminal_Information={"IMEI": "11111111111111"})
    assert [each.reference for each in lab.items()] == [2]
    return 5515


def provider_unknown(lab: Lab) -> int:
    good = {"MTC-Provider-Info": {"MTC-Provider-ID": "acme"}}
    assert code(lab.cir({**event(1, IMEI), **good})) == 2001
    return _whole(lab.cir({**event(1, IMEI), "MTC-Provider-Info": {"MTC-Provider-ID": "other"}}))


REASONS: dict[Error, Callable[[Lab], int]] = {
    Error.USER_UNKNOWN: unknown_user,
    Error.RESOURCES_EXCEEDED: too_many_events,
    Error.UNABLE_TO_COMPLY: a_type_that_is_asked_elsewhere,
    Error.USER_NO_APN_SUBSCRIPTION: apn_not_subscribed,
    Error.UNAUTHORIZED_REQUESTING_ENTITY: scef_without_the_event,
    Error.UNAUTHORIZED_SERVICE: device_does_not_allow_it,
    Error.REQUESTED_RANGE_IS_NOT_ALLOWED: beyond_the_range,
    Error.CONFIGURATION_EVENT_STORAGE_NOT_SUCCESSFUL: replaced_in_vain,
    Error.CONFIGURATION_EVENT_NON_EXISTANT: nothing_to_delete,
    Error.SCEF_REFERENCE_ID_UNKNOWN: reference_that_the_scef_forgot,
    Error.UNAUTHORIZED_MTC_PROVIDER: provider_unknown,
}


def test_the_list_is_complete() -> None:
    assert set(REASONS) == set(Error)


@pytest.mark.requirement("T-EXP-02", "R-EXP-08", "E-EXP-09")
@pytest.mark.parametrize("error", REASONS, ids=lambda error: error.name.lower())
def test_each_result_for_its_reason(lab: Lab, error: Error) -> None:
    assert REASONS[error](lab) == error


@pytest.mark.requirement("T-EXP-01")
def test_a_scef_that_nobody_knows_gets_nothing(lab: Lab) -> None:
    assert scef_unknown(lab) == 5510
    assert lab.items() == []
    line = json.loads((lab.folder / "audit").read_text().splitlines()[-1])
    assert (line["check"], line["result"]) == ("exposure", "UNAUTHORIZED_REQUESTING_ENTITY")
    assert (
        _whole(
            lab.say("NIDD-Information", {"NIDD-Authorization-Request": {"Service-Selection": "data"}}, scef=STRANGER)
        )
        == 5510
    )


@pytest.mark.requirement("T-EXP-01")
def test_a_scef_speaks_over_its_own_link_or_a_relay_that_may(lab: Lab) -> None:
    assert lab.cir(event(1, IMEI), peer=STRANGER).result == (TGPP, 5510)
    assert lab.cir(event(1, IMEI), scef=OTHER).result == (TGPP, 5510)
    assert lab.cir(event(1, IMEI), scef=OTHER, peer="relay.operator.example").result == (0, 2001)
    assert lab.cir({**event(1, IMEI), "SCEF-ID": OTHER}).result == (TGPP, 5510)


@pytest.mark.requirement("R-EXP-08", "E-EXP-09")
@pytest.mark.parametrize("service", sorted(Service))
def test_no_row_no_service(lab: Lab, service: Service) -> None:
    """With every other row of the matrix there, the one that is missing is missed; with it alone, it is enough."""
    ask = _asks(service)
    row = access.Row(device="x", scef=SCEF, services=(service,))
    subject = FLEET if service is Service.GROUP_ID else IMSI
    with lab.transaction() as connection:
        access.change(connection, subject, row, take=True)
    assert _outcome(ask(lab)) == 5511
    with lab.transaction() as connection:
        access.change(connection, subject, access.Row(device="x", scef=SCEF, services=tuple(Service)), take=True)
        access.change(connection, subject, row)
    assert _outcome(ask(lab)) != 5511


def _outcome(answer: Message) -> int:
    assert answer.result is not None
    return code(answer) if "Monitoring-Event-Config-Status" in answer else answer.result[1]


def _asks(service: Service) -> Callable[[Lab], Message]:
    types: tuple[str, ...] = ("loss-of-connectivity", "ue-reachability", "location", "imei-change", "roaming-status")
    types += ("communication-failure", "availability-after-ddn-failure")
    pattern = {"SCEF-ID": SCEF, "SCEF-Reference-ID": 1, "Communication-Pattern-Set": {"Stationary-Indication": 0}}
    asks: dict[Service, dict[str, Any]] = {
        Service.PATTERN: {"AESE-Communication-Pattern": pattern},
        Service.NETWORK: {"Suggested-Network-Configuration": {"SCEF-ID": SCEF, "SCEF-Reference-ID": 1}},
        Service.COVERAGE: {"CIR-Flags": 2},
        Service.GROUP_ID: {"CIR-Flags": 4, "User-Identifier": GROUP},
    }
    if service is Service.NIDD:
        return lambda lab: lab.say("NIDD-Information", {"NIDD-Authorization-Request": {"Service-Selection": "data"}})
    if service in EVENTS:
        kind = 10 if service is Service.PDN_CONNECTIVITY else types.index(service)
        return lambda lab: lab.cir(event(1, kind))
    return lambda lab: lab.say("Configuration-Information", asks[service])


@pytest.mark.requirement("R-MON-04")
@pytest.mark.parametrize("of", ["device", "group"])
def test_what_is_never_to_be_watched_is_not_whoever_asks(lab: Lab, of: str) -> None:
    with lab.transaction() as connection:
        never = access.Row(device="x", never=(Service.LOCATION, Service.IMEI_CHANGE))
        access.change(connection, IMSI if of == "device" else FLEET, never)
    user: dict[str, Any] = {} if of == "device" else {"User_Identifier": GROUP}
    answer = lab.cir(event(1, LOCATION), event(2, IMEI), **user)
    assert answer.result == (TGPP, 5511)  # none of the events that are asked for may be
    answer = lab.cir(event(1, LOCATION), event(2, ROAMING), **user)
    assert [code(answer, at) for at in (0, 1)] == [5511, 2001]
    assert lab.fake.requests == []


@pytest.mark.parametrize(
    "wrong",
    [
        event(1, DDN, Maximum_Number_of_Reports=1),
        event(1, LOCATION, Maximum_Number_of_Reports=2),
        event(1, REACH, Maximum_Number_of_Reports=2),
        event(1, REACH, UE_Reachability_Configuration={"Reachability-Type": 3}),
        event(1, REACH, UE_Reachability_Configuration={"Reachability-Type": 2, "Maximum-Latency": 0}),
        event(1, REACH, UE_Reachability_Configuration={"Reachability-Type": 2, "Maximum-Response-Time": 999_999}),
        event(1, REACH, UE_Reachability_Configuration={"DL-Buffering-Suggested-Packet-Count": 101}),
        event(1, IMEI, Maximum_Number_of_Reports=0),
    ],
)
def test_values_that_cannot_be(lab: Lab, wrong: dict[str, Any]) -> None:
    assert code(lab.cir(wrong)) == 5512
    assert lab.items() == []


@pytest.mark.parametrize(
    "user",
    [
        {},
        {"External-Identifier": "no identifier"},
        {"User-Name": IMSI},
        {"External-Identifier": "meter-1@customer.example", "User-Name": IMSI},
        {"External-Identifier": "other@customer.example", "Type-Of-External-Identifier": 1},
    ],
)
def test_users_that_are_none(lab: Lab, user: dict[str, Any]) -> None:
    assert lab.cir(event(1, IMEI), User_Identifier=user).result == (TGPP, 5001)


def test_a_database_that_fails(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise OperationalError("SELECT", {}, RuntimeError("disk I/O error"))

    monkeypatch.setattr(tables, "find", broken)
    assert lab.cir(event(1, IMEI)).result == (0, 5012)
    assert lab.say("NIDD-Information", {"NIDD-Authorization-Request": {"Service-Selection": "data"}}).result == (
        0,
        5012,
    )


def test_an_mme_without_monitoring_is_not_asked(lab: Lab) -> None:
    lab.ulr()
    status = lab.cir(event(1, LOSS))["Monitoring-Event-Config-Status"]
    assert status["Service-Report"]["Service-Result"]["Service-Result-Code"] == 5012
    assert (lab.fake.requests, lab.items()) == ([], [])
