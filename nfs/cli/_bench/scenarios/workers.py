"""One node as several processes: 16 peers, and one, beside one worker, two, and as many as there are cores.

Each peer is a minimal peer in a process of its own with the same window.  The load needs CPU as well, and on a machine
with few cores it takes it from the workers, so that the rate on the clock says more of the machine than of the node.
So the record has `own_cores_per_s` besides: what each worker does in a second of its own CPU time, added up, which is
the rate where every worker has a core to itself, whatever else runs here.  `cores_used`: CPU that the workers got.
`even`: the least number of peers that a worker had, by the most.
"""

from __future__ import annotations

import json
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Final, NamedTuple

from nfs.cli._bench import machine
from nfs.cli._bench.pairs import PATIENCE_S
from nfs.cli._bench.process import Failed, Process, wait
from nfs.cli._bench.programs.said import understood
from nfs.cli._bench.run import Run
from nfs.cli._bench.scenarios import Bar, Scenario
from nfs.cli._bench.stacks import OURS, Command, Job

PEERS: Final = 16
WINDOW: Final = 32
SETTLE_S: Final = 3.0
"""From open to the first request: all peers are to be there before the first one asks."""


class Step(NamedTuple):
    """What one server is given."""

    workers: int
    peers: int


def _named(run: Run, job: Job, folder: Path, number: int) -> Command:
    """A minimal peer with the name of one peer among many, its messages in `folder`."""
    for path in run.workshop.wire.glob("*.bin"):
        octets = path.read_bytes()
        if path.stem in ("cer", "request"):
            octets = octets.replace(b"client.", f"c{number:05}.".encode())
        (folder / path.name).write_bytes(octets)
    command = run.raw.client(job)
    words = [str(folder) if word == str(run.workshop.wire) else word for word in command.words]
    return command._replace(words=words)


def run(run: Run) -> None:
    """A record for each number of workers and of peers, rounds interleaved."""
    if not run.of(OURS):
        return
    many = sorted({1, 2, len(machine.cores())})
    steps = [Step(workers, PEERS) for workers in many] + [Step(workers, 1) for workers in many[:2]]
    found: dict[Step, list[dict[str, float]]] = {}
    for number in range(run.options.rounds):
        for step in steps:
            what = f"{OURS}, {step.workers} workers, {step.peers} peers, round {number + 1}"
            with run.attempt(what, OURS):
                found.setdefault(step, []).append(_once(run, step))
    alone = {step.peers: _median(rounds) for step, rounds in found.items() if step.workers == 1}
    for step, rounds in found.items():
        times = round(_median(rounds) / alone[step.peers], 2) if step.peers in alone else None
        run.add(
            OURS, "workers", rounds, transport="tcp", window=WINDOW, peers=step.peers, workers=step.workers,
            times_one=times, cores=len(machine.cores()),
        )  # fmt: skip


def _median(rounds: list[dict[str, float]]) -> float:
    return sorted(one["own_cores_per_s"] for one in rounds)[len(rounds) // 2]


def _once(run: Run, step: Step) -> dict[str, float]:
    """One server with its peers.  Raises Failed."""
    port = machine.free_port()
    options = run.options
    job = Job(Path(), port=port, window=WINDOW, seconds=options.seconds, warm_s=options.warm_s, settle_s=SETTLE_S)
    with ExitStack() as running:
        told = json.dumps({"port": port, "peers": step.peers, "workers": step.workers})
        words = [sys.executable, "-m", "nfs.cli._bench.programs.several", told]
        folder = run.workshop.place()
        server = running.enter_context(Process(Command(words), folder, run.network.prefix, None, talks=True))
        server.line(time.monotonic() + PATIENCE_S)
        clients = []
        for number in range(step.peers):
            place = run.workshop.place()
            command = _named(run, job, place, number)
            clients.append(running.enter_context(Process(command, place, run.network.prefix, None, talks=True)))
        return _measured(server, clients, job)


def _measured(server: Process, clients: list[Process], job: Job) -> dict[str, float]:
    until = time.monotonic() + PATIENCE_S + job.seconds
    _all(clients, "BEGIN", until)
    before, mine, began = _counted(server, until), _cpu(clients), time.perf_counter()
    wait(job.seconds / 2)
    after, theirs, wall = _counted(server, until), _cpu(clients) - mine, time.perf_counter() - began
    _all(clients, "STOP", until)
    ends = [understood(client.line(until)) for client in clients]
    if wrong := sum(one["bad"] + one["lost"] for one in ends):
        raise Failed(f"{wrong:.0f} answers were wrong or missing")
    counts = [now[0] - then[0] for now, then in zip(after, before, strict=True)]
    spent = [now[1] - then[1] for now, then in zip(after, before, strict=True)]
    peers = [now[2] for now in after]
    return {
        "rate_per_s": sum(counts) / wall,
        "own_cores_per_s": sum(count / cpu for count, cpu in zip(counts, spent, strict=True) if count),
        "cores_used": sum(spent) / wall,
        "cpu_us_server": sum(spent) / sum(counts) * 1e6,
        "cpu_us_client": theirs / sum(counts) * 1e6,
        "p50_us": sorted(one["p50"] for one in ends)[len(ends) // 2],
        "p99_us": max(one["p99"] for one in ends),
        "rss_kb": float(server.rss_kb()),
        "even": min(peers) / max(peers),
    }


def _counted(server: Process, until: float) -> list[list[float]]:
    """Of each worker: requests, CPU seconds, peers."""
    server.tell("count")
    found: list[list[float]] = json.loads(server.line(until))
    return found


def _all(clients: list[Process], word: str, until: float) -> None:
    for client in clients:
        line = client.line(until)
        if line != word:
            raise Failed(f"a load said {line!r}")


def _cpu(clients: list[Process]) -> float:
    return sum(client.cpu_s() for client in clients)


SCENARIO = Scenario(
    "workers",
    "scale",
    "One node as several processes",
    run,
    (
        Bar(
            "two workers with 16 peers by one, each with a core of its own",
            OURS,
            "times_one",
            1.7,
            (("workers", 2), ("peers", PEERS)),
            least=True,
        ),
    ),
)
