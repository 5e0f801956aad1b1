"""Error answers themselves: answer-message, Failed-AVP, Error-Reporting-Host, Experimental-Result; none to an answer
(RFC 6733 sections 4.1, 4.4 and 7.2 to 7.7).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import pytest

from diameter import Message, decode, encode
from diameter.errors import REFUSE, ApplicationFault, ErrorAnswer
from diameter.routing.agents import Agent
from diameter.trace import Drop
from diameter.wire import avp, header
from helpers.agents import AGENT, Chain, server_name
from helpers.nodes import ACTION, LEFT, REALM, RIGHT, TSP, Answering, Bench, dictionary, split, succeed

M: Final = avp.FLAG_M
V: Final = avp.FLAG_V
UNKNOWN: Final = avp.build(77_777, 0, M, b"abcd")
UNKNOWN_OF_A_VENDOR: Final = avp.build(77, 99_999, V | M, b"abcde")
PROXY_INFO: Final = {"Proxy-Host": "proxy.example.org", "Proxy-State": b"\1\2\3"}


def sized(octets: bytes) -> bytes:
    """The message with the Message Length that it has."""
    return octets[:1] + len(octets).to_bytes(3) + octets[4:]


def with_more(message: Message, octets: bytes) -> bytes:
    """A message with octets appended."""
    return sized(message.octets + octets)


def in_device_action(bench: Bench, octets: bytes) -> bytes:
    """A request with `octets` in its Device-Action group."""
    group = bench.request()["Device-Action"].octets + octets
    return encode(bench.request({"Device-Action": group}))


def refusing(message: Message) -> list[str]:
    return [fault.text for fault in message.faults if fault.verdict == REFUSE]


# ---- 4.1, 4.4: the M bit


@pytest.mark.parametrize("octets", [UNKNOWN, UNKNOWN_OF_A_VENDOR], ids=["base", "vendor"])
def test_an_unknown_avp_with_m_is_shown_whole(octets: bytes) -> None:
    with Bench() as bench:
        (answer,) = bench.inject(with_more(bench.request(), octets))
        assert answer.result == (0, 5001)
        assert answer["Failed-AVP"].octets == octets


@pytest.mark.parametrize("octets", [UNKNOWN, UNKNOWN_OF_A_VENDOR], ids=["base", "vendor"])
def test_an_unknown_avp_without_m_is_passed_over(octets: bytes) -> None:
    octets = octets[:4] + bytes((octets[4] & ~M,)) + octets[5:]
    with Bench() as bench:
        assert bench.inject(with_more(bench.request(), octets))[0].result == (0, 2001)
        assert bench.inject(in_device_action(bench, octets))[0].result == (0, 2001)


def test_an_unknown_avp_with_m_in_a_group_is_shown_in_its_group() -> None:
    with Bench() as bench:
        (answer,) = bench.inject(in_device_action(bench, UNKNOWN))
        assert answer.result == (0, 5001)
        (group,) = answer["Failed-AVP"].avps
        assert (group.name, group.data) == ("Device-Action", UNKNOWN)


def test_what_stands_in_an_unknown_avp_without_m_is_not_looked_at() -> None:
    with Bench() as bench:
        assert bench.inject(with_more(bench.request(), avp.build(88_888, 0, 0, UNKNOWN)))[0].result == (0, 2001)


def test_an_answer_with_an_unknown_avp_with_m_is_no_answer() -> None:
    """Section 4.1: it is not used; whoever asked is told, and nothing goes back to the server."""

    def odd(request: Message) -> Any:
        return decode(with_more(succeed(request), UNKNOWN), dictionary())

    with Bench(Answering(odd)) as bench:
        sent = bench.pair.left.stats.answers_out
        with pytest.raises(ErrorAnswer, match="77777"):
            bench.ask()
        assert bench.pair.left.stats.dropped == {Drop.FAULTY_ANSWER: 1}
        assert bench.pair.left.stats.answers_out == sent


def test_a_relay_does_not_reject_what_it_does_not_know() -> None:
    with Chain() as chain:
        (answer,) = chain.inject(with_more(chain.request(), UNKNOWN))
        assert (answer["Result-Code"], answer["Origin-Host"]) == (5001, server_name(0))
        assert answer["Failed-AVP"].octets == UNKNOWN


# ---- 7.1.5, 7.5: Failed-AVP

NO_TEXT: Final = avp.build(1, 0, M, b"\xff\xfe")
HEAD: Final = (1).to_bytes(4) + bytes((M,))
FAILED: Final[dict[str, tuple[Callable[[Bench], bytes], int, bytes]]] = {
    "a value that is none": (
        lambda bench: with_more(bench.request(), NO_TEXT), 5004, NO_TEXT,
    ),
    "missing: zeros of the least length": (
        lambda bench: bench.request(Auth_Session_State=None).octets, 5005, avp.build(277, 0, M, bytes(4)),
    ),
    "missing: of no length": (
        lambda bench: bench.request(Origin_Realm=None).octets, 5005, avp.build(296, 0, M, b""),
    ),
    "missing in a group: with Vendor-Id, in its group": (
        lambda bench: bench.request({"Device-Action": avp.build(3005, 10415, V | M, (1).to_bytes(4))}).octets, 5005,
        avp.build(3001, 10415, V | M, avp.build(3007, 10415, V | M, bytes(4))),
    ),
    "contradicting": (
        lambda bench: bench.request(Auth_Application_Id=4).octets, 5007, avp.build(258, 0, M, (4).to_bytes(4)),
    ),
    "too many: the first in excess": (
        lambda bench: with_more(
            bench.request(), avp.build(283, 0, M, b"second.example") + avp.build(283, 0, M, b"third.example")
        ), 5009, avp.build(283, 0, M, b"second.example"),
    ),
    "length beyond the message: header and least payload": (
        lambda bench: with_more(bench.request(), avp.build(277, 0, M, bytes(4))[:5] + b"\0\1\0" + bytes(4)), 5014,
        avp.build(277, 0, M, bytes(4))[:5] + b"\0\1\0" + bytes(4),
    ),
    "length beyond the message: a group gets no payload": (
        lambda bench: with_more(bench.request(), (279).to_bytes(4) + b"\x40\0\1\0abcd"), 5014,
        (279).to_bytes(4) + b"\x40\0\1\0",
    ),
    "length below a header": (lambda bench: with_more(bench.request(), HEAD + b"\0\0\7"), 5014, HEAD + b"\0\0\7"),
    "length of zero": (lambda bench: with_more(bench.request(), HEAD + b"\0\0\0"), 5014, HEAD + b"\0\0\0"),
    "half a header: padded with zeros": (
        lambda bench: with_more(bench.request(), b"\0\0\0\1"), 5014, b"\0\0\0\1\0\0\0\0",
    ),
    "a wrong size of a basic format": (
        lambda bench: with_more(bench.request(Auth_Session_State=None), avp.build(277, 0, M, bytes(8))), 5014,
        avp.build(277, 0, M, bytes(8)),
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", FAILED)
def test_failed_avp(what: str) -> None:
    make, code, failed = FAILED[what]
    with Bench() as bench:
        (answer,) = bench.inject(make(bench))
        assert answer.result == (0, code)
        assert [group.octets for group in answer.all("Failed-AVP")] == [failed]
        assert refusing(answer) == []
        assert bench.server.seen == []


def test_only_the_first_error_is_reported() -> None:
    with Bench() as bench:
        (answer,) = bench.inject(with_more(bench.request(), UNKNOWN + avp.build(283, 0, M, b"second.example")))
        assert len(answer.all("Result-Code")) == len(answer.all("Failed-AVP")) == 1
        assert len(answer["Failed-AVP"].avps) == 1


# ---- 7.2: the E bit and answer-message

PROTOCOL_ERRORS: Final[dict[str, dict[str, Any]]] = {
    "3002": {"Destination_Host": "other.example.org"},
    "3003": {"Destination_Realm": "example.net"},
}


@pytest.mark.parametrize("what", PROTOCOL_ERRORS)
def test_an_answer_with_the_e_bit_is_an_answer_message(what: str) -> None:
    with Bench() as bench:
        changes = PROTOCOL_ERRORS[what] | {"Proxy_Info": [PROXY_INFO, PROXY_INFO]}
        request = bench.request(hop_by_hop=0x01020304, **changes)
        (answer,) = bench.inject(request)
        assert (answer.flags, answer.command_code) == (header.FLAG_P | header.FLAG_E, request.command_code)
        assert (answer.application_id, answer.hop_by_hop, answer.end_to_end) == (TSP, 0x01020304, 0x01020304)
        names = [one.name for one in answer.avps]
        assert names[0] == "Session-Id"
        assert set(names) == {"Session-Id", "Result-Code", "Origin-Host", "Origin-Realm", "Error-Message", "Proxy-Info"}
        assert answer["Result-Code"] == int(what)
        assert (answer["Origin-Host"], answer["Origin-Realm"]) == (RIGHT, REALM)
        assert [group.octets for group in answer.all("Proxy-Info")] == [
            group.octets for group in request.all("Proxy-Info")
        ]
        assert answer.faults == ()


def test_a_request_without_session_has_an_error_answer_without_one() -> None:
    with Bench() as bench:
        request = bench.request()
        octets = encode(request)
        (answer,) = bench.inject(octets[:4] + b"\xe0" + octets[5:])  # E on a request
        assert answer["Session-Id"] == request["Session-Id"]
        size = 8 + len(request.raw("Session-Id"))
        less = octets[:20] + octets[20 + size + (-size & 3) :]
        (answer,) = bench.inject(sized(less[:4] + b"\xe0" + less[5:]))
        assert (answer.result, answer.error, answer.get("Session-Id")) == ((0, 3008), True, None)
        assert answer.faults == ()


@pytest.mark.parametrize("flags", [0x80, 0xC0])
def test_the_p_bit_of_an_error_answer_is_the_requests(flags: int) -> None:
    with Bench() as bench:
        octets = header.build(flags, 8388645, TSP, 1, 1, encode(bench.request())[20:])
        (answer,) = bench.inject(octets)
        assert (answer.error, answer.proxiable, answer.command_code) == (True, flags == 0xC0, 8388645)


def test_an_error_answer_of_the_application_must_keep_answer_message() -> None:
    """A handler cannot send one that violates the grammar: it is a bug, answered 5012."""
    with Bench(Answering(lambda request: request.answer(3004, {"Error-Message": ["one", "two"]}))) as bench:
        assert bench.inject(bench.request())[0].result == (0, 5012)


# ---- 7.2: nothing in response to an answer


def broken_answers(bench: Bench) -> dict[str, bytes]:
    """Answers that nobody asked for, each with another fault."""
    good = succeed(split(bench.request().octets)[0]).octets
    return {
        "in order": good,
        "an error": split(bench.request().octets)[0].answer(3002).octets,
        "unknown command": good[:5] + (8388645).to_bytes(3) + good[8:],
        "unknown application": good[:8] + (99).to_bytes(4) + good[12:],
        "unknown AVP with M": sized(good + UNKNOWN),
        "too many": sized(good + avp.build(264, 0, M, b"again.example.org")),
        "nothing in it": sized(good[:20]),
        "broken AVP": sized(good + b"\0\0\0\1\x40\0\0\0"),
        "T bit": good[:4] + bytes((good[4] | header.FLAG_T,)) + good[5:],
    }


def test_no_answer_to_an_answer() -> None:
    with Bench() as bench:
        answers_ = broken_answers(bench)
        for octets in answers_.values():
            assert bench.inject(octets) == []
        assert bench.pair.right.stats.dropped == {Drop.STRAY_ANSWER: len(answers_)}
        assert bench.inject(bench.request())[0].result == (0, 2001)


@pytest.mark.parametrize("start", [b"\2\0\0\x14", b"\1\0\0\x15", b"\1\xff\xff\xfc"], ids=["5011", "5015", "too long"])
def test_no_answer_to_an_answer_that_cannot_be_parsed(start: bytes) -> None:
    """The link is closed, as for a request, but nothing is said."""
    with Bench() as bench:
        before = bench.pair.right.stats.answers_out
        back = bench.inject(start + succeed(split(bench.request().octets)[0]).octets[4:20])
        assert [one for one in back if one.error or one.command_code not in (257, 280, 282)] == []
        assert bench.pair.right.stats.answers_out == before
        assert bench.pair.right.stats.refused == {}


def test_no_answer_to_an_answer_in_transit() -> None:
    with Chain() as chain:
        good = succeed(decode(encode(chain.request()), dictionary())).octets
        assert chain.inject(good) == []
        assert chain.inject(sized(good + UNKNOWN)) == []


# ---- 7.3, 7.4, 7.6


def test_error_message_is_for_people_and_short() -> None:
    with Bench() as bench:
        (answer,) = bench.inject(bench.request(Destination_Realm="x" * 60 + "." + "y" * 60 + ".example"))
        assert 0 < len(answer["Error-Message"]) <= 200


class Spoiling(Agent):
    """A proxy that makes a failure of each success."""

    edits = True

    def answer(self, answer: Message, request: Message) -> Any:
        return answer.edit(replace={"Result-Code": 5003})


def test_error_reporting_host_is_who_set_the_result() -> None:
    with Chain(agent=Spoiling()) as chain:
        (answer,) = chain.inject(chain.request())
        assert (answer["Result-Code"], answer["Origin-Host"]) == (5003, server_name(0))
        assert answer["Error-Reporting-Host"] == AGENT


def test_error_reporting_host_of_a_failure_that_passes_is_left_alone() -> None:
    def refuse(request: Message) -> Message:
        return request.answer(5012, {"Error-Reporting-Host": "behind.home.example"})

    for agent in (None, Spoiling()):
        with Chain([Answering(refuse)], agent=agent) as chain:
            (answer,) = chain.inject(chain.request())
            assert answer["Error-Reporting-Host"] == "behind.home.example"


def test_no_error_reporting_host_where_origin_host_says_it() -> None:
    with Bench() as bench:
        (answer,) = bench.inject(bench.request(Destination_Realm="example.net"))
        assert (answer["Origin-Host"], answer.get("Error-Reporting-Host")) == (RIGHT, None)


@pytest.mark.parametrize("code", [4181, 5001, 5653, 9999])
def test_experimental_result_for_a_vendors_codes(code: int) -> None:
    with Bench(Answering(lambda request: ApplicationFault(code, vendor=10415))) as bench:
        (answer,) = bench.inject(bench.request())
        assert (answer.result, answer.error) == ((10415, code), False)
        assert "Result-Code" not in answer
        group = answer["Experimental-Result"]
        assert [(one.name, one.flags, one.value) for one in group.avps] == [
            ("Vendor-Id", M, 10415),
            ("Experimental-Result-Code", M, code),
        ]
        assert bench.ask(ACTION).result == (10415, code)


def test_session_id_comes_first_in_every_refusal() -> None:
    with Bench() as bench:
        for octets in (
            with_more(bench.request(), UNKNOWN),
            encode(bench.request(Origin_Host="liar.example.org")),
            encode(bench.request(Destination_Realm="example.net")),
        ):
            (answer,) = bench.inject(octets)
            assert answer.avps[0].name == "Session-Id"
            assert answer["Session-Id"] == f"{LEFT};1;1"
            assert refusing(answer) == []
