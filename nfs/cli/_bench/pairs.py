"""Two programs, or three with a relay between them, and what a request and its answer cost each."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Final, NamedTuple

from nfs.cli._bench import machine
from nfs.cli._bench.process import Failed, Process, wait
from nfs.cli._bench.programs.said import understood
from nfs.cli._bench.run import Run
from nfs.cli._bench.stacks import OURS, PURE, Command, Job, Stack

PATIENCE_S: Final = 180.0
RELAY_SETTLES_S: Final = 1.5
"""A relay may reach its server a little after it listens."""


class Lineup(NamedTuple):
    """Who is measured (`stack`, the name in the records), and who takes part."""

    stack: str
    server: Stack
    client: Stack
    relay: Stack | None = None
    against: str = ""
    """the stack at the other end; empty: itself"""


Watch = Callable[[str, Process], dict[str, float]]
"""More figures of a stack's server, since it was last asked."""


def measure(
    run: Run, scenario: str, lineups: Sequence[Lineup], jobs: Sequence[Job], watch: Watch | None = None
) -> None:
    """Each line-up with each job, round after round; the records, in the order of jobs, then of line-ups."""
    found: dict[tuple[int, int], list[dict[str, float]]] = {}
    for number in range(run.options.rounds):
        for j, job in enumerate(jobs):
            for k, lineup in enumerate(lineups):
                load = f"{job.rate}/s" if job.rate else f"window {job.window}"
                what = f"{lineup.stack}, {scenario}, {job.transport}, {load}, round {number + 1}"
                with run.attempt(what, lineup.stack):
                    figures = _with_patience(run, lineup, job, watch)
                    found.setdefault((j, k), []).append(figures)
    for (j, k), rounds in sorted(found.items()):
        lineup, job = lineups[k], jobs[j]
        costs = [one["cpu_us_server"] for one in rounds]
        run.add(
            lineup.stack, scenario, rounds, transport=job.transport, window=None if job.rate else job.window,
            against=lineup.against or lineup.stack, us_min=round(min(costs), 3),
            **({"offered_per_s": job.rate} if job.rate else {}),
        )  # fmt: skip


def _with_patience(run: Run, lineup: Lineup, job: Job, watch: Watch | None) -> dict[str, float]:
    """One measurement; once more where a stack of others did not come up or answered nothing.  Raises Failed."""
    try:
        return once(run, lineup, job, watch)
    except Failed:
        if lineup.stack in (OURS, PURE):
            raise  # ours has no second chance
        return once(run, lineup, job, watch)


def once(run: Run, lineup: Lineup, job: Job, watch: Watch | None = None) -> dict[str, float]:
    """One measurement.  With a relay its CPU and memory stand for the server's.  Raises Failed."""
    cores = machine.cores()
    first, last = (cores[0], cores[-1]) if len(cores) > 1 else (None, None)
    port = machine.free_port()
    with ExitStack() as running:

        def start(command: Command, place: Job, core: int | None, *, talks: bool = False) -> Process:
            return running.enter_context(Process(command, place.folder, run.network.prefix, core, talks=talks))

        place = job._replace(folder=run.workshop.place(), port=port, relayed=lineup.relay is not None)
        watched = start(lineup.server.server(place), place, first if lineup.relay is None else last)
        watched.until_listening(port, job.transport)
        if lineup.relay is not None:
            place = job._replace(folder=run.workshop.place(), port=machine.free_port(), behind=port)
            watched = start(lineup.relay.relay(place), place, first)
            watched.until_listening(place.port)
            settle_s = RELAY_SETTLES_S
            _until_ready(watched, lineup.relay)
        else:
            settle_s = job.settle_s
        place = job._replace(folder=run.workshop.place(), port=place.port, settle_s=settle_s)
        client = start(lineup.client.client(place), place, last, talks=True)
        if watch is None:
            return load_of(watched, client, job)
        watch(lineup.stack, watched)
        return load_of(watched, client, job) | watch(lineup.stack, watched)


def _until_ready(relay: Process, stack: Stack) -> None:
    until = time.monotonic() + PATIENCE_S / 2
    while not stack.ready(relay.output()):
        if time.monotonic() > until:
            raise relay.failed("is not connected to the server behind it")
        wait(0.05)


def load_of(server: Process, client: Process, job: Job) -> dict[str, float]:
    """Read the clocks when the client says so."""
    until = time.monotonic() + PATIENCE_S + job.seconds + job.warm_s
    marks: list[tuple[float, float]] = []
    rss_kb = 0
    while not (line := client.line(until)).startswith("END "):
        if line in ("BEGIN", "STOP"):
            marks.append((server.cpu_s(), client.cpu_s()))
            rss_kb = server.rss_kb()
    figures = understood(line)
    count = figures["count"]
    if len(marks) != 2 or not count:
        raise client.failed("answered nothing")
    if figures["bad"]:
        raise Failed(f"void: {figures['bad']:.0f} answers were not as they should be")
    spent = [(after - before) / count * 1e6 for before, after in zip(*marks, strict=True)]
    return {
        "rate_per_s": count / figures["wall"],
        "cpu_us_server": spent[0],
        "cpu_us_client": spent[1],
        "p50_us": figures["p50"],
        "p99_us": figures["p99"],
        "p999_us": figures["p999"],
        "max_us": figures["max"],
        "rss_kb": rss_kb,
        "lost": figures["lost"],
        "answer_octets": figures["octets"],
    }
