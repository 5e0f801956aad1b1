"""A request is not lost with its security association: another peer answers it.  IPsec itself is pretended."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import Deferred

from diameter.app import Application
from diameter.config import NodeConfig
from diameter.message import Message
from diameter.node import Node, as_deferred
from diameter.trace import Point
from helpers.agents import CLEAR
from helpers.ipsec_hook import OPTIONS, pretended
from helpers.loop import drive, reactor, settle
from helpers.nodes import ACTION, LEFT, REALM, RIGHT, Answering, Asking, Said, Waiting, dictionary, succeed
from helpers.ports import free_port
from helpers.programs import until

pytestmark = pytest.mark.link
OTHER = f"other.{REALM}"


def node_of(host: str, application: Application, said: Said, **table: Any) -> Node:
    config = NodeConfig.model_validate({"origin_host": host, "origin_realm": REALM, **table})
    return Node(config, [application], dictionary(), reactor=reactor, observe=said.observe, audit=said.refused.append)


async def served(host: str, application: Application, link: dict[str, Any]) -> tuple[Node, dict[str, Any]]:
    """A server on loopback, started, and the row of the client that dials it."""
    row = {"host": LEFT, "realm": REALM, **{name: link[name] for name in link if name not in ("port", "ipsec", "sctp")}}
    node = node_of(host, application, Said(), listen=[{"host": "127.0.0.1", "port": 0, **link}], peer=[row])
    await node.start()
    link = {"port": int(node.listening[0][1].port), **link}
    return node, {"host": host, "realm": REALM, "connect": True, "addresses": ["127.0.0.1"], **link}


@pytest.mark.requirement("R-TSP-30")
@pytest.mark.parametrize("transport", ["tcp", "sctp"])
def test_another_peer_answers_when_the_protection_is_gone(transport: str) -> None:
    """Requests that were pending, asked for in the gap, and after it; the link of the other peer has no IPsec."""
    first: list[Message] = []
    never: list[Deferred[None]] = []

    async def hold(request: Message) -> Message:
        first.append(request)
        never.append(Deferred())
        await never[-1]
        return succeed(request)

    async def scenario() -> None:
        asking, second, said = Asking(), Answering(), Said()
        under = {"port": free_port(), "transport": transport, "security": "ipsec", "ipsec": OPTIONS}
        if transport == "sctp":
            port = free_port()
            under |= {"sctp": "usrsctp-udp", "association": {"udp_port": port, "remote_udp_port": port}}

        def ask() -> Deferred[Message]:
            return as_deferred(asking.request("Device-Action", ACTION, realm=REALM, timeout_s=120))

        with pretended(LEFT) as hook:
            right, to_right = await served(RIGHT, Waiting(hold), under)
            other, to_other = await served(OTHER, second, {**CLEAR})
            left = node_of(LEFT, asking, said, peer=[to_right, to_other], tc_s=600)
            await left.start()
            await left.when_open(RIGHT)
            await left.when_open(OTHER)
            asked = [ask() for _ in range(3)]
            await until(lambda: len(first) == 3, "three are pending")
            (dialled,) = (each for each in hook.kept if each.flow.dialled)
            assert dialled.owner is not None
            dialled.owner.down("no child SA")
            asked += [ask() for _ in range(2)]
            answers = [await each for each in asked]
            assert "no security association came back within 0.3 s" in said.of(Point.LINK_LOST)[0]["reason"]
            answers.append(await ask())
            assert {(each.number("Result-Code"), each.text("Origin-Host")) for each in answers} == {(2001, OTHER)}
            assert len(first) == 3
            assert len({each.end_to_end for each in second.seen}) == len(second.seen) == 6
            again = {each.end_to_end for each in second.seen if each.retransmitted}
            assert again >= {each.end_to_end for each in first}
            for waiting in never:
                waiting.callback(None)  # too late: its link is gone
            for node in (left, other, right):
                await node.stop()
                assert node.stats.bugs == 0
            settle()

    drive(scenario())
