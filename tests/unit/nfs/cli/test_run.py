"""`mtc run`: finding the program of a network function."""

from __future__ import annotations

import sys
from types import ModuleType

import click
import pytest
from click.testing import CliRunner

from nfs.cli.run import available, command, package
from nfs.common.function import Processes


def test_programs_are_found_by_their_name_on_the_command_line() -> None:
    assert "mtc-iwf" in available()
    assert "cli" not in available()
    assert "common" not in available()
    assert package("mtc-iwf") == "nfs.mtc_iwf"


def test_an_unknown_name_lists_those_there_are() -> None:
    with pytest.raises(click.UsageError, match=r"no network function 'mtc_iwf'; there are: .*mtc-iwf"):
        package("mtc_iwf")
    result = CliRunner().invoke(command, ["nonsense", "-c", "x.toml"])
    assert result.exit_code == 2
    assert "no network function 'nonsense'" in result.output


def test_its_run_gets_the_path_and_gives_the_exit_status(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, Processes]] = []

    class Program(ModuleType):
        @staticmethod
        def run(path: str, processes: Processes) -> int:
            asked.append((path, processes))
            return 2

    monkeypatch.setitem(sys.modules, "nfs.mme.__main__", Program("nfs.mme.__main__"))
    result = CliRunner().invoke(command, ["mme", "-c", "mme.toml", "--workers", "3"], standalone_mode=False)
    assert (asked, result.return_value) == ([("mme.toml", Processes(count=3))], 2)
