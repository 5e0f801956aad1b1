"""Whatever octets come to an agent: it has no bugs, loses no request, and goes on working."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diameter import encode
from diameter.routing.agents import Agent
from helpers.agents import AGENT, HOME, Chain, server_name
from helpers.nodes import dictionary
from nfs.relay.config import RelayConfig
from nfs.relay.rewrite import Rewriting

RULES = [
    {"direction": "both", "realm": {HOME: HOME.upper()}, "host": {server_name(0): "front.home.example"}},
    {"direction": "both", "replace": {"Error-Message": "x"}, "remove": ["User-Name"], "add": {"Class": "y"}},
]


def rewriting() -> Agent:
    config = RelayConfig.model_validate({"node": {"origin_host": AGENT, "origin_realm": "x"}, "rewrite": RULES})
    return Rewriting(config.rewrite, dictionary())


@pytest.mark.parametrize("make", [Agent, rewriting])
@given(edits=st.lists(st.tuples(st.integers(4, 400), st.binary(min_size=1, max_size=6)), min_size=1, max_size=12))
def test_mutated_requests(make: type[Agent], edits: list[tuple[int, bytes]]) -> None:
    """Each edit spoils a request somewhere; the identifiers stay, so that every answer is known by them."""
    with Chain(agent=make()) as chain:
        sent = []
        for at, octets in edits:
            whole = bytearray(encode(chain.request(Class=b"c" * 20, User_Name="u", Route_Record=None)))
            at %= len(whole) - len(octets)
            whole[max(at, 20) : max(at, 20) + len(octets)] = octets
            whole[4] |= 0x80
            sent.append(bytes(whole[: len(whole) & ~3]))
        answers = chain.inject(*sent, seconds=15)
        assert {answer.end_to_end for answer in answers} == {int.from_bytes(octets[16:20]) for octets in sent}
        assert len(answers) == len(sent)
        assert chain.agent.stats.bugs == 0
        assert chain.agent.pending == 0
        assert chain.inject(chain.request())[0]["Result-Code"] == 2001
