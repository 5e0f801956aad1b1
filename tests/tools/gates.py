"""The coverage gates: branches alone, and statements with branches, over everything the parts before have run."""

from __future__ import annotations

import fnmatch
import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tools.environment import ROOT
from tools.tries import OUT, Outcome

GATES: Final = (
    ("diameter/wire/*", 95.0),
    ("diameter/dictionary/*", 95.0),
    ("diameter/message/*", 95.0),
    ("diameter/peer/*", 95.0),
    ("diameter/routing/*", 95.0),
    ("diameter/security/*", 95.0),
    ("nfs/*/logic.py", 95.0),
    ("*", 85.0),
)


@dataclass(slots=True)
class Measured:
    """Counts of one gate."""

    lines: int = 0
    lines_covered: int = 0
    branches: int = 0
    branches_covered: int = 0

    def add(self, summary: Mapping[str, Any]) -> None:
        """Add one file's summary of a coverage.py JSON report."""
        self.lines += summary["num_statements"]
        self.lines_covered += summary["covered_lines"]
        self.branches += summary["num_branches"]
        self.branches_covered += summary["covered_branches"]

    @property
    def percent(self) -> float:
        """Statements and branches together, as coverage.py counts with branch measurement on."""
        total = self.lines + self.branches
        return 100.0 * (self.lines_covered + self.branches_covered) / total if total else 100.0

    @property
    def branch_percent(self) -> float:
        """Branches alone."""
        return 100.0 * self.branches_covered / self.branches if self.branches else 100.0


def measure(files: Mapping[str, Mapping[str, Any]], pattern: str) -> Measured:
    """Sum of the files of a coverage.py JSON report that fit `pattern`."""
    total = Measured()
    for name, entry in files.items():
        if fnmatch.fnmatch(name.replace("\\", "/"), pattern):
            total.add(entry["summary"])
    return total


def check_coverage(python: Path) -> Outcome:
    """Combine, print a line a gate, and count each gate as one check."""
    environment = {**os.environ, "COVERAGE_FILE": str(OUT / "coverage" / "data")}
    report = OUT / "coverage.json"
    coverage = [str(python), "-m", "coverage"]
    if not list((OUT / "coverage").glob("data*")):
        return Outcome(not_run=1, why="nothing was measured: run the other parts first")
    if list((OUT / "coverage").glob("data.*")):
        subprocess.run([*coverage, "combine", "--quiet", "--append"], cwd=ROOT, env=environment, check=True)
    # Copies that a test made and removed have no source by now; the gates are about this tree.
    ours = "--include=diameter/*,nfs/*"
    subprocess.run([*coverage, "json", ours, "--quiet", "-o", str(report)], cwd=ROOT, env=environment, check=True)
    subprocess.run([*coverage, "report", ours], cwd=ROOT, env=environment, check=False)
    files = json.loads(report.read_text())["files"]
    outcome = Outcome()
    print(f"\n{'coverage of':24}{'covered':>9}{'branches':>10}{'gate':>6}")
    for pattern, wanted in GATES:
        found = measure(files, pattern)
        low = min(found.percent, found.branch_percent) < wanted or not found.lines
        print(
            f"{pattern:24}{found.percent:8.1f}%{found.branch_percent:9.1f}%{wanted:5.0f}%{'  too low' if low else ''}"
        )
        if low:
            outcome.failed += 1
            outcome.why = f"{outcome.why}, {pattern} {min(found.percent, found.branch_percent):.1f} %".removeprefix(
                ", "
            )
        else:
            outcome.passed += 1
    return outcome
