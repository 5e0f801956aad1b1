"""What is installed or built right from the sources gives a working `mtc` in an empty environment too."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from diameter._version import VERSION
from helpers.environments import Environment, check


def test_an_editable_install(environment: Environment, checkout: Path, constraints: Path) -> None:
    environment.pip("-c", constraints, "-e", checkout)
    check(environment)
    where = environment.run("python", "-c", "import diameter; print(diameter.__file__)").stdout
    assert str(checkout) in where


def test_a_wheel_for_every_platform(
    environment: Environment, checkout: Path, constraints: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MTC_NO_EXT", "1")
    command = [sys.executable, "-m", "build", "--no-isolation", "--wheel", "--outdir", str(tmp_path), str(checkout)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    assert wheel.name == f"mtc_diameter-{VERSION}-py3-none-any.whl"
    environment.pip("-c", constraints, wheel)
    check(environment, "pure")
