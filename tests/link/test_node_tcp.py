"""Two nodes over loopback TCP and TLS: load, slow readers, killed peers, garbage, wrong certificates."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import deferLater

from diameter import Message, encode
from diameter.app import Application
from diameter.config import NodeConfig, PeerConfig, TlsConfig
from diameter.errors import ConfigError, Undeliverable
from diameter.node import Node, as_deferred
from diameter.trace import Point
from diameter.transport.endpoints import Links
from helpers.certificates import Ca
from helpers.links import CLEAR, Recorder, tls_table
from helpers.loop import drive, reactor, settle
from helpers.nodes import ACTION, LEFT, REALM, RIGHT, Answering, Asking, Said, Waiting, dictionary, split, succeed
from helpers.programs import until

pytestmark = pytest.mark.link


def config(name: str, tls: TlsConfig | None = None, **more: Any) -> NodeConfig:
    table = {"origin_host": name, "origin_realm": REALM, "tls": tls, "drain_s": 5.0, **more}
    return NodeConfig.model_validate(table)


def row(host: str, transport: str = "tcp", **more: Any) -> dict[str, Any]:
    return {"host": host, "realm": REALM, "transport": transport, **(CLEAR if transport == "tcp" else {}), **more}


def listen(transport: str = "tcp") -> list[dict[str, Any]]:
    return [{"host": "127.0.0.1", "port": 0, "transport": transport, **(CLEAR if transport == "tcp" else {})}]


class Two:
    """A server that listens and a client that has dialled it."""

    def __init__(
        self, server: Application, client: Application, transport: str, tls: tuple[Any, Any], limits: Any
    ) -> None:
        self.said, self.client_said = Said(), Said()
        self.server = Node(
            config(RIGHT, tls[0], listen=listen(transport), peer=[row(LEFT, transport)], limits=limits or {}),
            [server], dictionary(), reactor=reactor, observe=self.said.observe, audit=self.said.refused.append,
        )  # fmt: skip
        self.transport, self._tls, self._client, self._limits = transport, tls[1], client, limits
        self.client: Node

    @property
    def port(self) -> int:
        return int(self.server.listening[0][1].port)

    async def open(self) -> None:
        await self.server.start()
        peer = row(RIGHT, self.transport, connect=True, addresses=["127.0.0.1"], port=self.port)
        self.client = Node(
            config(LEFT, self._tls, peer=[peer], limits=self._limits or {}),
            [self._client], dictionary(), reactor=reactor, observe=self.client_said.observe,
        )  # fmt: skip
        await self.client.start()


@asynccontextmanager
async def two(
    server: Application, client: Application, *, transport: str = "tcp", tls: Any = (None, None), limits: Any = None
) -> AsyncIterator[Two]:
    both = Two(server, client, transport, tls, limits)
    await both.open()
    try:
        yield both
    finally:
        await both.client.stop()
        await both.server.stop()
        settle()


def test_ten_thousand_requests_with_a_hundred_outstanding() -> None:
    async def scenario() -> None:
        client = Asking()
        async with two(Answering(), client) as both:
            await both.client.when_open(RIGHT)
            left = iter(range(10_000))
            references: list[int] = []

            async def ask() -> None:
                for number in left:
                    action = {**ACTION["Device-Action"], "Reference-Number": number}
                    answer = await client.request("Device-Action", {"Device-Action": action}, realm=REALM)
                    references.append(answer["Device-Notification"]["Reference-Number"])

            await gatherResults([both.client.run(ask()) for _ in range(100)])
            assert sorted(references) == list(range(10_000))
            stats = both.server.stats
            assert (stats.requests_in, stats.answers_out) == (10_000, 10_000)
            assert stats.writes < 2_000  # answers leave together
            assert both.client.pending == 0

    drive(scenario())


def test_a_thousand_requests_over_tls(tmp_path: Path) -> None:
    async def scenario(tls: tuple[TlsConfig, TlsConfig]) -> None:
        client = Asking()
        async with two(Answering(), client, transport="tls", tls=tls) as both:
            neighbour = await both.client.when_open(RIGHT)
            assert (neighbour.transport, neighbour.secure) == ("tls", True)
            laters = [client.request("Device-Action", ACTION, realm=REALM) for _ in range(1000)]
            answers = await gatherResults([as_deferred(later) for later in laters])
            assert {answer.result for answer in answers} == {(0, 2001)}

    ca = Ca()
    tables = [tls_table(tmp_path, name, ca.issue(name)) for name in (RIGHT, LEFT)]
    drive(scenario((tables[0], tables[1])))


def test_a_certificate_of_somebody_else_does_not_get_in(tmp_path: Path) -> None:
    async def scenario(tls: tuple[TlsConfig, TlsConfig]) -> None:
        async with two(Answering(), Asking(), transport="tls", tls=tls) as both:
            await until(lambda: both.client_said.of(Point.CONNECTING_FAILED), "an attempt that failed")
            with pytest.raises(Undeliverable, match="certificate does not carry"):
                await both.client.when_open(RIGHT, timeout_s=0)
            await until(lambda: both.said.refused, "a refusal")
            assert both.said.refused[0].code == 3010
            assert both.server.stats.peers_opened == 0

    ca = Ca()
    tables = [tls_table(tmp_path, name, ca.issue(name)) for name in (RIGHT, "somebody.example.org")]
    drive(scenario((tables[0], tables[1])))


def test_a_server_with_the_wrong_certificate_is_sent_nothing(tmp_path: Path) -> None:
    async def scenario(tls: tuple[TlsConfig, TlsConfig]) -> None:
        async with two(Answering(), Asking(), transport="tls", tls=tls) as both:
            await until(lambda: both.client_said.of(Point.CONNECTING_FAILED), "an attempt that failed")
            with pytest.raises(Undeliverable, match="certificate does not carry"):
                await both.client.when_open(RIGHT, timeout_s=0)
            assert both.server.stats.octets_in == 0

    ca = Ca()
    tables = [tls_table(tmp_path, name, ca.issue(name)) for name in ("somebody.example.org", LEFT)]
    drive(scenario((tables[0], tables[1])))


def test_a_handler_that_asks_another_node_before_it_answers() -> None:
    async def scenario() -> None:
        first, second = Asking(), Asking()

        async def ask_on(request: Message) -> Message:
            answer = await second.request("Device-Action", ACTION, realm=REALM)
            assert answer.result is not None
            return request.answer(5012) if answer.result[1] != 2001 else succeed(request)

        async with two(Answering(), second) as behind:
            await behind.client.when_open(RIGHT)
            async with two(Waiting(ask_on), first) as front:
                await front.client.when_open(RIGHT)
                laters = [first.request("Device-Action", ACTION, realm=REALM) for _ in range(200)]
                answers = await gatherResults([as_deferred(later) for later in laters])
                assert {answer.result for answer in answers} == {(0, 2001)}

    drive(scenario())


def raw(count: int) -> bytes:
    """So many Device-Action-Requests of the client."""
    action = {**ACTION["Device-Action"], "Trigger-Data": {"Payload": b"x" * 100}}
    request = dictionary().request(
        "Device-Action",
        {
            "Session-Id": "s", "Auth-Application-Id": 16777309, "Auth-Session-State": 1,
            "Origin-Host": LEFT, "Origin-Realm": REALM,
            "Destination-Realm": REALM, "Device-Action": action,
        },
        application="Tsp",
    )  # fmt: skip
    octets = encode(request)
    return b"".join(octets[:12] + number.to_bytes(4) * 2 + octets[20:] for number in range(count))


CER = {
    "Origin-Host": LEFT, "Origin-Realm": REALM, "Host-IP-Address": [], "Vendor-Id": 0, "Product-Name": "raw",
    "Auth-Application-Id": 0xFFFFFFFF,
}  # fmt: skip


async def raw_client(port: int) -> tuple[Links, Recorder, Any]:
    """A bare link to a server, with its capabilities exchanged."""
    owner = Recorder()
    links = Links(reactor, config(LEFT, limits={"send_limit": 1 << 28}), owner)
    peer = PeerConfig.model_validate(row(RIGHT, connect=True, addresses=["127.0.0.1"], port=port))
    link = await links.connect(peer)
    cer = dictionary().request("Capabilities-Exchange", {**CER, "Host-IP-Address": ip_address("127.0.0.1")})
    link.write(encode(cer))
    await owner.until(lambda: owner.octets > 0)
    owner.pieces.clear()
    return links, owner, link


def test_a_peer_that_does_not_read_pauses_the_server_and_gets_every_answer_later() -> None:
    """Requests of 30,000 transactions at once, answers unread: bounded, then complete."""
    count, limit = 30_000, 1 << 20

    async def scenario() -> None:
        server = Answering()
        async with two(server, Asking(), limits={"send_limit": limit, "message_limit": 1 << 16}) as both:
            await both.client.stop()
            links, owner, link = await raw_client(both.port)
            link.pause()
            link.write(raw(count))
            theirs = next(iter(both.server._core.lines.values())).link
            while theirs.pauses == 0:
                await deferLater(reactor, 0.01)
            answered = both.server.stats.answers_out
            assert 0 < answered < count
            assert theirs.peak_buffered <= limit
            link.resume()
            while both.server.stats.answers_out < count:
                await deferLater(reactor, 0.01)
            await owner.until(lambda: owner.octets == theirs.octets_out)
            assert theirs.peak_buffered <= limit
            link.close()
            await owner.until(lambda: bool(owner.lost))
            answers = split(owner.data)
            assert [a.hop_by_hop for a in answers] == list(range(count))
            await links.stop()

    drive(scenario())


def test_garbage_costs_the_link_and_nobody_else() -> None:
    async def scenario() -> None:
        client = Asking()
        async with two(Answering(), client) as both:
            await both.client.when_open(RIGHT)
            owner = Recorder()
            links = Links(reactor, config("x.example.org"), owner)
            peer = PeerConfig.model_validate(row(RIGHT, connect=True, addresses=["127.0.0.1"], port=both.port))
            for garbage in (b"GET / HTTP/1.1\r\n\r\n" * 9, bytes(100), b"\xff" * 5000):
                link = await links.connect(peer)
                link.write(garbage)
            await owner.until(lambda: len(owner.lost) == 3)
            answer = await as_deferred(client.request("Device-Action", ACTION, realm=REALM))
            assert answer.result == (0, 2001)
            await links.stop()

    drive(scenario())


SERVER = """
import sys
from helpers.nodes import Answering, LEFT, RIGHT
from diameter.node import run
run(Answering(), identity=RIGHT, realm="example.org", listen="tcp:127.0.0.1:0", peers=[LEFT],
    physical_protection="test", started=lambda node: print(node.listening[0][1].port, flush=True))
"""


def test_a_peer_that_is_killed_fails_the_requests_on_their_way_and_stop_is_still_orderly() -> None:
    tests = Path(__file__).resolve().parent.parent
    process = subprocess.Popen(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(tests)!r})\n{SERVER}"],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    assert process.stdout is not None
    port = int(process.stdout.readline())

    async def scenario() -> None:
        client = Asking()
        peer = row(RIGHT, connect=True, addresses=["127.0.0.1"], port=port)
        node = Node(config(LEFT, peer=[peer]), [client], dictionary(), reactor=reactor, observe=Said().observe)
        await node.start()
        await node.when_open(RIGHT)
        assert (await as_deferred(client.request("Device-Action", ACTION, realm=REALM))).result == (0, 2001)
        outcomes: list[str] = []

        async def ask() -> None:
            for _ in range(2000):
                try:
                    await client.request("Device-Action", ACTION, realm=REALM)
                except Undeliverable as error:
                    outcomes.append(str(error))
                    return

        working: list[Deferred[None]] = [node.run(ask()) for _ in range(50)]
        while node.stats.answers_in < 500:
            await deferLater(reactor, 0.005)
        process.kill()
        await gatherResults(working)
        assert len(outcomes) == 50
        assert all("lost" in text or "Closed" in text for text in outcomes)
        await node.stop()

    try:
        drive(scenario())
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_a_small_program_ends_orderly_on_sigterm_and_says_in_one_line_why_it_cannot_start() -> None:
    tests = Path(__file__).resolve().parent.parent
    program = f"import sys; sys.path.insert(0, {str(tests)!r})\n{SERVER}"
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        port = int(process.stdout.readline())
        again = program.replace("127.0.0.1:0", f"127.0.0.1:{port}")
        second = subprocess.run([sys.executable, "-c", again], capture_output=True, text=True, timeout=300, check=False)
        process.terminate()
        process.stdout.read()
        log = process.stderr.read().decode()
        assert process.wait(timeout=300) == 0
    assert second.returncode == 2
    assert f"cannot listen on tcp 127.0.0.1:{port}: Address already in use" in second.stderr
    assert "Traceback" not in second.stderr
    assert "stopped" in log


def test_an_unreadable_key_is_a_configuration_error(tmp_path: Path) -> None:
    ca = Ca()
    table = tls_table(tmp_path, RIGHT, ca.issue(RIGHT))
    Path(table.key).write_text("nonsense")
    with pytest.raises(ConfigError):
        Node(config(RIGHT, table, listen=listen("tls")), [Answering()], dictionary(), reactor=reactor)
