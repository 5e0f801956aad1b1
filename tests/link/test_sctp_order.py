"""Which messages of a node go in order over an association, and on which streams (RFC 6733 section 2.1.1)."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import Deferred

from diameter.config import NodeConfig
from diameter.message import Message
from diameter.node import Node, as_deferred
from helpers.loop import drive, reactor, settle
from helpers.nodes import ACTION, LEFT, REALM, RIGHT, Answering, dictionary
from helpers.ports import free_port
from helpers.sctp_suite import seen

pytestmark = pytest.mark.link
FEW, MANY = 5, 100
ACTION_CODE = (8388639).to_bytes(3)


def node(host: str, application: Answering, **table: Any) -> Node:
    config = NodeConfig.model_validate({"origin_host": host, "origin_realm": REALM, **table})
    return Node(config, [application], dictionary(), reactor=reactor)


def two(order: str) -> tuple[Node, Answering, Node, Answering]:
    """A server and a client whose links are associations over UDP."""
    port = free_port()
    link = {
        "transport": "sctp", "sctp": "usrsctp-udp", "physical_protection": True, "physical_protection_reason": "a test",
        "association": {"udp_port": port, "remote_udp_port": port, "order": order, "outbound_streams": 6},
    }  # fmt: skip
    row = {"realm": REALM, **link}
    dial = {**row, "host": RIGHT, "connect": True, "addresses": ["127.0.0.1"]}
    asks, answers = Answering(), Answering()
    server = node(RIGHT, asks, listen=[{"host": "127.0.0.1", **link}], peer=[{**row, "host": LEFT}])
    return server, asks, node(LEFT, answers, peer=[dial], tw_s=600), answers


@pytest.mark.parametrize("order", ["unordered", "session", "ordered"])
def test_in_order_on_one_stream_until_the_peer_is_known_to_be_open(order: str) -> None:
    """Who was connected to has sent its CEA, but cannot know that it has arrived until something comes back."""
    server, asks, client, answers = two(order)

    def ask() -> Deferred[Message]:
        return as_deferred(asks.request("Device-Action", ACTION, to=LEFT, realm=REALM))

    async def scenario() -> None:
        await server.start()
        with seen() as found:
            await client.start()
            await server.when_open(LEFT)
            for each in [ask() for _ in range(FEW)]:
                assert (await each)["Result-Code"] == 2001
            for each in [ask() for _ in range(MANY)]:
                assert (await each)["Result-Code"] == 2001
        await client.stop()
        await server.stop()
        settle()
        requests = [
            each.stream
            for messages in found.values()
            for each in messages
            if each.data[5:8] == ACTION_CODE and each.data[4] & 0x80
        ]
        assert requests[:FEW] == [0] * FEW
        assert set(requests[FEW:]) == ({0} if order == "ordered" else {1, 2, 3, 4, 5})
        assert len(answers.seen) == len(requests) == FEW + MANY

    drive(scenario())
