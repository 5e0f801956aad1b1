"""What the operator sees of reports that wait for SCEFs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from diameter.errors import RequestTimeout
from diameter.standing import Alarm, Count, Queue
from helpers.exposure import FLEET, METER, NOW, OTHER, SCEF, Lab, event, taken
from helpers.mobility import IMSI
from nfs.hss.monitoring import outbox_tables, standing

PHONE = {"IMEI": "35299708123456", "Software-Version": "78"}
HOUR = datetime.fromtimestamp(NOW + 3600, UTC)
IMEI = 3


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    lab = Lab(tmp_path)
    yield lab
    lab.close()


def test_a_report_that_is_not_taken_waits_is_seen_and_becomes_an_alarm(lab: Lab) -> None:
    shown = standing.beside(lab.audit, lambda: [Queue("others", 1)], lab.s6t.outbox)
    lab.cir(event(7, IMEI, Monitoring_Duration=HOUR))
    lab.scef = RequestTimeout("no answer in 10 s")
    lab.at(Terminal_Information=PHONE)
    for seconds in (2, 4, 8, 16):
        lab.later(seconds)
    assert lab.notes()[0].tries == standing.STUCK
    lab.later(20)
    assert list(shown.queues()) == [
        Queue("others", 1), Queue("reports to SCEFs", 1), Queue("events to tell serving nodes of", 0),
    ]  # fmt: skip
    text = "1 reports wait for it, one of them tried 5 times"
    assert list(shown.alarms()) == [Alarm("major", "scef-silent", SCEF, text)]
    lab.scef = taken
    lab.later(60)
    lab.later(12)
    assert [(each.length, each.name) for each in shown.queues()][1] == (0, "reports to SCEFs")
    assert list(shown.alarms()) == []
    assert Count(*standing.NOTES, {"outcome": "taken"}, 1) in shown.counts()


def test_what_serving_nodes_are_to_be_told_is_a_queue_of_its_own(lab: Lab) -> None:
    note = outbox_tables.Note(what="forget", scef=OTHER, imsi=IMSI, called=METER, due=NOW, until=NOW + 9, tries=9)
    with lab.transaction() as connection:
        report = replace(note, what="group", grp=FLEET)
        outbox_tables.add(connection, [note, replace(note, what="member"), report, replace(report, tries=2)])
        lab.s6t.outbox.census = outbox_tables.census(connection)
    assert [each.length for each in standing.of_outbox(lab.s6t.outbox)] == [2, 2]
    text = "2 reports wait for it, one of them tried 9 times"
    assert list(standing.stuck(lab.s6t.outbox)) == [Alarm("major", "scef-silent", OTHER, text)]


def test_without_s6t_there_is_nothing_to_show(lab: Lab) -> None:
    shown = standing.beside(lab.audit, lambda: [Queue("others", 1)], None)
    assert list(shown.queues()) == [Queue("others", 1)]
