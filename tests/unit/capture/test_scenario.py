"""A session of a capture as a scenario: readable, and back to the same messages; what differs is named."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from diameter import Message, decode
from diameter.capture import Captured, CaptureError
from diameter.capture.extract import extract, of_session, of_transaction, session_of, sessions
from diameter.capture.scenario import Scenario, filled, parse, places
from diameter.capture.stepping import bind, check_all, differences, message_of
from diameter.capture.tomlform import write
from diameter.errors import LocalError
from helpers.captures import HSS, IWF, SCS, Traffic
from helpers.messages import dictionary

MESSAGES = [one._replace(frame=number) for number, one in enumerate(Traffic(dictionary()).run(100), start=1)]
SESSIONS = sessions(MESSAGES, dictionary())


def of(command: str, number: int = 0) -> Scenario:
    """The scenario of the session that begins with the n-th request of this command."""
    found = [one for one in MESSAGES if (d := decode(one.octets, dictionary()).definition) and d.short == command]
    session = session_of(found[number].message(dictionary()))
    return extract(of_session(MESSAGES, session, dictionary()), dictionary(), "made-up.pcapng")


def bare(avps: tuple[object, ...]) -> list[bytes]:
    return sorted(one.octets for one in avps)  # type: ignore[attr-defined]


@pytest.mark.parametrize("session", list(SESSIONS)[:40] + list(SESSIONS)[-40:])
def test_every_message_comes_back_avp_by_avp(session: str) -> None:
    captured = of_session(MESSAGES, session, dictionary())
    scenario = parse(write(extract(captured, dictionary(), "made-up.pcapng")))
    names = {**scenario.names, "session": session}
    assert len(scenario.steps) == len(captured)
    for step, one in zip(scenario.steps, captured, strict=True):
        original = one.message(dictionary())
        made = message_of(step, dictionary(), names, original.hop_by_hop, original.end_to_end)
        assert bare(made.avps) == bare(original.avps)
        assert made.octets[:20] == original.octets[:20]
        assert differences(original, made) == []


def test_what_the_file_looks_like() -> None:
    text = re.sub(" {2,}#", "  #", write(of("SIR")))
    for line in (
        'client = "mtc-iwf.operator.example"  # Origin-Host of the client',
        'session = ""  # made anew for each run; was mtc-iwf.operator.example;',
        'Session-Id = "${session}"',
        'Destination-Realm = "${server_realm}"',
        'User-Identifier.External-Identifier = "${external_id}"',
        'User-Identifier.User-Name = "${imsi}"',
        'Result-Code = "DIAMETER_SUCCESS"',
    ):
        assert line in text, text
    assert "001010000000001" in text.partition("[[message]]")[0]
    assert "001010000000001" not in text.partition("[[message]]")[2]


def test_octets_that_a_dictionary_would_not_make_stay_octets() -> None:
    wrong = bytes.fromhex("0000010b6000000c00000001") + bytes.fromhex("0000ffff4000000a0102ffff")  # P set; padding
    head = "01000000 80800026 0100005d 00000001 00000002"
    octets = bytes.fromhex(head) + wrong
    octets = octets[:1] + len(octets).to_bytes(3) + octets[4:]
    one = Captured(1, ("a", 1), ("b", 2), octets)
    scenario = parse(write(extract([one], dictionary(), "x")))
    assert message_of(scenario.steps[0], dictionary(), scenario.names, 1, 2).octets == octets
    assert scenario.steps[0].flags == 0x80


def test_a_dollar_is_a_dollar() -> None:
    assert filled({"a": ["$$x ${n} $y"]}, {"n": "1"}) == {"a": ["$x 1 $y"]}
    assert list(places({"a": ["$${n} ${m}", 1], "b": {"c": "${k}"}})) == ["m", "k"]
    with pytest.raises(LocalError, match=r"\$\{m\} is not among the names"):
        filled("${m}", {})


def test_a_transaction_is_found_by_either_frame() -> None:
    scenario = of("SIR")
    frames = [int(found[1]) for found in re.finditer(r"frame (\d+);", write(scenario))]
    for frame in frames:
        found = of_transaction(MESSAGES, frame, dictionary())
        assert [one.frame for one in found] == frames
    with pytest.raises(CaptureError, match="no message in frame 99999"):
        of_transaction(MESSAGES, 99999, dictionary())


def test_a_session_is_found_by_a_part_that_only_it_has() -> None:
    whole = next(iter(SESSIONS))
    assert of_session(MESSAGES, whole.partition(";")[2], dictionary()) == of_session(MESSAGES, whole, dictionary())
    with pytest.raises(CaptureError, match="Session-Ids that hold it: "):
        of_session(MESSAGES, SCS, dictionary())
    with pytest.raises(CaptureError, match="none"):
        of_session(MESSAGES, "no such", dictionary())


def test_two_links_and_two_copies_are_one_session() -> None:
    captured = of_session(MESSAGES, next(iter(SESSIONS)), dictionary())
    further = [one._replace(source=("10.0.0.1", 5), destination=("10.0.0.2", 6)) for one in captured]
    scenario = extract([*captured, *captured, *further], dictionary(), "x")
    assert len(scenario.steps) == len(captured)
    assert f"{len(captured)} messages of the same session on other links are left out." in write(scenario)


def answer(scenario: Scenario) -> Message:
    return message_of(scenario.steps[1], dictionary(), {**scenario.names, "session": "a;1;1"})


def test_names_without_a_value_are_learnt_from_what_comes() -> None:
    scenario = of("SIR")
    names = {**scenario.names, "msisdn": "", "imsi": ""}
    bind(scenario.steps[1], answer(scenario), names)
    assert names["session"] == "a;1;1"
    assert names["imsi"] == "001010000000001"
    assert names["msisdn"] == scenario.names["msisdn"]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"add": {"Error-Message": "x"}}, ["Error-Message: not expected, came x"]),
        ({"remove": ["Result-Code"]}, ["Result-Code: expected DIAMETER_SUCCESS (2001), and it is missing"]),
        (
            {"replace": {"Result-Code": 2002}},
            ["Result-Code: expected DIAMETER_SUCCESS (2001), came DIAMETER_LIMITED_SUCCESS (2002)"],
        ),
        (
            {"replace": {"User-Identifier": {"User-Name": "9"}}},
            [
                "User-Identifier.User-Name: expected 001010000000001, came 9",
                "User-Identifier.MSISDN: expected 4917000010, and it is missing",
            ],
        ),
    ],
)
def test_differences_are_named(change: dict[str, object], expected: list[str]) -> None:
    scenario = of("SIR")
    came = answer(scenario).edit(**change)  # type: ignore[arg-type]
    assert differences(answer(scenario), came) == expected
    names = [line.partition(":")[0] for line in expected]
    assert differences(answer(scenario), came, names) == []
    assert differences(answer(scenario), came, [names[0].partition(".")[0], *names]) == []


def test_flags_and_headers_are_compared_too() -> None:
    one = answer(of("SIR"))
    octets = bytearray(one.octets)
    octets[4] |= 0x20
    octets[24] ^= 0x20
    assert differences(one, decode(bytes(octets), dictionary())) == [
        "flags of the header: expected 0x40, came 0x60",
        "Session-Id: flags: expected 0x40, came 0x60",
    ]
    other = answer(of("DAR"))
    assert differences(one, other)[0] == (
        "expected Subscriber-Information-Answer of S6m, came Device-Action-Answer of Tsp"
    )


GOOD = write(of("SIR"))


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("schema = 1", "schema = 2", "x.toml: schema: 1 wanted, not 2"),
        ("schema = 1", "schema = ", "x.toml: Invalid value"),
        ("schema = 1", "schema = 1\nfoo = 1", "x.toml: foo: unknown key"),
        ('client = "', 'client = 1 #"', "x.toml: names: a table of strings wanted"),
        ('ignore = ["', 'ignore = [1, "', "x.toml: ignore: an array of names"),
        ('from = "client"', 'from = "me"', "message 1: from: client or server wanted, not 'me'"),
        ("request = 1", "requests = 1", "message 1: requests: unknown key"),
        ("request = 1\n", "", "message 1: either request = NUMBER or answer = NUMBER wanted"),
        ("request = 1", 'request = "1"', "message 1: the number of its transaction wanted"),
        ("answer = 1", "answer = 2", "message 2: no request 2 of the other party"),
        ('from = "server"', 'from = "client"', "message 2: no request 1 of the other party"),
        ('command = "Sub', 'command = 1 # "Sub', "message 1: command: the name of a command wanted"),
        ('application = "S6m"', "application = true", "message 1: application: a name or number wanted"),
        ('application = "S6m"', 'application = "S6m"\nflags = 256', "message 1: flags: a number below 256"),
        ("schema = 1", "schema = 1" + 5000 * "0", "x.toml: "),
        ("schema = 1", f"schema = {'[' * 5000}", "x.toml: nested too deeply"),
        ("${external_id}", "${unknown}", "message 1: ${unknown} is not in [names], and nothing else uses it"),
        ("${external_id}", "x ${unknown}", "message 1: ${unknown} is not in [names], and no AVP before brings it"),
    ],
)
def test_a_file_that_is_wrong_is_told_where(old: str, new: str, complaint: str) -> None:
    with pytest.raises(LocalError, match=re.escape(complaint)):
        parse(GOOD.replace(old, new, 1), "x.toml")


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ('application = "S6m"', 'application = "S66"', "S66"),
        ('command = "Subscriber-Information-Request"', 'command = "Nope"', "'Nope' is no request of application S6m"),
        ('application = "S6m"', "application = 4294967296", "application: 4294967296 is no number of 32 bits"),
        ('application = "S6m"', "application = -1", "application: -1 is no number of 32 bits"),
        ('"Subscriber-Information-Request"', '"16777216"', "command: 16777216 is no number of 24 bits"),
        ('"Subscriber-Information-Request"', f'"{"8" * 5000}"', f"command: {'8' * 20}... (5000 digits) is no number"),
        ("SIR-Flags = 1", 'SIR-Flags = "x"', "SIR-Flags: 'x' is"),
        ("SIR-Flags = 1", "SIR-Flagged = 1", "no dictionary has an AVP named 'SIR-Flagged'"),
        ("SIR-Flags = 1", 'User-Password = "plain"', 'User-Password: octets are written "hex:0a0b"'),
        ("SIR-Flags = 1", 'User-Password = "hex:0"', "User-Password: no hex behind hex:"),
        ("SIR-Flags = 1", 'MSISDN = "digits:12x"', "MSISDN: '12x' are no digits"),
        ("SIR-Flags = 1", "SIR-Flags.X = 1", "SIR-Flags: is of type Unsigned32, and has no members"),
        ("SIR-Flags = 1", "Proxy-Info.Proxy-Host = 1", "Proxy-Info.Proxy-Host: 1 is no DiameterIdentity"),
    ],
)
def test_a_message_that_cannot_be_is_told_where(old: str, new: str, complaint: str) -> None:
    scenario = parse(GOOD.replace(old, new, 1))
    with pytest.raises(LocalError, match=re.escape(complaint)):
        message_of(scenario.steps[0], dictionary(), scenario.names)
    with pytest.raises(LocalError, match=re.escape("x.toml: message 1: ") + ".*" + re.escape(complaint)):
        check_all(scenario, dictionary(), "x.toml")


def test_the_greatest_numbers_of_a_header_are_sent() -> None:
    text = GOOD.replace('application = "S6m"', "application = 4294967295", 1)
    scenario = parse(text.replace('"Subscriber-Information-Request"', '"000016777215"', 1))
    message = message_of(replace(scenario.steps[0], avps={}), dictionary(), scenario.names)
    assert (message.command_code, message.application_id) == (0xFFFFFF, 0xFFFFFFFF)


def test_more_than_a_length_can_say_is_no_message() -> None:
    scenario = parse(GOOD)
    long = replace(scenario.steps[0], avps={"Error-Message": ["a" * 0x400000] * 4})
    with pytest.raises(LocalError, match=r"avps: 16777248 octets, more than a message can have"):
        message_of(long, dictionary(), {})


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        ('SIR-Flags = "${session}"', None),
        ('Proxy-Info = [{ Proxy-Host = "a.example", Proxy-State = "hex:00" }, { Proxy-Host = "${session}" }]', None),
        ('Nope = "${session}"', "Nope: no dictionary has an AVP named 'Nope'"),
        ('Proxy-Info = [{ Proxy-Host = "${session}", Nope = "x" }]', "Proxy-Info.Nope: no dictionary has an AVP"),
        ('SIR-Flags = { X = "${session}" }', "SIR-Flags: is of type Unsigned32, and has no members"),
    ],
)
def test_a_scenario_is_looked_through_before_its_names_have_values(value: str, complaint: str | None) -> None:
    scenario = parse(GOOD.replace("SIR-Flags = 1", value, 1))
    if complaint is None:
        check_all(scenario, dictionary(), "x.toml")
        return
    with pytest.raises(LocalError, match=re.escape(f"x.toml: message 1: {complaint}")):
        check_all(scenario, dictionary(), "x.toml")


def test_identities_of_the_captured_parties(tmp_path: Path) -> None:
    names = of("SIR").names
    assert (names["client"], names["server"], names["server_realm"]) == (IWF, HSS, "operator.example")


LEARNING = """
schema = 1
[names]
known = ""
[[message]]
from = "client"
request = 1
command = "DAR"
application = "Tsp"
[message.avps]
%s
[[message]]
from = "server"
answer = 1
command = "DAA"
application = "Tsp"
[message.avps]
%s
"""


@pytest.mark.parametrize(
    "values",
    [
        {"Origin-State-Id": 4711},
        {"Auth-Session-State": "NO_STATE_MAINTAINED"},
        {"Auth-Session-State": 77},
        {"Class": "hex:24ff"},
        {"Class": "text:$$wake up"},
        {"Event-Timestamp": datetime(2026, 3, 1, 12, 0, 5, tzinfo=UTC)},
        {"Host-IP-Address": "192.0.2.7"},
        {"Accounting-Sub-Session-Id": 1 << 63},
        {"Exponent": -3},
        {"Redirect-Host": "aaa://a.example:3868;transport=sctp"},
        {"Proxy-Info": {"Proxy-Host": "p.example", "Proxy-State": "hex:00"}},
        {"Device-Action": {"External-Identifier": "$$m@example.org"}},
        {"MSISDN": "digits:4917000010"},
        {"4711:99": "avp:000000638000000d0000126741000000"},
    ],
)
def test_what_a_message_brings_is_used_again(values: dict[str, object]) -> None:
    (name,) = values
    text = LEARNING % ((f'"{name}" = "${{new}}"',) * 2)
    scenario = parse(text)
    assert scenario.names == {"known": "", "new": ""}
    first, second = scenario.steps
    came = message_of(replace(first, avps=values), dictionary(), {})
    names = dict(scenario.names)
    bind(first, came, names)
    assert message_of(first, dictionary(), names).octets[20:] == came.octets[20:]
    assert message_of(second, dictionary(), names).octets[20:] == came.octets[20:]


def test_digits_are_brought_without_how_they_are_written() -> None:
    first, second = parse(LEARNING % ('MSISDN = "digits:${new}"', 'User-Name = "${new}@x.example"')).steps
    came = message_of(replace(first, avps={"MSISDN": "digits:4917000010"}), dictionary(), {})
    names = {"new": ""}
    bind(first, came, names)
    assert names == {"new": "4917000010"}
    assert message_of(second, dictionary(), names)["User-Name"] == "4917000010@x.example"
