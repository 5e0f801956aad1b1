"""The longest waits: p99.9 and the maximum under an even load far below what a server can do.

With a fixed window a pause hides behind the window; here requests become due at a fixed rate whatever happens, so that
each pause, of the garbage collector or of anything else, is seen by all that came meanwhile.  Our server also says how
long its collector held it up.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Final

from nfs.cli._bench import proofs
from nfs.cli._bench.pairs import Lineup, measure
from nfs.cli._bench.process import Process, wait
from nfs.cli._bench.run import Run
from nfs.cli._bench.scenarios import Bar, Scenario
from nfs.cli._bench.stacks import OURS, RAW, Job

RATE: Final = 1000
TIMES_LONGER: Final = 5
"""than the other scenarios: a thousandth is to be seen."""
ANSWER_S: Final = 60.0


def run(run: Run) -> None:
    """Each stack as a server."""
    options = run.options
    stacks = [one for one in run.stacks if run.has(one, "pauses", "server") and proofs.server(run, one)]
    lineups = [Lineup(one.name, one, run.raw, against=RAW) for one in stacks]
    seconds = options.seconds * TIMES_LONGER
    measure(run, "pauses", lineups, [Job(Path(), rate=RATE, seconds=seconds, warm_s=options.warm_s)], collector)


def collector(name: str, server: Process) -> dict[str, float]:
    """What our server's garbage collector did since it was last asked; nothing of others."""
    if not name.startswith(OURS):
        return {}
    before = server.output().count("\n")
    server.tell("pauses")
    until = time.monotonic() + ANSWER_S
    while server.output().count("\n") == before:
        if time.monotonic() > until:
            raise server.failed("does not tell its pauses")
        wait(0.01)
    found = json.loads(server.output().splitlines()[-1])
    return {"collections": found["collections"], "collector_ms": found["longest_ms"]}


AT_RATE: Final = (("offered_per_s", RATE), ("core", "compiled"))
SCENARIO = Scenario(
    "pauses",
    "e2e",
    "Pauses under an even load",
    run,
    (
        Bar("longest pause of the collector under load, ms", OURS, "collector_ms", 1, AT_RATE),
        Bar("p99.9 at 1,000 requests a second", OURS, "p999_us", 1000, AT_RATE),
    ),
)
