"""Loading all dictionaries: cold, and from the cache; each in a new process."""

from __future__ import annotations

import subprocess
import sys
from typing import Final

from nfs.cli._bench.run import Run
from nfs.cli._bench.scenarios import Scenario
from nfs.cli._bench.stacks import OURS

CODE: Final = (
    "import sys,time; from diameter import Dictionary; t=time.perf_counter();"
    "Dictionary.load(cache=sys.argv[1]=='cached'); print((time.perf_counter()-t)*1e6)"
)


def run(run: Run) -> None:
    """A record for each way."""
    if not run.of(OURS):
        return
    for kind in ("cached", "cold"):
        run.note(f"{OURS}, load all dictionaries, {kind}")
        command = [sys.executable, "-c", CODE, kind]
        count = 1 if run.options.quick else run.options.rounds + 2
        found = [subprocess.run(command, capture_output=True, check=True).stdout for _ in range(1 + count)]
        times_us = [float(one) for one in found[1:]]
        rounds = [{"us": one, "rate_per_s": 1e6 / one} for one in times_us]
        run.add(OURS, f"load all dictionaries, {kind}", rounds, us_min=round(min(times_us), 3))


SCENARIO = Scenario("loading", "codec", "Loading the dictionaries", run)
