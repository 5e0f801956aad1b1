"""What a peer costs that does nothing: memory of a server with many links, by link, the configuration included."""

from __future__ import annotations

import time
from contextlib import ExitStack

from nfs.cli._bench import machine
from nfs.cli._bench.process import Process, wait
from nfs.cli._bench.run import Run
from nfs.cli._bench.scenarios import Bar, Scenario
from nfs.cli._bench.stacks import OURS, PURE, Job, Stack

MANY = 10_000
FEW = 500
"""For stacks that need a thread for each peer, or die of a thousand."""
OPEN_S = 300.0


def run(run: Run) -> None:
    """Ours with as many peers as are promised, and beside the others with as many as they all bear."""
    if run.raw.slow:
        run.leave("idle peers: only the minimal peer in C opens so many links")
        return
    few, many = (20, 50) if run.options.quick else (FEW, MANY)
    machine.raise_descriptors(many)
    for stack in run.stacks:
        if stack.name == PURE or not run.has(stack, "idle peers", "server"):
            continue
        for peers in (few, many) if stack.name == OURS else (few,):
            with run.attempt(f"{stack.name}, {peers} idle peers", stack.name):
                one, _ = _once(run, stack, 1)
                all_of_them, spent_s = _once(run, stack, peers)
                each = max(all_of_them - one, 0) / (peers - 1)
                figures = {"rss_kb": all_of_them, "rss_kb_peer": each, "cpu_us_server": spent_s / peers * 1e6}
                run.add(stack.name, "idle peers", [figures | {"rate_per_s": 0.0}], transport="tcp", peers=peers)


def _once(run: Run, stack: Stack, peers: int) -> tuple[int, float]:
    """Memory with so many peers in kB, and the CPU seconds that opening them took."""
    with ExitStack() as running:
        job = Job(run.workshop.place(), port=machine.free_port(), peers=peers)
        server = running.enter_context(Process(stack.server(job), job.folder, run.network.prefix, None))
        server.until_listening(job.port)
        before = server.cpu_s()
        place = run.workshop.place()
        client = running.enter_context(Process(run.raw.idle(job), place, run.network.prefix, None, talks=True))
        client.line(time.monotonic() + OPEN_S)
        spent_s = server.cpu_s() - before
        wait(0.3)
        return server.rss_kb(), spent_s


SCENARIO = Scenario(
    "idle",
    "scale",
    "Peers that do nothing",
    run,
    (Bar("memory of each of 10,000 idle peers, in KiB", OURS, "rss_kb_peer", 8, (("peers", MANY),)),),
)
