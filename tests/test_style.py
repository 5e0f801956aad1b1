"""The limits that a reader relies on: sizes of files and functions, words that hide unfinished work, paths of one
machine.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).resolve().parent.parent
FILE_LIMIT: Final = 400
FUNCTION_LIMIT: Final = 60
SOURCES: Final = tuple(
    path
    for folder in ("diameter", "nfs", "tests", "interop", "bench", "stubs")
    for path in sorted((ROOT / folder).rglob("*.py*"))
    if path.suffix in (".py", ".pyi")
)
NAMES: Final = [str(path.relative_to(ROOT)) for path in SOURCES]
UNFINISHED: Final = re.compile(
    r"\b(TODO|FIXME|XXX)\b|NotImplemented"
    r"Error|\.(skip|skipif|xfail|importor"
    r"skip)\b|type: ignore(?!\[)|pragma: no"
    r" cover"
)
BROAD: Final = re.compile(r"^\s*except (Base)?Exception\b|^\s*except:", re.MULTILINE)
PASSED_ON: Final = re.compile(r"^(\s*)except BaseException as \w+:\n(\1    .*\n)*?\1    raise\n", re.MULTILINE)
SLEEP: Final = re.compile(r"\btime\.sleep\(")
MACHINE: Final = re.compile(
    r"""(?<![\w.])/(root|home|work|farm)/|/tmp/[a-z]|https?://(pypi|files\.pythonhosted|registry)"""
)


@pytest.mark.parametrize("path", SOURCES, ids=NAMES)
def test_sizes(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    lines = text.count("\n")
    assert lines <= FILE_LIMIT, f"{path.relative_to(ROOT)} has {lines} lines"
    long = [
        f"{path.relative_to(ROOT)}:{node.lineno}: {node.name} has {node.end_lineno - node.lineno + 1} lines"
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.end_lineno is not None
        and node.end_lineno - node.lineno + 1 > FUNCTION_LIMIT
    ]
    assert not long, "\n".join(long)


@pytest.mark.parametrize("path", SOURCES, ids=NAMES)
def test_words(path: Path) -> None:
    if path == Path(__file__).resolve():
        return
    text = path.read_text(encoding="utf-8")
    found = [m.group() for m in UNFINISHED.finditer(text)]
    if path != ROOT / "diameter" / "node.py":
        found += [m.group().strip() for m in BROAD.finditer(PASSED_ON.sub("", text))]
    if path.relative_to(ROOT).parts[0] != "bench":  # a benchmark waits for programs of others
        found += [m.group() for m in SLEEP.finditer(text)]
    assert not found, f"{path.relative_to(ROOT)}: {found}"


def test_no_path_of_a_machine() -> None:
    texts = [
        p
        for pattern in ("*.md", "*.toml", "*.txt", "Makefile", "*.lock", "*.yaml", "*.yml")
        for p in ROOT.glob(pattern)
    ]
    texts += [
        p
        for folder in ("docs", "dict", "interop", "requirements", ".ci")
        for p in (ROOT / folder).rglob("*")
        if p.is_file()
    ]
    texts += [p for p in SOURCES if p != Path(__file__).resolve()]
    found = [
        f"{path.relative_to(ROOT)}: {match.group()}"
        for path in texts
        if path.suffix not in (".png", ".svg", ".html", ".pcapng", ".pyc")
        for match in MACHINE.finditer(path.read_text(encoding="utf-8"))
    ]
    assert not found, "\n".join(found)
