"""Many peers and many routes: what a request and its answer cost a server that has many peers and many routes.

One server process for each number of peers and of routes; all its peers are raw sockets of this process, connected over
several loopback addresses, capabilities exchanged, watchdog requests answered.  Requests go round over all peers with
a fixed few outstanding, one on a link at a time, so that each wake-up of the server has the same to do however many
peers there are.  "served": the server answers itself; "routed": it relays to the first peer by a route for the
realm, so that there are four messages instead of two; "shared": it relays by a route with all peers, which share the
requests by weight.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from functools import partial
from typing import IO, Final, NamedTuple

from diameter import LocalError
from nfs.cli._bench.machine import cpu_s, raise_descriptors, rss_kb
from nfs.cli._bench.many import WINDOW, Load, Peers
from nfs.cli._bench.run import Run
from nfs.cli._bench.scenarios import Scenario
from nfs.cli._bench.stacks import OURS

LOADS: Final = ("served", "routed", "shared")


class Step(NamedTuple):
    """What one server is given."""

    peers: int
    routes: int


def run(run: Run) -> None:
    """A record for each step and each of LOADS.  Raises LocalError where there are not so many usable peers."""
    options = run.options
    if not run.of(OURS):
        return
    steps = [Step(one, many) for many in sorted(set(options.routes)) for one in sorted(set(options.peers))]
    raise_descriptors(max(step.peers for step in steps))
    least: dict[int, tuple[int, float]] = {}
    for step in steps:
        run.note(f"{step.peers} peers, {step.routes} routes")
        _measure(run, step, least)


def _measure(run: Run, step: Step, least: dict[int, tuple[int, float]]) -> None:
    with tempfile.TemporaryFile() as errors, Server(step, errors) as server:
        rounds = range(run.options.rounds)
        measured = {name: [server.run(name, run.options.seconds / 2) for _ in rounds] for name in LOADS}
        usable, spent_s = server.metrics()
        rss = float(server.rss_kb())
    if usable != step.peers:
        raise LocalError(f"void: {usable} of {step.peers} peers are usable at the end")
    first_peers, first_rss = least.setdefault(step.routes, (step.peers, rss))
    more = step.peers - first_peers
    for name, found in measured.items():
        run.add(
            OURS, name, found, transport="tcp", window=WINDOW, peers=step.peers, routes=step.routes, rss_kb=rss,
            rss_kb_peer=round(max(rss - first_rss, 0.0) / more, 2) if more else None,
            metrics_ms=round(spent_s * 1000, 2), us_min=round(min(one["cpu_us_server"] for one in found), 3),
        )  # fmt: skip


class Server:
    """The server process and all its peers."""

    def __init__(self, step: Step, errors: IO[bytes]) -> None:
        """`errors`: where its log goes.  Raises LocalError when it does not start."""
        self._step = step
        self._ended = ExitStack()
        words = [sys.executable, "-m", "nfs.cli._bench.programs.many_server", *map(str, step)]
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

    def run(self, name: str, seconds: float) -> dict[str, float]:
        """Load it for so long, after every peer and route had its turn once."""
        peers, pid = self._peers, self._process.pid
        routed = partial(peers.routed, self._step.routes)
        loads: dict[str, Callable[[], Load]] = {"served": peers.served, "routed": routed, "shared": peers.shared}
        load = loads[name]()
        peers.turn(load, count=max(self._step))
        peers.times.clear()
        mine, theirs, begin = time.process_time(), cpu_s(pid), time.perf_counter()
        peers.turn(load, until=begin + seconds)
        wall, theirs, mine = time.perf_counter() - begin, cpu_s(pid) - theirs, time.process_time() - mine
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
        return rss_kb(self._process.pid)


SCENARIO = Scenario("peers", "scale", "Many peers and routes", run)
