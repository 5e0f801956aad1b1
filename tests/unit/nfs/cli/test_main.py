"""The command `mtc` itself: verbs found by name, errors as one line, exit status."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import click
import pytest

from diameter._version import VERSION
from diameter.errors import ConfigError, RequestTimeout
from diameter.wire import core
from nfs import cli

FOLDER = Path(cli.__file__).parent


def run(*arguments: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "nfs.cli", *arguments], capture_output=True, text=True, check=False, timeout=300
    )
    return done.returncode, done.stdout, done.stderr


def test_each_verb_has_a_file_and_each_file_is_a_verb() -> None:
    files = {path.stem for path in FOLDER.glob("*.py")} - {"__init__", "__main__"}
    assert {name for name in files if not name.startswith("_")} == set(cli.VERBS)


@pytest.mark.parametrize("verb", sorted(cli.VERBS))
def test_a_verb_helps_with_an_example(verb: str) -> None:
    command = importlib.import_module(f"nfs.cli.{verb}").command
    assert isinstance(command, click.Command)
    for each in (command, *getattr(command, "commands", {}).values()):
        assert "Example" in f"{each.help}{each.epilog}", f"mtc {verb}: the help of {each.name} shows no example"


def test_help_lists_the_verbs_and_imports_none() -> None:
    code = (
        "import sys, nfs.cli\n"
        "try:\n    nfs.cli.main(['--help'])\nexcept SystemExit:\n    pass\n"
        "heavy = [m for m in sys.modules if m.startswith(('twisted', 'nfs.cli.', 'pydantic', 'cryptography'))]\n"
        "print([m for m in heavy if m != 'nfs.cli._verbs'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=300)
    assert all(f"  {verb}  " in done.stdout for verb in cli.VERBS)
    assert done.stdout.rstrip().endswith("[]")


def test_version_names_the_core() -> None:
    assert run("--version") == (0, f"mtc-diameter {VERSION}, core: {core.NAME}\n", "")


def test_an_unknown_verb_is_a_usage_error() -> None:
    status, _, errors = run("nonsense")
    assert status == 2
    assert "No such command 'nonsense'" in errors


@pytest.mark.parametrize(
    ("error", "status", "printed"),
    [
        (
            ConfigError("a.toml: node: missing", "a.toml: peer.0.prot: unknown key"),
            2,
            "a.toml: peer.0.prot: unknown key",
        ),
        (FileNotFoundError(2, "No such file or directory", "a.toml"), 2, "mtc: a.toml: No such file or directory"),
        (OSError(28, "No space left on device"), 2, "mtc: No space left on device"),
        (click.FileError("a.csv", "No such file or directory"), 2, "'a.csv': No such file or directory"),
        (RequestTimeout("no answer in 5 s"), 1, "no answer in 5 s"),
        (click.exceptions.Abort(), 130, "interrupted"),
    ],
)
def test_declared_errors_are_lines(
    error: Exception, status: int, printed: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(cli.mtc, "main", fail)
    with pytest.raises(SystemExit) as ended:
        cli.main([])
    assert ended.value.code == status
    lines = capsys.readouterr().err.splitlines()
    assert any(line.startswith(("mtc: ", "Error: ")) and line.endswith(printed) for line in lines)
    assert not any("Traceback" in line for line in lines)


def test_a_closed_pipe_is_quiet() -> None:
    reader = subprocess.Popen(["true"], stdin=subprocess.PIPE)
    reader.wait()
    assert reader.stdin is not None
    done = subprocess.run(
        [sys.executable, "-m", "nfs.cli", "--help"],
        stdout=reader.stdin,
        stderr=subprocess.PIPE,
        check=False,
        timeout=300,
    )
    reader.stdin.close()
    assert done.stderr == b""
