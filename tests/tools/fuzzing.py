"""Runs the targets of tests/fuzz: each starts from its committed corpus, four run on two cores, executions are
printed per target.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tools.environment import ROOT, safe_environment
from tools.tries import OUT, Outcome

EXECUTIONS = re.compile(r"^stat::number_of_executed_units:\s*(\d+)|^Done (\d+) runs in", re.MULTILINE)


def targets() -> list[Path]:
    """The fuzz targets, by name."""
    return sorted((ROOT / "tests" / "fuzz").glob("fuzz_*.py"))


def executions(printed: str) -> int:
    """How many inputs libFuzzer says it ran; 0 when it printed no figure."""
    return max((int(a or b) for a, b in EXECUTIONS.findall(printed)), default=0)


def run_one(python: Path, target: Path, seconds: int) -> tuple[Path, int, str]:
    """(target, executions, what went wrong or "") of one target run for `seconds`."""
    work = OUT / "fuzz" / target.stem
    shutil.rmtree(work, ignore_errors=True)
    grown = work / "corpus"
    grown.mkdir(parents=True)
    seeds = ROOT / "tests" / "corpus" / target.stem.removeprefix("fuzz_")
    command: list[str | Path] = [python, target, grown, *([seeds] if seeds.is_dir() else [])]
    command += [f"-max_total_time={seconds}", "-print_final_stats=1", "-timeout=20", f"-artifact_prefix={work}/"]
    # The pure core, whose branches libFuzzer can see; the compiled one gets what it finds by way of the corpora.
    # One order of sets in every run, so that the seed alone decides what is tried and a finding can be had again.
    environment = safe_environment(
        PYTHONPATH=str(ROOT / "tests"), MTC_FUZZING="1", PYTHONHASHSEED="0", DIAMETER_PURE="1"
    )
    log = work / "log.txt"
    with log.open("wb") as file:
        try:
            status = subprocess.run(
                [str(word) for word in command],
                cwd=work,
                env=environment,
                stdout=file,
                stderr=subprocess.STDOUT,
                timeout=seconds * 2 + 120,
                check=False,
            ).returncode
        except subprocess.TimeoutExpired:
            status = 124
    printed = log.read_text(errors="replace")
    count = executions(printed)
    wrong = f"status {status}" if status else "" if count else "printed no executions"
    if wrong:
        print("\n".join([f"{target.name}: {wrong}", *printed.splitlines()[-30:]]), flush=True)
    else:
        print(f"{target.name}: {count} executions in {seconds} s", flush=True)
    return target, count, wrong


def run_all(python: Path, seconds: int, limit_s: int) -> Outcome:
    """Every target, twice as many at a time as there are cores: the whole is over sooner."""
    found = targets()
    if not found:
        return Outcome(not_run=1, why="no targets in tests/fuzz")
    with ThreadPoolExecutor(max_workers=2 * (os.cpu_count() or 1)) as pool:
        results = list(pool.map(lambda target: run_one(python, target, seconds), found))
    bad = [f"{target.stem}: {wrong}" for target, _, wrong in results if wrong]
    print(f"{sum(count for _, count, _ in results)} executions in all, {len(found)} targets", flush=True)
    return Outcome(passed=len(found) - len(bad), failed=len(bad), why=", ".join(bad)[:90])
