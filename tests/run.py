"""`make test`: every part in order, then a table of part, passed, failed, not run and why.

    python3 tests/run.py                all parts, with system packages, environment and wheel made first
    python3 tests/run.py unit link      some parts

Standard library only.  With CI=true a part that was not run counts as failed, and the names must equal
tests/data/parts.txt.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from tools import system
from tools.environment import ROOT, NoEnvironment, ensure, install_project
from tools.parts import PARTS, run_part
from tools.tries import OUT, Outcome

VENV = ROOT / ".venv"


def table(outcomes: Mapping[str, Outcome]) -> str:
    """The closing table as text, one row a part."""
    rows = [("part", "passed", "failed", "not run", "again", "seconds", "why")]
    rows += [
        (n, str(o.passed), str(o.failed), str(o.not_run), str(o.again), f"{o.seconds:.0f}", o.why)
        for n, o in outcomes.items()
    ]
    widths = [max(len(row[i]) for row in rows) for i in range(6)]
    return "\n".join(
        "  ".join([row[0].ljust(widths[0]), *(row[i].rjust(widths[i]) for i in range(1, 6)), row[6]]).rstrip()
        for row in rows
    )


def expected_names() -> list[str]:
    """The part names that a whole run must have."""
    return (ROOT / "tests" / "data" / "parts.txt").read_text().split()


def judge(outcomes: Mapping[str, Outcome], ci: bool) -> int:
    """Exit status: 1 when something failed, or with `ci` when something was not run."""
    failed = sum(o.failed for o in outcomes.values())
    not_run = sum(o.not_run for o in outcomes.values())
    if ci and not_run:
        print("CI=true: what was not run counts as failed")
    return 1 if failed or (ci and not_run) else 0


def main(arguments: Sequence[str]) -> int:
    """Run the parts named, or all of them."""
    names = [part.name for part in PARTS]
    unknown = [a for a in arguments if a not in names]
    if unknown:
        print(f"no such part: {', '.join(unknown)}; parts: {', '.join(names)}", file=sys.stderr)
        return 2
    if names != expected_names():
        print(f"parts {names} differ from tests/data/parts.txt {expected_names()}", file=sys.stderr)
        return 1
    started = time.monotonic()
    chosen = [part for part in PARTS if not arguments or part.name in arguments]
    try:
        if any(part.needs for part in chosen):
            system.prepare()
        python = ensure(VENV, ROOT / "requirements" / "dev.lock")
        install_project(python, VENV)
    except NoEnvironment as error:
        print(error, file=sys.stderr)
        return 2
    if not arguments:
        shutil.rmtree(OUT, ignore_errors=True)
    (OUT / "coverage").mkdir(parents=True, exist_ok=True)
    outcomes: dict[str, Outcome] = {}
    for part in chosen:
        print(f"\n==== {part.name} " + "=" * (100 - len(part.name)), flush=True)
        outcomes[part.name] = run_part(part, python)
    print("\n" + table(outcomes))
    status = judge(outcomes, os.environ.get("CI") == "true")
    total = [sum(getattr(o, field) for o in outcomes.values()) for field in ("passed", "failed", "not_run")]
    print(f"whole run: {time.monotonic() - started:.0f} s; {'failed' if status else 'ok'}")
    print(f"{total[0]} passed, {total[1]} failed, {total[2]} skipped", flush=True)
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
