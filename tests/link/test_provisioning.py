"""Provisioning of two HSS on one store over mutual TLS: who may, and when the other one sees a change."""

from __future__ import annotations

import json
import re
import ssl
import subprocess
import sys
from http.client import HTTPSConnection
from pathlib import Path
from typing import Any, Final

import pytest

from helpers.processes import Started

pytestmark = [pytest.mark.link]
HSS, DESK, SCS = "hss.core.example", "desk.core.example", "scs1.customer.example"
IMSI: Final = "001010000000001"
TOML: Final = f"""
audit = "{{0}}.audit"
[node]
origin_host = "{HSS}"
origin_realm = "core.example"
[[node.listen]]
transport = "tcp"
port = 0
physical_protection = true
physical_protection_reason = "loopback"
[hss]
database = "{{1}}"
[provisioning]
port = 0
certificate = "pki/{HSS}.pem"
key = "pki/{HSS}.key"
trust = "pki/ca.pem"
clients = ["{DESK}"]
"""


def mtc(folder: Path, *arguments: str) -> None:
    command = [sys.executable, "-m", "nfs.cli", *arguments]
    subprocess.run(command, cwd=folder, capture_output=True, timeout=300, check=True)


def ask(folder: Path, port: int, client: str, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    """(status, JSON) of the answer to who shows the certificate of `client`."""
    context = ssl.create_default_context(cafile=str(folder / "pki/ca.pem"))
    if client:
        context.load_cert_chain(folder / f"pki/{client}.pem", folder / f"pki/{client}.key")
    connection = HTTPSConnection("127.0.0.1", port, context=context, timeout=300)
    try:
        connection.request(method, f"/v1/{path}", json.dumps(body).encode(), {"If-Match": "*"} if body is None else {})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read() or b"null")
    finally:
        connection.close()


def test_who_shows_the_right_certificate_changes_what_both_front_ends_answer(tmp_path: Path) -> None:
    mtc(tmp_path, "pki", "init")
    for names in ((HSS, "127.0.0.1"), (DESK,), (SCS,)):
        mtc(tmp_path, "pki", "issue", *names)
    started: list[Started] = []
    try:
        ports = []
        for name in ("one", "two"):
            (tmp_path / f"{name}.toml").write_text(TOML.format(name, "hss.db"))
            started.append(Started("hss", tmp_path / f"{name}.toml"))
            ready = re.search(r"provisioning https://127\.0\.0\.1:(\d+)", started[-1].ready())
            assert ready is not None
            ports.append(int(ready[1]))
        one, two = ports
        assert ask(tmp_path, one, DESK, "PUT", f"subscribers/{IMSI}", {"msisdn": "15550100001"})[0] == 201
        assert ask(tmp_path, two, DESK, "GET", "subscribers?msisdn=15550100001")[1]["subscribers"][0]["imsi"] == IMSI
        assert ask(tmp_path, one, SCS, "GET", f"subscribers/{IMSI}")[0] == 403
        with pytest.raises((ssl.SSLError, OSError)):
            ask(tmp_path, one, "", "GET", f"subscribers/{IMSI}")
        assert ask(tmp_path, two, DESK, "DELETE", f"subscribers/{IMSI}")[0] == 204
        assert ask(tmp_path, one, DESK, "GET", f"subscribers/{IMSI}")[0] == 404
    finally:
        for each in started:
            each.end()
