"""Carries out a page of the documents: its blocks in order, in one folder, here or at hosts that a test has made."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from helpers.blocks import Block, blocks, commands, fits, pattern

LIMIT_S: Final = 500
START_S: Final = 120


def carry_out(page: Path, folder: Path, hosts: Mapping[str, Path] | None = None) -> None:
    """Run the blocks of a page in `folder`.  `hosts`: for each host that the page names, the program that runs a line
    of the shell there; without them blocks at a host are left out.
    """
    programs: list[Block] = []
    with ExitStack() as until_the_page_ends:
        for block in blocks(page):
            kind, _, rest = block.note.partition(": ")
            if kind == "file":
                (folder / rest).write_text(block.text, encoding="utf-8")
                continue
            host = rest.partition(" ")[0] if kind == "at" else ""
            if host and hosts is None:
                continue
            shell = ["bash", "-c"] if hosts is None or not host else [str(hosts[host])]
            if block.note.endswith("background"):
                until_the_page_ends.enter_context(_background(block, folder, shell))
            elif block.language == "console":
                _run_console(block, folder, shell)
            elif block.language == "python":
                programs.append(block)
        _run_python(programs, folder)


def _environment() -> dict[str, str]:
    """Programs of this interpreter's environment first, no width limits, no colours."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "COLUMNS": "100", "NO_COLOR": "1", "PYTHONUNBUFFERED": "1"}


def _run_console(block: Block, folder: Path, shell: list[str]) -> None:
    for command in commands(block):
        done = subprocess.run(
            [*shell, command.words],
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
def _background(block: Block, folder: Path, shell: list[str]) -> Iterator[None]:
    """Run the block's one command; go on once it has printed the lines that stand below it, in whatever order.

    What a program does at its start it does beside each other: a peer may be open before the program is ready.
    """
    (command,) = commands(block)
    program = subprocess.Popen(
        [*shell, f"exec {command.words}"],
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
        missing = list(command.expected)
        while missing:
            line = program.stdout.readline()
            assert line, f"line {command.line}: {missing} never came; printed:\n{''.join(seen)}"
            seen.append(line)
            found = next((expected for expected in missing if fits(line, expected)), None)
            if found is not None:
                missing.remove(found)
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
