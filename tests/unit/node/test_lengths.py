"""A link that takes no longer messages (DTLS over SCTP: 16,384 octets): 5012 at once, and nothing goes out on it."""

from __future__ import annotations

from typing import Any

import pytest

from diameter.errors import Undeliverable
from diameter.node import Node
from diameter.testing import run
from diameter.trace import Point
from helpers.agents import HOME, Chain
from helpers.nodes import ACTION
from helpers.several import Counting, Several, host


def narrow(node: Node, whose: str, largest: int) -> None:
    """The link of a node to a peer takes messages of so many octets."""
    (line,) = (line for line in node._core.lines.values() if line.whose == whose)
    line.largest = largest


def test_a_request_of_ours_is_refused_before_it_goes_out() -> None:
    a = Counting()
    with Several({"a": a}) as net:
        narrow(net.client, host("a"), 150)
        with pytest.raises(Undeliverable, match=r"octets, and the link to a\.example\.org takes 150"):
            net.run(net.ask())
        assert (a.seen, net.client.pending, net.client.stats.undeliverable) == ([], 0, 1)
        assert "takes 150" in net.said["client"].of(Point.UNDELIVERABLE)[0]["reason"]
        narrow(net.client, host("a"), 1000)
        assert net.run(net.ask())["Result-Code"] == 2001


def test_an_answer_that_is_too_long_becomes_5012() -> None:
    with Several({"a": Counting()}) as net:
        narrow(net.nodes["a"], "client.example.org", 100)
        answer = net.run(net.ask())
        assert answer["Result-Code"] == 5012
        assert "octets, and the link takes 100" in answer["Error-Message"]
        assert net.nodes["a"].stats.refused["5012"] == 1


def _ask(chain: Chain) -> Any:
    async def asking() -> Any:
        return await chain.asking.request("Device-Action", ACTION, realm=HOME)

    return run(asking(), chain.clock)


@pytest.mark.parametrize("narrowed", ["server", "client"])
def test_an_agent_answers_in_the_place_of_a_link_that_is_too_narrow(narrowed: str) -> None:
    with Chain() as chain:
        agent = chain.agent
        (line,) = (line for line in agent._core.lines.values() if line.whose.startswith(narrowed))
        line.largest = 150
        assert _ask(chain)["Result-Code"] == 5012
        assert len(chain.seen()) == (narrowed == "client")
        assert agent.pending == 0
