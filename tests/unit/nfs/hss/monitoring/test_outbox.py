"""Reports that a SCEF did not take: tried again, kept over a restart, dropped when their time is over."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from diameter import Message
from diameter.errors import RequestTimeout
from helpers.exposure import FLEET, METER, NOW, OTHER, SCEF, Lab, code, event, taken
from helpers.mobility import IMSI, TUAK_IMSI
from nfs.common.store import StoreError
from nfs.hss import tables as subscribers
from nfs.hss.monitoring import access, outbox_tables, revoke
from nfs.hss.monitoring.logic import Service

LOSS, IMEI, ROAMING = 0, 3, 4
PATTERN = "AESE-Communication-Pattern"
PHONE = {"IMEI": "35299708123456", "Software-Version": "78"}
TEN_MINUTES = datetime.fromtimestamp(NOW + 600, UTC)


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    lab = Lab(tmp_path)
    yield lab
    lab.close()


def _noted(lab: Lab) -> None:
    """A report that the SCEF does not take."""
    lab.cir(event(7, IMEI, Monitoring_Duration=TEN_MINUTES))
    lab.scef = RequestTimeout("no answer in 10 s")
    lab.at(Terminal_Information=PHONE)


def test_a_report_is_tried_again_until_it_is_taken(lab: Lab) -> None:
    _noted(lab)
    (note,) = lab.notes()
    assert (note.what, note.tries, note.due) == ("report", 1, NOW + 2)
    lab.later(1)
    assert len(lab.reports()) == 1
    lab.scef = lambda request: request.answer(3004, {"Auth-Session-State": 1}, error=True)
    lab.later(1)
    lab.scef = lambda request: request.answer(4181, {"Auth-Session-State": 1})
    lab.later(4)
    assert [(each.tries, each.due) for each in lab.notes()] == [(3, NOW + 14)]
    lab.scef = taken
    lab.later(8)
    assert (len(lab.reports()), lab.notes()) == (4, [])
    assert len({request.octets[-60:] for request in lab.reports()}) == 1  # the same report each time


def test_what_is_noted_outlives_the_process(lab: Lab) -> None:
    _noted(lab)
    before = lab.reports()
    lab.restart()
    lab.scef = taken
    lab.later(2)
    (report,) = lab.reports()
    assert report["Monitoring-Event-Report"]["IMEI-Change"] == before[0]["Monitoring-Event-Report"]["IMEI-Change"] == 1
    assert report["Destination-Realm"] == "operator.example"
    assert lab.notes() == []
    lab.at(Terminal_Information=PHONE)  # what was reported is known as well
    assert len(lab.reports()) == 1


def test_what_two_processes_see_is_said_by_one(lab: Lab) -> None:
    lab.cir(event(7, IMEI, Monitoring_Duration=TEN_MINUTES))
    lab.ulr(Terminal_Information=PHONE)
    with lab.transaction() as connection:
        assert len(outbox_tables.claim(connection, NOW, 60, 10, ())) == 1
        assert outbox_tables.claim(connection, NOW, 60, 10, ()) == []
    lab.told.settle()
    assert lab.reports() == []
    lab.later(60)  # whoever took it went away
    assert len(lab.reports()) == 1


def test_the_report_of_a_group_leaves_alone_what_another_process_has(lab: Lab) -> None:
    item = outbox_tables.Note(what="group", scef=SCEF, imsi=IMSI, called=METER, grp=FLEET, due=NOW, until=NOW + 9999)
    with lab.transaction() as connection:
        outbox_tables.add(connection, [item, replace(item, due=NOW + 30)])
        (theirs,) = outbox_tables.claim(connection, NOW, 60, 1, ())
        outbox_tables.add(connection, [item])
        (ours,) = outbox_tables.claim(connection, NOW + 1, 60, 1, ())
        found = outbox_tables.claim_group(connection, ours, NOW + 1, 60, 9)
    assert [each.id for each in found] == [theirs.id + 1]  # due or not


def test_what_takes_too_long_is_left_to_others_before_they_take_it(lab: Lab) -> None:
    for number in range(7, 11):
        with lab.transaction() as connection:
            body = {"SCEF-Reference-ID": number, "SCEF-ID": SCEF, "Monitoring-Type": IMEI}
            note = outbox_tables.Note(what="report", scef=SCEF, imsi=IMSI, called=METER, due=NOW, until=NOW + 9999)
            outbox_tables.add(connection, [replace(note, reference=number, body=body)])

    def slow(request: Message) -> Message:
        with lab.transaction() as connection:  # another process looks as soon as it may
            stolen.extend(outbox_tables.claim(connection, int(lab.clock.seconds()), 60, 9, ()))
        lab.clock.advance(25)
        return taken(request)

    stolen: list[outbox_tables.Note] = []
    lab.scef = slow
    lab.later(0)
    assert (len(lab.reports()), stolen, lab.notes()) == (4, [], [])


def test_a_report_lapses_with_its_event(lab: Lab) -> None:
    _noted(lab)
    lab.later(601)
    assert (lab.notes(), lab.items()) == ([], [])
    assert lab.s6t.outbox.counted["expired"] == 1


def test_a_scef_that_is_silent_holds_up_nobody_else(lab: Lab) -> None:
    lab.cir(event(7, IMEI, Monitoring_Duration=TEN_MINUTES), event(8, ROAMING, Monitoring_Duration=TEN_MINUTES))
    lab.cir(event(7, IMEI, Monitoring_Duration=TEN_MINUTES), scef=OTHER, peer="relay.operator.example")

    def only_the_other(request: Message) -> Message:
        if request["Destination-Host"] == OTHER:
            return taken(request)
        raise RequestTimeout("no answer in 10 s")

    lab.scef = only_the_other
    lab.at(Terminal_Information=PHONE)
    assert [each["Destination-Host"] for each in lab.reports()] == [SCEF, OTHER]  # of two for the first one was tried
    assert [each.scef for each in lab.notes()] == [SCEF, SCEF]


def test_a_report_that_is_refused_is_not_repeated(lab: Lab) -> None:
    lab.cir(event(7, IMEI, Monitoring_Duration=TEN_MINUTES))
    lab.scef = lambda request: request.answer(5012, {"Auth-Session-State": 1})
    lab.at(Terminal_Information=PHONE)
    assert (lab.notes(), lab.s6t.outbox.counted["refused"]) == ([], 1)
    assert len(lab.items()) == 1


def test_a_refusal_that_leaves_out_of_what_it_speaks(lab: Lab) -> None:
    """What only a success has to carry may be missing where a failure is reported (RFC 6733 clause 7.1.5)."""
    lab.cir(event(7, IMEI, Monitoring_Duration=TEN_MINUTES))
    status = {"SCEF-ID": SCEF, "Experimental-Result-Code": 5515}
    lab.scef = lambda request: request.answer(5012, {"Monitoring-Event-Report-Status": status})
    lab.at(Terminal_Information=PHONE)
    assert (lab.notes(), lab.s6t.outbox.counted["refused"], len(lab.items())) == ([], 1, 1)
    lab.mme = lambda request: request.answer(
        5012, {"Monitoring-Event-Config-Status": {"SCEF-ID": SCEF}, "Monitoring-Event-Report": {"SCEF-ID": SCEF}}
    )
    assert code(lab.cir(event(8, LOSS, Monitoring_Duration=TEN_MINUTES))) == 5012


def test_it_looks_now_and_then(lab: Lab) -> None:
    lab.s6t.outbox.start()
    _noted(lab)
    lab.scef = taken
    lab.clock.advance(2)
    lab.told.settle()
    assert lab.notes() == []
    lab.s6t.outbox.stop()
    lab.s6t.outbox.start()
    lab.s6t.outbox.wake()
    assert lab.clock.getDelayedCalls() == []


def test_a_database_that_fails(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    lab.cir(event(7, IMEI, Monitoring_Duration=TEN_MINUTES))
    lab.ulr(Terminal_Information=PHONE)

    def broken(*_: object) -> None:
        raise StoreError("database: disk I/O error")

    with monkeypatch.context() as patch:
        patch.setattr(outbox_tables, "done", broken)
        lab.told.settle()
    assert (len(lab.reports()), len(lab.notes())) == (1, 1)
    with monkeypatch.context() as patch:
        patch.setattr(outbox_tables, "claim", broken)
        lab.later(60)
    assert lab.s6t.outbox.counted["database"] == 2
    lab.later(1)
    assert (len(lab.reports()), lab.notes()) == (2, [])


def test_a_right_that_is_taken_away_ends_what_it_allowed(lab: Lab) -> None:
    lab.at()
    lab.cir(event(5, LOSS, Monitoring_Duration=TEN_MINUTES), event(6, IMEI, Monitoring_Duration=TEN_MINUTES))
    lab.say("NIDD-Information", {"NIDD-Authorization-Request": {"Service-Selection": "data"}})
    pattern = {"SCEF-ID": SCEF, "SCEF-Reference-ID": 1}
    lab.cir(AESE_Communication_Pattern=pattern)
    lab.told.requests.clear()
    gone = (Service.LOSS_OF_CONNECTIVITY, Service.NIDD, Service.PATTERN)
    items = lab.items()
    with lab.transaction() as connection:
        access.change(connection, IMSI, access.Row(device="x", scef=SCEF, services=gone), take=True)
        lost = revoke.unauthorised(connection, items)
        assert revoke.cancel(connection, lost, NOW) == 3
    lab.later(1)
    assert [each.reference for each in lab.items()] == [6]
    report = next(each["Monitoring-Event-Report"] for each in lab.reports())
    assert (report["SCEF-Reference-ID"], report["Event-Handling"]) == (5, 2)  # CANCEL
    update = next(each for each in lab.told.requests if each.command_code == 8388726)
    over = update["NIDD-Authorization-Update"]["APN-Validity-Time"]
    assert (over["Granted-Validity-Time"].timestamp(), over["Service-Selection"]) == (NOW - 1, "data")
    assert update["User-Identifier"]["External-Identifier"] == METER
    told = [each["Subscription-Data"] for each in lab.fake.requests[-3:]]
    names = {"Monitoring-Event-Configuration", PATTERN, "APN-Configuration-Profile"}
    assert {name for each in told for name in names if name in each} == names
    (apn,) = (
        each["APN-Configuration-Profile"]["APN-Configuration"] for each in told if "APN-Configuration-Profile" in each
    )
    assert apn["SCEF-ID"] == "scef.example"  # that of the profile again


def test_a_subscription_that_is_removed_ends_everything(lab: Lab) -> None:
    lab.cir(event(6, IMEI, Monitoring_Duration=TEN_MINUTES))
    lab.cir(event(7, ROAMING, Monitoring_Duration=TEN_MINUTES), Supported_Features=None)
    with lab.transaction() as connection:
        subscribers.remove(connection, IMSI)
        subscribers.remove(connection, TUAK_IMSI)
    lab.later(61)
    assert lab.items() == []
    assert lab.reports() == []  # the SCEF said last that it knows no cancellation reports
    with lab.transaction() as connection:
        assert {row["device"] for row in access.listed(connection)} == {"fleet@customer.example"}
