"""One part of `make test`: what it is, how its programs are run, and how what came of it is counted."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final
from xml.etree import ElementTree

from tools.environment import ROOT, safe_environment

OUT: Final = ROOT / "build" / "test"
NO_TESTS: Final = 5  # pytest's exit status when it collected nothing
AGAIN: Final = 5
"""More than so many failures of one run of pytest are no accident of the machine."""

Go = Callable[[Sequence[str | Path]], int]
"""Runs a command, and returns its exit status."""


@dataclass(slots=True, kw_only=True)
class Outcome:
    """What came of one part; `why` tells what was not run, what failed, or what passed when it was run again."""

    passed: int = 0
    failed: int = 0
    not_run: int = 0
    again: int = 0
    why: str = ""
    seconds: float = 0.0

    def add(self, other: Outcome) -> None:
        """Count another run of the same part."""
        self.passed += other.passed
        self.failed += other.failed
        self.not_run += other.not_run
        self.again += other.again
        self.why = ", ".join(filter(None, (self.why, other.why)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One row of the closing table.

    needs: programs and files without which it is not run.  workers: tests at a time.  spread: how
    xdist gives tests to workers.  own_network: each test has fixed ports, and a network namespace of its own; where
    there is no right to one, one runs after the other.  measured: coverage counts.  timed: other programs and their
    clocks take part, so a busy machine can fail a test; up to AGAIN that failed are run once more, alone, and the table
    counts and names those that passed then.
    """

    name: str
    run: Callable[[Part, Path], Outcome]
    paths: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    workers: int = 0
    spread: str = "loadfile"
    own_network: bool = False
    measured: bool = True
    timed: bool = False
    limit_s: int = 1500
    environment: dict[str, str] = field(default_factory=dict)


def call(
    command: Sequence[str | Path], limit_s: int, environment: dict[str, str], prints: IO[bytes] | None = None
) -> int:
    """Exit status of `command`, run in the checkout; 124 when it had to be ended after `limit_s` seconds, with its
    children.  prints: where what it prints goes, if not where ours does.
    """
    child = subprocess.Popen(
        [str(word) for word in command], cwd=ROOT, env=environment, start_new_session=True, stdout=prints,
        stderr=None if prints is None else subprocess.STDOUT,
    )  # fmt: skip
    try:
        return child.wait(limit_s)
    except subprocess.TimeoutExpired:
        print(f"ended after {limit_s} s: {' '.join(map(str, command))}", flush=True)
        return 124
    finally:
        _end_group(child)


def _end_group(child: subprocess.Popen[bytes]) -> None:
    """End what is left of the child's process group, so that no part leaves a program behind."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def tried(part: Part, name: str, command: Sequence[str | Path], spread: Sequence[str], go: Go) -> Outcome:
    """What comes of one run of pytest, its reports in OUT under `name`; of a timed part, what failed runs once more.

    spread: options that are for the first run only.  go: runs a command, and returns its exit status.
    """
    reports = OUT / f"{name}.xml", OUT / f"{name}-again.xml"
    for report in reports:
        report.unlink(missing_ok=True)
    remembered = ["-o", f"cache_dir={OUT / 'cache' / name}"]
    shutil.rmtree(OUT / "cache" / name, ignore_errors=True)
    outcome = counted(reports[0], go([*command, *remembered, f"--junitxml={reports[0]}", *spread]))
    bad = failures(reports[0])
    if not part.timed or not 0 < len(bad) <= AGAIN:
        return outcome
    print(f"-- run again, alone: {', '.join(bad)}", flush=True)
    alone = [*command, *remembered, f"--junitxml={reports[1]}", "--last-failed", "--last-failed-no-failures=none"]
    second = counted(reports[1], go(alone))
    if second.failed or second.not_run or second.passed != len(bad):
        return outcome
    why = f"passed when run again: {', '.join(bad)}"
    return Outcome(passed=outcome.passed + len(bad), not_run=outcome.not_run, again=len(bad), why=why)


def failures(report: Path) -> list[str]:
    """The names of the tests that failed, of a JUnit file, if there is one."""
    if not report.exists():
        return []
    cases = ElementTree.parse(report).getroot().iter("testcase")
    bad = [case for case in cases if {child.tag for child in case} & {"failure", "error"}]
    return sorted({f"{case.get('classname')}.{case.get('name')}" for case in bad})


def counted(report: Path, status: int) -> Outcome:
    """Counts of a JUnit file; a run that ended badly without a failed test counts as one failure."""
    if not report.exists():
        return Outcome(failed=1, why=f"pytest ended with status {status} and no report")
    outcome = Outcome()
    for case in ElementTree.parse(report).getroot().iter("testcase"):
        kinds = {child.tag for child in case}
        if kinds & {"failure", "error"}:
            outcome.failed += 1
            outcome.why = outcome.why or f"{case.get('classname')}.{case.get('name')}"[:90]
        elif "skipped" in kinds:
            outcome.not_run += 1
            outcome.why = outcome.why or f"skipped: {case.get('name')}"[:90]
        else:
            outcome.passed += 1
    if status == NO_TESTS:
        return Outcome(not_run=1, why="no tests there")
    if status and not outcome.failed:
        outcome.failed, outcome.why = 1, f"pytest ended with status {status}"
    return outcome


def measured(part: Part, python: Path) -> dict[str, str]:
    """Environment of a test run against the installed wheel; branches are measured, subprocesses included, unless the
    part is not to be.
    """
    coverage = {
        "COVERAGE_PROCESS_START": str(ROOT / "pyproject.toml"),
        "COVERAGE_FILE": str(OUT / "coverage" / "data"),
    }
    return safe_environment(
        MTC_TEST_INSTALLED="1",
        MTC_PART=part.name,
        PATH=f"{python.parent}{os.pathsep}{os.environ['PATH']}",
        **(coverage if part.measured else {}),
        **part.environment,
    )
