"""A function as a process: its admin port on TCP and on a Unix socket, and a reload that adds and removes peers."""

from __future__ import annotations

import http.client
import json
import re
import signal
import socket
import stat
from pathlib import Path
from typing import Any

import pytest

from helpers.processes import Started
from helpers.schemas import assert_fits

pytestmark = pytest.mark.link

HEAD = """function = "relay"
[node]
origin_host = "dra.example.org"
origin_realm = "example.org"
[node.admin]
{admin}
"""
PEER = """[[peer]]
host = "{host}"
realm = "example.org"
transport = "tcp"
physical_protection = true
physical_protection_reason = "loopback"
{more}
"""
DIALLED = 'connect = true\naddresses = ["127.0.0.1"]\nport = {port}'


def write(path: Path, admin: str, *peers: str) -> None:
    path.write_text(HEAD.format(admin=admin) + "".join(peers), encoding="utf-8")


class OverUnix(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost")
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(str(self._path))


def get(connection: http.client.HTTPConnection, path: str) -> Any:
    try:
        connection.request("GET", f"/{path}")
        response = connection.getresponse()
        body = response.read()
        assert response.status == 200
        return body if path == "metrics" else json.loads(body)
    finally:
        connection.close()


def test_a_reload_adds_and_removes_peers_seen_on_the_admin_port(tmp_path: Path) -> None:
    path = tmp_path / "relay.toml"
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        kept = PEER.format(host="a.example.org", more=DIALLED.format(port=listener.getsockname()[1]))
        write(path, "port = 0", kept, PEER.format(host="b.example.org", more=""))
        relay = Started("relay", path)
        ready = relay.ready()
        found = re.search(r"admin 127\.0\.0\.1:(\d+)$", ready)
        assert found is not None, ready
        port = int(found[1])
        link, _ = listener.accept()

        def peers() -> list[str]:
            document = get(http.client.HTTPConnection("127.0.0.1", port, timeout=300), "peers")
            assert_fits("admin-peers", document)
            return sorted(peer["host"] for peer in document["peers"])

        assert peers() == ["a.example.org", "b.example.org"]
        write(path, "port = 0", kept, PEER.format(host="c.example.org", more=""))
        relay.process.send_signal(signal.SIGHUP)
        relay.until("reloaded")
        assert peers() == ["a.example.org", "c.example.org"]
        write(path, "port = 0", PEER.format(host="d.example.org", more="prot = 1"))
        relay.process.send_signal(signal.SIGHUP)
        assert "unknown key" in relay.until("reload:")
        assert peers() == ["a.example.org", "c.example.org"]
        metrics = get(http.client.HTTPConnection("127.0.0.1", port, timeout=300), "metrics")
        assert b'diameter_peer_usable{peer="a.example.org",state="Wait-I-CEA"} 0.0' in metrics
        code, errors = relay.end()
        assert code == 0, errors
        link.close()


def test_the_admin_port_may_be_a_unix_socket_of_the_user_alone(tmp_path: Path) -> None:
    path, place = tmp_path / "relay.toml", tmp_path / "relay.sock"
    write(path, f'socket = "{place.name}"', PEER.format(host="a.example.org", more=""))
    relay = Started("relay", path)
    assert relay.ready() == f"relay ready on admin {place}"
    assert stat.S_IMODE(place.stat().st_mode) == 0o600
    assert get(OverUnix(place), "health")["status"] == "ok"
    assert relay.end()[0] == 0
    assert not place.exists()


def test_an_admin_port_in_use_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "relay.toml"
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        write(path, f"port = {listener.getsockname()[1]}", PEER.format(host="a.example.org", more=""))
        code, errors = Started("relay", path).ended()
    assert code == 2
    assert len(errors.splitlines()) == 1, errors
    assert "in use" in errors
