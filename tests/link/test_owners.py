"""An owner of devices, an SCS and an MTC-IWF as processes: HTTPS, mutual TLS, and a webhook that is really called."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Any

import pytest

from helpers.processes import Started

pytestmark = [pytest.mark.link]

TLS = '[node.tls]\ncertificate = "pki/{0}.pem"\nkey = "pki/{0}.key"\ntrust = ["pki/ca.pem"]\ncrl = ["pki/crl.pem"]\n'
IWF, SCS = "iwf.core.example", "scs1.customer.example"
METER = "meter-1@customer.example"
IWF_TOML = f"""
audit = "iwf.audit"
[node]
origin_host = "{IWF}"
origin_realm = "core.example"
{TLS.format(IWF)}
[[node.listen]]
port = 0
[[peer]]
host = "{SCS}"
realm = "customer.example"
[hss]
realm = "core.example"
[sms_sc]
realm = "core.example"
[sgw]
home_plmns = ["00101"]
[owners]
port = 0
certificate = "pki/{IWF}.pem"
key = "pki/{IWF}.key"
webhook_hosts = ["localhost"]
webhook_trust = "pki/ca.pem"
[[scs]]
name = "customer"
hosts = ["{SCS}"]
isdn = "15550001"
domains = ["customer.example"]
commands = ["trigger"]
"""


def mtc(folder: Path, *arguments: str, code: int = 0) -> str:
    """Run `mtc`, check how it ended; what it printed."""
    command = [sys.executable, "-m", "nfs.cli", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == code, (arguments, done.returncode, done.stdout, done.stderr)
    return done.stdout + done.stderr


class Site:
    """A running MTC-IWF and an owner of one device."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        mtc(folder, "pki", "init")
        for names in ((IWF, "127.0.0.1"), (SCS,), ("localhost",)):
            mtc(folder, "pki", "issue", *names)
        (folder / "iwf.toml").write_text(IWF_TOML)
        (folder / "token").write_text(mtc(folder, "owner", "add", "meters", "--device", METER, "-c", "iwf.toml"))
        self.iwf = Started("mtc-iwf", folder / "iwf.toml")
        ready = re.fullmatch(
            r"mtc-iwf ready on tls 127\.0\.0\.1:(\d+), owners (https://127\.0\.0\.1:\d+)", self.iwf.ready()
        )
        assert ready is not None
        self.port, self.at = ready[1], ready[2]

    def trigger(self) -> str:
        """`mtc trigger`; what it prints."""
        return mtc(
            self.folder,
            *("trigger", "--external-id", METER, "--payload", "x", "--json", "--wait", "5", "--no-wait"),
            *(
                "--origin-host",
                SCS,
                "--scs-number",
                "15550001",
                "--mtc-iwf",
                IWF,
                "--peer",
                f"tls:127.0.0.1:{self.port}",
            ),
            *("--certificate", f"pki/{SCS}.pem", "--key", f"pki/{SCS}.key"),
            *("--trust", "pki/ca.pem", "--crl", "pki/crl.pem"),
            code=1,
        )

    def owner(self, *arguments: str, code: int = 0) -> str:
        """`mtc owner` as the owner; what it prints."""
        return mtc(
            self.folder, "owner", *arguments, "--at", self.at, "--token", "token", "--trust", "pki/ca.pem", code=code
        )


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    site = Site(tmp_path)
    yield site
    code, errors = site.iwf.end()
    assert (code, "Traceback" in errors) == (0, False), errors


@contextmanager
def webhook(folder: Path) -> Iterator[tuple[int, SimpleQueue[tuple[str, bytes]]]]:
    """An HTTPS server on loopback: its port, and what is posted (signature, body)."""
    got: SimpleQueue[tuple[str, bytes]] = SimpleQueue()

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.put((self.headers["mtc-signature"], self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing."""

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "pki/localhost.pem", folder / "pki/localhost.key")
    server = HTTPServer(("127.0.0.1", 0), Hook)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server.server_port, got
    finally:
        server.shutdown()
        thread.join(timeout=300)
        server.server_close()


@pytest.mark.requirement("R-TRIG-10", "R-TRIG-11")
def test_the_owner_decides_and_learns_who_was_refused(site: Site) -> None:
    assert site.owner("devices") == f"{METER}\n"
    assert site.owner("allow") == "no list: the operator alone decides\n"
    assert "TEMPORARYERROR" in site.trigger()  # past the gateway, to an HSS that is not there
    assert site.owner("allow", "15550009") == "15550009\n"
    assert "INVEXTID" in site.trigger()
    assert site.owner("allow", "15550001") == "15550001\n15550009\n"
    assert "TEMPORARYERROR" in site.trigger()
    assert site.owner("deny", "15550001", "15550009") == "nobody\n"

    assert "400: url" in site.owner("webhook", "https://elsewhere.example/", code=1)
    with webhook(site.folder) as (port, got):
        assert site.owner("webhook", f"https://localhost:{port}/mtc") == f"https://localhost:{port}/mtc\n"
        assert "INVEXTID" in site.trigger()
        signature, body = got.get(timeout=300)
    key = hashlib.sha256((site.folder / "token").read_text().strip().encode()).hexdigest().encode()
    assert signature == "sha256=" + hmac.new(key, body, "sha256").hexdigest()
    pushed = json.loads(body)
    assert (pushed["owner"], [each["device"] for each in pushed["refusals"]]) == ("meters", [METER])

    found = json.loads(site.owner("refusals", "--json"))["refusals"]
    assert [(each["peer"], each["check"], each["result"]) for each in found] == [(SCS, "owner", "INVEXTID")] * 2
    assert found[1:] == pushed["refusals"]
    assert all(each["address"].startswith("127.0.0.1:") for each in found)
    assert site.owner("refusals", "--after", str(found[1]["id"])) == ""
    assert mtc(site.folder, "audit", "verify", "iwf.audit") == "lines 1 to 2 fit\n"

    (site.folder / "token").write_text("x" * 43)
    assert "401: a bearer token is needed" in site.owner("devices", code=1)


def test_an_owner_who_is_added_while_it_runs(site: Site) -> None:
    token = mtc(site.folder, "owner", "add", "fleet", "--device", "*@fleet.example", "-c", "iwf.toml")
    (site.folder / "token").write_text(token)
    for _ in range(50):
        try:
            assert site.owner("devices") == "*@fleet.example\n"
            break
        except AssertionError:
            continue
    assert site.owner("webhook") == "nowhere\n"
