"""Clear text where protection is agreed, octets of no kind, and links by another mechanism than agreed: all refused.

Between nodes on real links; each refusal with its reason, an audit line and a counter.
"""

from __future__ import annotations

import socket
from pathlib import Path
from random import Random
from typing import Any, Final

import pytest
from twisted.internet.protocol import Factory, Protocol

from diameter.config import NodeConfig
from diameter.node import Node
from diameter.trace import Point
from diameter.transport.endpoints import tcp_server
from diameter.transport.tcp import address_of
from helpers.dtls_suite import protected
from helpers.hostile_sctp import init, packet
from helpers.loop import drive, reactor, settle
from helpers.loose import Raw, connect
from helpers.nodes import LEFT, REALM, RIGHT, Answering, Said, dictionary
from helpers.programs import until
from helpers.secured import CLEAR, KINDS, Secured
from helpers.strangers import cer
from helpers.udp import TwoSockets

pytestmark = pytest.mark.link

BLOBS: Final = 40


def nothing_was_heard(ends: Secured) -> None:
    """No octet went up, no peer opened."""
    stats = ends.server.stats
    assert (stats.octets_in, stats.requests_in, stats.peers_opened, stats.bugs) == (0, 0, 0, 0)
    assert not any(peer.usable for peer in ends.server.peers)


@pytest.mark.requirement("R-TSP-09", "R-TSP-32", "R-EXP-12", "E-TSP-21", "C-GEN-02")
def test_a_cer_in_clear_at_a_tls_port(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with Secured("tls", tmp_path) as ends:
            await connect(ends.server.listening[0][1].port, Raw(cer().octets))
            await until(lambda: bool(ends.said.refused), "a refusal")
            (first,) = ends.said.refused
            assert (first.stage, first.text) == ("link", "TLS: wrong version number")
            assert ends.metric("diameter_links_refused_total") == 1
            nothing_was_heard(ends)

    drive(scenario())


@pytest.mark.requirement("R-TSP-09", "R-TSP-32", "R-EXP-12", "E-TSP-21")
def test_a_node_in_clear_at_a_dtls_port(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with Secured("dtls", tmp_path) as ends:
            client = await ends.client(transport="sctp", association={**(await ends.dial()).association.model_dump(),
                                                                      "auth": None}, **CLEAR)  # fmt: skip
            await until(lambda: bool(ends.said.refused), "a refusal")
            first = ends.said.refused[0]
            assert first.stage == "link"
            assert "SCTP-AUTH" in first.text
            assert ends.metric("diameter_links_refused_total") >= 1
            assert client.stats.peers_opened == 0
            nothing_was_heard(ends)

    drive(scenario())


@pytest.mark.requirement("R-TSP-09", "E-TSP-21")
def test_a_message_in_clear_on_a_protected_association_ends_it(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with Secured("dtls", tmp_path) as ends:
            client = await ends.open()
            (line,) = client._core.lines.values()
            assert protected(line.link).below.send(cer().octets, stream=1, ppid=46, ordered=True)
            await until(lambda: bool(ends.said.refused), "a refusal")
            (first,) = ends.said.refused
            assert (first.stage, first.peer) == ("protection", LEFT)
            assert first.text == "a message in clear (payload protocol identifier 46) under DTLS"
            assert ends.metric("diameter_links_broken_total") == 1
            assert ends.answering.seen == []  # type: ignore[attr-defined]

    drive(scenario())


class Clear(Protocol):
    """A peer that answers everything with a CEA in clear."""

    def dataReceived(self, data: bytes) -> None:
        assert self.transport is not None
        self.transport.write(cer().answer(2001).octets)


@pytest.mark.requirement("R-TSP-09", "E-TSP-21", "S-TSP-23")
def test_a_peer_that_answers_in_clear_is_not_spoken_to(tmp_path: Path) -> None:
    async def scenario() -> None:
        port = await tcp_server(reactor, "127.0.0.1", 0).listen(Factory.forProtocol(Clear))
        async with Secured("tls", tmp_path) as ends:
            client = await ends.client(port=address_of(port.getHost()).port)
            await until(lambda: bool(ends.client_said.refused), "a refusal")
            (first,) = ends.client_said.refused
            assert (first.stage, first.text) == ("link", "TLS: wrong version number")
            assert (client.stats.links_refused, client.stats.octets_out) == (1, 0)
        stopped: Any = port.stopListening()
        await stopped

    drive(scenario())


@pytest.mark.requirement("R-TSP-32")
@pytest.mark.parametrize("seed", range(3))
def test_random_octets_at_a_tls_port_are_dropped_and_counted(tmp_path: Path, seed: int) -> None:
    async def scenario() -> None:
        random = Random(seed)
        async with Secured("tls", tmp_path, handshake_timeout_s=2) as ends:
            port = ends.server.listening[0][1].port
            for _ in range(BLOBS):
                blob = random.randbytes(random.randint(1, 3000))
                head = random.choice(
                    (b"", b"\x16\x03\x01", b"\x16\x03\x03\x00\x40\x01", b"\x01\x00\x00\x14\x80\x00\x01\x01")
                )
                await connect(port, Raw(head + blob))
            await until(lambda: ends.server.stats.links_refused == BLOBS, "every blob is counted")
            assert [one.stage for one in ends.said.refused] == ["link"] * BLOBS
            assert len(ends.said.of(Point.LINK_REFUSED)) == BLOBS
            nothing_was_heard(ends)
            await ends.open()

    drive(scenario())


@pytest.mark.requirement("R-TSP-32")
@pytest.mark.parametrize("seed", range(3))
def test_random_packets_at_a_dtls_port_make_no_link(tmp_path: Path, seed: int) -> None:
    """Datagrams of no kind, packets with good check sums and random chunks, INITs that nothing follows."""

    async def scenario() -> None:
        random = Random(seed)
        async with Secured("dtls", tmp_path) as ends:
            assert isinstance(ends._way, TwoSockets)
            where = ("127.0.0.1", ends._way.udp_port)
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
                for at in range(BLOBS):
                    blob = random.randbytes(random.randint(1, 1200))
                    stranger.sendto(blob, where)
                    stranger.sendto(packet(4000 + at, 3868, random.getrandbits(32), [blob]), where)
                    stranger.sendto(packet(5000 + at, 3868, 0, [init(tag=random.randint(1, 2**32 - 1))]), where)
                assert (await ends.open()).stats.peers_opened == 1  # behind all of that
            assert ends.server.stats.connections_in == 1
            assert ends.server.stats.requests_in == 0
            assert ends.server.stats.bugs == 0
            assert (await ends.ask())["Result-Code"] == 2001

    drive(scenario())


@pytest.mark.requirement("S-TSP-23", "R-TSP-13", "R-TSP-09")
@pytest.mark.parametrize("agreed", KINDS)
def test_a_peer_by_another_mechanism_than_agreed_is_refused(tmp_path: Path, agreed: str) -> None:
    """The node has a listener in clear for others; whoever is agreed to come protected may not come there."""

    async def scenario() -> None:
        said = Said()
        listen = {"transport": "tcp", "port": 0, **CLEAR}
        rows = [{"host": LEFT, "realm": REALM, "transport": agreed}]
        async with Secured("tls", tmp_path) as ends:
            table = {"origin_host": RIGHT, "origin_realm": REALM, "tls": ends.keys("server"), "listen": [listen]}
            config = NodeConfig.model_validate({**table, "peer": rows}, strict=False)
            right = Node(
                config, [Answering()], dictionary(), reactor=reactor, observe=said.observe, audit=said.refused.append
            )
            await right.start()
            port = right.listening[0][1].port
            client = await ends.client(transport="tcp", port=port, **CLEAR)
            await until(lambda: bool(said.refused), "a refusal")
            (first,) = said.refused
            assert (first.stage, first.code) == ("capabilities", 5017)
            assert first.text == f"the link is in clear, but {agreed} is agreed with {LEFT}"
            assert right.stats.refused == {"5017": 1}
            assert (right.stats.peers_opened, right.stats.requests_in, client.stats.peers_opened) == (0, 0, 0)
            await right.stop()
        settle()

    drive(scenario())


@pytest.mark.requirement("R-EXP-12", "S-EXP-17", "R-TSP-13")
@pytest.mark.parametrize("interface", ["S6t", "T6a"])
def test_clear_text_is_by_declaration_only_and_warned_about(tmp_path: Path, interface: str) -> None:
    async def scenario() -> None:
        async with Secured("tcp", tmp_path, interface=interface, peer=CLEAR) as ends:
            await ends.open()
            assert (await ends.ask())["Result-Code"] == 2001
            (said,) = ends.said.of(Point.CLEAR_TEXT)
            assert (said["transport"], said["reason"]) == ("tcp", CLEAR["physical_protection_reason"])
            assert LEFT in said["peer"]
        async with Secured("tls", tmp_path, interface=interface) as ends:
            assert (
                ends.server.config.peer[0].transport
                == type(ends.server.config.peer[0])(host=LEFT, realm=REALM).transport
            )
            assert ends.said.of(Point.CLEAR_TEXT) == []

    drive(scenario())
