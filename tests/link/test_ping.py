"""`mtc ping` against a node: as a process, and its exchange against peers that misbehave."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.protocol import Factory, Protocol

from diameter._node.setup import quick_config
from diameter.config import NodeConfig, TlsConfig
from diameter.node import Node
from diameter.peer.capabilities import RELAY, Advertised
from helpers.certificates import Ca
from helpers.links import tls_table
from helpers.loop import drive, reactor, settle
from helpers.nodes import LEFT, REALM, RIGHT, Answering, Said, dictionary
from helpers.processes import listening
from helpers.schemas import assert_fits
from nfs.cli._ping import Report, ping

pytestmark = pytest.mark.link

TESTS = Path(__file__).resolve().parent.parent
SERVER = f"""
import sys; sys.path.insert(0, {str(TESTS)!r})
from helpers.nodes import Answering, LEFT, RIGHT
from diameter.node import run
run(Answering(), identity=RIGHT, realm="example.org", listen="tcp:127.0.0.1:0", peers=[LEFT],
    physical_protection="test", started=lambda node: print(node.listening[0][1].port, flush=True))
"""


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with listening(SERVER) as port:
        yield port


def mtc(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "nfs.cli", "ping", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)


def test_a_peer_that_answers(port: int) -> None:
    done = mtc(f"tcp:127.0.0.1:{port}", "-n", "3", "--interval", "0.01", "--origin-host", LEFT)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith(f"connected to 127.0.0.1:{port} over tcp (clear)")
    assert lines[1].startswith(f"CEA from {RIGHT} ({REALM}), mtc-diameter:")
    assert lines[1].endswith("applications Tsp")
    assert [line.split(":")[0] for line in lines[2:6]] == ["DWA 1", "DWA 2", "DWA 3", "DPA"]
    assert lines[6].startswith(f"{RIGHT}: 3 DWR, 3 DWA, 0 lost; min/avg/max")


def test_the_report_as_json(port: int) -> None:
    done = mtc(f"tcp:127.0.0.1:{port}", "-n", "1", "--origin-host", LEFT, "--app", "Tsp", "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert_fits("ping", report)
    assert (report["schema"], report["ok"], report["result_code"]) == (1, True, 2001)
    assert (report["origin_host"], report["applications"]) == (RIGHT, ["Tsp"])
    assert len(report["watchdogs_ms"]) == 1


def test_a_peer_that_refuses_us(port: int) -> None:
    done = mtc(f"tcp:127.0.0.1:{port}", "-n", "1", "--origin-host", "who.example.org")
    assert done.returncode == 1
    assert f"{RIGHT} refuses us with 3010: who.example.org is no peer of {RIGHT}" in done.stderr


def test_an_application_nobody_shares(port: int) -> None:
    done = mtc(f"tcp:127.0.0.1:{port}", "-n", "1", "--origin-host", LEFT, "--app", "16777310")
    assert done.returncode == 1
    assert "with 5010" in done.stderr


def test_nobody_there_as_json() -> None:
    done = mtc("tcp:127.0.0.1:1", "--json")
    assert done.returncode == 1
    assert_fits("ping", json.loads(done.stdout))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("tcp:127.0.0.1:1",), "connection refused"),
        (("127.0.0.1",), "tls needs --certificate"),
        (
            ("127.0.0.1", "--transport", "dtls"),
            "dtls needs --certificate, --key and --trust, or -c; for clear text write sctp:",
        ),
        (("tcp:127.0.0.1:x",), "is no port"),
        (("tcp:127.0.0.1", "--transport", "tls"), "is not --transport tls"),
        (("tcp:127.0.0.1", "--app", "Nonsense"), "Nonsense"),
        (("127.0.0.1", "--certificate", "no.pem", "--key", "no.key", "--trust", "no.pem"), "cannot read no.pem"),
    ],
)
def test_what_cannot_be_is_one_clear_line(arguments: tuple[str, ...], said: str) -> None:
    done = mtc(*arguments)
    assert done.returncode == (1 if "refused" in said else 2)
    assert said in done.stderr
    assert "Traceback" not in done.stderr


# ---- the exchange itself, over TLS and against misbehaving peers


def report_of(config: NodeConfig, **how: Any) -> Any:
    options = {"applications": [Advertised(id=RELAY)], "count": 2, "interval_s": 0.0, "timeout_s": 0.3, **how}
    return ping(reactor, config, config.peer[0], dictionary(), tell=lambda text: None, **options)


def quick(port: int) -> NodeConfig:
    return quick_config(LEFT, REALM, connect={RIGHT: f"tcp:127.0.0.1:{port}"}, physical_protection="test")


def tls_ping(folder: Path, name: str, *, file: bool = False) -> Report:
    """Ping, over TLS, a node whose certificate carries `name`."""
    ca = Ca()
    server_tls, client_tls = (tls_table(folder, each, ca.issue(each)) for each in (name, LEFT))

    async def scenario() -> Report:
        table = {"host": "127.0.0.1", "port": 0, "transport": "tls"}
        config = {
            "origin_host": RIGHT,
            "origin_realm": REALM,
            "listen": [table],
            "tls": server_tls,
            "lab": True,
            "accept_unknown": ("*",),
        }
        node = Node(
            NodeConfig.model_validate(config), [Answering()], dictionary(), reactor=reactor, observe=Said().observe
        )
        await node.start()
        port = node.listening[0][1].port
        found: Report = await report_of(
            quick_config(LEFT, REALM, connect={RIGHT: f"tls:127.0.0.1:{port}"}, tls=client_tls)
        )
        await node.stop()
        settle()
        return found

    return drive(scenario())


def test_over_tls(tmp_path: Path) -> None:
    report = tls_ping(tmp_path, RIGHT)
    assert report.trouble == ""
    assert report.security.startswith("TLSv1.3, ")
    assert len(report.watchdogs_ms) == 2


def test_a_certificate_that_does_not_carry_the_identity_is_trouble(tmp_path: Path) -> None:
    report = tls_ping(tmp_path, "other.example.org")
    assert f"the certificate does not carry {RIGHT} (identities: other.example.org)" in report.trouble


class Misbehaving(Protocol):
    """Does one thing with what it gets."""

    what = ""

    def dataReceived(self, data: bytes) -> None:
        assert self.transport is not None
        if self.what == "close":
            self.transport.loseConnection()
        elif self.what == "garbage":
            self.transport.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("silence", "no answer within 0.3 s"),
        ("close", "the connection was lost"),
        ("garbage", "the connection was lost"),
    ],
)
def test_a_peer_that_is_none(what: str, said: str) -> None:
    class Made(Misbehaving):
        pass

    Made.what = what

    async def scenario() -> Report:
        listening = reactor.listenTCP(0, Factory.forProtocol(Made), interface="127.0.0.1")
        found: Report = await report_of(quick(listening.getHost().port))
        await listening.stopListening()
        settle()
        return found

    assert said in drive(scenario()).trouble


def test_a_dwr_without_answer_is_counted_as_lost() -> None:
    async def scenario() -> Report:
        node = Node(
            quick_config(RIGHT, REALM, listen="tcp:127.0.0.1:0", peers=[LEFT], physical_protection="test"),
            [Answering()], dictionary(), reactor=reactor, observe=Said().observe,
        )  # fmt: skip
        await node.start()
        peering, take = node._peering, node._peering.receive

        def deaf_to_watchdogs(line: Any, message: Any) -> None:
            if message.command_code != 280:
                take(line, message)

        peering.receive = deaf_to_watchdogs  # type: ignore[method-assign]  # a peer that hangs halfway
        found: Report = await report_of(quick(node.listening[0][1].port))
        await node.stop()
        settle()
        return found

    report = drive(scenario())
    assert report.watchdogs_ms == [None, None]
    assert report.dpa_ms is not None


def test_the_configuration_of_a_function_says_who_we_are(tmp_path: Path) -> None:
    from nfs.cli._target import who

    ca = Ca()
    tls = tls_table(tmp_path, LEFT, ca.issue(LEFT))
    (tmp_path / "scs.toml").write_text(
        f'[node]\norigin_host = "{LEFT}"\norigin_realm = "{REALM}"\n'
        f'[node.tls]\ncertificate = "{tls.certificate}"\nkey = "{tls.key}"\ntrust = ["{tls.trust[0]}"]\n'
        f'[[peer]]\nhost = "{RIGHT}"\nrealm = "{REALM}"\nconnect = true\n'
    )
    given = dict.fromkeys(("transport", "origin_host", "origin_realm", "certificate", "key"))
    given |= {"trust": (), "crl": (), "config": tmp_path / "scs.toml"}
    config, peer = who({**given, "peer": RIGHT}, "ping")
    assert (config.origin_host, peer.host, peer.transport) == (LEFT, RIGHT, "tls")
    config, peer = who({**given, "peer": "tls:[::1]:5868"}, "ping")
    assert (config.origin_host, peer.dial, peer.port_number) == (LEFT, ("::1",), 5868)
    assert isinstance(config.tls, TlsConfig)
