"""A virtual environment of a test, and how programs run in it."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from diameter._version import VERSION

ENDPOINTS = """
from twisted.internet.interfaces import IStreamClientEndpointStringParserWithReactor, IStreamServerEndpointStringParser
from twisted.plugin import getPlugins
for interface in (IStreamClientEndpointStringParserWithReactor, IStreamServerEndpointStringParser):
    print(*(plugin.prefix for plugin in getPlugins(interface)))
"""


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
            timeout=300,
            check=False,
        )
        assert not ok or done.returncode == 0, f"{command}:\n{done.stdout}\n{done.stderr}"
        return done

    def pip(self, *arguments: str | Path, **more: str) -> None:
        """pip install, which compiles nothing beforehand: most of what is installed is never imported here."""
        quietly = ("-q", "--no-compile", "--disable-pip-version-check")
        self.run("python", "-m", "pip", "install", *quietly, *arguments, ok=True, **more)


def check(environment: Environment, core: str = "compiled") -> None:
    """The command, the core, the dictionaries, a PKI and the endpoint plugin, from a folder without a checkout."""
    forced: tuple[tuple[str, dict[str, str]], ...] = ((core, {}), ("pure", {"DIAMETER_PURE": "1"}))
    for named, more in forced:
        done = environment.run("mtc", "--version", ok=True, **more)
        assert done.stdout == f"mtc-diameter {VERSION}, core: {named}\n"
    environment.run("mtc", "dict", "check")
    environment.run("mtc", "pki", "init")
    found = environment.run("python", "-W", "error", "-c", ENDPOINTS).stdout.splitlines()
    assert all("diameter" in line.split() for line in found), found
    assert len(found) == 2
