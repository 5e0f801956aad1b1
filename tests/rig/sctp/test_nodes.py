"""Nodes over kernel SCTP: messages both ways, streams and order, failover with what was never sent; `mtc ping` and
`mtc config check`; endpoint strings.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectError
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure

from diameter.app import Later
from diameter.config import NodeConfig
from diameter.errors import EncodeError
from diameter.message import Message
from diameter.node import Node, as_deferred
from diameter.trace import Point
from diameter.transport import strings
from diameter.transport.tcp import address_of
from helpers.certificates import Ca, Leaf
from helpers.dtls import CA
from helpers.loop import drive, reactor, settle
from helpers.nodes import ACTION, LEFT, REALM, RIGHT, Answering, Asking, Said, Waiting, dictionary
from helpers.programs import until
from helpers.sctp_suite import seen

pytestmark = [pytest.mark.rig, pytest.mark.usefixtures("nowhere")]
SCTP: dict[str, Any] = {
    "transport": "sctp", "physical_protection": True, "physical_protection_reason": "loopback of a test",
}  # fmt: skip
OTHER = f"other.{REALM}"


def server(application: Any, host: str = RIGHT, address: str = "127.0.0.1") -> tuple[Node, Said]:
    said = Said()
    table = {
        "origin_host": host, "origin_realm": REALM, "listen": [{**SCTP, "host": address}],
        "peer": [{"host": LEFT, "realm": REALM, **SCTP}],
    }  # fmt: skip
    return Node(
        NodeConfig.model_validate(table), [application], dictionary(), reactor=reactor, observe=said.observe
    ), said


def client(application: Any, *peers: tuple[str, str], **association: Any) -> tuple[Node, Said]:
    said = Said()
    rows = [
        {"host": host, "realm": REALM, "connect": True, "addresses": [at], "association": association, **SCTP}
        for host, at in peers or ((RIGHT, "127.0.0.1"),)
    ]
    table = {"origin_host": LEFT, "origin_realm": REALM, "peer": rows}
    return Node(
        NodeConfig.model_validate(table), [application], dictionary(), reactor=reactor, observe=said.observe
    ), said


def ask(asking: Asking, number: int, **how: Any) -> Deferred[Message]:
    action = {**ACTION["Device-Action"], "Reference-Number": number}
    return as_deferred(asking.request("Device-Action", {"Device-Action": action}, realm=REALM, **how))


@pytest.mark.parametrize("order", ["unordered", "session", "ordered"])
def test_requests_and_answers(order: str) -> None:
    async def scenario() -> None:
        asking, answering = Asking(), Answering()
        (right, said), (left, _) = server(answering), client(asking, order=order, outbound_streams=6)
        await right.start()
        assert said.of(Point.CHOSEN)[0]["reason"] == "SCTP of the kernel, which has it"
        await left.start()
        with seen() as found:
            neighbour = await left.when_open(RIGHT)
            assert (neighbour.transport, neighbour.secure) == ("sctp", False)
            asked = [ask(asking, number) for number in range(200)]
            numbers = [(await each)["Device-Notification"]["Reference-Number"] for each in asked]
            assert numbers == list(range(200))
            assert answering.batches < 200  # several messages a wake-up
            heard = next(messages for messages in found.values() if messages[0].data[4] & 0x80)  # CER first
            streams = {each.stream for each in heard if each.data[5:8] == (8388639).to_bytes(3)}
            assert streams == ({0} if order == "ordered" else set(range(1, 6)))
            assert heard[0].stream == 0
        await left.stop()
        await right.stop()
        assert (right.stats.bugs, left.stats.bugs, said.of(Point.DROPPED)) == (0, 0, [])
        settle()

    drive(scenario())


def test_what_never_left_goes_to_another_peer_as_new() -> None:
    """One server stops reading; what is stuck on our side when it dies reaches the other without the T flag."""

    async def never(request: Message) -> Message:
        return await Later[Message]()

    async def scenario() -> None:
        asking, answering = Asking(), Answering()
        (right, _), (other, _) = server(Waiting(never)), server(answering, OTHER, "127.0.0.2")
        left, said = client(asking, (RIGHT, "127.0.0.1"), (OTHER, "127.0.0.2"))
        for node in (right, other, left):
            await node.start()
        await left.when_open(RIGHT)
        await left.when_open(OTHER)
        next(iter(right._core.lines.values())).link.pause()
        trigger = {"Device-Action": {**ACTION["Device-Action"], "Trigger-Data": {"Payload": bytes(40_000)}}}
        asked = [as_deferred(asking.request("Device-Action", trigger, realm=REALM)) for _ in range(40)]
        line = next(line for line in left._core.lines.values() if line.whose == RIGHT)
        await until(lambda: line.link.buffered and line.link.octets_out > 100_000, "some is sent, some waits here")
        next(iter(right._core.lines.values())).link.abort("died")
        for each in asked:
            assert (await each)["Origin-Host"] == OTHER
        flags = [message.retransmitted for message in answering.seen]
        assert len(flags) == 40
        assert 0 < flags.count(False) < 40
        assert {fields["reason"] for fields in said.of(Point.FAILOVER)} == {
            "they could not be sent", "association lost: aborted by the peer",
        }  # fmt: skip
        for node in (left, other, right):
            await node.stop()
        settle()

    drive(scenario())


SERVER = """
from helpers.nodes import Answering, LEFT, RIGHT
from diameter.node import run
run(Answering(), identity=RIGHT, realm="example.org", listen="sctp:127.0.0.1:3868", peers=[LEFT],
    physical_protection="test", started=lambda node: print("ready", flush=True))
"""


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("PYTHONPATH", ":".join(sys.path))
    with subprocess.Popen([sys.executable, "-c", SERVER], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        yield
        process.terminate()
        process.stdout.read()


def mtc(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "nfs.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)


@pytest.mark.usefixtures("served")
@pytest.mark.parametrize("peer", [("sctp:127.0.0.1",), ("--transport", "sctp", "127.0.0.1:3868")])
def test_ping(peer: tuple[str, ...]) -> None:
    done = mtc("ping", *peer, "-n", "2", "--interval", "0", "--origin-host", LEFT)
    assert done.returncode == 0, done
    lines = done.stdout.splitlines()
    assert lines[0].startswith("connected to 127.0.0.1:3868 over sctp (clear)")
    assert lines[-1].startswith(f"{RIGHT}: 2 DWR, 2 DWA, 0 lost")


def test_ping_nobody() -> None:
    done = mtc("ping", "sctp:127.0.0.1:3999", "--origin-host", LEFT)
    assert (done.returncode, done.stderr) == (1, "127.0.0.1: sctp 127.0.0.1:3999: connection refused\n")


def test_a_configuration_with_sctp_is_right_here(tmp_path: Path) -> None:
    file = tmp_path / "node.toml"
    file.write_text(
        f'[node]\norigin_host = "{LEFT}"\norigin_realm = "{REALM}"\n[[node.listen]]\ntransport = "sctp"\n'
        'physical_protection = true\nphysical_protection_reason = "test"\n'
    )
    done = mtc("config", "check", str(file))
    assert (done.returncode, done.stderr) == (0, "")


class Echo(Protocol):
    def dataReceived(self, data: bytes) -> None:
        assert self.transport is not None
        self.transport.writeSequence([b"<", data, b">"])


class Asks(Protocol):
    longest = 100_000

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self.over: Deferred[str] = Deferred()

    def connectionMade(self) -> None:
        assert self.transport is not None
        for data in (b"a", b"b" * self.longest, b"c"):
            self.transport.write(data)

    def dataReceived(self, data: bytes) -> None:
        assert self.transport is not None
        self.heard.append(data)
        if len(self.heard) == 3:
            self.transport.loseConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.over.callback(reason.getErrorMessage())


class AsksBriefly(Asks):
    longest = 16_000


CLEAR = {"physical_protection": "yes", "physical_protection_reason": "test"}


def test_endpoint_strings_of_dtls(tmp_path: Path) -> None:
    """Both ends show certificates; one that is not trusted gets nowhere."""

    def keys(stem: str, leaf: Leaf) -> dict[str, str]:
        return {**leaf.write(tmp_path, stem), "trust": str(tmp_path / "ours-ca.pem")}

    async def scenario() -> None:
        mine = keys("ours", CA.issue("server.example"))
        server = strings.server(reactor, "dtls", host="127.0.0.1", port="0", **mine)
        port = await server.listen(Factory.forProtocol(Echo))
        place = {"host": "127.0.0.1", "port": str(address_of(port.getHost()).port)}
        client = strings.client(reactor, "dtls", **place, **keys("theirs", CA.issue("client.example")))
        protocol = await client.connect(Factory.forProtocol(AsksBriefly))
        assert isinstance(protocol, AsksBriefly)
        assert protocol.transport is not None
        with pytest.raises(EncodeError, match="takes 16384"):
            protocol.transport.write(bytes(16_385))
        assert await protocol.over == "Connection was closed cleanly."
        assert [each[:2] for each in protocol.heard] == [b"<a", b"<b", b"<c"]
        stranger = strings.client(reactor, "dtls", **place, **keys("strange", Ca("Other CA").issue("client.example")))
        with pytest.raises(ConnectError, match="refused by the peer"):
            await stranger.connect(Factory.forProtocol(Asks))
        port.stopListening()

    drive(scenario())


def test_endpoint_strings() -> None:
    async def scenario() -> None:
        server = strings.server(reactor, "sctp", host="127.0.0.1", port="0", **CLEAR)
        port = await server.listen(Factory.forProtocol(Echo))
        number = address_of(port.getHost()).port
        client = strings.client(reactor, "sctp", host="127.0.0.1", port=str(number), bind="127.0.0.5", **CLEAR)
        protocol = await client.connect(Factory.forProtocol(Asks))
        assert isinstance(protocol, Asks)
        assert protocol.transport is not None
        assert address_of(protocol.transport.getPeer()) == ("127.0.0.1", number)
        assert address_of(protocol.transport.getHost()).host == "127.0.0.5"
        assert await protocol.over == "Connection was closed cleanly."
        assert protocol.heard == [b"<a>", b"<" + b"b" * 100_000 + b">", b"<c>"]
        port.stopListening()
        with pytest.raises(ConnectError, match="connection refused"):
            await client.connect(Factory.forProtocol(Asks))

    drive(scenario())
