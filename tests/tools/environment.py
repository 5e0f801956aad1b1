"""Virtual environments made from a lock file; standard library only, because nothing is installed yet when it runs.

`python3 tests/tools/environment.py .venv-run requirements/run.lock --project` makes or refreshes one.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
PEERS: Final = ROOT / ".venv-peers"
"""The environment of python-diameter, which has our import name and must never share one with us."""
OLDEST: Final = (3, 11)
NOT_PASSED_ON: Final = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "PYTHONDONTWRITEBYTECODE")
"""Variables that a test run does without: the last would have every worker compile every test anew, for 12 seconds."""
BUILD_LEFTOVERS: Final = ("build/lib", "build/bdist*", "*.egg-info")


class NoEnvironment(Exception):
    """The environment could not be made; the text tells what to do."""


def _digest(paths: Iterable[Path]) -> str:
    """One hash over the contents of `paths` and this interpreter's version."""
    total = hashlib.sha256(sys.version.encode())
    for path in sorted(paths):
        total.update(str(path).encode() + b"\0" + path.read_bytes())
    return total.hexdigest()


def _run(*command: str | Path) -> None:
    done = subprocess.run([str(word) for word in command], cwd=ROOT, check=False)
    if done.returncode:
        raise NoEnvironment(f"failed with status {done.returncode}: {' '.join(map(str, command))}")


def ensure(folder: Path, lock: Path) -> Path:
    """The interpreter of the virtual environment `folder`, which holds exactly what `lock` names; made when missing
    or stale.
    """
    if sys.version_info[:2] < OLDEST:
        raise NoEnvironment(f"Python {OLDEST[0]}.{OLDEST[1]} or later is needed; this is {sys.version.split()[0]}")
    python, stamp = folder / "bin" / "python", folder / "lock.sha256"
    wanted = _digest([lock])
    if stamp.exists() and stamp.read_text() == wanted and python.exists():
        return python
    print(f"Making {folder.name} from {lock.relative_to(ROOT)}", flush=True)
    try:
        _run(sys.executable, "-m", "venv", "--clear", folder)
    except NoEnvironment:
        raise NoEnvironment("this Python has no venv; on Debian or Ubuntu: apt-get install python3-venv") from None
    pip = (python, "-m", "pip", "--disable-pip-version-check")
    _run(*pip, "install", "-qq", "--require-hashes", "--no-deps", "-r", lock)
    stamp.write_text(wanted)
    return python


def sources() -> list[Path]:
    """The files that a wheel is made from."""
    found = [ROOT / name for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE")]
    for folder in ("diameter", "nfs", "dict"):
        found += [p for p in (ROOT / folder).rglob("*") if p.is_file() and p.suffix not in (".pyc", ".pyo", ".so")]
    return found


def clean_build() -> None:
    """Remove what setuptools leaves beside the sources: a stale build/lib would put deleted modules into the wheel."""
    for pattern in BUILD_LEFTOVERS:
        for path in ROOT.glob(pattern):
            shutil.rmtree(path)


def build_wheel(python: Path, target: Path) -> Path:
    """Build the wheel into the empty folder `target` with the tools of `python`'s own environment; returns its path."""
    shutil.rmtree(target, ignore_errors=True)
    clean_build()
    try:
        _run(python, "-m", "pip", "wheel", "-qq", "--no-deps", "--no-build-isolation", "--wheel-dir", target, ROOT)
    finally:
        clean_build()
    return next(target.glob("*.whl"))


def install_project(python: Path, folder: Path) -> None:
    """Install the wheel of this checkout into the environment `folder`, unless that very state is installed already."""
    stamp, wanted = folder / "project.sha256", _digest(sources())
    if stamp.exists() and stamp.read_text() == wanted:
        return
    wheel = build_wheel(python, folder / "wheel")
    _run(python, "-m", "pip", "install", "-qq", "--no-deps", "--force-reinstall", "--no-index", wheel)
    stamp.write_text(wanted)


def safe_environment(**more: str) -> dict[str, str]:
    """This process's environment for a program that must not find the checkout on its `sys.path`."""
    kept = {k: v for k, v in os.environ.items() if k not in NOT_PASSED_ON}
    return {**kept, "PYTHONSAFEPATH": "1", "PYTHONUNBUFFERED": "1", **more}


def main() -> int:
    """Make the environment named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("lock", type=Path)
    parser.add_argument("--project", action="store_true", help="install this project as well")
    options = parser.parse_args()
    try:
        python = ensure(options.folder.resolve(), options.lock.resolve())
        if options.project:
            install_project(python, options.folder.resolve())
    except NoEnvironment as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
