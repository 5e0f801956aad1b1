"""`mtc bench e2e`: what one request and its answer cost a server over loopback TCP, each stack in turn in the same run.

The server is a process of its own, pinned to the first core when there are two; the load comes from this process, with
one plain socket, prepared octets and a fixed window, so that the server is what limits.  CPU time is the server's own,
all threads, from the kernel's accounts between two marks; faults are read by our server for every request.
"""

from __future__ import annotations

import os
import select
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

from diameter import Dictionary, LocalError, encode
from diameter.wire import header
from diameter.wire.framing import Framer
from nfs.cli._bench_messages import APPLICATION, CLIENT, LOAD, REALM

TICKS: Final = os.sysconf("SC_CLK_TCK")
WARM_UP_S: Final = 1.0


class Server(NamedTuple):
    """A stack that serves: name for the records, and the command line for a port."""

    stack: str
    command: Callable[[int], list[str]]


def ours() -> Server:
    """Our own node, in this interpreter's kind of process."""
    return Server("mtc-diameter", lambda port: [sys.executable, "-m", "nfs.cli._bench_server", str(port)])


def python_diameter(python: Path, script: Path) -> Server:
    """python-diameter in its own environment."""
    return Server("python-diameter", lambda port: [str(python), "-E", str(script), "serve", str(port)])


def measure(
    servers: list[Server], windows: list[int], seconds: float, rounds: int, note: Callable[[str], None]
) -> list[dict[str, object]]:
    """One record per stack and window, medians over the rounds; see `mtc bench e2e --json`."""
    found: dict[tuple[str, int], list[dict[str, float]]] = {}
    for number in range(rounds):
        for window in windows:
            for server in servers:
                note(f"round {number + 1} of {rounds}: {server.stack}, window {window}")
                found.setdefault((server.stack, window), []).append(_run(server, window, seconds))
    return [
        {"stack": stack, "scenario": "server", "transport": "tcp", "window": window}
        | {key: round(statistics.median(one[key] for one in runs), 2) for key in runs[0]}
        for (stack, window), runs in found.items()
    ]


def _run(server: Server, window: int, seconds: float) -> dict[str, float]:
    """Start the server, load it, end it."""
    port = _free_port()
    cores = sorted(os.sched_getaffinity(0))
    process = subprocess.Popen(server.command(port), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        if len(cores) > 1:
            os.sched_setaffinity(process.pid, {cores[0]})
            os.sched_setaffinity(0, set(cores[1:]))
        with _connected(port, process) as connection:
            return _load(connection, window, seconds, process.pid)
    finally:
        os.sched_setaffinity(0, set(cores))
        process.kill()
        process.communicate()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _connected(port: int, process: subprocess.Popen[bytes]) -> socket.socket:
    """A socket on which the capabilities exchange has succeeded."""
    until = time.monotonic() + 20
    while True:
        try:
            connection = socket.create_connection(("127.0.0.1", port), timeout=5)
            break
        except OSError:
            if process.poll() is not None or time.monotonic() > until:
                process.kill()
                assert process.stderr is not None
                words = process.stderr.read().decode(errors="replace").strip().splitlines()
                raise LocalError(f"the server did not start: {words[-1] if words else 'no word'}") from None
            select.select([], [], [], 0.05)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    ids = {"Vendor-Id": 10415, "Auth-Application-Id": APPLICATION}
    cer = Dictionary.load().request(
        "Capabilities-Exchange",
        {
            "Origin-Host": CLIENT,
            "Origin-Realm": REALM,
            "Host-IP-Address": "127.0.0.1",
            "Vendor-Id": 10415,
            "Product-Name": "mtc bench",
            "Origin-State-Id": 1,
            "Supported-Vendor-Id": 10415,
            "Vendor-Specific-Application-Id": ids,
        },
        hop_by_hop=1,
        end_to_end=1,
    )
    connection.sendall(encode(cer))
    framer = Framer()
    answers: list[bytes] = []
    while not answers:
        octets = connection.recv(65536)
        if not octets:
            raise LocalError("the server closed the link on our CER")
        answers = framer.feed(octets)
    if (2001).to_bytes(4) not in answers[0]:
        raise LocalError(f"the server refused our CER: {answers[0].hex()}")
    return connection


def _load(connection: socket.socket, window: int, seconds: float, pid: int) -> dict[str, float]:
    """Keep `window` requests outstanding; figures of `seconds` after the warm-up."""
    octets = encode(Dictionary.load().request("Update-Location", LOAD, application="S6a"))
    sent: dict[int, float] = {}
    state = _Load(connection, octets, sent)
    state.send(window)
    state.until(time.perf_counter() + WARM_UP_S)
    state.times.clear()
    mine, theirs, begin = time.process_time(), _cpu_s(pid), time.perf_counter()
    state.until(begin + seconds)
    wall, theirs, mine = time.perf_counter() - begin, _cpu_s(pid) - theirs, time.process_time() - mine
    times = sorted(state.times)
    if not times:
        raise LocalError("the server answered nothing")
    count = len(times)
    return {
        "rate_per_s": count / wall,
        "cpu_us_server": theirs / count * 1e6,
        "cpu_us_client": mine / count * 1e6,
        "p50_us": times[count // 2] * 1e6,
        "p99_us": times[count * 99 // 100] * 1e6,
        "rss_kb": float(_rss_kb(pid)),
    }


class _Load:
    """The load: prepared octets out, answers counted and replaced."""

    def __init__(self, connection: socket.socket, octets: bytes, sent: dict[int, float]) -> None:
        self.connection = connection
        self.times: list[float] = []
        self._head, self._tail = octets[:12], octets[20:]
        self._sent = sent
        self._next = 100
        self._framer = Framer()

    def send(self, count: int) -> None:
        """Send `count` new requests in one write."""
        parts: list[bytes] = []
        now = time.perf_counter()
        for number in range(self._next, self._next + count):
            self._sent[number] = now
            parts += (self._head, number.to_bytes(4), number.to_bytes(4), self._tail)
        self._next += count
        self.connection.sendall(b"".join(parts))

    def until(self, end: float) -> None:
        """Replace each answer by a new request until `end` (time.perf_counter)."""
        while (now := time.perf_counter()) < end:
            octets = self.connection.recv(262144)
            if not octets:
                raise LocalError("the server closed the link under load")
            now = time.perf_counter()
            answered = 0
            for answer in self._framer.feed(octets):
                begun = self._sent.pop(header.hop_by_hop(answer), None)
                if header.is_request(answer):
                    raise LocalError("the server sent a request in the middle of the measurement")
                if begun is not None:
                    self.times.append(now - begun)
                    answered += 1
                    if b"\0\0\1\x0c\x40\0\0\x0c\0\0\x07\xd1" not in answer:
                        raise LocalError(f"an answer is no success: {answer.hex()}")
            if answered:
                self.send(answered)


def _cpu_s(pid: int) -> float:
    """CPU seconds of a process, user and system, all threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def _rss_kb(pid: int) -> int:
    """Resident memory in kB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    return 0
