"""Failover of requests in transit: a relay with two servers, of which one dies (RFC 6733 section 5.5.4)."""

from __future__ import annotations

from collections import Counter

from diameter import Message
from diameter.app import Later
from helpers.agents import AGENT, CLIENT, Chain, server_name
from helpers.nodes import Waiting, split
from helpers.several import Counting


async def never(request: Message) -> Message:
    return await Later[Message]()


def cut(chain: Chain, number: int) -> None:
    """The link from the agent to a server breaks."""
    next(link for link in chain.wire.links if link.dialled == server_name(number)).other.abort("cut")
    chain.pass_time(0.0)


def test_a_relayed_request_goes_to_the_other_server_with_t_and_its_answer_back() -> None:
    b = Counting()
    with Chain([Waiting(never), b]) as chain:
        one = chain.request(hop_by_hop=77)
        assert chain.inject(one) == []
        cut(chain, 0)
        (answer,) = chain.inject()
        assert (answer.hop_by_hop, answer.end_to_end) == (77, one.end_to_end)
        assert answer["Origin-Host"] == server_name(1)
        assert [(message.retransmitted, message.all("Route-Record")) for message in b.seen] == [(True, (CLIENT,))]


def test_without_another_server_the_relay_answers_3002() -> None:
    with Chain([Waiting(never)]) as chain:
        assert chain.inject(chain.request()) == []
        cut(chain, 0)
        (answer,) = chain.inject()
        assert (answer["Result-Code"], answer.error) == (3002, True)
        assert answer["Error-Reporting-Host"] == AGENT


def test_a_fixed_destination_that_fails_is_3002_though_another_server_is_there() -> None:
    b = Counting()
    with Chain([Waiting(never), b]) as chain:
        assert chain.inject(chain.request(Destination_Host=server_name(0))) == []
        cut(chain, 0)
        (answer,) = chain.inject()
        assert answer["Result-Code"] == 3002
        assert b.seen == []


def test_a_server_dies_under_load_behind_a_relay() -> None:
    """2,000 requests/s of the clock: each is answered once; what both servers execute has T at the second."""
    a, b = Counting(), Counting()
    with Chain([a, b], config={"limits": {"outbound_requests": 50}}) as chain:
        chain.wire.delay_s = 0.01
        for number in range(1500):
            chain.inject(chain.request(), seconds=0.0005)
            if number in (500, 1000):
                cut(chain, number // 1000)
        chain.inject(seconds=1.0)
        messages = split(b"".join(chain.heard.octets))
    back = [message for message in messages if message.command == "Device-Action-Answer"]
    identifiers = Counter(answer.end_to_end for answer in back)
    assert len(identifiers) == 1500
    assert set(identifiers.values()) == {1}
    codes = Counter(answer["Result-Code"] for answer in back)
    assert set(codes) <= {2001, 3002, 3004}
    assert codes[2001] > 900
    for one in (a, b):
        assert set(Counter((who, end) for who, end, _ in one.executed).values()) == {1}
    first = {end for _, end, t in (*a.executed, *b.executed) if not t}
    both = {end for _, end, _ in a.executed} & {end for _, end, _ in b.executed}
    assert both
    with_t = {end for _, end, t in (*a.executed, *b.executed) if t}
    assert both <= with_t
    assert both <= first
