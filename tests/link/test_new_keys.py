"""Keys, certificates and lists taken over while links are up: at a node, and by SIGHUP of a program; TLS and DTLS."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest
from cryptography.hazmat.primitives.hashes import SHA256

from diameter.config import NodeConfig
from diameter.errors import ConfigError
from diameter.node import Node
from diameter.trace import Point
from helpers.certificates import BOTH, Leaf, pem
from helpers.loop import drive, reactor, settle
from helpers.nodes import LEFT, REALM, RIGHT, Asking, Said, dictionary
from helpers.private import private
from helpers.programs import Program, running, until
from helpers.schemas import assert_fits
from helpers.secured import CA, KINDS, Secured
from helpers.udp import TwoSockets

pytestmark = pytest.mark.link


def fingerprint(leaf: Leaf) -> str:
    return leaf.certificate.fingerprint(SHA256()).hex()


def shown(node: Node) -> list[str]:
    """Fingerprints of the certificates that the peers of a node have shown."""
    return [line.link.security.fingerprint for line in node._core.lines.values()]


def other_key(folder: Path) -> str:
    """The key of another certificate."""
    private(folder / "server.key", pem(CA.issue(RIGHT).key))
    return r"node\.tls\.key: .*server\.key: does not belong to the certificate"


def run_out(folder: Path) -> str:
    CA.issue(RIGHT, days=(-9, -1)).write(folder, "server")
    return r"node\.tls\.certificate: .*server\.pem: our own certificate is valid from .* only"


def no_client(folder: Path) -> str:
    """One that is good for a server only."""
    CA.issue(RIGHT, purposes=[BOTH[1]]).write(folder, "server")
    return r"node\.tls\.certificate: .*server\.pem: our own certificate does not fit the profile: .*lacks clientAuth"


def nonsense(folder: Path) -> str:
    (folder / "server-trust.pem").write_text("nonsense")
    return r"node\.tls\.trust\.0: .*server-trust\.pem: no PEM certificate in it"


def gone(folder: Path) -> str:
    (folder / "server.pem").unlink()
    return r"node\.tls\.certificate: cannot read .*server\.pem: No such file or directory"


BAD: Final[tuple[Callable[[Path], str], ...]] = (other_key, run_out, no_client, nonsense, gone)


@pytest.mark.parametrize("kind", KINDS)
def test_new_keys_are_shown_to_new_links_and_old_links_stay(tmp_path: Path, kind: str) -> None:
    async def scenario() -> None:
        first, second = CA.issue(RIGHT), CA.issue(RIGHT)
        async with Secured(kind, tmp_path, server=first) as ends:
            client = await ends.open()
            assert shown(client) == [fingerprint(first)]
            links = set(ends.server._core.lines)
            second.write(tmp_path, "server")
            ends.server.reload()
            assert (await ends.ask())["Result-Code"] == 2001
            assert set(ends.server._core.lines) == links
            await client.stop()
            after = await ends.open()
            assert shown(after) == [fingerprint(second)]
            assert (await ends.ask())["Result-Code"] == 2001
            assert ends.said.refused == []

    drive(scenario())


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("kind", KINDS)
def test_bad_files_change_nothing(tmp_path: Path, kind: str, bad: Callable[[Path], str]) -> None:
    async def scenario() -> None:
        first = CA.issue(RIGHT)
        async with Secured(kind, tmp_path, server=first) as ends:
            client = await ends.open()
            with pytest.raises(ConfigError, match=bad(tmp_path)):
                ends.server.reload()
            assert (await ends.ask())["Result-Code"] == 2001
            await client.stop()
            assert shown(await ends.open()) == [fingerprint(first)]

    drive(scenario())


@pytest.mark.requirement("R-TSP-06", "R-EXP-07")
@pytest.mark.parametrize("interface", ["Tsp", "S6t", "T6a"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_peer_that_was_revoked_is_cut_off_and_audited(tmp_path: Path, kind: str, interface: str) -> None:
    async def scenario() -> None:
        leaf = CA.issue(LEFT)
        async with Secured(kind, tmp_path, client=leaf, crls=[CA.crl()], interface=interface) as ends:
            await ends.open()
            (tmp_path / "crl.pem").write_bytes(pem(CA.crl(leaf)))
            ends.server.reload()
            await until(lambda: bool(ends.said.refused), "an audit line")
            (first,) = ends.said.refused
            assert (first.stage, first.peer) == ("protection", LEFT)
            assert first.text == f"certificate of CN={LEFT}: revoked"
            assert ends.metric("diameter_links_broken_total") == 1
            await until(lambda: not ends.server._core.lines, "the end of the link")

    drive(scenario())


@pytest.mark.requirement("R-TSP-06", "R-EXP-07")
@pytest.mark.parametrize("kind", KINDS)
def test_a_link_ends_when_the_certificate_of_its_peer_runs_out(tmp_path: Path, kind: str) -> None:
    async def scenario() -> None:
        async with Secured(kind, tmp_path, client=CA.issue(LEFT, days=(-1, 2 / 86400))) as ends:
            await ends.open()
            await until(lambda: bool(ends.said.refused), "an audit line")
            assert (ends.said.refused[0].stage, ends.said.refused[0].peer) == ("protection", LEFT)
            assert ends.said.refused[0].text == "the certificate of the peer has expired"
            assert ends.metric("diameter_links_broken_total") == 1

    drive(scenario())


@pytest.mark.parametrize("kind", KINDS)
def test_what_runs_out_is_said_and_measured(tmp_path: Path, kind: str) -> None:
    async def scenario() -> None:
        leaf = CA.issue(RIGHT, days=(-300, 10.5))
        lists = [CA.crl(days=(-9, 1.2))]
        async with Secured(kind, tmp_path, server=leaf, crls=lists) as ends:
            said = [(one["kind"], one["name"], one["reason"]) for one in ends.said.of(Point.EXPIRES)]
            end = leaf.certificate.not_valid_after_utc
            next_update = lists[0].next_update_utc
            assert next_update is not None
            assert said == [
                ("certificate", f"CN={RIGHT}", f"expires on {end:%F}, in 10 days"),
                ("crl", "CN=Lab CA", f"expires at {next_update:%FT%H:%MZ}"),
            ]
            name = f'diameter_certificate_not_after_seconds{{kind="certificate",name="CN={RIGHT}"}}'
            assert ends.metric(name) == end.timestamp()
            CA.issue(RIGHT).write(tmp_path, "server")
            (tmp_path / "crl.pem").write_bytes(pem(CA.crl()))
            ends.server.reload()
            assert len(ends.said.of(Point.EXPIRES)) == 2
            assert ends.metric(name) > end.timestamp()

    drive(scenario())


RELAY: Final = """
[node]
origin_host = "right.example.org"
origin_realm = "example.org"
admin = {{ socket = "admin.sock" }}
[node.tls]
certificate = "server.pem"
key = "server.key"
trust = ["server-ca.pem"]
warn_days = 20
[[node.listen]]
port = 0
[[node.listen]]
transport = "dtls"
sctp = "usrsctp-udp"
port = 3868
association = {{ udp_port = {port} }}
[[peer]]
host = "tls.example.org"
realm = "example.org"
[[peer]]
host = "dtls.example.org"
realm = "example.org"
transport = "dtls"
"""


def peer_of(kind: str, folder: Path, row: dict[str, Any], said: Said) -> Node:
    """A node that dials the program."""
    name = f"{kind}.example.org"
    written = CA.issue(name).write(folder, kind)
    table = {
        "origin_host": name, "origin_realm": REALM, "peer": [{**row, "host": RIGHT, "realm": REALM, "connect": True}],
        "tls": {**written, "trust": [str(folder / f"{kind}-ca.pem")]}, "tc_s": 1,
    }  # fmt: skip
    config = NodeConfig.model_validate(table, strict=False)
    return Node(config, [Asking()], dictionary(), reactor=reactor, observe=said.observe)


async def report(folder: Path) -> dict[str, Any]:
    """What `mtc security report` says of the running program."""
    words: list[str | Path] = [
        sys.executable,
        "-m",
        "nfs.cli",
        "security",
        "report",
        "--json",
        "--admin",
        folder / "admin.sock",
    ]
    async with running(Program(words, folder / "report")) as asked:
        await until(lambda: asked.process.poll() is not None, "the end of mtc security report")
        assert asked.process.returncode == 0
        document: dict[str, Any] = json.loads(asked.text)
    assert_fits("security-report", document)
    found: dict[str, Any] = document["running"]
    return found


def test_sighup_of_a_program_with_links_of_both_kinds(tmp_path: Path) -> None:
    way = TwoSockets()
    first, second = CA.issue(RIGHT), CA.issue(RIGHT)

    async def scenario() -> None:
        first.write(tmp_path, "server")
        (tmp_path / "relay.toml").write_text(RELAY.format(port=way.udp_port))
        words: list[str | Path] = [sys.executable, "-m", "nfs.cli", "run", "relay", "-c", tmp_path / "relay.toml"]
        async with running(Program(words, tmp_path / "log")) as relay:
            port = int((await relay.said(r"^relay ready on tls 127\.0\.0\.1:(\d+), dtls "))[1])
            rows = {
                "tls": {"transport": "tls", "addresses": ["127.0.0.1"], "port": port},
                "dtls": way.dialling(transport="dtls").model_dump(),
            }
            said = {kind: Said() for kind in KINDS}
            nodes = {kind: peer_of(kind, tmp_path, rows[kind], said[kind]) for kind in KINDS}
            for node in nodes.values():
                await node.start()
                await node.when_open(RIGHT)
                assert shown(node) == [fingerprint(first)]

            private(tmp_path / "server.key", pem(second.key))
            relay.process.send_signal(signal.SIGHUP)
            await relay.said(r"#error.*reload: .*node\.tls\.key: \S+server\.key: does not belong to the certificate")
            here = len(relay.text)
            second.write(tmp_path, "server")
            relay.process.send_signal(signal.SIGHUP)
            await relay.said(r"reloaded ", after=here)
            assert [each.of(Point.LINK_LOST) for each in said.values()] == [[], []]

            page = await report(tmp_path)
            assert {(link["peer"], link["mechanism"]) for link in page["links"]} == {
                ("tls.example.org", "tls"),
                ("dtls.example.org", "dtls"),
            }
            for kind in KINDS:
                await nodes[kind].stop()
                again = nodes[kind] = peer_of(kind, tmp_path, rows[kind], said[kind])
                await again.start()
                await again.when_open(RIGHT)
                assert shown(again) == [fingerprint(second)]
                await again.stop()
            assert await relay.end() == 0
            assert "Traceback" not in relay.text
        settle()

    drive(scenario())
