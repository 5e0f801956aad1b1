"""Imports point down only, and only the named modules may import Twisted, a reactor, or an untyped library.

The imports are read with `ast`, so an import inside a function or under TYPE_CHECKING counts as well.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).resolve().parent.parent

BASE: Final = ("diameter.errors", "diameter._version")
TEXT: Final = (*BASE, "diameter.wire.*", "diameter.dictionary.*")

# Height, lowest first.  Left: module pattern, the first that fits counts.
# Right: what it may import of ours, beside its own package.
MAY_IMPORT: Final[tuple[tuple[str, tuple[str, ...]], ...]] = (
    ("diameter", ("diameter.*",)),  # re-exports; what it must not load is tested below
    ("diameter._version", ()),
    ("diameter._guard", ()),
    ("diameter.errors", ()),
    ("diameter.config.*", BASE),
    ("diameter.wire.*", BASE),
    ("diameter.dictionary.*", (*BASE, "diameter.wire.types")),
    ("diameter.message.*", TEXT),
    ("diameter.peer.*", (*TEXT, "diameter.message.*")),
    ("diameter.session.*", (*TEXT, "diameter.message.*")),
    ("diameter.routing.*", (*TEXT, "diameter.message.*", "diameter.peer.inputs")),
    ("diameter.security.*", (*TEXT, "diameter.config.*", "diameter.message.*")),
    ("diameter.capture.*", (*TEXT, "diameter.message.*")),
    ("diameter.app", (*TEXT, "diameter.message.*", "diameter.routing.*")),
    ("diameter.transport.resolver", (*BASE, "diameter.routing.discovery")),
    ("diameter.transport.endpoints", (*BASE, "diameter.config.*", "diameter.routing.discovery", "diameter.security.*")),
    ("diameter.transport.*", (*BASE, "diameter.config.*", "diameter.peer.inputs", "diameter.security.*")),
    (
        "diameter.node",
        (
            *TEXT,
            "diameter.config.*",
            "diameter.message.*",
            "diameter.peer.*",
            "diameter.session.*",
            "diameter.routing.*",
            "diameter.security.*",
            "diameter.app",
            "diameter.transport.*",
            "diameter.trace",
            "diameter._node.*",
        ),
    ),
    ("diameter.*", ("diameter.*",)),  # trace metrics admin workers testing conformance: above the node
    ("nfs.cli.*", ("diameter.*", "nfs.*", "diameter")),
    ("nfs.mme.logic", ("diameter.errors", "nfs.common.*", "nfs.ue.logic")),
    ("nfs.mtc_iwf.logic", ("diameter.errors", "nfs.common.*", "nfs.mtc_sgw.logic", "nfs.mtc_sgw.association")),
    ("nfs.mtc_iwf.logic", ("diameter.errors", "nfs.common.*", "nfs.mtc_sgw.*")),
    ("nfs.mtc_iwf.groups.logic", ("diameter.errors", "nfs.common.*", "nfs.mtc_iwf.*", "nfs.mtc_sgw.*")),
    ("nfs.*.logic", ("diameter.errors", "nfs.common.*")),  # decisions know no AVP, no peer, no Twisted
    ("nfs.common.*", ("diameter", "diameter.*")),
    ("nfs.mtc_iwf.*", ("diameter", "diameter.*", "nfs.common.*", "nfs.mtc_sgw.*")),  # the gateway can be embedded
    ("nfs.relay.*", ("diameter", "diameter.*", "nfs.common.*", "nfs.mtc_sgw.*")),  # a firewall at the border
    ("nfs.mme.*", ("diameter", "diameter.*", "nfs.common.*", "nfs.ue.*")),  # its simulated UEs
    ("nfs.ue.*", ("nfs.common.*", "diameter.errors")),  # the UE speaks no Diameter
    ("nfs.*", ("diameter", "diameter.*", "nfs.common.*", "nfs")),
)

MAY_IMPORT_TWISTED: Final = (
    "diameter.transport.*",
    "diameter.node",
    "diameter.admin.*",
    "diameter.workers.*",
    "diameter.testing",
    "nfs.cli.*",
    "nfs.common.store",
    "nfs.common.function",
    "nfs.common.several",
    "nfs.common.shell",
    "nfs.*.__main__",
    "nfs.*.t8",
    "nfs.*.smpp.server",
    "nfs.*.provisioning",
    "nfs.scs.http",
    "nfs.hss.http.desk",
    "nfs.mtc_iwf.owners.push",
)
MAY_IMPORT_A_REACTOR: Final = ("nfs.cli.*", "nfs.*.__main__", "diameter.*.__main__")
TWISTED: Final = ("twisted", "klein", "treq")

MAY_IMPORT_CRYPTOGRAPHY: Final = (
    "diameter.security.*",
    "diameter.capture.*",
    "nfs.common.aka",
    "nfs.common.cose",
    "nfs.common.cose_content",
    "nfs.common.nas_security",
)

SANS_IO: Final = (
    "diameter.wire.*",
    "diameter.dictionary.*",
    "diameter.message.*",
    "diameter.peer.*",
    "diameter.routing.*",
    "diameter.session.*",
    "nfs.*.logic",
)
SANS_IO_BUT: Final = ("diameter.dictionary.files", "diameter.wire.core")  # reads files; reads DIAMETER_PURE
IO_MODULES: Final = frozenset(
    {
        "asyncio",
        "http",
        "logging",
        "os",
        "pathlib",
        "random",
        "secrets",
        "select",
        "selectors",
        "signal",
        "socket",
        "socketserver",
        "ssl",
        "subprocess",
        "tempfile",
        "threading",
        "time",
        "urllib.request",
        "uuid",
    }
)
FILE_METHODS: Final = frozenset({"read_bytes", "read_text", "write_bytes", "write_text"})
PURE_PYTHON: Final = (
    "diameter.errors",
    "diameter.wire.*",
    "diameter.dictionary.*",
    "diameter.message.*",
    "diameter.peer.*",
    "diameter.routing.*",
    "diameter.session.*",
    "diameter.app",
)

UNTYPED: Final = (
    "asn1tools",
    "cffi",
    "construct",
    "dpkt",
    "sctp",
    "vici",
)  # each behind one wrapper module, with stubs in stubs/


def _fits(name: str, patterns: tuple[str, ...]) -> bool:
    """True when `name` fits a pattern; `a.b.*` also fits the package `a.b` itself."""
    return any(fnmatch(name, p) or (p.endswith(".*") and fnmatch(name, p[:-2])) for p in patterns)


def _module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _is_ours(name: str) -> bool:
    path = ROOT.joinpath(*name.split("."))
    return path.with_suffix(".py").exists() or (path / "__init__.py").exists()


def _imports(path: Path) -> Iterator[tuple[int, str]]:
    """(line, module) of each import in `path`; `from package import module` names the module."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: relative import"
            base = node.module or ""
            for alias in node.names:
                full = f"{base}.{alias.name}"
                external = base.split(".")[0] not in ("diameter", "nfs")
                yield node.lineno, full if external or _is_ours(full) else base


MODULES: Final = {_module_name(p): p for top in ("diameter", "nfs") for p in sorted((ROOT / top).rglob("*.py"))}
IMPORTS: Final = {name: tuple(_imports(path)) for name, path in MODULES.items()}


def _own_package(module: str) -> str:
    """The package a module may import freely: `diameter.peer` for `diameter.peer.fsm`, itself for `diameter.node`."""
    parts = module.split(".")
    is_package = MODULES[module].name == "__init__.py"
    return ".".join(parts[:2]) if len(parts) > 2 or is_package else module


@pytest.mark.parametrize("module", MODULES)
def test_imports_of_ours_point_down(module: str) -> None:
    allowed = next(right for left, right in MAY_IMPORT if _fits(module, (left,)))
    own = _own_package(module)
    wrong = [
        f"{MODULES[module].relative_to(ROOT)}:{line}: {module} must not import {name}"
        for line, name in IMPORTS[module]
        if name.split(".")[0] in ("diameter", "nfs")
        and not (name == own or name.startswith(own + "."))
        and not _fits(name, allowed)
    ]
    assert not wrong, "\n".join(wrong)


def _importers(*libraries: str) -> list[str]:
    return sorted({m for m, found in IMPORTS.items() if any(name.split(".")[0] in libraries for _, name in found)})


def test_only_the_named_modules_import_twisted() -> None:
    assert [m for m in _importers(*TWISTED) if not _fits(m, MAY_IMPORT_TWISTED)] == []


def test_only_programs_import_a_reactor() -> None:
    found = [m for m, names in IMPORTS.items() if any(n == "twisted.internet.reactor" for _, n in names)]
    assert [m for m in found if not _fits(m, MAY_IMPORT_A_REACTOR)] == []


def test_only_the_security_layer_imports_cryptography() -> None:
    assert [m for m in _importers("cryptography") if not _fits(m, MAY_IMPORT_CRYPTOGRAPHY)] == []


@pytest.mark.parametrize("library", UNTYPED)
def test_an_untyped_library_has_one_wrapper(library: str) -> None:
    assert len(_importers(library)) <= 1, f"{library} is imported by {_importers(library)}"


@pytest.mark.parametrize("module", [m for m in MODULES if _fits(m, SANS_IO) and not _fits(m, SANS_IO_BUT)])
def test_the_core_touches_no_socket_clock_file_or_log(module: str) -> None:
    """A path may be named in the dictionary layer, which hands it to the one module that reads files."""
    banned = IO_MODULES - ({"pathlib"} if _fits(module, ("diameter.dictionary.*",)) else set())
    wrong = [f"{module}:{line}: {n}" for line, n in IMPORTS[module] if {n, n.split(".")[0]} & banned]
    calls = [
        node for node in ast.walk(ast.parse(MODULES[module].read_text(encoding="utf-8"))) if isinstance(node, ast.Call)
    ]
    wrong += [
        f"{module}:{call.lineno}: open()"
        for call in calls
        if isinstance(call.func, ast.Name) and call.func.id == "open"
    ]
    methods = [
        call.func for call in calls if isinstance(call.func, ast.Attribute) and ast.unparse(call.func.value) != "files"
    ]
    wrong += [f"{module}:{method.lineno}: .{method.attr}()" for method in methods if method.attr in FILE_METHODS]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("module", [m for m in MODULES if _fits(m, PURE_PYTHON)])
def test_the_core_needs_the_standard_library_only(module: str) -> None:
    known = sys.stdlib_module_names | {"diameter"}
    wrong = [f"{module}:{line}: {name}" for line, name in IMPORTS[module] if name.split(".")[0] not in known]
    assert not wrong, wrong


def test_import_diameter_loads_neither_twisted_nor_cryptography() -> None:
    code = "import sys, diameter; print(*sorted({m.split('.')[0] for m in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=300)
    assert not set(done.stdout.split()) & {"twisted", "cryptography", "OpenSSL", "pydantic"}


def test_this_test_can_fail(tmp_path: Path) -> None:
    """An upward import is seen wherever it hides."""
    path = tmp_path / "low.py"
    path.write_text("def f():\n    from diameter.node import Node\n    import twisted.internet.reactor\n")
    assert list(_imports(path)) == [(2, "diameter.node"), (3, "twisted.internet.reactor")]
    assert not _fits("diameter.node", TEXT)
    assert _fits("diameter.wire", TEXT)
    assert _fits("diameter.wire.header", TEXT)
