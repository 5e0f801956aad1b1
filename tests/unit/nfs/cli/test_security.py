"""`mtc security report`, by way of click's runner."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from helpers.certificates import Ca, pem
from helpers.private import private
from helpers.schemas import assert_fits
from nfs.cli import _security
from nfs.cli.security import command

LINK = {
    "peer": "scs.example", "placement": "outside", "transport": "tls", "remote": "192.0.2.1:40000", "dialled": False,
    "mechanism": "tls", "version": "TLSv1.3", "cipher": "TLS_AES_128_GCM_SHA256", "group": "x25519",
    "names": ["scs.example"], "subject": "CN=scs.example", "issuer": "CN=CA", "serial": "1", "fingerprint": "00",
    "key_type": "RSA", "key_bits": 3072, "not_after": "2031-01-01T00:00:00+00:00", "physical_protection_reason": "",
    "level": "modern", "replayed": 0,
}  # fmt: skip
BARE = {**LINK, "peer": None, "placement": None, "mechanism": "none", "names": [], "not_after": None, "level": "clear"}
PAGE: dict[str, Any] = {
    "schema": 1, "origin_host": "iwf.example", "links": [LINK, BARE], "links_refused": 2, "links_broken": 1,
    "records_replayed": 0,
    "papers": [{"kind": "certificate", "name": "CN=iwf.example", "not_after": "2031-01-01T00:00:00+00:00"}],
}  # fmt: skip


def run(*arguments: object) -> Result:
    return CliRunner(env={"COLUMNS": "140"}).invoke(command, [str(each) for each in arguments], catch_exceptions=False)


def write(folder: Path, more: str = "", host: str = "iwf.example") -> Path:
    """A file with keys, a listener and three peers."""
    ca = Ca()
    ca.issue(host).write(folder, "a")
    (folder / "crl.pem").write_bytes(pem(ca.crl()))
    path = folder / "iwf.toml"
    path.write_text(
        '[node]\norigin_host = "iwf.example"\norigin_realm = "example"\n'
        '[node.tls]\ncertificate = "a.pem"\nkey = "a.key"\ntrust = ["a-ca.pem"]\ncrl = ["crl.pem"]\n'
        "[[node.listen]]\nport = 5868\n"
        '[[peer]]\nhost = "scs.asp.example"\nrealm = "asp.example"\napplications = ["Tsp"]\n'
        '[[peer]]\nhost = "mme.example"\nrealm = "example"\nplacement = "inside"\ntransport = "dtls"\nconnect = true\n'
        '[[peer]]\nhost = "hss.example"\nrealm = "example"\nplacement = "inside"\ntransport = "tcp"\n'
        f'physical_protection = true\nphysical_protection_reason = "one rack"\n{more}'
    )
    return path


@pytest.mark.requirement("E-TSP-12", "S-EXP-17")
def test_the_numbers_of_each_link(tmp_path: Path) -> None:
    path = write(tmp_path)
    result = run("report", "-c", path)
    assert (result.exit_code, result.stderr) == (0, "")
    for part in (
        "CN=iwf.example, secp256r1, sha256", "trusted          CN=Lab CA", "revocation list  CN=Lab CA, 0 revoked",
        "TLS 1.2 or later, RSA 2048, EC 256; clear text where declared protected", "scs.asp.example (outside)",
        "accepted: Tsp, for asp.example", "DTLS 1.2", "SCTP-AUTH required", "none: tcp in clear", "one rack",
        "physical", "TLS_AES_128_GCM_SHA256", "secp384r1",
    ):  # fmt: skip
        assert part in result.stdout, part
    document = json.loads(run("report", "-c", path, "--json").stdout)
    assert_fits("security-report", document)
    assert (document["file"], document["running"]) == (str(path), None)
    assert [one["level"] for one in document["configured"]["links"]] == ["protected"] * 3 + ["physical"]


def test_ipsec_is_named(tmp_path: Path) -> None:
    for name in ("there.key", "back.key"):
        private(tmp_path / name, name.encode().hex().ljust(72, "0"))
    sa = 'local = "192.0.2.1"\nremote = "192.0.2.2"\nidentity = "a.example"\nspi_in = 4096\nspi_out = 4097\n'
    under = 'realm = "example"\ntransport = "tcp"\nsecurity = "ipsec"\n'
    path = write(
        tmp_path,
        f'[[peer]]\nhost = "a.example"\n{under}[peer.ipsec]\nhook = "xfrm"\nmode = "tunnel"\n'
        f'[[peer.ipsec.sa]]\n{sa}key_in = "there.key"\nkey_out = "back.key"\n'
        f'[[peer]]\nhost = "b.example"\n{under}',
    )
    text = run("report", "-c", path).stdout
    for part in ("IPsec, keys set by hand", "IPsec, IKEv2  ", "aes-gcm-128", "modp2048"):
        assert part in text, part
    path.write_text(
        '[node]\norigin_host = "iwf.example"\norigin_realm = "example"\n[node.security.outside]\nnds_ip = true\n'
    )
    assert "peers outside  IPsec tunnels only, RSA 2048, EC 256\n" in run("report", "-c", path).stdout


def test_what_wants_a_human_is_shown(tmp_path: Path) -> None:
    path = write(tmp_path, "[node.redirects]\nconnect = true\n", host="other.example")
    path.write_text(path.read_text().replace('crl = ["crl.pem"]', 'key_log = "keys.log"'))
    text = run("report", "-c", path).stdout
    for part in (
        "other.example: not our Origin-Host",
        "not checked: no list given",
        "session secrets",
        "followed to new",
    ):
        assert part in text


def test_mistakes_are_a_line_each(tmp_path: Path) -> None:
    path = write(tmp_path, '[[peer]]\nhost = "x.example"\nrealm = "example"\ntransport = "tcp"\n')
    result = run("report", "-c", path)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith(f'{path}: peer.3: transport = "tcp" is clear text: ')
    path = write(tmp_path)
    private(tmp_path / "a.key", "nonsense")
    result = run("report", "-c", path)
    assert (result.exit_code, result.stderr) == (
        1,
        f"{path}: node.tls.key: {tmp_path / 'a.key'}: not a PEM private key\n",
    )


def test_wrong_usage(tmp_path: Path) -> None:
    assert run("report").exit_code == 2
    assert run("report", "-c", tmp_path / "none.toml").exit_code == 2
    wrong = run("report", "-c", write(tmp_path), "--function", "nothing")
    assert wrong.exit_code == 2
    assert "no network function 'nothing'" in wrong.stderr


@contextmanager
def answering(monkeypatch: pytest.MonkeyPatch, status: int, body: bytes) -> Iterator[list[str]]:
    """Whoever connects gets this answer; what was connected to."""
    asked: list[str] = []

    class Fake:
        def __init__(self, where: str) -> None:
            asked.append(where)
            self.status = status

        def request(self, method: str, path: str, headers: dict[str, str]) -> None:
            asked.append(f"{method} {path} {headers['Host']}")

        def getresponse(self) -> Fake:
            return self

        def read(self) -> bytes:
            return BytesIO(body).read()

        def close(self) -> None:
            asked.append("closed")

    with monkeypatch.context() as patch:
        patch.setattr(_security, "_connection", Fake)
        yield asked


def test_the_links_of_a_running_node(monkeypatch: pytest.MonkeyPatch) -> None:
    assert_fits("admin-security", PAGE)
    with answering(monkeypatch, 200, json.dumps(PAGE).encode()) as asked:
        text = run("report", "--admin", "http://127.0.0.1:9868").stdout
        assert asked == ["http://127.0.0.1:9868", "GET /security localhost", "closed"]
        for part in (
            "iwf.example, as it runs",
            "2 links refused, 1 ended",
            "TLSv1.3",
            "CN=scs.example, RSA 3072",
            "modern",
        ):
            assert part in text
        assert "nobody yet" in text
        document = json.loads(run("report", "--admin", "x.sock", "--json").stdout)
        assert_fits("security-report", document)
        assert document["running"]["links"][0]["peer"] == "scs.example"


def test_a_node_that_cannot_be_asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for where, reason in (
        (str(tmp_path / "none.sock"), "no admin port: No such file or directory"),
        ("https://127.0.0.1:1", "neither http://HOST:PORT nor the path of a Unix socket"),
    ):
        result = run("report", "--admin", where)
        assert (result.exit_code, result.stderr) == (1, f"{where}: {reason}\n")
    with answering(monkeypatch, 403, b'{"error": "ask for localhost"}'):
        assert run("report", "--admin", "x").stderr == "x: the node answers 403: ask for localhost\n"
    with answering(monkeypatch, 200, b"nonsense"):
        assert "no admin port" in run("report", "--admin", "x").stderr
    connection = _security._connection("http://127.0.0.1:9868")
    assert (connection.host, connection.port) == ("127.0.0.1", 9868)
