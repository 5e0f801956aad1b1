"""Overload control, RFC 7683, RFC 8583 and RFC 7944: whatever stands in the AVPs of an answer or a request, no more
than what was asked for is withheld, it ends, memory is bounded, and what we say ourselves is in order.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from helpers.fuzz import Choices, drive, instrumented

with instrumented(__name__):
    from diameter import Message, decode, encode
    from diameter._node.overloading import appended
    from diameter.routing.overload import (
        DEFAULT_VALIDITY_S,
        HOST_REPORT,
        IDLE,
        KEPT,
        MOST_VALIDITY_S,
        REALM_REPORT,
        RETURN_S,
        Reporter,
        Reports,
        load_avps,
        loads_of,
        priority_of,
        share_of,
    )
    from helpers.edits import edited, plain_success
    from helpers.nodes import ACTION, REALM, RIGHT, TSP, dictionary

KINDS = (HOST_REPORT, REALM_REPORT)
NUMBERS = (0, 1, 30, 50, 99, 100, 101, 86_400, 86_401, 0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF)


@cache
def request() -> bytes:
    """A request that announces support and has a priority."""
    filled = {
        "Session-Id": "a;1;1", "Auth-Application-Id": TSP, "Auth-Session-State": 1, "Origin-Host": "left.example.org",
        "Origin-Realm": REALM, "Destination-Realm": REALM, **ACTION, "DRMP": 3,
        "OC-Supported-Features": {"OC-Feature-Vector": 1},
    }  # fmt: skip
    return encode(dictionary().request("Device-Action", filled, application="Tsp", hop_by_hop=1, end_to_end=1))


@cache
def answer() -> Message:
    """An answer without any of it."""
    made = plain_success(decode(request(), dictionary()))
    made.pending = None
    whole: dict[str, Any] = {"Origin-Host": RIGHT, "Origin-Realm": REALM}
    return decode(made.edit(add=whole).octets, dictionary())


def oracle(data: bytes) -> None:
    """Octet 0: what the reporting node asks for; then answers with reports and Load, damaged by up to twelve octets."""
    choices = Choices(data)
    now = 1_700_000_000.0
    reports, reporter = Reports(), Reporter(dictionary())
    while choices.left:
        what = choices.octet()
        said = decode(_answer(reporter, choices, what, now), dictionary())
        if said.framed and not said.request:
            _ = said.faults
            reports.hear(said, now)
            for one in loads_of(said):
                assert 0 <= one.value <= IDLE
                assert one.source == one.source.lower()
        assert len(reports) <= KEPT
        _withheld(reports, now)
        now += (0, 1, 29, 31)[what >> 6]
    now += max(MOST_VALIDITY_S, DEFAULT_VALIDITY_S) + RETURN_S  # what was withheld comes back by and by
    assert not any(_ask(reports, kind, 10, now) for kind in KINDS), "every report ends"


def _answer(reporter: Reporter, choices: Choices, what: int, now: float) -> bytes:
    """An answer of a node that asks for a reduction and says its load, in answer to a damaged request, damaged."""
    few = bytes(choices.octet() for _ in range(choices.below(12)))
    asked = decode(edited(request(), Choices(few), dictionary()), dictionary())
    validity_s = min(NUMBERS[choices.below(len(NUMBERS))], 0xFFFFFFFF)
    percent = min(NUMBERS[choices.below(len(NUMBERS))], 0xFFFFFFFF)
    reporter.ask(percent, now, validity_s=validity_s, kind=KINDS[what & 1])
    more = reporter.avps(asked, now) + load_avps(dictionary(), RIGHT, (what & 15) / 15)
    good = appended(answer().octets, more)
    assert decode(good, dictionary()).faults == ()
    assert 0 <= priority_of(asked) <= 15
    assert 0 <= share_of(20, priority_of(asked)) <= 20
    some = bytes(choices.octet() for _ in range(choices.below(12)))
    return edited(good, Choices(some), dictionary())


def _ask(reports: Reports, kind: int, priority: int, now: float) -> bool:
    """Whether one request is withheld."""
    if kind == HOST_REPORT:
        return reports.host(TSP, RIGHT, priority, now)
    return reports.realm(TSP, REALM, priority, now)


def _withheld(reports: Reports, now: float) -> None:
    """Of a hundred requests as many are withheld as were asked for, and of high priorities no more than of others."""
    for kind in KINDS:
        first = sum(_ask(reports, kind, 10, now) for _ in range(100))
        second = sum(_ask(reports, kind, 10, now) for _ in range(100))
        assert abs(first - second) <= 1 or first > second, "a debt of before is paid first"
        high = sum(_ask(reports, kind, 0, now) for _ in range(100))
        assert high <= second + 1


if __name__ == "__main__":
    drive(oracle, "-max_len=256")
