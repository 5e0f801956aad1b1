"""A report as text, JSON and HTML: grouped, bounded, and strangers' words stay words."""

from __future__ import annotations

import json
from pathlib import Path

from diameter.capture import CaptureWriter, check, report
from diameter.capture.check import MAX_FRAMES, MAX_GROUPS, Report
from diameter.capture.records import Captured
from helpers.messages import dictionary
from helpers.schemas import assert_fits
from helpers.talk import OTHER, Talk, own, without


def damaged(count: int = 3) -> Report:
    """A conversation in which `count` requests lack Origin-Realm, and one answer is of no class."""
    talk = Talk().opened()
    for _ in range(count):
        request = talk.lookup()
        talk.put(without(request, "Origin-Realm"))
        talk.put(request.answer(2001, own(OTHER)), back=True)
    talk.answered(7001)
    return check.run(talk.records, dictionary())


def test_text_says_each_kind_once() -> None:
    out = report.as_text(damaged())
    assert out.startswith("capture: 10 messages in 0.1 s\n\nerror    missing-avp  3 times  TS 29.336 section 6.2.3\n")
    assert "         SIR: Origin-Realm is missing in Subscriber-Information-Request\n" in out
    assert "         frames 3, 5, 7  10.0.0.1:40000 > 10.0.0.2:3868  2025-10-09T08:53:20.030000Z\n" in out
    assert "\nwarning  result-class  once  RFC 6733 section 7.1\n" in out
    assert out.endswith("\n3 errors, 1 warning, no notes")
    assert "result-class" not in report.as_text(damaged(), least="error")


def test_a_good_capture_has_a_short_report() -> None:
    talk = Talk().opened()
    talk.answered()
    assert (
        report.as_text(check.run(talk.records, dictionary())) == "capture: 4 messages in 0.0 s\n\nnothing wrong found"
    )


def test_many_frames_are_told_by_a_few() -> None:
    out = report.as_text(damaged(60))
    assert "60 times" in out
    assert "frames 3, 5, 7, 9, 11, 13, 15, 17 …  " in out
    group = damaged(60).groups[0]
    assert (group.count, len(group.frames)) == (60, MAX_FRAMES)


def test_groups_are_bounded() -> None:
    found = damaged()
    one = found.groups[0].first
    for number in range(MAX_GROUPS + 50):
        found.add(one._replace(what=f"{number}"))
    assert len(found.groups) <= MAX_GROUPS + 1
    assert sum(group.count for group in found.groups) == sum(found.counts.values())


def test_json_fits_its_schema() -> None:
    document = json.loads(report.as_json(damaged()))
    assert_fits("pcap-check", document)
    assert [(one["rule"], one["count"], one["frames"]) for one in document["findings"]] == [
        ("missing-avp", 3, [3, 5, 7]),
        ("result-class", 1, [10]),
    ]
    assert (document["errors"], document["warnings"], document["notes"]) == (3, 1, 0)
    assert document["findings"][0]["first"]["time"] == "2025-10-09T08:53:20.030000Z"


def test_html_needs_nothing_and_runs_nothing() -> None:
    talk = Talk().opened()
    talk.put(talk.request("DWR", own("<img/onerror=alert(1)>.x")))
    page = report.as_html(check.run(talk.records, dictionary()), title="<b>T</b>")
    assert "<img" not in page
    assert "<script" not in page
    assert "http" not in page.replace("http-equiv", "")
    assert "&lt;b&gt;T&lt;/b&gt;" in page
    assert "origin-host-changed" in page
    assert "nothing wrong found" in report.as_html(Report("empty"))


def test_a_year_that_no_calendar_has() -> None:
    talk = Talk()
    talk.now_ns = 1 << 62
    talk.put(talk.lookup(Session_Id="x"))
    assert "4611686018.437388" not in report.as_text(check.run(talk.records, dictionary()))
    record = talk.records[0]
    assert isinstance(record, Captured)
    late = check.run([record._replace(time_ns=1 << 70)], dictionary())
    assert "1180591620717." in report.as_text(late)


def test_a_file_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    talk = Talk().opened()
    talk.answered()
    path = tmp_path / "a.pcapng"
    with CaptureWriter(path) as writer:
        for record in talk.records:
            if isinstance(record, Captured):
                writer.record(record)
    whole = path.read_bytes()
    path.write_bytes(whole[:-10])
    found = check.run(path, dictionary())
    assert found.messages == 3
    assert "ends inside the record at offset" in report.as_text(found)
    path.write_bytes(whole + bytes(12))
    assert "the rest could not be read: " in check.run(path, dictionary()).notice


def test_a_node_that_began_to_write_late_makes_up_a_handshake_that_proves_nothing(tmp_path: Path) -> None:
    talk = Talk()
    talk.answered()
    with CaptureWriter(tmp_path / "a.pcapng") as writer:
        for record in talk.records:
            if isinstance(record, Captured):
                writer.record(record)
    assert check.run(tmp_path / "a.pcapng", dictionary()).groups == []


def test_a_clock_that_goes_back_makes_nobody_wait() -> None:
    talk = Talk().opened()
    request = talk.asked()
    talk.put(request.answer(2001, own(OTHER)), back=True, time_ns=1_760_000_000_000_000)
    talk.asked()
    talk.records[-1] = talk.records[-1]._replace(time_ns=1)
    assert check.run(talk.records, dictionary()).groups == []
