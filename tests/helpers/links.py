"""What tests of links share: an owner that remembers, and configurations for both ends."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred

from diameter.config import ListenConfig, NodeTable, PeerConfig, TlsConfig
from diameter.transport.endpoints import Links
from diameter.transport.link import Address, Link
from helpers.certificates import Ca, Leaf, pem
from helpers.loop import reactor

CLEAR: dict[str, Any] = {"physical_protection": True, "physical_protection_reason": "loopback of a test"}


class Recorder:
    """A LinkOwner that keeps everything; `react` is called with each piece that arrives."""

    def __init__(self, react: Callable[[Link, bytes], None] | None = None) -> None:
        self.links: list[Link] = []
        self.pieces: list[bytes] = []
        self.octets = 0
        self.lost: list[str] = []
        self.refused: list[tuple[str, str]] = []
        self.congested: list[str] = []
        self.notes: list[str] = []
        self.unsent: list[bytes] = []
        self._react = react
        self._waiting: list[tuple[Callable[[], bool], Deferred[None]]] = []

    def until(self, condition: Callable[[], bool]) -> Deferred[None]:
        """Fires as soon as `condition` holds, looked at after each event of this owner."""
        fires: Deferred[None] = Deferred()
        self._waiting.append((condition, fires))
        self._look()
        return fires

    @property
    def data(self) -> bytes:
        """Everything that arrived."""
        return b"".join(self.pieces)

    def link_up(self, link: Link) -> None:
        self.links.append(link)
        self._look()

    def link_received(self, link: Link, data: bytes) -> None:
        assert data
        self.octets += len(data)
        if self._react is None:
            self.pieces.append(data)
        else:
            self._react(link, data)
        self._look()

    def link_messages(self, link: Link, messages: Sequence[bytes]) -> None:
        for data in messages:
            self.link_received(link, data)

    def link_note(self, link: Link, text: str) -> None:
        self.notes.append(text)
        self._look()

    def link_unsent(self, link: Link, messages: Sequence[bytes]) -> None:
        self.unsent += messages
        self._look()

    def link_worn(self, link: Link) -> None:
        self.notes.append("worn")
        self._look()

    def link_lost(self, link: Link, reason: str) -> None:
        self.lost.append(reason)
        self._look()

    def link_congested(self, link: Link) -> None:
        self.congested.append("congested")
        self._look()

    def link_drained(self, link: Link) -> None:
        self.congested.append("drained")
        self._look()

    def link_refused(self, transport: str, remote: Address, reason: str) -> None:
        self.refused.append((transport, reason))
        self._look()

    def _look(self) -> None:
        for pair in [pair for pair in self._waiting if pair[0]()]:
            self._waiting.remove(pair)
            pair[1].callback(None)


def tls_table(folder: Path, stem: str, leaf: Leaf, *trust: Ca, **more: Any) -> TlsConfig:
    """Write a certificate with key and trust store into `folder`; return the table that names them."""
    (folder / f"{stem}-trust.pem").write_bytes(b"".join(pem(ca.certificate) for ca in trust or (leaf.ca,)))
    table = {**leaf.write(folder, stem), "trust": (folder / f"{stem}-trust.pem",), **more}
    return TlsConfig.model_validate(table)


def node(name: str, tls: TlsConfig | None = None, *listen: ListenConfig, **more: Any) -> NodeTable:
    """The `[node]` table of a test."""
    return NodeTable(origin_host=name, origin_realm="example", tls=tls, listen=listen, **more)


def listener(transport: str, host: str = "127.0.0.1", port: int = 0) -> ListenConfig:
    """A listener on a free port."""
    clear = CLEAR if transport == "tcp" else {}
    return ListenConfig.model_validate({"transport": transport, "host": host, "port": port, **clear})


def dial(transport: str, port: int, *addresses: str, host: str = "server.example") -> PeerConfig:
    """A peer to be dialled at `addresses`."""
    clear = CLEAR if transport == "tcp" else {}
    table = {"host": host, "realm": "example", "connect": True, "port": port, "transport": transport, **clear}
    return PeerConfig.model_validate({**table, "addresses": addresses or ("127.0.0.1",)})


class Bench:
    """A listening end and a dialling end on loopback; `async with` opens the listener and closes everything."""

    def __init__(self, transport: str, server: NodeTable, client: NodeTable, owners: tuple[Recorder, Recorder]) -> None:
        self.transport = transport
        self.server_owner, self.client_owner = owners
        self.server = Links(reactor, server, self.server_owner)
        self.client = Links(reactor, client, self.client_owner)

    @property
    def port(self) -> int:
        """Where the server listens."""
        return self.server.listening[0][1].port

    async def connect(self) -> tuple[Link, Link]:
        """Return (the client's link, the server's link)."""
        ours = await self.client.connect(dial(self.transport, self.port))
        await self.server_owner.until(lambda: bool(self.server_owner.links))
        return ours, self.server_owner.links[-1]

    async def __aenter__(self) -> Bench:
        await self.server.listen()
        return self

    async def __aexit__(self, *_: object) -> None:
        for owner in (self.client_owner, self.server_owner):
            for link in owner.links:
                link.abort("the test is over")
            await owner.until(lambda owner=owner: len(owner.lost) == len(owner.links))  # type: ignore[misc]
        await self.client.stop()
        await self.server.stop()
