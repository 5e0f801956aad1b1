"""A client, an agent and servers behind it, in memory; and raw octets past the client's node."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from twisted.internet.task import Clock

from diameter import Message, encode
from diameter._node.memory import Wire
from diameter._node.setup import quick_config
from diameter.app import Application
from diameter.config import PeerConfig
from diameter.node import Node
from diameter.routing.agents import Agent
from diameter.testing import MemoryLinks, advance
from helpers.nodes import ACTION, TSP, Answering, Asking, Said, dictionary, split

CLIENT: Final = "client.visited.example"
AGENT: Final = "agent.hub.example"
HOME: Final = "home.example"
CLEAR: Final[Mapping[str, Any]] = {
    "transport": "tcp",
    "physical_protection": True,
    "physical_protection_reason": "in memory",
}


def server_name(number: int) -> str:
    """Identity of a server."""
    return f"server{number}.{HOME}"


def row(host: str, **more: Any) -> PeerConfig:
    """A row of the peer table; the realm is the name without its first label."""
    return PeerConfig.model_validate({"host": host, "realm": host.partition(".")[2], **CLEAR, **more})


class Heard:
    """A tap that keeps what a node receives."""

    def __init__(self) -> None:
        self.octets: list[bytes] = []

    def message(self, time: float, outgoing: bool, link: Any, octets: bytes, peer: str) -> None:
        """Keep a message received."""
        if not outgoing:
            self.octets.append(octets)

    def event(self, time: float, link: Any, name: str, text: str) -> None:
        """Nothing is kept of events."""


class Chain:
    """A client that knows only the agent, the agent, and servers that know only the agent; all open.

    `servers`: applications of the servers, one each.  `client_agent`: makes the client an agent as well.
    """

    def __init__(
        self,
        servers: Sequence[Application] = (),
        *,
        agent: Agent | None = None,
        config: Mapping[str, Any] | None = None,
        client_row: Mapping[str, Any] | None = None,
        weights: Sequence[int] = (),
        agent_applications: Sequence[Application] = (),
        client_options: Mapping[str, Any] | None = None,
        client_config: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> None:
        self.clock = Clock()
        self.clock.rightNow = 1_700_000_000.0
        self.wire = Wire(self.clock)
        self.said, self.client_said, self.heard = Said(), Said(), Heard()
        self.asking = Asking()
        self.applications: list[Any] = list(servers) or [Answering()]
        self._next = 100
        rows = [
            row(server_name(at), connect=True, addresses=["127.0.0.1"], port=4000 + at,
                weight=weights[at] if weights else 1)
            for at in range(len(self.applications))
        ]  # fmt: skip
        self.servers = [self._server(at, application) for at, application in enumerate(self.applications)]
        self.agent = self._node(
            AGENT, agent_applications, listen=3868, peers=[row(CLIENT, **(client_row or {})), *rows],
            agent=agent or Agent(), said=self.said, config=config, **options,
        )  # fmt: skip
        towards = row(AGENT, connect=True, addresses=["127.0.0.1"], port=3868, agent=True, agent_realms=[HOME])
        self.client = self._node(
            CLIENT,
            [self.asking],
            peers=[towards],
            said=self.client_said,
            tap=self.heard,
            config=client_config,
            **(client_options or {}),
        )
        self.nodes = [*self.servers, self.agent, self.client]

    def _server(self, number: int, application: Application) -> Node:
        agent = row(AGENT, agent=True, agent_realms=["visited.example", "far.example"])
        return self._node(server_name(number), [application], listen=4000 + number, peers=[agent])

    def _node(
        self,
        name: str,
        applications: Sequence[Application],
        *,
        listen: int = 0,
        peers: Sequence[PeerConfig],
        said: Said | None = None,
        config: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> Node:
        made = quick_config(
            name, name.partition(".")[2], listen=f"tcp:127.0.0.1:{listen}" if listen else (), peers=peers,
            physical_protection="in memory", **(config or {}),
        )  # fmt: skip
        said = said or Said()
        return Node(
            made, applications, dictionary(), reactor=self.clock, seed=1, observe=said.observe,
            audit=said.refused.append,
            links=lambda reactor, table, owner: MemoryLinks(self.wire, table, owner), **options,
        )  # fmt: skip

    def __enter__(self) -> Chain:
        for node in self.nodes:
            self._until(node.start())
        for host in [server_name(at) for at in range(len(self.servers))]:
            self._until(self.agent.when_open(host))
        self._until(self.client.when_open(AGENT))
        self._until(self.agent.when_open(CLIENT))
        return self

    def __exit__(self, *_: object) -> None:
        for stopped in [node.stop() for node in self.nodes]:
            self._until(stopped)
        assert self.clock.getDelayedCalls() == []

    def _until(self, deferred: Any) -> None:
        advance(self.clock, lambda: bool(deferred.called))

    def request(self, hop_by_hop: int = 0, **changes: Any) -> Message:
        """A Device-Action-Request as the client sends it; `changes` replace AVPs, None leaves one out."""
        self._next += 1
        filled: dict[str, Any] = {
            "Session-Id": f"{CLIENT};1;{self._next}",
            "Auth-Application-Id": TSP,
            "Auth-Session-State": 1,
            "Origin-Host": CLIENT,
            "Origin-Realm": "visited.example",
            "Destination-Realm": HOME,
            **ACTION,
            **{name.replace("_", "-"): value for name, value in changes.items()},
        }
        hop = hop_by_hop or self._next
        made = dictionary().request(
            "Device-Action", {name: value for name, value in filled.items() if value is not None},
            application="Tsp", hop_by_hop=hop, end_to_end=hop + 0x1000,
        )  # fmt: skip
        made.pending = None
        return made

    def inject(self, *octets: bytes | Message, seconds: float = 0.01) -> list[Message]:
        """Put octets on the client's link, past its node; the messages that the agent sends back on it."""
        near = next(link for link in self.wire.links if link.dialled == AGENT)
        before = len(self.heard.octets)
        near.write(b"".join(encode(one) if isinstance(one, Message) else one for one in octets))
        self.pass_time(seconds)
        return split(b"".join(self.heard.octets[before:]))

    def pass_time(self, seconds: float) -> None:
        """Advance the clock in small steps, so that timers set by timers run in order."""
        clock, until = self.clock, self.clock.seconds() + seconds
        while calls := [call for call in clock.getDelayedCalls() if call.getTime() <= until]:
            clock.advance(max(0.0, min(call.getTime() for call in calls) - clock.seconds()))
        clock.advance(max(0.0, until - clock.seconds()))

    def seen(self, number: int = 0) -> list[Message]:
        """Requests that a server's handler has seen."""
        found: list[Message] = self.applications[number].seen
        return found
