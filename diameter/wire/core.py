"""Chooses the core: the compiled one when it is installed, else the pure Python one; `NAME` says which.

`DIAMETER_PURE=1` in the environment forces the pure one.  It is read here and nowhere else, once.  In a checkout a
binary counts only when it was made of the sources as they are: an edit is never hidden by what was compiled before.

Why two sources, `_core*` for the interpreter and `_typed*` for C types, and classes compiled beside functions.  With a
message of 22 AVPs, on a machine where a bare decoder by hand takes 12.9 us in Python and 3.1 in C:

    | microseconds | pure | functions compiled | classes compiled too |
    | --- | --- | --- | --- |
    | decode, two values (a relay) | 4.9 | 3.3 | 0.5 |
    | decode, faults, five values | 17.4 | 7.2 | 1.5 |
    | decode, faults, every value | 33.3 | 21.8 | 3.9 |
    | build with arity check | 22.5 | not tried | 2.6 |

One source for both loses on either side: what is quick in the interpreter (a memory of headers, sets, `struct`) is a
row of Python calls when compiled, and what is quick in C (a loop over octets) takes the interpreter four times as long.
A C extension by hand could not win much: the bars are met, and a value costs hardly more than the Python object.
"""

from __future__ import annotations

import importlib
import os
from pathlib import Path
from typing import Any, Final
from zlib import crc32

from diameter.wire import _core
from diameter.wire._core import Grammar, Nested, Row, Seen

__all__ = ["NAME", "Grammar", "Nested", "Row", "Seen", "frames", "holds", "index", "sources"]


def sources(package: Path) -> int:
    """One number over everything that the compiled core is made of."""
    files = [path for pattern in ("*/_typed*.p*", "*/_octets.p*") for path in package.glob(pattern)]
    return crc32(b"\0".join(path.read_bytes() for path in sorted(files) if path.suffix in (".py", ".pxd")))


def _compiled() -> Any:
    """The compiled module, or None."""
    if os.environ.get("DIAMETER_PURE") == "1":
        return None
    try:
        module = importlib.import_module("diameter.wire._ccore")
    except ImportError:
        return None
    package = Path(__file__).parents[1]
    checkout = package.with_name("setup.py").exists()
    return module if not checkout or sources(package) == module.SOURCES else None


_found: Final = _compiled()
NAME: Final = "pure" if _found is None else "compiled"
frames = _core.frames if _found is None else _found.frames
index = _core.index if _found is None else _found.index
holds = _core.holds
