"""Who took part, what answers what, and how it ended."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from diameter import decode, encode
from diameter.capture import Captured
from diameter.capture.masking import masked
from diameter.capture.timeline import Timeline
from helpers.captures import HSS, IWF, MME, SCS, SMS_SC, Traffic
from helpers.messages import dictionary, raw_messages, request

A, B, C = ("10.0.0.1", 40_000), ("10.0.0.2", 3868), ("10.0.0.3", 3868)


def timeline(triggers: int) -> Timeline:
    return Timeline(Traffic(dictionary()).run(triggers), dictionary())


def test_participants_stand_in_the_order_of_the_chain() -> None:
    assert timeline(3).participants == [SCS, IWF, HSS, SMS_SC, MME]


def test_every_answer_finds_its_request() -> None:
    steps = timeline(60).steps
    for index, step in enumerate(steps):
        if step.pair >= 0:
            other = steps[step.pair]
            assert other.pair == index
            assert (other.hop_by_hop, other.end_to_end) == (step.hop_by_hop, step.end_to_end)
            assert (other.short[:-1], other.request) == (step.short[:-1], not step.request)
            assert step.latency_ns == (-1 if step.request else step.captured.time_ns - other.captured.time_ns)
    assert [step.short for step in steps if step.outcome == "unanswered"] == ["DTR"]


def test_outcomes() -> None:
    steps = timeline(60).steps
    bad = [step for step in steps if step.outcome not in ("plain", "success")]
    assert Counter((step.short, step.outcome, step.result) for step in bad) == {
        ("SIA", "failure", "10415:5001 DIAMETER_ERROR_USER_UNKNOWN"): 2,
        ("DAA", "declined", "2001 DIAMETER_SUCCESS"): 3,
        ("DTA", "protocol", ""): 1,
        ("DTR", "unanswered", ""): 1,
        ("TFA", "failure", "10415:5550 DIAMETER_ERROR_ABSENT_USER"): 1,
        ("DRR", "declined", ""): 1,
        ("DNR", "declined", ""): 1,
        ("DNA", "protocol", "3004 DIAMETER_TOO_BUSY"): 1,
    }


def test_transient_failures_have_an_outcome_of_their_own() -> None:
    asked = request()
    messages = [
        Captured(1, A, B, encode(asked)),
        Captured(2, B, A, asked.answer(4001).octets),
        Captured(3, B, A, asked.answer(4001).octets),
    ]
    steps = Timeline(messages, dictionary()).steps
    assert [(step.outcome, step.pair) for step in steps] == [("plain", 1), ("transient", 0), ("transient", -1)]


def test_notes_say_what_the_command_does_not() -> None:
    notes = {step.short: step.note for step in timeline(11).steps}
    assert notes["DAR"] == "ref 11"
    assert notes["SIR"] == ""
    assert notes["DNR"] == "UNDELIVERABLE · ref 11"
    declined = next(step for step in timeline(7).steps if step.outcome == "declined")
    assert declined.note == "INVEXTID · ref 7"


def test_messages_of_one_device_are_found_across_reference_points() -> None:
    one = timeline(3)
    groups: dict[str, list[str]] = {}
    for step, subject in zip(one.steps, one.subjects(), strict=True):
        groups.setdefault(subject, []).append(step.short)
    assert sorted(groups) == ["", *(f"meter-{number:04}@meters.example" for number in (1, 2, 3))]
    chain = ["DAR", "SIR", "SIA", "DTR", "DTA", "DAA", "TFR", "TFA", "DRR", "DNR", "DNA", "DRA"]
    assert sorted(groups["meter-0002@meters.example"]) == sorted(chain)


def test_behind_a_relay_the_neighbour_is_the_participant() -> None:
    d = dictionary()
    watchdog = d.request("DWR", {"Origin-Host": "relay.example.net", "Origin-Realm": "example.net"}, application=0)
    asked = request()
    messages = [Captured(1, A, B, encode(asked)), Captured(2, A, B, encode(watchdog))]
    assert Timeline(messages, d).participants == ["relay.example.net", "10.0.0.2:3868"]
    assert Timeline(messages[:1], d).participants == ["scs.example.org", "10.0.0.2:3868"]


def test_masked_messages_have_no_subjects() -> None:
    messages = [one._replace(octets=masked(decode(one.octets, dictionary()))) for one in Traffic(dictionary()).run(2)]
    one = Timeline(messages, dictionary())
    assert set(one.subjects()) == {""}
    assert {step.note for step in one.steps if step.short == "DAR"} == {"ref 1", "ref 2"}


@given(st.lists(st.tuples(raw_messages(), st.sampled_from((A, B, C)), st.sampled_from((A, B, C))), max_size=5))
def test_any_messages_make_a_timeline(messages: list[tuple[bytes, tuple[str, int], tuple[str, int]]]) -> None:
    captured = [Captured(number, source, to, octets) for number, (octets, source, to) in enumerate(messages)]
    one = Timeline(captured, dictionary())
    assert len(one.steps) == len(one.subjects()) == len(messages)
