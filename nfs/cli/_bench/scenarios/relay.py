"""Each stack as a relay between two minimal peers: CPU and memory in the records are the relay's."""

from __future__ import annotations

from pathlib import Path

from nfs.cli._bench.pairs import Lineup, measure
from nfs.cli._bench.run import Run
from nfs.cli._bench.scenarios import Bar, Scenario
from nfs.cli._bench.stacks import OURS, RAW, Job


def run(run: Run) -> None:
    """A transaction is two messages: the request and the answer."""
    options = run.options
    fitting = [one for one in run.stacks if run.has(one, "relay", "relay")]
    lineups = [Lineup(one.name, run.raw, run.raw, one, RAW) for one in fitting]
    jobs = [Job(Path(), window=one, seconds=options.seconds, warm_s=options.warm_s) for one in options.windows]
    measure(run, "relay", lineups, jobs)


SCENARIO = Scenario(
    "relay",
    "e2e",
    "Through a relay, minimal peers on both sides",
    run,
    (
        Bar(
            "a relayed transaction, two messages of at most 12",
            OURS,
            "cpu_us_server",
            24,
            (("window", 256), ("core", "compiled")),
        ),
    ),
)
