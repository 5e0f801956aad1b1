"""The Result-Codes of RFC 6733 section 7.1, row by row: class, E bit, and what makes a node answer with each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import pytest

from diameter import Message, encode
from diameter.config import PeerConfig
from diameter.errors import ApplicationFault, ErrorAnswer, ResultCode
from diameter.wire import avp, header
from helpers.agents import AGENT, Chain
from helpers.nodes import ACTION, LEFT, REALM, RIGHT, Answering, Bench, dictionary, succeed
from helpers.strangers import Stranger, cer, listening

ROWS: Final = {
    "7.1.1": {1001: "DIAMETER_MULTI_ROUND_AUTH"},
    "7.1.2": {2001: "DIAMETER_SUCCESS", 2002: "DIAMETER_LIMITED_SUCCESS"},
    "7.1.3": {
        3001: "DIAMETER_COMMAND_UNSUPPORTED",
        3002: "DIAMETER_UNABLE_TO_DELIVER",
        3003: "DIAMETER_REALM_NOT_SERVED",
        3004: "DIAMETER_TOO_BUSY",
        3005: "DIAMETER_LOOP_DETECTED",
        3006: "DIAMETER_REDIRECT_INDICATION",
        3007: "DIAMETER_APPLICATION_UNSUPPORTED",
        3008: "DIAMETER_INVALID_HDR_BITS",
        3009: "DIAMETER_INVALID_AVP_BITS",
        3010: "DIAMETER_UNKNOWN_PEER",
    },
    "7.1.4": {4001: "DIAMETER_AUTHENTICATION_REJECTED", 4002: "DIAMETER_OUT_OF_SPACE", 4003: "ELECTION_LOST"},
    "7.1.5": {
        5001: "DIAMETER_AVP_UNSUPPORTED",
        5002: "DIAMETER_UNKNOWN_SESSION_ID",
        5003: "DIAMETER_AUTHORIZATION_REJECTED",
        5004: "DIAMETER_INVALID_AVP_VALUE",
        5005: "DIAMETER_MISSING_AVP",
        5006: "DIAMETER_RESOURCES_EXCEEDED",
        5007: "DIAMETER_CONTRADICTING_AVPS",
        5008: "DIAMETER_AVP_NOT_ALLOWED",
        5009: "DIAMETER_AVP_OCCURS_TOO_MANY_TIMES",
        5010: "DIAMETER_NO_COMMON_APPLICATION",
        5011: "DIAMETER_UNSUPPORTED_VERSION",
        5012: "DIAMETER_UNABLE_TO_COMPLY",
        5013: "DIAMETER_INVALID_BIT_IN_HEADER",
        5014: "DIAMETER_INVALID_AVP_LENGTH",
        5015: "DIAMETER_INVALID_MESSAGE_LENGTH",
        5016: "DIAMETER_INVALID_AVP_BIT_COMBO",
        5017: "DIAMETER_NO_COMMON_SECURITY",
    },
}
CODES: Final = {code: name for rows in ROWS.values() for code, name in rows.items()}


def sized(octets: bytes) -> bytes:
    """The message with the Message Length that it has."""
    return octets[:1] + len(octets).to_bytes(3) + octets[4:]


def appended(octets: bytes) -> Callable[[Bench], bytes]:
    """A request in order but for what is appended."""
    return lambda bench: sized(encode(bench.request()) + octets)


def start(first: int, octets: bytes) -> Callable[[Bench], bytes]:
    """A request with other octets from `first` on."""
    return lambda bench: encode(bench.request())[:first] + octets + encode(bench.request())[first + len(octets) :]


REQUESTS: Final[dict[int, Callable[[Bench], bytes | Message]]] = {
    3001: lambda bench: sized(header.build(0xC0, 8388645, 16777309, 1, 1, encode(bench.request())[20:])),
    3002: lambda bench: bench.request(Destination_Host="other.example.org"),
    3003: lambda bench: bench.request(Destination_Realm="example.net"),
    3007: start(8, (16777251).to_bytes(4)),
    3008: start(4, b"\xe0"),
    3009: appended(b"\0\0\0\x19\x80\0\0\x10\0\0\0\0abcd"),
    5001: appended(avp.build(77_777, 0, avp.FLAG_M, b"abcd")),
    5003: lambda bench: bench.request(Origin_Host="liar.example.org"),
    5004: lambda bench: encode(bench.request()).replace(b"meter@", b"met\xffr@"),
    5005: lambda bench: bench.request(Origin_Realm=None).octets,
    5007: lambda bench: bench.request(Auth_Application_Id=4).octets,
    5008: appended(avp.build(297, 0, avp.FLAG_M, avp.build(1, 0, avp.FLAG_M, b"user"))),
    5009: appended(avp.build(264, 0, avp.FLAG_M, LEFT.encode())),
    5011: start(0, b"\2"),
    5014: appended(b"\0\0\0\1\x40\0\0\x07"),
    5015: start(1, b"\0\0\x15"),
}
"""Requests past the handshake that the node refuses by itself."""


@pytest.mark.parametrize("code", CODES)
def test_every_code_has_its_name(code: int) -> None:
    assert f"DIAMETER_{ResultCode(code).name}" == "DIAMETER_" + CODES[code].removeprefix("DIAMETER_")
    assert dictionary().scope(0).names["Result-Code"].values[code].removeprefix("DIAMETER_") == ResultCode(code).name


@pytest.mark.parametrize("raised", [False, True], ids=["answered", "raised"])
@pytest.mark.parametrize("code", CODES)
def test_an_application_says_it_and_the_e_bit_follows_the_class(code: int, raised: bool) -> None:
    """E bit for 3xxx, never for 1xxx, 2xxx, 4xxx; clear for 5xxx, with the command's own grammar (7.1.3 to 7.1.5)."""

    def then(request: Message) -> Any:
        if raised:
            raise ApplicationFault(code, avps=None if code > 3000 else {"Device-Notification": told(request)})
        return succeed(request) if code == 2001 else request.answer(code, {"Device-Notification": told(request)})

    def told(request: Message) -> Any:
        return succeed(request)["Device-Notification"].octets

    with Bench(Answering(then)) as bench:
        if 3000 < code < 4000:
            with pytest.raises(ErrorAnswer, match=str(code)) as caught:
                bench.ask()
            answer = caught.value.answer
        else:
            answer = bench.ask()
        assert answer.result == (0, code)
        assert answer.error is (3000 < code < 4000)
        assert answer["Origin-Host"] == RIGHT


@pytest.mark.parametrize("code", REQUESTS)
def test_a_node_says_it_by_itself(code: int) -> None:
    with Bench() as bench:
        (answer,) = bench.inject(REQUESTS[code](bench))[:1]
        assert answer.result == (0, code), answer.to_json()
        assert answer.request is False
        assert answer.error is (code < 4000 or code in (5011, 5015))
        assert answer["Error-Message"]
        assert bench.server.seen == []
        assert [one.code for one in bench.said.refused] == [code]


def test_too_busy_while_the_node_stops() -> None:
    with Bench() as bench:
        bench.pair.right._core.draining = True
        (answer,) = bench.inject(bench.request())
        assert (answer.result, answer.error) == ((0, 3004), True)


def test_a_loop_is_detected_by_an_agent() -> None:
    with Chain() as chain:
        (answer,) = chain.inject(chain.request(Route_Record=[AGENT]))
        assert (answer["Result-Code"], answer.error, answer["Error-Reporting-Host"]) == (3005, True, AGENT)


def test_a_redirect_indication_has_a_redirect_host() -> None:
    """3006 is an answer with the E bit and Redirect-Host (sections 6.1.8 and 7.1.3)."""
    with Bench(Answering(lambda request: request.answer(3006, {"Redirect-Host": "aaa://other.example.org"}))) as bench:
        (answer,) = bench.inject(bench.request())
        assert (answer.result, answer.error) == ((0, 3006), True)
        assert answer["Redirect-Host"] == "aaa://other.example.org"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"Origin_Host": "who.example.net", "Origin_Realm": "example.net"}, 3010),
        ({"Auth_Application_Id": 4}, 5010),
        ({"Inband_Security_Id": 1}, 5017),
    ],
)
def test_a_cea_says_why_a_peer_is_refused(changes: dict[str, Any], code: int) -> None:
    with listening() as bench:
        stranger = Stranger(bench)
        (cea,) = stranger.say(cer(**changes))
        assert (cea.command, cea.result) == ("Capabilities-Exchange-Answer", (0, code))
        assert cea.error is (code == 3010)
        assert cea["Error-Message"]
        assert stranger.lost is not None
        assert [(one.stage, one.code) for one in bench.said.refused] == [("capabilities", code)]


def test_no_common_security_where_tls_is_wanted() -> None:
    with listening() as bench:
        bench.pair.right._peering.configs[LEFT] = PeerConfig(host=LEFT, realm=REALM)  # tls
        assert Stranger(bench).say(cer())[0].result == (0, 5017)


def test_election_lost_for_a_second_connection() -> None:
    with listening() as bench:
        first, second = Stranger(bench), Stranger(bench)
        assert first.say(cer())[0].result == (0, 2001)
        (cea,) = second.say(cer())
        assert (cea.result, cea.error) == ((0, 4003), False)
        assert second.lost is not None
        assert first.lost is None


def test_unable_to_comply_for_a_bug() -> None:
    def bug(request: Message) -> Message:
        raise KeyError("nobody expected this")

    with Bench(Answering(bug)) as bench:
        (answer,) = bench.inject(bench.request())
        assert (answer.result, answer.error) == ((0, 5012), False)
        assert "nobody" not in answer.to_json()


@pytest.mark.parametrize("octets", [start(4, b"\xc8"), start(4, b"\xc1")], ids=["0x08", "0x01"])
def test_reserved_bits_of_the_header_are_ignored(octets: Callable[[Bench], bytes]) -> None:
    """5013 is never sent: section 3 has the receiver ignore reserved bits."""
    with Bench() as bench:
        assert bench.inject(octets(bench))[0].result == (0, 2001)


@pytest.mark.parametrize("flags", [0x00, 0x60, 0x41])
def test_flags_of_a_known_avp_other_than_defined_are_accepted(flags: int) -> None:
    """5016 and 3009 are not sent for M, P and reserved bits of AVPs that are understood (section 4.1)."""
    with Bench() as bench:
        octets = encode(bench.request())
        at = octets.index((264).to_bytes(4)) + 4
        assert bench.inject(octets[:at] + bytes((flags,)) + octets[at + 1 :])[0].result == (0, 2001)


@pytest.mark.parametrize("code", [0, 42, 999, 6001, 9999, 0xFFFFFFFF])
def test_an_unrecognized_class_is_a_permanent_failure(code: int) -> None:
    """Section 7.1: like 5xxx it is handed to whoever asked, may lack what a success has, and is not sent again."""
    with Bench(Answering(lambda request: ApplicationFault(code))) as bench:
        answer = bench.ask(ACTION)
        assert (answer.result, answer.error) == ((0, code), False)
        assert len(bench.server.seen) == 1


def test_each_code_of_the_tables_is_met_above() -> None:
    """What no request can bring about here is an application's to say, or said in another test of this file."""
    by_name = {3004, 3005, 3006, 3010, 4003, 5010, 5012, 5017}
    applications_own = {1001, 2001, 2002, 4001, 4002, 5002, 5006}
    never = {5013, 5016}
    assert set(CODES) == set(REQUESTS) | by_name | applications_own | never
