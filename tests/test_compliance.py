"""diameter/COMPLIANCE.md names modules and tests that exist, and says what it does instead wherever it departs."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

import pytest

ROOT: Final = Path(__file__).resolve().parent.parent
TABLE: Final = ROOT / "diameter" / "COMPLIANCE.md"
QUOTED: Final = re.compile(r'"[^"]{3,}"')


class Row(NamedTuple):
    """One line of a table."""

    line: int
    clause: str
    asks: str
    verdict: str
    module: str
    test: str
    note: str


def rows() -> list[Row]:
    """Every row of every table; a line of a table with another number of cells fails here."""
    found: list[Row] = []
    for number, line in enumerate(TABLE.read_text(encoding="utf-8").splitlines(), 1):
        if line.startswith("|") and not line.startswith(("| Clause ", "| ---")):
            cells = [cell.strip().strip("`") for cell in line.strip().strip("|").split("|")]
            assert len(cells) == 6, f"line {number} has {len(cells)} cells, not 6"
            found.append(Row(number, *cells))
    return found


@cache
def functions(path: str) -> frozenset[str]:
    """Names of the functions of one file."""
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def test_there_are_rows() -> None:
    assert len(rows()) >= 50


@pytest.mark.parametrize("row", rows(), ids=lambda row: f"{row.line}-{row.clause}")
def test_row(row: Row) -> None:
    assert row.clause
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
