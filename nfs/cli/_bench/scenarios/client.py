"""Each stack as a client alone: the minimal peer answers."""

from __future__ import annotations

from pathlib import Path

from nfs.cli._bench import proofs
from nfs.cli._bench.pairs import Lineup, measure
from nfs.cli._bench.run import Run
from nfs.cli._bench.scenarios import Bar, Scenario
from nfs.cli._bench.stacks import OURS, RAW, Job


def run(run: Run) -> None:
    """After a proof that our client finds faults and foreign sessions in answers."""
    options = run.options
    stacks = [one for one in run.stacks if run.has(one, "client", "client") and proofs.client(run, one)]
    lineups = [Lineup(one.name, run.raw, one, against=RAW) for one in stacks]
    jobs = [Job(Path(), window=one, seconds=options.seconds, warm_s=options.warm_s) for one in options.windows]
    measure(run, "client", lineups, jobs)


SCENARIO = Scenario(
    "client",
    "e2e",
    "A client alone: the minimal peer answers",
    run,
    (Bar("client CPU per transaction, compiled", OURS, "cpu_us_client", 12, (("window", 256), ("core", "compiled"))),),
)
