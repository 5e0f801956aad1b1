"""diameter/COMPLIANCE.md names modules and tests that exist, and says what it does instead wherever it departs."""

from __future__ import annotations

import ast
import csv
import re
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

import pytest

ROOT: Final = Path(__file__).resolve().parent.parent
TABLE: Final = ROOT / "diameter" / "COMPLIANCE.md"
SECTIONS: Final = ROOT / "tests" / "data" / "rfc6733_sections.csv"
HEADING: Final = "## RFC 6733"
NOTHING: Final = "-"
"""The clause asks nothing of an implementation."""
QUOTED: Final = re.compile(r'"[^"]{3,}"')


class Row(NamedTuple):
    """One line of a table; `heading` is the one it stands under."""

    line: int
    heading: str
    clause: str
    asks: str
    verdict: str
    module: str
    test: str
    note: str


def rows() -> list[Row]:
    """Every row of every table; a line of a table with another number of cells fails here."""
    found: list[Row] = []
    heading = ""
    for number, line in enumerate(TABLE.read_text(encoding="utf-8").splitlines(), 1):
        if line.startswith("## "):
            heading = line
        if line.startswith("|") and not line.startswith(("| Clause ", "| ---")):
            cells = [cell.strip().strip("`") for cell in line.strip().strip("|").split("|")]
            assert len(cells) == 6, f"line {number} has {len(cells)} cells, not 6"
            found.append(Row(number, heading, *cells))
    return found


@cache
def functions(path: str) -> frozenset[str]:
    """Names of the functions of one file."""
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


@cache
def sections() -> tuple[str, ...]:
    """Number of every section of RFC 6733, in its order."""
    with SECTIONS.open(encoding="utf-8", newline="") as table:
        return tuple(row["section"] for row in csv.DictReader(table))


def _number(section: str) -> tuple[int, ...]:
    return tuple(int(part) for part in section.split("."))


def meant(clause: str) -> set[str]:
    """The sections that a cell such as `5.3.3-5.3.7, 6.10` stands for."""
    found: set[str] = set()
    for piece in clause.split(", "):
        first, _, last = piece.partition("-")
        if last:
            low, high = _number(first), _number(last)
            found |= {one for one in sections() if len(_number(one)) == len(low) and low <= _number(one) <= high}
        else:
            found.add(first)
    return found


def test_every_section_of_rfc_6733_has_a_row() -> None:
    covered: set[str] = set()
    for row in rows():
        if row.heading.startswith(HEADING):
            covered |= meant(row.clause)
    assert [one for one in sections() if one not in covered] == []


def test_no_row_names_a_section_that_is_not_there() -> None:
    for row in rows():
        if row.heading.startswith(HEADING) and row.clause[0].isdigit():
            assert meant(row.clause) <= set(sections()), f"line {row.line}: {row.clause}"


def test_there_are_rows() -> None:
    assert len(rows()) >= 50


@pytest.mark.parametrize("row", rows(), ids=lambda row: f"{row.line}-{row.clause}")
def test_row(row: Row) -> None:
    assert row.clause
    if row.verdict == NOTHING:
        assert row.note, f"line {row.line}: it does not say what the clause is"
        assert (row.asks, row.module, row.test) == ("", "", "")
        return
    assert row.asks
    assert row.verdict in ("C", "PC", "NC")
    assert (ROOT / row.module).is_file(), f"line {row.line}: there is no module {row.module!r}"
    if row.test or row.verdict != "NC":
        path, _, name = row.test.partition("::")
        assert (ROOT / path).is_file(), f"line {row.line}: there is no test file {path!r}"
        assert name in functions(path), f"line {row.line}: {path} has no {name!r}"
    if row.verdict != "C":
        sentence, instead, ours = row.note.partition("Instead:")
        assert QUOTED.search(sentence), f"line {row.line}: the sentence departed from is not quoted"
        assert instead, f"line {row.line}: it does not say what we do instead"
        assert ours.strip()
