"""A redirect agent, and those who follow it (RFC 6733 sections 6.1.8, 6.13)."""

from __future__ import annotations

from typing import Any

import pytest

from diameter import Message
from diameter.errors import ErrorAnswer
from diameter.routing.redirect import Redirection, Redirector, Usage
from diameter.routing.table import ANY
from diameter.testing import run
from diameter.trace import Point
from helpers.agents import AGENT, HOME, Chain, server_name
from helpers.nodes import ACTION, TSP, Answering, succeed

TO_SECOND = f"aaa://{server_name(1)}:4001;transport=tcp"


def redirecting(**avps: Any) -> Answering:
    """A server that redirects everything to the second one."""
    filled = {"Redirect-Host": TO_SECOND, **{name.replace("_", "-"): value for name, value in avps.items()}}
    return Answering(lambda request: request.answer(3006, filled))


def codes(answers: list[Message]) -> list[int]:
    return [answer["Result-Code"] for answer in answers]


@pytest.mark.parametrize("usage", [Usage.DONT_CACHE, Usage.ALL_REALM])
def test_a_redirect_agent_names_the_hosts_of_its_table(usage: Usage) -> None:
    to = Redirection(hosts=("aaa://one.example", "aaas://two.example"), usage=usage, cache_s=60)
    with Chain(agent=Redirector({(HOME, TSP): to})) as chain:
        (answer,) = chain.inject(request := chain.request())
        assert (answer["Result-Code"], answer.error, answer.hop_by_hop) == (3006, True, request.hop_by_hop)
        assert answer.all("Redirect-Host") == to.hosts
        assert answer.get("Redirect-Host-Usage") == (None if usage is Usage.DONT_CACHE else usage)
        assert answer.get("Redirect-Max-Cache-Time") == (None if usage is Usage.DONT_CACHE else 60)
        assert answer["Origin-Host"] == AGENT
        assert codes(chain.inject(chain.request(Destination_Realm="other.example"))) == [3002]
        assert chain.seen() == []


def test_a_redirect_agent_that_relays_the_rest() -> None:
    to = Redirection(hosts=("aaa://one.example",))
    with Chain(agent=Redirector({("other.example", ANY): to}, relays=True)) as chain:
        assert codes(chain.inject(chain.request())) == [2001]
        assert codes(chain.inject(chain.request(Destination_Realm="other.example"))) == [3006]


def test_a_relay_follows_once_without_caching() -> None:
    with Chain([redirecting(), Answering()]) as chain:
        assert codes(chain.inject(chain.request())) == [2001]
        assert codes(chain.inject(chain.request())) == [2001]
        assert (len(chain.seen(0)), len(chain.seen(1))) == (2, 2)
        assert not any(seen.retransmitted for seen in chain.seen(1))
        assert chain.seen(1)[0].end_to_end == chain.seen(0)[0].end_to_end
        assert chain.agent.stats.redirected == 2
        assert len(chain.said.of(Point.REDIRECTED)) == 2


@pytest.mark.parametrize("usage", list(Usage)[1:])
def test_what_is_cached_goes_there_at_once_until_its_time_is_over(usage: Usage) -> None:
    with Chain([redirecting(Redirect_Host_Usage=int(usage), Redirect_Max_Cache_Time=5), Answering()]) as chain:

        def ask() -> None:
            assert codes(chain.inject(chain.request(Session_Id="one;1;1", User_Name="u"))) == [2001]

        ask()
        ask()
        assert (len(chain.seen(0)), len(chain.seen(1))) == (1, 2)
        chain.pass_time(6)
        ask()
        assert (len(chain.seen(0)), len(chain.seen(1))) == (2, 3)


@pytest.mark.parametrize("usage", list(Usage))
def test_a_host_named_in_a_request_in_transit_has_the_last_word(usage: Usage) -> None:
    """No other host would take it for its own (6.1.4): whoever named the first one gets its answer."""
    with Chain([redirecting(Redirect_Host_Usage=int(usage), Redirect_Max_Cache_Time=50), Answering()]) as chain:
        for _ in range(2):
            assert codes(chain.inject(chain.request(Destination_Host=server_name(0), Session_Id="a;1;1"))) == [3006]
        assert (len(chain.seen(0)), len(chain.seen(1))) == (2, 0)
        assert codes(chain.inject(chain.request())) == [2001]  # for the realm alone it is followed
        assert codes(chain.inject(chain.request(Destination_Host=server_name(0)))) == [3006]  # what is remembered, too
        assert codes(chain.inject(chain.request(Destination_Host=server_name(1)))) == [2001]


def test_a_redirection_is_not_for_other_sessions() -> None:
    with Chain([redirecting(Redirect_Host_Usage=1, Redirect_Max_Cache_Time=50), Answering()]) as chain:
        chain.inject(chain.request(Session_Id="one;1;1"))
        chain.inject(chain.request(Session_Id="two;1;1"))
        assert len(chain.seen(0)) == 2


def test_a_redirection_ends_with_its_host() -> None:
    first = Answering(succeed)
    with Chain([first, Answering()]) as chain:
        first.then = redirecting(Redirect_Host_Usage=2, Redirect_Max_Cache_Time=500).then
        chain.inject(chain.request())
        first.then = succeed
        next(link for link in chain.wire.links if link.dialled == server_name(1)).abort("cut")
        chain.pass_time(0.1)
        assert codes(chain.inject(chain.request())) == [2001]
        assert len(chain.seen(0)) == 2
        chain.pass_time(60)
        chain.inject(chain.request())
        assert len(chain.seen(0)) == 3  # it is back, but nothing leads there any more


def test_two_that_redirect_to_each_other_end() -> None:
    back = {"Redirect-Host": f"aaa://{server_name(0)}"}
    with Chain([redirecting(), Answering(lambda request: request.answer(3006, back))]) as chain:
        assert codes(chain.inject(chain.request())) == [3006]
        assert (len(chain.seen(0)), len(chain.seen(1))) == (1, 1)


def test_a_host_that_is_no_peer_is_not_followed() -> None:
    to = Redirection(hosts=("aaa://stranger.example",), usage=Usage.ALL_REALM, cache_s=60)
    with Chain(agent=Redirector({(HOME, ANY): to})) as chain:

        async def asking() -> Message:
            return await chain.asking.request("Device-Action", ACTION, realm=HOME)

        with pytest.raises(ErrorAnswer, match="3006"):
            run(asking(), chain.clock)
        assert chain.client.stats.redirected == 0
