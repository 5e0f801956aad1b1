"""The requirements matrix: rows of tests/data/requirements.csv, marks of tests, outcomes of the last run.

Writes docs/requirements.md.  Wrong are: a mark that names no row, a row without a test that is not marked planned,
and a row whose tests were all skipped.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from xml.etree import ElementTree

from tools.environment import ROOT
from tools.tries import OUT, Outcome

ROWS: Final = ROOT / "tests" / "data" / "requirements.csv"
PAGE: Final = ROOT / "docs" / "requirements.md"
HEAD: Final = """# Requirements

Written by `make requirements` from the last test run; the rows stand in `tests/data/requirements.csv`.
A test carries its row as `@pytest.mark.requirement("R-TSP-06")`.
Prefixes: R stated requirement, T threat, S solution step, E decision on an open point, C constraint.

"""


@dataclass(slots=True)
class Carriers:
    """The tests that carry one row, by outcome."""

    passed: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)

    def all(self) -> list[str]:
        """Every test, without repeats."""
        return sorted({*self.passed, *self.failed, *self.skipped})


def read_rows() -> list[dict[str, str]]:
    """The rows, in the file's order."""
    with ROWS.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _cases(report: Path) -> list[ElementTree.Element]:
    return list(ElementTree.parse(report).getroot().iter("testcase"))


def _identity(case: ElementTree.Element) -> tuple[str | None, str | None]:
    return case.get("classname"), case.get("name")


def read_marks(folder: Path) -> dict[str, Carriers]:
    """Row id to tests, from the JUnit files of the last run; parameters of a test are dropped from its name.

    Where a test was run again, the second run counts.
    """
    found: dict[str, Carriers] = {}
    for report in sorted(folder.glob("*.xml")):
        later = folder / f"{report.stem}-again.xml"
        second = {_identity(case) for case in _cases(later)} if later.exists() else set()
        for case in _cases(report):
            if _identity(case) in second:
                continue
            tags = {child.tag for child in case}
            name = f"{case.get('classname', '')}.{case.get('name', '')}".split("[")[0].removeprefix("tests.")
            for entry in case.iter("property"):
                if entry.get("name") == "requirement":
                    tests = found.setdefault(entry.get("value", ""), Carriers())
                    bad = tags & {"failure", "error"}
                    (tests.failed if bad else tests.skipped if "skipped" in tags else tests.passed).append(name)
    return found


def verdict(row: Mapping[str, str], tests: Carriers | None) -> str:
    """One word or two on a row."""
    if tests is None:
        return "planned" if row["planned"] else "MISSING"
    if tests.failed:
        return "FAILED"
    if not tests.passed:
        return "SKIPPED"
    return "in part" if row["planned"] else "answered"


def page(rows: Sequence[Mapping[str, str]], marks: Mapping[str, Carriers]) -> str:
    """docs/requirements.md as text."""
    lines = ["| row | what | nodes | area | verdict | tests |", "| --- | --- | --- | --- | --- | --- |"]
    for row in rows:
        tests = marks.get(row["id"])
        names = "<br>".join(f"`{name}`" for name in tests.all()) if tests else ""
        lines.append(
            f"| {row['id']} | {row['words']} | {row['nodes']} | {row['area']} | {verdict(row, tests)} | {names} |"
        )
    return HEAD + "\n".join(lines) + "\n"


def check_requirements(folder: Path = OUT) -> Outcome:
    """Write the page and judge every row."""
    if not list(folder.glob("*.xml")):
        return Outcome(not_run=1, why="no test run to judge: run the other parts first")
    rows, marks = read_rows(), read_marks(folder)
    known = {row["id"] for row in rows}
    wrong = [f"{name} is no row" for name in sorted(marks.keys() - known)]
    verdicts = [verdict(row, marks.get(row["id"])) for row in rows]
    wrong += [f"{r['id']} {v}" for r, v in zip(rows, verdicts, strict=True) if v in ("MISSING", "SKIPPED", "FAILED")]
    PAGE.write_text(page(rows, marks), encoding="utf-8")
    counts = ", ".join(f"{verdicts.count(v)} {v}" for v in sorted(set(verdicts)))
    print("\n".join([*wrong, f"{len(rows)} rows: {counts}; written to docs/requirements.md"]), flush=True)
    return Outcome(passed=len(rows) - len(wrong), failed=len(wrong), why=", ".join(wrong)[:90])
