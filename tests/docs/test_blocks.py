"""Every Python and console block of README and docs/ runs, and prints what the page says.

Each page gets an empty folder; its blocks run there in order.  A block marked as background runs until the page ends.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

import pytest

from helpers.blocks import RUN, Block, blocks, commands, fits, pattern

ROOT: Final = Path(__file__).resolve().parents[2]
PAGES: Final = sorted([ROOT / "README.md", *ROOT.glob("docs/**/*.md"), *ROOT.glob("dict/README.md")])
LIMIT_S: Final = 250
START_S: Final = 60
SHELL_ALLOWED: Final = re.compile(r"(make [a-z-]+|git clone \S+|cd \S+|pip install \S+|\.venv\S*/bin/\S+.*)(\s+#.*)?")


def _environment() -> dict[str, str]:
    """Programs of this interpreter's environment first, no width limits, no colours."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "COLUMNS": "100", "NO_COLOR": "1", "PYTHONUNBUFFERED": "1"}


def _run_console(block: Block, folder: Path) -> None:
    for command in commands(block):
        done = subprocess.run(
            ["bash", "-c", command.words],
            cwd=folder,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )
        if command.expected:
            same = pattern(command.expected).fullmatch(done.stdout)
            assert same, f"line {command.line}: $ {command.words}\nprinted:\n{done.stdout}"
        else:
            assert done.returncode == 0, f"line {command.line}: $ {command.words}\n{done.stdout}"


@contextmanager
def _background(block: Block, folder: Path) -> Iterator[None]:
    """Run the block's one command; go on once it has printed the lines that stand below it."""
    (command,) = commands(block)
    program = subprocess.Popen(
        ["bash", "-c", f"exec {command.words}"],
        cwd=folder,
        env=_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert program.stdout is not None
    seen: list[str] = []
    silence = threading.Timer(START_S, program.kill)  # its output then ends, and the line that never came is named
    silence.start()
    try:
        for expected in command.expected:
            for line in program.stdout:
                seen.append(line)
                if fits(line, expected):
                    break
            else:
                raise AssertionError(f"line {command.line}: {expected!r} never came; printed:\n{''.join(seen)}")
        silence.cancel()
        yield
    finally:
        silence.cancel()
        program.send_signal(signal.SIGTERM)
        rest, _ = program.communicate(timeout=LIMIT_S)
    assert "Traceback" not in "".join(seen) + rest, rest


def _run_python(programs: list[Block], folder: Path) -> None:
    if programs:
        text = "\n".join("\n" * 0 + block.text for block in programs)
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", text],
            cwd=folder,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )
        assert done.returncode == 0, f"Python from line {programs[0].line} on:\n{done.stdout}{done.stderr}"


@pytest.mark.link
@pytest.mark.timeout(300)  # a page runs several programs one after the other
@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_the_blocks_of_a_page_run(page: Path, tmp_path: Path) -> None:
    programs: list[Block] = []
    with ExitStack() as until_the_page_ends:
        for block in blocks(page):
            if block.note.startswith("file: "):
                (tmp_path / block.note.removeprefix("file: ")).write_text(block.text, encoding="utf-8")
            elif block.note == "background":
                until_the_page_ends.enter_context(_background(block, tmp_path))
            elif block.language == "console":
                _run_console(block, tmp_path)
            elif block.language == "python":
                programs.append(block)
        _run_python(programs, tmp_path)


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_shell_blocks_hold_only_set_up_steps(page: Path) -> None:
    """What cannot be run from inside a test is limited to a few known steps, and a make target exists."""
    makefile = (ROOT / "Makefile").read_text()
    for block in blocks(page):
        if block.language == "sh":
            for line in filter(None, block.text.splitlines()):
                assert SHELL_ALLOWED.fullmatch(line), (
                    f"line {block.line}: {line!r} is never run: make it a console block"
                )
                if line.startswith("make "):
                    assert f"\n{line.split()[1]}:" in makefile
        assert block.language not in ("", "bash", "shell", "py"), f"line {block.line}: say python, console, sh or text"


def test_the_pages_hold_blocks_that_run() -> None:
    """The test above proves something: there are blocks of both kinds."""
    languages = [block.language for page in PAGES for block in blocks(page)]
    assert all(language in languages for language in RUN)
