"""Each stack on both ends of a link: what somebody gets who uses it for client and server."""

from __future__ import annotations

from pathlib import Path

from nfs.cli._bench import proofs
from nfs.cli._bench.pairs import Lineup, measure
from nfs.cli._bench.run import Run
from nfs.cli._bench.scenarios import Bar, Scenario
from nfs.cli._bench.stacks import OURS, Job


def run(run: Run) -> None:
    """Over TCP."""
    options = run.options
    lineups = [
        Lineup(one.name, one, one)
        for one in run.stacks
        if run.has(one, "pair", "server", "client") and proofs.both(run, one)
    ]
    jobs = [Job(Path(), window=one, seconds=options.seconds, warm_s=options.warm_s) for one in options.windows]
    measure(run, "pair", lineups, jobs)


SCENARIO = Scenario(
    "pair",
    "e2e",
    "Pairs over TCP",
    run,
    (Bar("p50 at window 1, pair", OURS, "p50_us", 130, (("window", 1), ("core", "compiled"))),),
)
