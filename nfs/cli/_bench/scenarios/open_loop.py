"""Each stack as a server under requests that come when they come, not when an answer makes room for them.

A fixed window is answered in lockstep bursts, which is kind to whoever batches.  Here requests become due at random
(Poisson) at a fixed rate, and each one's time counts from when it was due: a server that stands still pays for all that
came in the meantime.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from nfs.cli._bench import proofs
from nfs.cli._bench.pairs import Lineup, measure
from nfs.cli._bench.run import Run
from nfs.cli._bench.scenarios import Scenario
from nfs.cli._bench.stacks import RAW, Job

RATES: Final = (1000, 5000, 10_000)


def run(run: Run) -> None:
    """The same rates for all; who cannot keep up shows it in `lost` and in times that grow to the end of the run."""
    options = run.options
    stacks = [one for one in run.stacks if run.has(one, "open loop", "server") and proofs.server(run, one)]
    lineups = [Lineup(one.name, one, run.raw, against=RAW) for one in stacks]
    rates = (500,) if options.quick else RATES
    jobs = [Job(Path(), rate=one, seconds=options.seconds, warm_s=options.warm_s) for one in rates]
    measure(run, "open loop", lineups, jobs)


SCENARIO = Scenario("open-loop", "e2e", "A server alone, open loop", run)
