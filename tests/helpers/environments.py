"""A virtual environment of a test, and how programs run in it."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Environment:
    """One virtual environment; programs run in `cwd`, an empty folder far from the checkout."""

    folder: Path
    cwd: Path

    def run(self, *command: str | Path, ok: bool = True, **more: str) -> subprocess.CompletedProcess[str]:
        """Run a program of this environment; fails the test when it fails, unless `ok` is False."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "COVERAGE", "MTC_", "VIRTUAL"))}
        done = subprocess.run(
            [str(self.folder / "bin" / command[0]), *map(str, command[1:])],
            cwd=self.cwd,
            env={**kept, **more},
            capture_output=True,
            text=True,
            timeout=280,
            check=False,
        )
        assert not ok or done.returncode == 0, f"{command}:\n{done.stdout}\n{done.stderr}"
        return done

    def pip(self, *arguments: str | Path, **more: str) -> None:
        """pip install."""
        self.run("python", "-m", "pip", "install", "-q", "--disable-pip-version-check", *arguments, ok=True, **more)
