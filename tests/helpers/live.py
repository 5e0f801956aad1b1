"""Nodes of ours among live peers: what passed on their links, and how to put octets on one past the node."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

from diameter import Message, decode
from diameter.app import Application, Later
from diameter.config import NodeConfig, TlsConfig
from diameter.node import Node, as_deferred
from diameter.routing.agents import Agent
from diameter.security.pki import Pki
from diameter.wire import header
from helpers.loop import reactor, settle
from helpers.nodes import Said, dictionary
from helpers.programs import until

REALM: Final = "example.net"
LEFT, RIGHT, THEIRS, OTHER = f"left.{REALM}", f"right.{REALM}", f"peer.{REALM}", f"other.{REALM}"
AT: Final = {THEIRS: "10.99.0.1", LEFT: "10.99.0.2", RIGHT: "10.99.0.3", OTHER: "10.99.0.4"}
"""Address of each identity in the network of the tests."""
CLEAR: Final[Mapping[str, Any]] = {
    "transport": "tcp", "physical_protection": True, "physical_protection_reason": "a network inside one machine",
}  # fmt: skip
SECURE: Final[Mapping[str, Any]] = {"transport": "tls"}


class Tape:
    """A tap that keeps every message: (outgoing, message)."""

    def __init__(self) -> None:
        self.passed: list[tuple[bool, Message]] = []

    def message(self, time: float, outgoing: bool, link: Any, octets: bytes, peer: str) -> None:
        self.passed.append((outgoing, decode(octets, dictionary())))

    def event(self, time: float, link: Any, name: str, text: str) -> None:
        """Events are in `Said` already."""

    def names(self) -> list[str]:
        """ ">CER", "<CEA", ...: what passed, in order."""
        return [f"{'>' if out else '<'}{_short(message)}" for out, message in self.passed]

    def of(self, name: str) -> list[Message]:
        """Messages by such a name."""
        return [m for (_, m), each in zip(self.passed, self.names(), strict=True) if each == name]

    async def until(self, name: str, count: int = 1, timeout_s: float = 180.0) -> Message:
        """Wait for the `count`th message of a name."""
        await until(lambda: len(self.of(name)) >= count, f"{count} x {name}, had {self.names()}", timeout_s)
        return self.of(name)[count - 1]

    async def answer_to(self, hop_by_hop: int) -> Message:
        """Wait for the answer with this identifier."""
        found: list[Message] = []

        def look() -> bool:
            found[:] = [m for out, m in self.passed if not out and not m.request and m.hop_by_hop == hop_by_hop]
            return bool(found)

        await until(look, f"an answer to {hop_by_hop:#x}, had {self.names()}")
        return found[0]


def _short(message: Message) -> str:
    return message.definition.short if message.definition is not None else message.command


class Ours:
    """A node with everything it said and everything that passed."""

    def __init__(
        self,
        host: str,
        applications: Sequence[Application],
        peers: Sequence[Mapping[str, Any]],
        *,
        listen: Mapping[str, Any] | None = None,
        tls: TlsConfig | None = None,
        agent: Agent | None = None,
        **more: Any,
    ) -> None:
        rows = [{"bind": AT[host], **row} if row.get("connect") else row for row in peers]
        table = {
            "origin_host": host, "origin_realm": REALM, "tls": tls, "drain_s": 3.0, "tc_s": 0.3, "tw_s": 3600.0,
            "peer": rows, "listen": () if listen is None else [{"host": AT[host], **listen}], **more,
        }  # fmt: skip
        self.said, self.tape = Said(), Tape()
        self.node = Node(
            NodeConfig.model_validate(table), applications, dictionary(), reactor=reactor, tap=self.tape, agent=agent,
            observe=self.said.observe, audit=self.said.refused.append,
        )  # fmt: skip

    def send(self, octets: bytes) -> None:
        """Put octets on the only link, past the node."""
        core = self.node._core
        line = next(iter(core.lines.values()))
        self.node.wake(lambda: core.write(line, octets))


def certified(host: str, pki: Pki, trusting: Pki | None = None, **more: Any) -> TlsConfig:
    """The TLS table of a node with a new certificate of `pki`; `trusting`: whose peers it takes, else `pki`'s."""
    mine = pki.issue(host)
    trust = ((trusting or pki).ca_path,)
    return TlsConfig(certificate=mine.certificate, key=mine.key, trust=trust, **more)


async def answer(later: Later[Message]) -> Message:
    """The answer to a request of ours."""
    return await as_deferred(later)


def raw(application: int, command: int, *avps: bytes, hop_by_hop: int = 0x1234, end_to_end: int = 0x5678) -> bytes:
    """A request as octets, which nothing has checked, for `Ours.send`."""
    return header.build(header.FLAG_R | header.FLAG_P, command, application, hop_by_hop, end_to_end, b"".join(avps))


def octets_of(application: str, command: str, avps: Mapping[str, Any], **more: Any) -> list[bytes]:
    """The AVPs of a request from LEFT to THEIRS, one by one; `more` replaces some, by name."""
    filled = {
        "Session-Id": f"{LEFT};1;1", "Auth-Session-State": 1, "Origin-Host": LEFT, "Origin-Realm": REALM,
        "Destination-Host": THEIRS, "Destination-Realm": REALM, **avps, **more,
    }  # fmt: skip
    built = dictionary().request(command, filled, application=application)
    return [avp.octets for avp in built.avps]


def peer(host: str, how: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """A row of the peer table: it connects to us."""
    return {"host": host, "realm": REALM, **how, **more}


def dialled(host: str, how: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """The same for a peer that we connect to."""
    return peer(host, how, connect=True, addresses=[AT[host]], **more)


@asynccontextmanager
async def up(*nodes: Ours) -> AsyncIterator[None]:
    """Within, these nodes run; afterwards they have left their peers with DPR."""
    started = []
    try:
        for one in nodes:
            await one.node.start()
            started.append(one)
        yield
    finally:
        for one in started:
            await one.node.stop()
        settle()
