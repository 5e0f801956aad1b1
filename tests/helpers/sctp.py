"""Both ends of SCTP links for tests, whoever implements SCTP."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from diameter.config import ListenConfig, NodeTable, PeerConfig
from diameter.transport.association import Association
from diameter.transport.endpoints import Links
from diameter.transport.link import Link
from diameter.transport.sctp import SctpLink
from helpers.links import CLEAR, Recorder
from helpers.loop import reactor

FIRST, SECOND, THIRD, FOURTH = (f"127.0.0.{number}" for number in range(1, 5))
PORT: Final = 3868


def table(name: str, *listen: ListenConfig, **limits: Any) -> NodeTable:
    """The `[node]` table of one end."""
    return NodeTable.model_validate(
        {"origin_host": name, "origin_realm": "example", "listen": listen, "limits": limits, "connect_timeout_s": 8}
    )


def listening(
    host: str = FIRST, *more: str, sctp: str = "auto", port: int = PORT, transport: str = "sctp", **options: Any
) -> ListenConfig:
    """A listener on these addresses."""
    association = {"local_addresses": list(more), **options}
    row = {"transport": transport, "host": host, "port": port, "sctp": sctp, "association": association, **CLEAR}
    return ListenConfig.model_validate(row)


def dialling(
    *addresses: str,
    bind: str | None = None,
    sctp: str = "auto",
    port: int = PORT,
    transport: str = "sctp",
    **options: Any,
) -> PeerConfig:
    """A peer with these addresses."""
    row: Mapping[str, Any] = {
        "host": "server.example", "realm": "example", "connect": True, "transport": transport, "port": port,
        "addresses": addresses or (FIRST,), "bind": bind, "sctp": sctp, "association": options, **CLEAR,
    }  # fmt: skip
    return PeerConfig.model_validate(row)


def association_of(link: Link) -> Association:
    """What carries a link."""
    assert isinstance(link, SctpLink)
    return link._association


class Ends:
    """A listening end and a dialling end; `async with` opens the listener and closes everything."""

    def __init__(self, listener: ListenConfig, *, react: Any = None, heard: Any = None, **limits: Any) -> None:
        """`react`: what the listening end does with a message; `heard`: the dialling end."""
        self.server_owner, self.client_owner = Recorder(react), Recorder(heard)
        self.server = Links(reactor, table("server.example", listener, **limits), self.server_owner)
        self.client = Links(reactor, table("client.example", **limits), self.client_owner)

    async def connect(self, peer: PeerConfig | None = None) -> tuple[Link, Link]:
        """(the client's link, the server's link)."""
        owner, count = self.server_owner, len(self.server_owner.links)
        ours = await self.client.connect(peer or dialling())
        await owner.until(lambda: len(owner.links) > count)
        return ours, owner.links[-1]

    async def __aenter__(self) -> Ends:
        await self.server.listen()
        return self

    async def __aexit__(self, *_: object) -> None:
        for owner in (self.client_owner, self.server_owner):
            for link in owner.links:
                link.abort("the test is over")
            await owner.until(lambda owner=owner: len(owner.lost) == len(owner.links))  # type: ignore[misc]
        await self.client.stop()
        await self.server.stop()
