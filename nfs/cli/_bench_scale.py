"""`mtc bench scale`: what a request and its answer cost a server that has many peers and many routes.

One server process for each number of peers and of routes; all its peers are raw sockets of this process, connected over
several loopback addresses, capabilities exchanged, watchdog requests answered.  Requests go round over all peers with
a fixed few outstanding, one on a link at a time, so that each wake-up of the server has the same to do however many
peers there are.  "served": the server answers itself; "routed": it relays to the first peer by a route for the
realm, so that there are four messages instead of two.
"""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from typing import IO, Any, Final, NamedTuple

from diameter import LocalError
from nfs.cli._bench_e2e import _cpu_s, _rss_kb
from nfs.cli._bench_scale_peers import WINDOW, Peers

SPARE: Final = 200
"""Descriptors that a process needs besides its links."""


class Step(NamedTuple):
    """What one server is given."""

    peers: int
    routes: int


def raise_descriptors(peers: int) -> None:
    """Allow as many descriptors as so many links need, here and in children.  Raises LocalError when we may not."""
    needed = peers + SPARE
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard if hard >= needed else needed))
    except (OSError, ValueError):
        raise LocalError(
            f"{peers} peers need {needed} open files, {hard} are allowed: raise the hard limit (ulimit -Hn)"
        ) from None


def measure(steps: list[Step], seconds: float, rounds: int, note: Callable[[str], None]) -> list[dict[str, object]]:
    """Two records for each step, "served" and "routed"; see `mtc bench scale --json`."""
    raise_descriptors(max(step.peers for step in steps))
    out: list[dict[str, object]] = []
    least: dict[int, tuple[int, float]] = {}
    for step in steps:
        note(f"{step.peers} peers, {step.routes} routes")
        with tempfile.TemporaryFile() as errors, Server(step, errors) as server:
            served, routed = ([server.run(kind, seconds) for _ in range(rounds)] for kind in (False, True))
            usable, spent_s = server.metrics()
            rss = float(server.rss_kb())
        if usable != step.peers:
            raise LocalError(f"void: {usable} of {step.peers} peers are usable at the end")
        first_peers, first_rss = least.setdefault(step.routes, (step.peers, rss))
        more = step.peers - first_peers
        extra: dict[str, object] = {
            "peers": step.peers,
            "routes": step.routes,
            "rss_kb": rss,
            "rss_kb_peer": round(max(rss - first_rss, 0.0) / more, 2) if more else None,
            "metrics_ms": round(spent_s * 1000, 2),
        }
        for name, runs in (("served", served), ("routed", routed)):
            figures = {key: round(statistics.median(one[key] for one in runs), 2) for key in runs[0]}
            head = {"stack": "mtc-diameter", "scenario": name, "transport": "tcp", "window": WINDOW}
            out.append(head | figures | extra | {"us_min": round(min(one["cpu_us_server"] for one in runs), 2)})
    return out


class Server:
    """The server process and all its peers."""

    def __init__(self, step: Step, errors: IO[bytes]) -> None:
        """`errors`: where its log goes.  Raises LocalError when it does not start."""
        self._step = step
        self._ended = ExitStack()
        words = [sys.executable, "-m", "nfs.cli._bench_scale_server", *map(str, step)]
        self._process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, bufsize=0)
        self._ended.callback(self._end)
        line = self._line()
        if not line:
            errors.seek(0)
            said = errors.read().decode(errors="replace").strip().splitlines()
            self._ended.close()
            raise LocalError(f"the server did not start: {said[-1] if said else 'no word'}")
        self._peers = self._ended.enter_context(closing(Peers(int(line))))

    def __enter__(self) -> Server:
        with ExitStack() as undo:
            undo.callback(self._ended.close)
            self._peers.connect(self._step.peers)
            undo.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.close()

    def _end(self) -> None:
        self._process.kill()
        self._process.communicate()

    def _line(self) -> bytes:
        assert self._process.stdout is not None
        return self._process.stdout.readline()

    def run(self, routed: bool, seconds: float) -> dict[str, float]:
        """Load it for so long, after every peer and route had its turn once."""
        peers, pid = self._peers, self._process.pid
        load = peers.routed(self._step.routes) if routed else peers.served()
        peers.turn(load, count=max(self._step))
        peers.times.clear()
        mine, theirs, begin = time.process_time(), _cpu_s(pid), time.perf_counter()
        peers.turn(load, until=begin + seconds)
        wall, theirs, mine = time.perf_counter() - begin, _cpu_s(pid) - theirs, time.process_time() - mine
        times = sorted(peers.times)
        count = len(times)
        return {
            "rate_per_s": count / wall,
            "cpu_us_server": theirs / count * 1e6,
            "cpu_us_client": mine / count * 1e6,
            "p50_us": times[count // 2] * 1e6,
            "p99_us": times[count * 99 // 100] * 1e6,
        }

    def metrics(self) -> tuple[int, float]:
        """Usable peers by the metrics, and the CPU seconds that reading them took."""
        assert self._process.stdin is not None
        self._process.stdin.write(b"metrics\n")
        words = self._line().split()
        if len(words) != 3:
            raise LocalError("the server could not write its metrics")
        usable, _, spent = words
        return int(usable), float(spent)

    def rss_kb(self) -> int:
        """Its resident memory."""
        return _rss_kb(self._process.pid)


def table(records: list[dict[str, Any]]) -> list[str]:
    """The records as lines, and how flat the cost is: the dearest step by the cheapest, of each its best round, because
    whatever else a machine does only adds.
    """
    head = (
        f"{'scenario':<9} {'peers':>6} {'routes':>6} {'rate /s':>8} {'server us':>10} {'best us':>8}"
        f" {'p50 us':>8} {'p99 us':>8} {'RSS MB':>7} {'KB/peer':>8} {'metrics ms':>11}"
    )
    lines = [head]
    for one in records:
        each = "" if one["rss_kb_peer"] is None else f"{one['rss_kb_peer']:.1f}"
        lines.append(
            f"{one['scenario']:<9} {one['peers']:>6} {one['routes']:>6} {one['rate_per_s']:>8.0f}"
            f" {one['cpu_us_server']:>10.1f} {one['us_min']:>8.1f} {one['p50_us']:>8.0f} {one['p99_us']:>8.0f}"
            f" {one['rss_kb'] / 1024:>7.0f}"
            f" {each:>8} {one['metrics_ms']:>11.1f}"
        )
    for name in ("served", "routed"):
        costs = [float(one["us_min"]) for one in records if one["scenario"] == name]
        if len(costs) > 1 and min(costs) > 0:
            lines.append(f"{name}: the dearest step costs {max(costs) / min(costs):.2f} times the cheapest")
    return lines
