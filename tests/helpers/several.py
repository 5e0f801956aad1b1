"""Several nodes on one wire in memory: servers of one realm and a client, with what each of them saw."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from twisted.internet.task import Clock

from diameter import Message
from diameter._node.memory import Wire
from diameter._node.setup import quick_config
from diameter.app import Application, Later
from diameter.config import NodeConfig
from diameter.node import Node
from diameter.testing import MemoryLinks, run
from diameter.transport.link import LinkOwner
from helpers.agents import row
from helpers.nodes import ACTION, REALM, Answering, Asking, Said, dictionary

CLIENT = "client.example.org"


class Several:
    """Servers "a", "b", ... of one realm on ports of their own, and a client that has dialled them all.

    `cut(name)`: the server is gone, its link breaks; `silence(name)`: it hears nothing more, and nobody is told.
    """

    def __init__(
        self,
        servers: Mapping[str, Application],
        *,
        config: Mapping[str, Any] | None = None,
        client: Mapping[str, Any] | None = None,
        server: Mapping[str, Any] | None = None,
        options: Mapping[str, Any] | None = None,
        realms: Mapping[str, str] | None = None,
    ) -> None:
        """`config`, `client`, `server`: keys of all, the client's, the servers' configuration; `realms`: of servers."""
        self.clock = Clock()
        self.clock.rightNow = 1_700_000_000.0
        self.wire = Wire(self.clock)
        self.asking = Asking()
        self.said = {name: Said() for name in (*servers, "client")}
        common: dict[str, Any] = {"physical_protection": "in memory", **(config or {})}
        self.nodes = {}
        for port, (name, application) in enumerate(servers.items(), 3868):
            realm, listen = (realms or {}).get(name, REALM), f"tcp:127.0.0.1:{port}"
            made = quick_config(host(name), realm, listen=listen, peers=[CLIENT], **common, **(server or {}))
            self.nodes[name] = self._node(made, application, name)
        peers = [
            row(host(name), realm=(realms or {}).get(name, REALM), connect=True, addresses=["127.0.0.1"], port=port)
            for port, name in enumerate(servers, 3868)
        ]
        self.client = self._node(
            quick_config(CLIENT, REALM, peers=peers, **common, **(client or {})),
            self.asking,
            "client",
            **(options or {}),
        )

    def _node(self, config: NodeConfig, application: Application, name: str, **options: Any) -> Node:
        said = self.said[name]
        return Node(
            config, [application], dictionary(), reactor=self.clock, links=self._links, seed=len(name) + ord(name[0]),
            observe=said.observe, audit=said.refused.append, **options,
        )  # fmt: skip

    def _links(self, reactor: Clock, config: NodeConfig, owner: LinkOwner) -> MemoryLinks:
        return MemoryLinks(self.wire, config, owner)

    def __enter__(self) -> Several:
        for node in (*self.nodes.values(), self.client):
            self.run(node.start())
        for name in self.nodes:
            self.run(self.client.when_open(host(name)))
        return self

    def __exit__(self, *_: object) -> None:
        for name in self.nodes:
            self.revive(name)
        for stopped in [node.stop() for node in (self.client, *self.nodes.values())]:
            self.run(stopped)
        assert self.clock.getDelayedCalls() == []

    def run(self, awaitable: Any) -> Any:
        """Await something, advancing the clock."""

        async def wrapped() -> Any:
            return await awaitable

        return run(wrapped(), self.clock)

    def ask(self, number: int = 7, **how: Any) -> Later[Message]:
        """A Device-Action request of the client with this Reference-Number."""
        action = {"Device-Action": {**ACTION["Device-Action"], "Reference-Number": number}}
        how.setdefault("realm", REALM)
        avps = {**action, **how.pop("avps", {})}
        return self.asking.request("Device-Action", avps, **how)

    def pass_time(self, seconds: float) -> None:
        """Advance the clock timer by timer."""
        until = self.clock.seconds() + seconds
        while calls := [call for call in self.clock.getDelayedCalls() if call.getTime() <= until]:
            self.clock.advance(max(0.0, min(call.getTime() for call in calls) - self.clock.seconds()))
        self.clock.advance(max(0.0, until - self.clock.seconds()))

    def link_to(self, name: str) -> Any:
        """The client's end of the link to a server."""
        return next(link for link in self.wire.links if link.dialled == host(name))

    def cut(self, name: str) -> None:
        """The server dies: its listener is gone, its link breaks."""
        port = 3868 + list(self.nodes).index(name)
        self.wire.listeners = {key: owner for key, owner in self.wire.listeners.items() if key[1] != port}
        self.link_to(name).other.abort("cut")
        self.pass_time(0.0)

    def revive(self, name: str) -> None:
        """The server listens again."""
        for transport, address in self.nodes[name].listening:
            assert transport == "tcp"
            self.wire.listeners[address] = self.nodes[name]

    def silence(self, name: str) -> None:
        """The server hears nothing more: what the client writes stays on the way."""
        self.link_to(name).other.pause()

    def unsilence(self, name: str) -> None:
        """The server hears again, all that was written meanwhile included."""
        self.link_to(name).other.resume()


def host(name: str) -> str:
    """Identity of a server."""
    return f"{name}.example.org"


class Counting(Answering):
    """Executes: counts each (Origin-Host, End-to-End Identifier), with and without T."""

    def __init__(self, then: Callable[[Message], Any] | None = None) -> None:
        super().__init__(*([then] if then else []))

    @property
    def executed(self) -> Sequence[tuple[str, int, bool]]:
        """(Origin-Host, End-to-End Identifier, T) of everything executed here."""
        return [(m["Origin-Host"], m.end_to_end, m.retransmitted) for m in self.seen]
