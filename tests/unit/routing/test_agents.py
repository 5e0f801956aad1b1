"""What an agent does to octets, and which rules of section 6.2.2 hold whatever a hook does."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diameter import Message, decode, encode
from diameter.errors import InvalidAvpLength, InvalidAvpValue, InvalidHdrBits, MissingAvp, ResultCode
from diameter.routing.agents import Agent, examine, forwarded, returned, route_record, settled
from diameter.routing.table import Refusal
from diameter.wire import header
from helpers.nodes import dictionary

ME = "agent.hub.example"
ROUTED: dict[str, Any] = {"Session-Id": "s;1", "Origin-Host": "a.x.example", "Origin-Realm": "x.example"}


def request(**avps: Any) -> Message:
    filled = {**ROUTED, **{name.replace("_", "-"): value for name, value in avps.items()}}
    made = dictionary().request("Device-Action", {k: v for k, v in filled.items() if v is not None}, application="Tsp")
    return decode(made.octets, dictionary())


def answered(code: int, **avps: Any) -> Message:
    made = request().answer(code, {name.replace("_", "-"): value for name, value in avps.items()})
    made.pending = None
    return decode(encode(made), dictionary())


@given(
    st.binary(max_size=64),
    st.integers(0, 2**32 - 1),
    st.integers(0, 255),
    st.from_regex(r"[a-z.]{1,60}", fullmatch=True),
)
def test_forwarding_and_returning_change_nothing_else(body: bytes, hop: int, flags: int, source: str) -> None:
    octets = header.build(flags, 1, 2, 3, 4, body.ljust(-len(body) // 4 * -4, b"\0"))
    record = route_record(source)
    sent = forwarded(octets, hop, record)
    assert int.from_bytes(sent[1:4]) == len(sent) == len(octets) + len(record)
    assert len(record) % 4 == 0
    assert (sent[0], sent[4:12], header.hop_by_hop(sent), sent[16:]) == (1, octets[4:12], hop, octets[16:] + record)
    back = returned(octets, hop)
    assert (back[:12], header.hop_by_hop(back), back[16:]) == (octets[:12], hop, octets[16:])


def test_a_request_in_order_passes() -> None:
    assert examine(request(), ME) is None
    assert examine(request(Route_Record=["b.example", "c.example"]), ME) is None


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        (request(Origin_Host=None), MissingAvp),
        (request(Origin_Realm=None), MissingAvp),
        (decode(header.with_flags(request().octets, 0xE0), dictionary()), InvalidHdrBits),
        (decode(header.build(0xC0, 1, 2, 3, 4, b"\0\0\0\1\0\0\0\3"), dictionary()), InvalidAvpLength),
        (decode(request().octets.replace(b"x.example", b"x.ex\xffmple"), dictionary()), InvalidAvpValue),
    ],
)
def test_what_is_wrong_with_a_request(message: Message, kind: type[Any]) -> None:
    assert isinstance(examine(message, ME), kind)


def test_a_loop() -> None:
    found = examine(request(Route_Record=["b.example", ME.upper()]), ME)
    assert isinstance(found, Refusal)
    assert found.code == ResultCode.LOOP_DETECTED


def test_a_failure_stays_what_it_was() -> None:
    before = answered(5030, Error_Message="old")
    made = settled(before.edit(replace={"Result-Code": 2001}), before, ME)
    assert (made.result, made["Error-Message"]) == ((0, 5030), "old")
    special = request().answer(5653, vendor=10415)
    special.pending = None
    changed = special.edit(remove="Experimental-Result", add={"Result-Code": 2001})
    assert settled(changed, special, ME).result == (10415, 5653)


def test_a_success_made_a_failure_says_who_did_it() -> None:
    before = answered(2001)
    made = settled(before.edit(replace={"Result-Code": 5003}), before, ME)
    assert (made.result, made["Error-Reporting-Host"]) == ((0, 5003), ME)
    assert settled(before, before, ME).octets == before.octets


def test_our_own_proxy_info_is_taken_out() -> None:
    def info(host: str) -> dict[str, Any]:
        return {"Proxy-Host": host, "Proxy-State": b"1"}

    theirs, ours = info("other.example"), info(ME.upper())
    made = settled(answered(2001, Proxy_Info=[theirs, ours]), answered(2001), ME)
    assert [group["Proxy-Host"] for group in made.all("Proxy-Info")] == ["other.example"]
    assert "Proxy-Info" not in settled(answered(2001, Proxy_Info=ours), answered(2001), ME)
    assert len(settled(answered(2001, Proxy_Info=[ours, theirs]), answered(2001), ME).all("Proxy-Info")) == 2


def test_a_proxy_info_that_cannot_be_read_passes() -> None:
    made = answered(2001, Proxy_Info={"Proxy-Host": "other.example", "Proxy-State": b"1"})
    odd = decode(made.octets.replace(b"other.example", b"\xa2ther.example"), dictionary())
    assert settled(odd, answered(2001), ME).octets == odd.octets


def test_which_hooks_an_agent_has() -> None:
    class Both(Agent):
        def request(self, request: Message, source: str) -> Message:
            return request

        def answer(self, answer: Message, request: Message) -> Message:
            return answer

    assert (Agent.asks, Agent.edits) == (False, False)
    assert (Both.asks, Both.edits) == (True, True)
    assert Agent().request(request(), "x") == request()
    assert Agent().answer(request(), request()) == request()
    assert Agent().known_as("x") == "x"
