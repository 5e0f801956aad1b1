"""The public signatures, one a line: `python tests/tools/api.py` writes tests/data/api.txt, changed on purpose only."""

from __future__ import annotations

import importlib
import inspect
import os
import subprocess
import sys
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any, Final

from diameter.wire import core

ROOT: Final = Path(__file__).resolve().parents[2]
SNAPSHOT: Final = ROOT / "tests" / "data" / "api.txt"
MODULES: Final = ("diameter", "diameter.testing", "diameter.capture")


def _signature(value: Any) -> str:
    try:
        return str(inspect.signature(value))
    except (TypeError, ValueError):
        return "(...)"


def _members(name: str, found: type) -> Iterator[str]:
    """Public methods and properties that the class, or a base of ours, defines."""
    seen: set[str] = set()
    for base in found.__mro__:
        if base.__module__.split(".")[0] != "diameter":
            continue
        for member, value in vars(base).items():
            public = not member.startswith("_") or member in ("__getitem__", "__contains__", "__len__", "__iter__")
            if not public or member in seen:
                continue
            seen.add(member)
            if isinstance(value, property):
                returned = inspect.signature(value.fget).return_annotation if value.fget else Any
                yield f"{name}.{member}: {returned}"
            elif isinstance(value, classmethod | staticmethod):
                yield f"{name}.{member}{_signature(value.__func__)}"
            elif inspect.isfunction(value):
                yield f"{name}.{member}{_signature(value)}"


def _entries(module: str, name: str) -> Iterator[str]:
    """Lines of one public name."""
    value, full = getattr(importlib.import_module(module), name), f"{module}.{name}"
    if isinstance(value, type):
        named = [base for base in value.__bases__ if base is not object and "._" not in base.__module__]
        bases = ", ".join(base.__name__ for base in named)
        built = "" if issubclass(value, Exception | Enum) else _signature(value)
        yield f"class {full}{built}" + (f" is a {bases}" if bases else "")
        if issubclass(value, Enum):
            yield from (f"{full}.{member.name} = {member.value!r}" for member in value)
        else:
            yield from sorted(_members(full, value))
    elif callable(value):
        yield f"{full}{_signature(value)}"
    else:
        yield f"{full}: {type(value).__name__}"


def render() -> str:
    """tests/data/api.txt as text, by the pure core: what is compiled has no signature to show."""
    if core.NAME != "pure":
        environment = {**os.environ, "DIAMETER_PURE": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
        command = [sys.executable, __file__, "--print"]
        return subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout
    lines: list[str] = []
    for module in MODULES:
        for name in sorted(importlib.import_module(module).__all__):
            lines += _entries(module, name)
    return "\n".join(lines) + "\n"


def main() -> int:
    """Write the snapshot, or with --print show it."""
    if "--print" in sys.argv:
        print(render(), end="")
    else:
        SNAPSHOT.write_text(render(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
