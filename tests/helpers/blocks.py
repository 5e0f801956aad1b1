"""Code blocks of Markdown pages, as steps that can be carried out.

    ```python        run as one program per page, blocks in order
    ```console       `$ command` lines are run; what stands below each is compared with what it prints
    <!-- file: clock.py -->      before a block: it is a file of that name, not run by itself
    <!-- background -->          before a console block: its one command runs until the page ends
    <!-- at: left -->            before a console block: at a host that tests/rig makes; or `at: left background`

In expected output `...` stands for anything on a line, and alone on a line for any lines.  Other languages are not run.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

BLOCK: Final = re.compile(
    r"(?:^<!-- (?P<note>file: \S+|background|at: \w+(?: background)?) -->\n)?^```(?P<language>\w*)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
RUN: Final = ("python", "console")


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One fenced block; `line` is where its text begins, `note` what the comment before it says."""

    language: str
    text: str
    note: str
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One `$ command` of a console block (continued lines joined) and the output printed below it."""

    words: str
    expected: tuple[str, ...]
    line: int


def blocks(page: Path) -> Iterator[Block]:
    """The fenced blocks of a page, in order."""
    text = page.read_text(encoding="utf-8")
    for match in BLOCK.finditer(text):
        line = text.count("\n", 0, match.start("text")) + 1
        yield Block(language=match["language"], text=match["text"], note=match["note"] or "", line=line)


def commands(block: Block) -> Iterator[Command]:
    """The commands of a console block."""
    words, expected, start = "", list[str](), 0
    lines = block.text.splitlines()
    for at, line in enumerate(lines):
        if line.startswith("$ "):
            if words:
                yield Command(words=words, expected=tuple(expected), line=start)
            words, expected, start = line[2:], [], block.line + at
        elif line.startswith("> ") and words.endswith("\\"):
            words += "\n" + line[2:]
        else:
            assert words, f"line {block.line + at}: a console block starts with `$ command`"
            expected.append(line)
    if words:
        yield Command(words=words, expected=tuple(expected), line=start)


def pattern(expected: tuple[str, ...]) -> re.Pattern[str]:
    """A pattern for the whole output; see the module's text for `...`."""
    parts = []
    for line in expected:
        if line.strip() == "...":
            parts.append(r"(?:.*\n)*?")
        else:
            parts.append(r"[^\n]*?".join(re.escape(piece) for piece in line.rstrip().split("...")) + r"[ \t]*\n")
    return re.compile("".join(parts))


def fits(line: str, expected: str) -> bool:
    """True when one printed line is what one expected line says."""
    return pattern((expected,)).fullmatch(line.rstrip("\n") + "\n") is not None
