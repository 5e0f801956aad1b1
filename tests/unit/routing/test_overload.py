"""Overload reports, Load and priorities (RFC 7683, RFC 8583, RFC 7944), rule by rule."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diameter import Message, decode, encode
from diameter.routing.duplicates import again
from diameter.routing.marks import marks_of
from diameter.routing.overload import (
    HOST_REPORT,
    IDLE,
    REALM_REPORT,
    Reporter,
    Reports,
    Said,
    load_avps,
    loads_of,
    priority_of,
    share_of,
)
from helpers.nodes import ACTION, LEFT, REALM, RIGHT, TSP, dictionary

SUPPORTED = {"OC-Supported-Features": {"OC-Feature-Vector": 1}}


def request(**avps: Any) -> Message:
    filled: dict[str, Any] = {
        "Session-Id": f"{LEFT};1;1", "Auth-Application-Id": TSP, "Auth-Session-State": 1,
        "Origin-Host": LEFT, "Origin-Realm": REALM, "Destination-Realm": REALM, **ACTION, **avps,
    }  # fmt: skip
    return decode(encode(dictionary().request("Device-Action", filled, application="Tsp")), dictionary())


def olr(sequence: int = 1, percent: int = 50, kind: int = HOST_REPORT, **more: Any) -> dict[str, Any]:
    return {
        "OC-Sequence-Number": sequence, "OC-Report-Type": kind, "OC-Reduction-Percentage": percent,
        **{name.replace("_", "-"): value for name, value in more.items()},
    }  # fmt: skip


def answer(*reports: dict[str, Any], **avps: Any) -> Message:
    said = {**SUPPORTED, "OC-OLR": list(reports)} if reports else {}
    origin = {"Origin-Host": RIGHT, "Origin-Realm": REALM}
    return request().answer(5012, {**origin, **said, **avps})


def withheld(reports: Reports, number: int = 100, *, host: str = RIGHT, now: float = 1.0, priority: int = 10) -> int:
    return sum(reports.host(TSP, host, priority, now) for _ in range(number))


# ---- reacting


def test_the_share_asked_for_is_withheld_exactly() -> None:
    for percent in (0, 1, 20, 33, 50, 99, 100):
        reports = Reports()
        reports.hear(answer(olr(percent=percent)), 0.0)
        assert withheld(reports, 1000) == percent * 10


def test_a_host_report_is_for_its_host_and_application_only() -> None:
    reports = Reports()
    reports.hear(answer(olr(percent=100)), 0.0)
    assert reports.host(TSP, RIGHT.upper(), 10, 1.0)
    assert not reports.host(TSP, LEFT, 10, 1.0)
    assert not reports.host(TSP + 1, RIGHT, 10, 1.0)
    assert not reports.realm(TSP, REALM, 10, 1.0)


def test_a_realm_report_is_for_requests_to_the_realm() -> None:
    reports = Reports()
    reports.hear(answer(olr(percent=100, kind=REALM_REPORT)), 0.0)
    assert reports.realm(TSP, REALM, 10, 1.0)
    assert not reports.realm(TSP, "other.example", 10, 1.0)
    assert not reports.host(TSP, RIGHT, 10, 1.0)


def test_both_kinds_in_one_answer() -> None:
    reports = Reports()
    reports.hear(answer(olr(percent=100), olr(percent=100, kind=REALM_REPORT)), 0.0)
    assert len(reports) == 2


@pytest.mark.parametrize(
    ("validity", "lasts_s"), [({}, 30), ({"OC_Validity_Duration": 5}, 5), ({"OC_Validity_Duration": 86_401}, 30)]
)
def test_a_report_expires(validity: dict[str, int], lasts_s: int) -> None:
    reports = Reports()
    reports.hear(answer(olr(percent=100, **validity)), 0.0)
    assert withheld(reports, 1, now=lasts_s - 0.1) == 1
    assert withheld(reports, 100, now=lasts_s + 10) == 0


@pytest.mark.parametrize("ending", ["expired", "ended"])
def test_traffic_returns_little_by_little(ending: str) -> None:
    """Sections 5.2.2 and 6.3: from all to nothing withheld in ten seconds, not at once."""
    reports = Reports()
    reports.hear(answer(olr(sequence=1, percent=100, OC_Validity_Duration=20)), 0.0)
    assert withheld(reports, 100, now=19.0) == 100
    if ending == "ended":
        reports.hear(answer(olr(sequence=2, percent=0, OC_Validity_Duration=0)), 20.0)
    assert [withheld(reports, 1000, now=20.0 + after) for after in (0, 2.5, 5, 7.5, 10)] == [1000, 750, 500, 250, 0]


def test_a_report_that_asked_for_nothing_leaves_nothing() -> None:
    reports = Reports()
    reports.hear(answer(olr(percent=0)), 0.0)
    assert withheld(reports, 100, now=31.0) == 0


def test_an_older_report_does_not_bring_back_what_has_ended() -> None:
    reports = Reports()
    reports.hear(answer(olr(sequence=1, percent=40)), 0.0)
    reports.hear(answer(olr(sequence=2, percent=0, OC_Validity_Duration=0)), 1.0)
    reports.hear(answer(olr(sequence=1, percent=40)), 2.0)
    assert withheld(reports, 1000, now=10.9) < 10
    reports.hear(answer(olr(sequence=3, percent=40)), 3.0)
    assert withheld(reports, 1000, now=10.9) == 400


def test_a_sequence_number_may_roll_over() -> None:
    reports = Reports()
    reports.hear(answer(olr(sequence=2**64 - 1, percent=100)), 0.0)
    reports.hear(answer(olr(sequence=2**63, percent=0)), 1.0)
    assert withheld(reports, 10) == 10
    reports.hear(answer(olr(sequence=3, percent=0)), 1.0)
    assert withheld(reports, 10) == 0


def test_only_a_higher_sequence_number_replaces_a_report() -> None:
    reports = Reports()
    reports.hear(answer(olr(sequence=5, percent=100)), 0.0)
    for sequence in (4, 5):
        reports.hear(answer(olr(sequence=sequence, percent=0)), 1.0)
        assert withheld(reports, 1) == 1
    reports.hear(answer(olr(sequence=6, percent=0)), 1.0)
    assert withheld(reports, 10) == 0


def test_the_same_report_again_does_not_prolong_it() -> None:
    reports = Reports()
    reports.hear(answer(olr(percent=100)), 0.0)
    reports.hear(answer(olr(percent=100)), 20.0)
    assert withheld(reports, 1, now=40.0) == 0


def test_a_validity_of_zero_ends_it() -> None:
    reports = Reports()
    reports.hear(answer(olr(sequence=1, percent=100)), 0.0)
    reports.hear(answer(olr(sequence=2, percent=100, OC_Validity_Duration=0)), 1.0)
    assert withheld(reports, 100, now=11.0) == 0
    reports.hear(answer(olr(sequence=1, percent=100, OC_Validity_Duration=0)), 1.0)
    unheard = Reports()
    unheard.hear(answer(olr(sequence=1, percent=100, OC_Validity_Duration=0)), 1.0)
    assert len(unheard) == 0


def test_what_is_not_heard() -> None:
    reports = Reports()
    reports.hear(answer(olr(percent=101)), 0.0)
    reports.hear(answer(olr(kind=7)), 0.0)
    reports.hear(answer(**{"OC-OLR": olr()}), 0.0)  # without OC-Supported-Features
    reports.hear(answer(), 0.0)
    reports.hear(answer(olr()).edit(replace={"OC-OLR": b"\0\0\2\x70\0\0\0\7"}), 0.0)
    reports.hear(answer(olr()).edit(remove="Origin-Host"), 0.0)
    assert len(reports) == 0


def test_reports_are_bounded_and_dead_ones_make_room() -> None:
    reports = Reports()
    one = answer(olr(percent=100))
    for number in range(1100):
        reports.hear(one.edit(replace={"Origin-Host": f"h{number}.example.org"}), 0.0)
    assert len(reports) == 1024
    reports.hear(one, 41.0)
    assert len(reports) == 1


def test_high_priorities_are_withheld_last() -> None:
    """RFC 7944: whoever has a low priority pays first, and the sum stays what was asked for."""
    reports = Reports()
    reports.hear(answer(olr(percent=20)), 0.0)
    high = low = 0
    for _ in range(500):
        high += withheld(reports, 1, priority=0)
        low += withheld(reports, 1, priority=15)
    assert (high, low) == (0, 200)
    assert withheld(reports, 1000, priority=0) in range(180, 201)  # alone it pays too


# ---- reporting


def said(reporter: Reporter, now: float, asking: Message | None = None) -> Message:
    octets = reporter.avps(asking or request(**SUPPORTED), now)
    empty = encode(dictionary().request("Device-Watchdog", {"Origin-Host": "a", "Origin-Realm": "b"}))
    return Message(empty[:20] + octets, dictionary())


def test_nothing_is_said_to_whoever_does_not_ask() -> None:
    reporter = Reporter(dictionary())
    reporter.ask(20, 100.0)
    assert reporter.avps(request(), 100.0) == b""
    other = request(**{"OC-Supported-Features": {"OC-Feature-Vector": 2}})
    assert reporter.avps(other, 100.0) == b""


def test_without_a_vector_the_loss_algorithm_is_meant() -> None:
    reporter = Reporter(dictionary())
    message = said(reporter, 100.0, request(**{"OC-Supported-Features": {}}))
    assert message["OC-Supported-Features"]["OC-Feature-Vector"] == 1
    assert "OC-OLR" not in message


def test_a_report_says_what_is_asked_for() -> None:
    reporter = Reporter(dictionary())
    reporter.ask(20, 100.0, validity_s=60)
    reporter.ask(50, 100.0, kind=REALM_REPORT)
    first, second = said(reporter, 100.0).all("OC-OLR")
    assert (first["OC-Reduction-Percentage"], first["OC-Report-Type"], first["OC-Validity-Duration"]) == (20, 0, 60)
    assert (second["OC-Reduction-Percentage"], second["OC-Report-Type"]) == (50, 1)


def test_the_sequence_number_grows_with_each_change_and_over_a_restart() -> None:
    reporter, numbers = Reporter(dictionary()), []
    for percent in (20, 20, 30, 0):
        reporter.ask(percent, 100.0)
        numbers.append(said(reporter, 100.0)["OC-OLR"]["OC-Sequence-Number"])
    assert numbers == [100, 100, 101, 102]
    again = Reporter(dictionary())
    again.ask(10, 200.0)
    assert said(again, 200.0)["OC-OLR"]["OC-Sequence-Number"] > numbers[-1]


def test_a_report_is_renewed_before_it_expires() -> None:
    """Section 7.5: its validity counts from when a sequence number was first heard."""
    reporter, reports, numbers = Reporter(dictionary()), Reports(), []
    for second in range(100, 140):
        reporter.ask(100, float(second), validity_s=10)
        group = said(reporter, float(second))["OC-OLR"]
        numbers.append(group["OC-Sequence-Number"])
        reports.hear(answer(**SUPPORTED, **{"OC-OLR": group}), float(second))
        assert withheld(reports, 10, now=second + 0.9) == 10
    assert len(set(numbers)) == 8
    assert numbers == sorted(numbers)


def test_what_an_agent_adds_for_its_realm() -> None:
    reporter, asking = Reporter(dictionary()), request(**SUPPORTED)
    reporter.ask(20, 100.0)
    reporter.ask(50, 100.0, kind=REALM_REPORT)

    def added(passing: Message, by: Message = asking) -> Message:
        empty = encode(dictionary().request("Device-Watchdog", {"Origin-Host": "a", "Origin-Realm": "b"}))
        return Message(empty[:20] + reporter.front(by, passing, ("a.example", REALM.upper()), 100.0), dictionary())

    whole = added(answer())
    assert whole["OC-OLR"]["OC-Report-Type"] == REALM_REPORT
    assert whole["OC-Supported-Features"]["OC-Feature-Vector"] == 1
    beside = added(answer(olr()))
    assert beside["OC-OLR"]["OC-Report-Type"] == REALM_REPORT
    assert "OC-Supported-Features" not in beside
    for nothing in (
        added(answer(olr(kind=REALM_REPORT))),
        added(answer(**{"Origin-Realm": "other.example"})),
        added(answer().edit(remove="Origin-Realm")),
        added(answer(), by=request()),
        added(answer(olr()).edit(replace={"OC-OLR": b"\0\0\2\x70\0\0\0\7"})),
    ):
        assert nothing.avps == ()


def test_the_end_is_told_as_long_as_old_reports_may_last() -> None:
    reporter = Reporter(dictionary())
    reporter.ask(20, 100.0, validity_s=10)
    reporter.ask(0, 105.0)
    reporter.ask(0, 106.0)
    end = said(reporter, 114.0)["OC-OLR"]
    assert (end["OC-Validity-Duration"], end["OC-Reduction-Percentage"]) == (0, 0)
    assert "OC-OLR" not in said(reporter, 115.0)


def test_what_one_says_the_other_does() -> None:
    reporter, reports = Reporter(dictionary()), Reports()
    reporter.ask(25, 1.0)
    group = said(reporter, 1.0)["OC-OLR"]
    reports.hear(answer(**SUPPORTED, **{"OC-OLR": group}), 1.0)
    assert withheld(reports, 100, now=2.0) == 25


@given(st.lists(st.tuples(st.integers(20, 10_000), st.integers(0, 255)), max_size=12))
def test_damaged_messages_are_passed_over(changes: list[tuple[int, int]]) -> None:
    reports, reporter = Reports(), Reporter(dictionary())
    reporter.ask(20, 0.0)
    load = {"Load-Type": 0, "SourceID": "a", "Load-Value": 7}
    for whole in (answer(olr(), olr(kind=1), Load=load, DRMP=3), request(**SUPPORTED, DRMP=3)):
        octets = bytearray(whole.octets)
        for at, value in changes:
            octets[20 + at % (len(octets) - 20)] = value
        message = Message(bytes(octets), dictionary())
        reports.hear(message, 0.0)
        assert all(0 <= one.value <= IDLE for one in loads_of(message))
        assert 0 <= priority_of(message) <= 15
        assert len(reporter.avps(message, 0.0)) % 4 == 0
        way, key = marks_of(message)
        assert not way or key
        assert Message(again(message.octets, message), dictionary()).framed


# ---- load, priority


def test_load_is_higher_where_less_is_in_use() -> None:
    for share, value in ((0.0, IDLE), (1.0, 0), (0.5, 32768), (7.0, 0)):
        message = Message(request().octets[:20] + load_avps(dictionary(), RIGHT.upper(), share), dictionary())
        assert list(loads_of(message)) == [Said(0, RIGHT, value), Said(1, RIGHT, value)]


def test_loads_that_are_passed_over() -> None:
    broken = [{"Load-Type": 0}, {"Load-Type": 0, "SourceID": "a", "Load-Value": 65536}]
    assert list(loads_of(answer(Load=broken))) == []
    assert list(loads_of(answer())) == []
    assert list(loads_of(answer(Load=broken).edit(replace={"Load": b"\0\0\2\x89\0\0\0\7"}))) == []


def test_priority() -> None:
    assert [priority_of(request(DRMP=value)) for value in (0, 15)] == [0, 15]
    assert priority_of(request()) == 10
    wrong = request(DRMP=1)
    assert priority_of(Message(wrong.octets[:-1] + b"\x63", dictionary())) == 10


def test_a_quarter_of_the_places_is_for_higher_priorities() -> None:
    assert [share_of(60, priority) for priority in (0, 10, 15)] == [60, 50, 45]
    assert share_of(1, 15) == 1
