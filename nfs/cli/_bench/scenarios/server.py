"""Each stack as a server alone: the minimal peer makes the load, so that the server is what limits."""

from __future__ import annotations

from pathlib import Path

from nfs.cli._bench import proofs
from nfs.cli._bench.pairs import Lineup, measure
from nfs.cli._bench.run import Run
from nfs.cli._bench.scenarios import Bar, Scenario
from nfs.cli._bench.stacks import OURS, PURE, RAW, Job


def run(run: Run) -> None:
    """After a proof that our server finds faults."""
    options = run.options
    stacks = [one for one in run.stacks if run.has(one, "server", "server") and proofs.server(run, one)]
    lineups = [Lineup(one.name, one, run.raw, against=RAW) for one in stacks]
    floor = Lineup(RAW, run.raw, run.raw)
    jobs = [Job(Path(), window=one, seconds=options.seconds, warm_s=options.warm_s) for one in options.windows]
    measure(run, "server", [*lineups, floor], jobs)


SCENARIO = Scenario(
    "server",
    "e2e",
    "A server alone: the minimal peer asks",
    run,
    (
        Bar("server CPU per transaction, compiled", OURS, "cpu_us_server", 10, (("window", 256), ("core", "compiled"))),
        Bar("server CPU per transaction, pure Python", PURE, "cpu_us_server", 55, (("window", 256),)),
    ),
)
