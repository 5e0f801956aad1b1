"""Network functions as processes: the ready line, signals, and every bad start one line a reason with exit code 2."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from helpers.ports import free_port
from helpers.processes import Started

pytestmark = [pytest.mark.link]

CLEAR = 'transport = "tcp"\nphysical_protection = true\nphysical_protection_reason = "test on loopback"\n'
HSS = f"""
function = "hss"
audit = "hss.audit"
[node]
origin_host = "hss.core.example"
origin_realm = "core.example"
capture = "hss.pcapng"
drain_s = 2
[[node.listen]]
port = 0
{CLEAR}
[[peer]]
host = "iwf.core.example"
realm = "core.example"
placement = "inside"
{CLEAR}
[hss]
database = "hss.db"
"""
IWF = f"""
audit = "iwf.audit"
[node]
origin_host = "iwf.core.example"
origin_realm = "core.example"
drain_s = 2
[[node.listen]]
port = 0
{CLEAR}
[hss]
realm = "core.example"
[sms_sc]
realm = "core.example"
[sgw]
home_plmns = ["00101"]
"""


@pytest.fixture
def started(tmp_path: Path) -> Iterator[list[Started]]:
    children: list[Started] = []
    yield children
    for child in children:
        if child.process.poll() is None:
            child.process.kill()
        child.process.communicate()


def test_start_reload_and_stop(tmp_path: Path, started: list[Started]) -> None:
    path = tmp_path / "hss.toml"
    path.write_text(HSS)
    hss = Started("hss", path)
    started.append(hss)
    line = hss.ready()
    found = re.fullmatch(r"hss ready on tcp 127\.0\.0\.1:(\d+)", line)
    assert found is not None, line

    os.kill(hss.process.pid, signal.SIGHUP)
    assert hss.until("reloaded").endswith(str(path))
    path.write_text(HSS.replace("drain_s", "drains"))
    os.kill(hss.process.pid, signal.SIGHUP)
    assert 'node.drains: unknown key (did you mean "drain_s"?)' in hss.until("reload:")
    path.write_text(HSS.replace("drain_s = 2", "drain_s = 3"))
    os.kill(hss.process.pid, signal.SIGHUP)
    assert hss.until("changed in").endswith("changed in the configuration: node.drain_s")
    path.write_text(HSS.replace("hss.db", "other.db").replace("hss.core.example", "other.core.example"))
    os.kill(hss.process.pid, signal.SIGHUP)
    assert hss.until("for the next").endswith("but for the next start: node.origin_host")
    assert hss.until("for the next").endswith("for the next start: hss.database")

    with socket.create_connection(("127.0.0.1", int(found[1]))) as stranger:
        stranger.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert stranger.recv(100) == b""
    code, errors = hss.end()
    assert code == 0, errors
    assert "Traceback" not in errors
    assert (tmp_path / "hss.pcapng").stat().st_size > 0
    assert all(json.loads(line)["event"] == "refusal" for line in (tmp_path / "hss.audit").read_text().splitlines())


def test_listeners_capture_and_admin_port_change_while_it_runs(tmp_path: Path, started: list[Started]) -> None:
    path = tmp_path / "hss.toml"
    path.write_text(HSS)
    hss = Started("hss", path)
    started.append(hss)
    old = int(hss.ready().rpartition(":")[2])
    with taken_port() as taken:
        busy = f"[[node.listen]]\nport = {taken}\n{CLEAR}\n"
        path.write_text(HSS.replace("[hss]", busy + "[hss]").replace("hss.pcapng", "never.pcapng"))
        os.kill(hss.process.pid, signal.SIGHUP)
        assert f"node.listen.1: cannot listen on tcp 127.0.0.1:{taken}" in hss.until("reload:")
    assert not (tmp_path / "never.pcapng").exists() or (tmp_path / "never.pcapng").stat().st_size < 1000
    port = free_port()
    more = HSS.replace("port = 0", f"port = {port}").replace("hss.pcapng", "second.pcapng")
    path.write_text(more.replace("[[node.listen]]", '[node.admin]\nsocket = "hss.sock"\n[[node.listen]]'))
    os.kill(hss.process.pid, signal.SIGHUP)
    assert f"listening on tcp 127.0.0.1:{port}" in hss.until("listening on")
    assert f"listening no longer on tcp 127.0.0.1:{old}" in hss.until("listening no")
    hss.until("reloaded")
    assert (tmp_path / "hss.sock").is_socket()
    before = (tmp_path / "hss.pcapng").stat().st_size
    with socket.create_connection(("127.0.0.1", port)) as stranger:
        stranger.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert stranger.recv(100) == b""
    path.write_text(more)
    os.kill(hss.process.pid, signal.SIGHUP)
    hss.until("reloaded")
    code, errors = hss.end()
    assert (code, "Traceback" in errors) == (0, False), errors
    assert not (tmp_path / "hss.sock").exists()
    assert (tmp_path / "hss.pcapng").stat().st_size == before
    assert (tmp_path / "second.pcapng").stat().st_size > 0


@contextmanager
def taken_port() -> Iterator[int]:
    """A port that is taken as long as this lasts."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        yield holder.getsockname()[1]


def test_two_functions_and_ctrl_c(tmp_path: Path, started: list[Started]) -> None:
    (tmp_path / "iwf.toml").write_text(IWF)
    iwf = Started("mtc-iwf", tmp_path / "iwf.toml")
    started.append(iwf)
    assert iwf.ready().startswith("mtc-iwf ready on tcp 127.0.0.1:")
    os.kill(iwf.process.pid, signal.SIGHUP)
    iwf.until("reloaded")
    code, errors = iwf.end(signal.SIGINT)
    assert (code, "Traceback" in errors) == (0, False), errors


def complaints(function: str, path: Path) -> list[str]:
    """What a bad start says; checks exit code and that nothing else is said."""
    done = subprocess.run(
        [sys.executable, "-m", "nfs.cli", "run", function, "-c", str(path)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    return done.stderr.splitlines()


def test_a_wrong_file_is_named_key_by_key(tmp_path: Path) -> None:
    path = tmp_path / "hss.toml"
    path.write_text(HSS.replace("origin_host", "origin_hots").replace("database", "databse"))
    assert complaints("hss", path) == [
        f"hss: {path}: node.origin_host: missing",
        f'hss: {path}: node.origin_hots: unknown key (did you mean "origin_host"?)',
        f'hss: {path}: hss.databse: unknown key (did you mean "database"?)',
    ]
    assert complaints("hss", tmp_path / "none.toml") == [
        f"hss: {tmp_path}/none.toml: cannot read: No such file or directory"
    ]
    path.write_text(HSS)
    assert complaints("mtc-iwf", path)[0].startswith(f"mtc-iwf: {path}: ")


def test_a_file_of_another_function(tmp_path: Path) -> None:
    path = tmp_path / "hss.toml"
    path.write_text(HSS.replace('"hss"', '"mme"', 1))
    assert complaints("hss", path) == [f"hss: {path}: function: this file is for mme, not for hss"]


def test_a_port_in_use_is_one_line(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        path = tmp_path / "hss.toml"
        path.write_text(HSS.replace("port = 0", f"port = {port}"))
        (line,) = complaints("hss", path)
        assert line == f"hss: {path}: node.listen.0: cannot listen on tcp 127.0.0.1:{port}: Address already in use"


@pytest.mark.parametrize("content", [b"no database" * 100, None])
def test_a_database_that_cannot_be_read_is_one_line(tmp_path: Path, content: bytes | None) -> None:
    path, database = tmp_path / "hss.toml", tmp_path / "hss.db"
    path.write_text(HSS)
    if content is None:
        database.mkdir()
    else:
        database.write_bytes(content)
    (line,) = complaints("hss", path)
    assert line.startswith(f"hss: database {database}: ")


def test_an_audit_log_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "hss.toml"
    (tmp_path / "hss.audit").mkdir()
    path.write_text(HSS)
    (line,) = complaints("hss", path)
    assert line == f"hss: audit {tmp_path}/hss.audit: Is a directory"


def test_starting_is_quick(tmp_path: Path, started: list[Started]) -> None:
    (tmp_path / "hss.toml").write_text(HSS)
    begun = time.monotonic()
    hss = Started("hss", tmp_path / "hss.toml")
    started.append(hss)
    hss.ready()
    assert time.monotonic() - begun < 60
    assert hss.end()[0] == 0
