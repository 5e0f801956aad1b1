"""A redirect to a host that is no peer, over TLS on loopback: its certificate decides."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred

from diameter.app import Application
from diameter.config import NodeConfig, PeerConfig, TlsConfig
from diameter.errors import ErrorAnswer
from diameter.node import Node, as_deferred
from diameter.routing.entries import Source
from diameter.trace import Point
from diameter.transport.endpoints import Links
from diameter.transport.link import Link
from helpers.certificates import Ca
from helpers.links import tls_table
from helpers.loop import drive, reactor, settle
from helpers.nodes import ACTION, Answering, Asking, Said, dictionary

pytestmark = pytest.mark.link
TARGET, REALM = "iwf.home.example", "home.example"
DIRECTOR, CLIENT = "director.home.example", "client.visited.example"
LISTEN = [{"host": "127.0.0.1", "port": 0, "transport": "tls"}]


class Resolved(Links):
    """Every name has the address of this machine: the reactor of a test has no threads to ask a resolver with."""

    def connect(self, peer: PeerConfig) -> Deferred[Link]:
        """Dial here."""
        return super().connect(peer.model_copy(update={"addresses": ("127.0.0.1",)}))


def node(host: str, realm: str, tls: TlsConfig, application: Application, said: Said, **more: Any) -> Node:
    table = {"origin_host": host, "origin_realm": realm, "tls": tls, "drain_s": 2.0, **more}
    made = NodeConfig.model_validate(table)
    return Node(made, [application], dictionary(), reactor=reactor, observe=said.observe, links=Resolved)


def redirected(folder: Path, carries: str, check: Any) -> None:
    """A client asks, the director names a host of its realm whose certificate carries the name `carries`."""

    async def scenario() -> None:
        ca = Ca()
        tables = {
            name: tls_table(folder, str(at), ca.issue(name)) for at, name in enumerate((DIRECTOR, CLIENT, carries))
        }
        client_row = {"host": CLIENT, "realm": "visited.example"}
        there, said, asking = Answering(), Said(), Asking()
        target = node(TARGET, REALM, tables[carries], there, Said(), listen=LISTEN, peer=[client_row])
        await target.start()
        uri = f"aaas://{TARGET}:{target.listening[0][1].port}"
        redirecting = Answering(lambda asked: asked.answer(3006, {"Redirect-Host": [f"aaas://{TARGET}:1", uri]}))
        director = node(
            DIRECTOR, REALM, tables[DIRECTOR], redirecting, Said(), listen=LISTEN, peer=[client_row]
        )  # fmt: skip
        await director.start()
        port = director.listening[0][1].port
        row = {"host": DIRECTOR, "realm": REALM, "connect": True, "addresses": ["127.0.0.1"], "port": port}
        client = node(CLIENT, "visited.example", tables[CLIENT], asking, said, peer=[row], redirects={"connect": True})
        await client.start()
        await client.when_open(DIRECTOR)
        try:
            await check(client, asking, there, said)
        finally:
            for each in (client, director, target):
                await each.stop()
            settle()

    drive(scenario())


def test_the_host_proves_who_it_is_and_is_asked(tmp_path: Path) -> None:
    async def check(client: Node, asking: Asking, there: Answering, said: Said) -> None:
        answer = await as_deferred(asking.request("Device-Action", ACTION, realm=REALM))
        assert (answer["Result-Code"], answer["Origin-Host"]) == (2001, TARGET)
        assert {entry.host: entry.source for entry in client.peers}[TARGET] is Source.REDIRECT
        (failed,) = said.of(Point.CONNECTING_FAILED)  # the first URI leads to a port where nobody listens
        assert "connection refused" in failed["reason"]

    redirected(tmp_path, TARGET, check)


def test_another_certificate_is_not_good_enough(tmp_path: Path) -> None:
    async def check(client: Node, asking: Asking, there: Answering, said: Said) -> None:
        with pytest.raises(ErrorAnswer, match="3006"):
            await as_deferred(asking.request("Device-Action", ACTION, realm=REALM))
        assert there.seen == []
        assert [entry.host for entry in client.peers] == [DIRECTOR]
        (refused,) = said.of(Point.PEER_REFUSED)
        assert "the certificate does not carry iwf.home.example" in refused["reason"]

    redirected(tmp_path, "impostor.example", check)
