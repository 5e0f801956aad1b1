"""`mtc run relay` between a client and a server, each with a link of its own over loopback."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import gatherResults

from diameter import Message
from diameter.config import NodeConfig
from diameter.errors import ErrorAnswer
from diameter.node import Node, as_deferred
from helpers.agents import CLIENT, HOME, row, server_name
from helpers.links import CLEAR
from helpers.loop import drive, reactor, settle
from helpers.nodes import ACTION, Answering, Asking, Said, dictionary
from helpers.processes import Started
from helpers.relays import RELAY, relay_table

pytestmark = pytest.mark.link

ROUTE = f'[[route]]\nrealm = "by-route.example"\nhosts = ["{server_name(0)}"]\n'


def node(name: str, application: Any, said: Said, **more: Any) -> Node:
    made = NodeConfig.model_validate({"origin_host": name, "origin_realm": name.partition(".")[2], **more})
    return Node(made, [application], dictionary(), reactor=reactor, observe=said.observe)


@asynccontextmanager
async def between_both(folder: Path, more: str = "") -> AsyncIterator[Between]:
    between = Between(folder, more)
    await between.open()
    try:
        yield between
    finally:
        await between.close()


class Between:
    """A relay as a process, a server and a client in this one; `asking` is the client's application."""

    def __init__(self, folder: Path, more: str = "") -> None:
        self._path, self._more = folder / "relay.toml", more
        self.said, self.answering, self.asking = Said(), Answering(), Asking()
        listen = [{"host": "127.0.0.1", "port": 0, "transport": "tcp", **CLEAR}]
        agent = row(RELAY, agent=True, agent_realms=["visited.example", "front.example"])
        self.server = node(server_name(0), self.answering, self.said, listen=listen, peer=[agent])
        self.relay: Started
        self.client: Node

    async def open(self) -> None:
        await self.server.start()
        self._path.write_text(relay_table([self.server.listening[0][1].port], ROUTE + self._more))
        self.relay = Started("relay", self._path)
        ready = self.relay.ready()
        assert ready.startswith("relay ready on tcp 127.0.0.1:")
        towards = row(RELAY, connect=True, addresses=["127.0.0.1"], port=int(ready.rpartition(":")[2]))
        self.client = node(CLIENT, self.asking, self.said, peer=[towards])
        await self.client.start()
        await self.client.when_open(RELAY)
        await self.server.when_open(RELAY)
        for _ in range(2):
            self.relay.until("is open")  # it hears of the server's CEA a moment later than the server

    async def ask(self, realm: str) -> Message:
        return await as_deferred(self.asking.request("Device-Action", ACTION, realm=realm))

    async def close(self) -> None:
        await self.client.stop()
        await self.server.stop()
        code, errors = self.relay.end()
        settle()
        assert (code, "Traceback" in errors) == (0, False)


def test_requests_through_a_relay(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with between_both(tmp_path) as between:
            await through(between)

    async def through(between: Between) -> None:
        laters = [between.asking.request("Device-Action", ACTION, realm=HOME) for _ in range(500)]
        answers = await gatherResults([as_deferred(later) for later in laters])
        assert {answer.result for answer in answers} == {(0, 2001)}
        assert {answer["Origin-Host"] for answer in answers} == {server_name(0)}
        assert {seen.all("Route-Record") for seen in between.answering.seen} == {(CLIENT,)}
        with pytest.raises(ErrorAnswer, match="3003"):
            await between.ask("nowhere.example")
        with pytest.raises(ErrorAnswer, match="3003"):  # the server's own word: the route leads there all the same
            await between.ask("by-route.example")

    drive(scenario())
    assert "3003" in (tmp_path / "relay.audit").read_text()


def test_rewrite_rules_of_a_file(tmp_path: Path) -> None:
    rules = f"""
[[rewrite]]
realm = {{ "public.example" = "{HOME}" }}
add = {{ User-Name = "relayed" }}
[[rewrite]]
direction = "answer"
host = {{ "{server_name(0)}" = "front.public.example" }}
realm = {{ "{HOME}" = "public.example" }}
"""

    async def scenario() -> None:
        async with between_both(tmp_path, rules) as between:
            answer = await between.ask("public.example")
            assert (answer["Origin-Host"], answer["Origin-Realm"]) == ("front.public.example", "public.example")
            (seen,) = between.answering.seen
            assert (seen["Destination-Realm"], seen["User-Name"]) == (HOME, "relayed")

    drive(scenario())


def test_a_rule_that_names_nothing_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    path = tmp_path / "relay.toml"
    path.write_text(relay_table([3868], "[[rewrite]]\nadd = { No-Such-AVP = 1 }\n"))
    code, errors = Started("relay", path).ended()
    assert code == 2
    assert errors == f"relay: {path}: rewrite.0.add.No-Such-AVP: no dictionary has an AVP named 'No-Such-AVP'\n"
