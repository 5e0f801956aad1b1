"""Requests of others: every verdict answered with the right class of code (RFC 6733 sections 6.1.4, 6.2, 7)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from diameter import Message, encode
from diameter.trace import Point
from diameter.wire import header
from helpers.nodes import LEFT, RIGHT, TSP, Bench


def failed_avp(answer: Message) -> list[str]:
    return [avp.name for avp in answer["Failed-AVP"].avps]


def test_a_request_is_answered_with_what_an_answer_must_have() -> None:
    with Bench() as bench:
        (answer,) = bench.inject(bench.request(hop_by_hop=0x11223344))
        assert (answer.hop_by_hop, answer.end_to_end, answer.request, answer.error) == (
            0x11223344,
            0x11223344,
            False,
            False,
        )
        assert answer.proxiable == bench.request().proxiable
        assert answer["Session-Id"] == f"{LEFT};1;{0x11223344}"
        assert (answer["Origin-Host"], answer["Origin-Realm"]) == (RIGHT, "example.org")
        assert answer.result == (0, 2001)
        assert answer.faults == ()


def test_all_requests_of_one_read_are_answered_in_one_write() -> None:
    with Bench() as bench:
        stats = bench.pair.right.stats
        writes, wakes, batches = stats.writes, stats.wake_ups, bench.server.batches
        answers = bench.inject(*(bench.request(hop_by_hop=n) for n in range(1, 101)))
        assert [a.hop_by_hop for a in answers] == list(range(1, 101))
        assert (stats.writes - writes, stats.wake_ups - wakes, bench.server.batches - batches) == (1, 1, 1)


def test_octets_in_any_cut_make_the_same_answers() -> None:
    with Bench() as bench:
        bench.pair.wire.chunk = 7
        bench.inject(*(bench.request(hop_by_hop=n) for n in range(1, 4)))
        bench.pass_time(1)
        assert bench.pair.right.stats.answers_out == 3


def _with_flags(flags: int) -> Callable[[Bench], bytes]:
    return lambda bench: header.with_flags(encode(bench.request()), flags)


def _foreign(command: int, application: int) -> Callable[[Bench], bytes]:
    return lambda bench: header.build(0xC0, command, application, 1, 1, encode(bench.request())[20:])


def _avp(code: int, flags: int, data: bytes, length: int | None = None) -> bytes:
    size = 8 + len(data) if length is None else length
    return code.to_bytes(4) + bytes((flags,)) + size.to_bytes(3) + data + b"\0" * (-len(data) & 3)


def _appended(octets: bytes) -> Callable[[Bench], bytes]:
    def make(bench: Bench) -> bytes:
        whole = encode(bench.request()) + octets
        return whole[:1] + len(whole).to_bytes(3) + whole[4:]

    return make


REFUSALS: dict[str, tuple[Callable[[Bench], bytes], int, list[str]]] = {
    "command of another application": (_foreign(8388645, TSP), 3001, []),
    "command without a handler": (_foreign(258, TSP), 3001, []),
    "base command that is not the peer layer's": (_foreign(258, 0), 3001, []),
    "application of somebody else": (_foreign(316, 16777251), 3007, []),
    "application of nobody": (_foreign(316, 99), 3007, []),
    "E bit in a request": (_with_flags(0xE0), 3008, []),
    "P bit missing": (_with_flags(0x80), 3008, []),
    "reserved AVP bit behind V with vendor 0": (_appended(_avp(33, 0x80, b"\0\0\0\0abcd")), 3009, []),
    "unknown AVP with M": (_appended(_avp(77_777, 0x40, b"abcd")), 5001, ["77777"]),
    "missing AVP": (lambda b: b.request(Origin_Realm=None).octets, 5005, ["Origin-Realm"]),
    "missing AVP in a group": (lambda b: b.request({"Device-Action": _avp(1, 0, b"")}).octets, 5005, []),
    "AVP twice": (_appended(_avp(264, 0x40, b"again.example.org")), 5009, ["Origin-Host"]),
    "AVP Length beyond the message": (_appended(_avp(1, 0x40, b"abcd", 4000)), 5014, []),
    "value of the wrong size": (lambda b: _resized(b), 5014, ["Auth-Session-State"]),
    "no UTF-8": (lambda b: _not_text(b), 5004, ["Session-Id"]),
    "Destination-Host of somebody else": (lambda b: encode(b.request(Destination_Host="x.example.org")), 3002, []),
    "realm of somebody else": (lambda b: encode(b.request(Destination_Realm="example.net")), 3003, []),
    "origin of somebody else": (lambda b: encode(b.request(Origin_Host="x.example.org")), 5003, []),
    "realm that is not the peer's": (lambda b: encode(b.request(Origin_Realm="example.net")), 5003, []),
    "routed, though nobody is an agent": (lambda b: encode(b.request(Route_Record=LEFT)), 5003, []),
}


def _resized(bench: Bench) -> bytes:
    whole = bench.request(Auth_Session_State=None).octets + _avp(277, 0x40, b"\0\0\0\1\0\0\0\0")
    return whole[:1] + len(whole).to_bytes(3) + whole[4:]


def _not_text(bench: Bench) -> bytes:
    return encode(bench.request(hop_by_hop=1)).replace(b";1;1", b";1;\xff")


@pytest.mark.parametrize("what", REFUSALS)
def test_what_is_wrong_is_answered_counted_and_audited(what: str) -> None:
    make, code, failed = REFUSALS[what]
    with Bench() as bench:
        (answer,) = bench.inject(make(bench))
        assert answer.result == (0, code), answer.to_json()
        assert answer.error is (3000 <= code < 4000)
        assert (answer["Origin-Host"], answer["Origin-Realm"]) == (RIGHT, "example.org")
        assert answer["Error-Message"]
        if failed:
            assert failed_avp(answer) == failed
        assert ("Failed-AVP" in answer) is (code in (3009, 5001, 5004, 5005, 5009, 5014))
        assert bench.server.seen == []
        assert bench.pair.right.stats.refused == {str(code): 1}
        (audited,) = bench.said.refused
        assert (audited.code, audited.vendor, audited.peer) == (code, 0, LEFT)
        assert audited.text
        assert len(bench.said.of(Point.REFUSED)) == 1
        # and the link goes on as if nothing had been
        assert bench.inject(bench.request(hop_by_hop=9))[0].result == (0, 2001)


def test_faults_for_tools_only_are_no_reason_to_refuse() -> None:
    """P of an AVP set, although nobody uses it: reported, never refused."""
    with Bench() as bench:
        octets = encode(bench.request())
        at = octets.index(LEFT.encode(), octets.index((264).to_bytes(4))) - 4
        message = octets[:at] + bytes((octets[at] | 0x20,)) + octets[at + 1 :]
        (answer,) = bench.inject(message)
        assert answer.result == (0, 2001)


def test_the_first_of_several_faults_is_answered() -> None:
    with Bench() as bench:
        both = _avp(77_777, 0x40, b"abcd") + _avp(264, 0x40, b"again.example.org")
        (answer,) = bench.inject(_appended(both)(bench))
        assert len(answer.all("Failed-AVP")) == 1
        assert answer.result in ((0, 5001), (0, 5009))


def test_a_destination_is_looked_at_also_after_others_were_in_order() -> None:
    with Bench() as bench:
        good = encode(bench.request(hop_by_hop=1))
        last = bench.request(hop_by_hop=2, Destination_Realm=None).octets
        last += _avp(283, 0x40, b"example.org")  # apart from the others
        far = bench.request(hop_by_hop=3, Destination_Realm=None).octets
        far += _avp(283, 0x40, b"example.net")
        routed = _appended(_avp(282, 0x40, LEFT.encode()))(bench)
        sized = [one[:1] + len(one).to_bytes(3) + one[4:] for one in (last, far, routed)]
        answers = bench.inject(good, good, *sized)
        assert [a.result for a in answers] == [(0, 2001), (0, 2001), (0, 2001), (0, 3003), (0, 5003)]
