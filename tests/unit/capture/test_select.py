"""Filters, pairs and lines of captured messages."""

import json
from collections.abc import Iterable

import pytest

from diameter import decode
from diameter.capture import Captured, LinkEvent
from diameter.capture.pairing import WAITING, Pairing
from diameter.capture.select import Selection
from diameter.capture.show import JsonLines, Lines, time_text, tree_text
from diameter.capture.text import short_name
from diameter.errors import LocalError
from helpers.captures import START_NS, Traffic
from helpers.messages import dictionary

MESSAGES = Traffic(dictionary()).run(60)


def chosen(messages: Iterable[Captured] = MESSAGES, **asked: object) -> list[Captured]:
    selection, pairs, out = Selection(dictionary(), **asked), Pairing[bool](), []  # type: ignore[arg-type]
    for one in messages:
        message = one.message(dictionary())
        found = None
        if message.request:
            pairs.request(one, selection.shared(one, message))
        else:
            found = pairs.answer(one)
        if selection.wants(one, message, found is not None and found.mark):
            out.append(one)
    return out


def names(messages: Iterable[Captured]) -> list[str]:
    return [short_name(one.message(dictionary())) for one in messages]


@pytest.mark.parametrize("asked", ["DAR", "Device-Action-Request"])
def test_one_direction_of_a_command(asked: str) -> None:
    assert set(names(chosen(commands=[asked]))) == {"DAR"}


@pytest.mark.parametrize("asked", ["Device-Action", "8388639"])
def test_both_directions_of_a_command(asked: str) -> None:
    assert set(names(chosen(commands=[asked]))) == {"DAR", "DAA"}


def test_an_application_by_name_or_number() -> None:
    by_name, by_number = chosen(applications=["SGd"]), chosen(applications=["16777313"])
    assert by_name == by_number
    assert set(names(by_name)) == {"TFR", "TFA"}


def test_a_subscriber_with_answers() -> None:
    found = chosen(subscribers=["meter-0009@meters.example"])
    assert sorted(set(names(found))) == ["DAA", "DAR", "DNA", "DNR", "DRA", "DRR", "DTA", "DTR", "SIA", "SIR"]
    assert {"TFR", "TFA"} <= set(names(chosen(subscribers=["001010000000009"])))
    assert len(chosen(subscribers=["4917000090"])) == 1  # the answer of the HSS names the MSISDN, in TBCD
    assert chosen(subscribers=["001019999999999"]) == []


def test_results() -> None:
    assert {one.message(dictionary()).result for one in chosen(results=["10415:5001"])} == {(10415, 5001)}
    assert {one.message(dictionary()).result for one in chosen(results=["5xxx"])} == {(10415, 5001), (10415, 5550)}
    assert set(names(chosen(results=["DIAMETER_TOO_BUSY"]))) == {"DNA"}
    assert chosen(results=["2001"]) == chosen(results=["DIAMETER_SUCCESS"])


def test_sessions_peers_and_transports() -> None:
    session = MESSAGES[8].message(dictionary()).text("Session-Id")
    assert len(chosen(sessions=[session])) >= 1
    ends = chosen(peers=["127.0.0.1:3869"])
    assert set(names(ends)) == {"CER", "CEA", "TFR", "TFA"}
    assert set(names(chosen(peers=["mme1.operator.example"]))) == {"CEA", "TFR", "TFA"}
    assert chosen(transports=["sctp"]) == ends
    assert chosen(transports=["tls", "sctp", "tcp"]) == MESSAGES


def test_times() -> None:
    first = MESSAGES[0].time_ns
    assert chosen(end="0.05") == [one for one in MESSAGES if one.time_ns - first <= 50_000_000]
    assert chosen(begin="1") == [one for one in MESSAGES if one.time_ns - first >= 10**9]
    assert chosen(begin=str(START_NS // 10**9), end="2100-01-01") == MESSAGES
    assert chosen(begin="2100-01-01T00:00:00Z") == []


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"commands": ["XYZ"]}, "command named 'XYZ'"),
        ({"applications": ["Nothing"]}, "Nothing"),
        ({"results": ["no way"]}, "'no way' is no code"),
        ({"results": ["DIAMETER_SUCESS"]}, "no dictionary has a result named 'DIAMETER_SUCESS'"),
        ({"transports": ["tpc"]}, "transport: 'tpc' is none of tcp, tls, sctp, dtls, udp"),
        ({"begin": "yesterday"}, "from: 'yesterday'"),
        ({"end": "yesterday"}, "to: 'yesterday'"),
    ],
)
def test_what_cannot_be_asked(asked: dict[str, object], words: str) -> None:
    with pytest.raises(LocalError, match=words):
        Selection(dictionary(), **asked)  # type: ignore[arg-type]


def test_pairs_are_of_one_link_and_bounded() -> None:
    pairs: Pairing[int] = Pairing()
    request, answer = MESSAGES[0], MESSAGES[1]
    pairs.request(request, 7)
    assert pairs.answer(answer._replace(link=9)) is None
    assert pairs.answer(answer) == (0, answer.time_ns - request.time_ns, 7)
    assert pairs.answer(answer) is None
    for number in range(WAITING + 5):
        pairs.request(request._replace(link=number), number)
    assert len(pairs._waiting) == WAITING


def test_lines() -> None:
    lines, pairs = Lines(), Pairing[bool]()
    request = MESSAGES[0]._replace(frame=3, notes=("gap before",))
    pairs.request(request, True)
    text = lines.line(request, request.message(dictionary()), None)
    assert text.startswith("     3  2025-10-09T08:53:20.")
    assert text.endswith("tls  CER Base  [gap before]")
    answer = MESSAGES[1]
    assert lines.line(answer, answer.message(dictionary()), pairs.answer(answer)).endswith("ms after 3)")
    event = LinkEvent(START_NS, "TCP_RST", "RST", "tcp", ("10.0.0.1", 1), ("10.0.0.2", 3868), 4, 1)
    relative = Lines(relative=True)
    assert relative.event(event) == "     4  0.000000  10.0.0.1:1 -> 10.0.0.2:3868  tcp  TCP_RST RST"
    assert relative.event(event._replace(time_ns=START_NS + 1_500_000)).split()[1] == "0.001500"


def test_json_of_messages_and_events() -> None:
    lines = JsonLines(dictionary(), show=True)
    one = MESSAGES[0]._replace(frame=3, stream=2, ppid=46, link=5, notes=("cut",))
    made = json.loads(lines.line(one, one.message(dictionary()), None))
    assert (made["stream"], made["ppid"], made["link"], made["notes"], made["frame"]) == (2, 46, 5, ["cut"], 3)
    assert made["avps"] == json.loads(decode(one.octets, dictionary()).to_json())["avps"]
    event = json.loads(lines.event(LinkEvent(1, "TLS_ALERT", "fatal, unknown_ca", "tls", ("a", 1), ("b", 2), 4, 1)))
    assert (event["event"], event["text"], event["time"]) == ("TLS_ALERT", "fatal, unknown_ca", 1e-9)


def test_identities_are_masked_unless_asked_for() -> None:
    message = next(one for one in MESSAGES if b"meter-0001@" in one.octets).message(dictionary())
    assert "meter-0001" in tree_text(message, dictionary(), show=True)
    assert "meter-0001" not in tree_text(message, dictionary(), show=False)


def test_times_beyond_any_calendar() -> None:
    assert time_text(10**30) == "1000000000000000000000.000000"
