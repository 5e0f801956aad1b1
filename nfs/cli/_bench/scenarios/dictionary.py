"""Small and large dictionaries: one application with what it inherits, all that come with us, and 10,000 AVPs more."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Final

from diameter import Dictionary
from nfs.cli._bench.run import Run
from nfs.cli._bench.scenarios import Scenario
from nfs.cli._bench.stacks import OURS

MORE: Final = 10_000
APPLICATION_ALONE: Final = "ts29272_s6a"


def run(run: Run) -> None:
    """Each size in processes of its own, in turn."""
    if not run.of(OURS):
        return
    stems = " ".join(Path(one).stem for one in Dictionary.load().sources)
    sizes = {"one application": APPLICATION_ALONE, "all": stems, "all and 10,000": f"{stems} {_large(run)}"}
    found: dict[str, list[dict[str, float]]] = {}
    for number in range(run.options.rounds):
        for name, words in sizes.items():
            run.note(f"{OURS}, dictionary: {name}, round {number + 1}")
            command = [sys.executable, "-m", "nfs.cli._bench.programs.sizes", words, str(run.options.round_s)]
            found.setdefault(name, []).append(
                json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
            )
    for name, rounds in found.items():
        for operation in ("decode", "build"):
            figures = [
                {"us": one[operation], "rate_per_s": 1e6 / one[operation]}
                | {key: one[key] for key in ("avps", "load_ms", "rss_kb")}
                for one in rounds
            ]
            run.add(OURS, f"{operation}, dictionary: {name}", figures)


def _large(run: Run) -> Path:
    """A dictionary of AVPs that nobody uses."""
    path = run.workshop.folder / "bench_large.dia"
    rows = [f"   Bench-{number:05} {number} OctetString - 1.1" for number in range(1, MORE + 1)]
    head = ["@vendor 64999 Nobody", "@specification Bench", "@avp_types 64999"]
    path.write_text("\n".join(head + rows) + "\n")
    return path


SCENARIO = Scenario("dictionary", "scale", "Size of the dictionaries", run)
