"""Environments for the installation tests: empty ones, each with nothing but what an installation brings."""

from __future__ import annotations

import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from helpers.environments import Environment

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def constraints(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pins of run.lock as a constraints file, which has no hashes."""
    pins = [
        line.split(" \\")[0] for line in (ROOT / "requirements" / "run.lock").read_text().splitlines() if "==" in line
    ]
    path = tmp_path_factory.mktemp("constraints") / "constraints.txt"
    path.write_text("\n".join(pins))
    return path


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    """An empty virtual environment."""
    folder, cwd = tmp_path / "venv", tmp_path / "cwd"
    cwd.mkdir()
    venv.create(folder, with_pip=True, symlinks=True)
    return Environment(folder, cwd)


@pytest.fixture(scope="session")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the sources, so that no build leaves anything in the checkout."""
    target = tmp_path_factory.mktemp("checkout") / "mtc-diameter"
    drop = (".git", ".venv*", "build", "dist", "demo", "__pycache__", ".*_cache", "*.egg-info", ".hypothesis", "*.so")
    shutil.copytree(ROOT, target, ignore=shutil.ignore_patterns(*drop))
    return target


@pytest.fixture(scope="session")
def built(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with the sdist of the sources and the wheel made from that sdist."""
    target = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(target), str(checkout)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300, cwd=target)
    assert done.returncode == 0, done.stdout + done.stderr
    return target
