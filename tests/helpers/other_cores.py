"""Cores of others that are neither in Debian nor on PyPI: whether one is on this machine, and what a run says when not.

Their tests are collected where the core is, and only there; nothing is fetched or built for them.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Core:
    """`folder`: below interop; `missing`: why its tests cannot be run on this machine, "" when they can."""

    name: str
    folder: str
    missing: Callable[[], str]


def _programs(*names: str) -> str:
    absent = [name for name in names if shutil.which(name) is None]
    return f"not found: {', '.join(absent)}" if absent else ""


def open5gs() -> str:
    """Its HSS needs MongoDB beside it."""
    return _programs("open5gs-hssd", "open5gs-dbctl", "mongod")


def pyhss_of(environment: Mapping[str, str]) -> str:
    """MTC_PYHSS is the folder it lies in, MTC_PYHSS_PYTHON the interpreter with what it needs."""
    folder, python = environment.get("MTC_PYHSS"), environment.get("MTC_PYHSS_PYTHON")
    if not folder or not python:
        return "MTC_PYHSS and MTC_PYHSS_PYTHON do not say where it is"
    absent = [str(path) for path in (Path(folder) / "services" / "hssService.py", Path(python)) if not path.exists()]
    return f"not found: {', '.join(absent)}" if absent else _programs("redis-server")


def pyhss() -> str:
    """As above, of this process."""
    return pyhss_of(os.environ)


CORES: Final = (
    Core(name="Open5GS", folder="open5gs", missing=open5gs),
    Core(name="PyHSS", folder="pyhss", missing=pyhss),
)


def absent() -> dict[str, str]:
    """Why, by folder, for each core that is not here."""
    return {core.folder: why for core in CORES if (why := core.missing())}
