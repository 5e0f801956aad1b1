"""What pyproject.toml cannot say: two things change their place on the way into a wheel, and the core is compiled.

`dict/` (data; a package of that name would shadow the builtin) becomes `diameter/dicts`, and the endpoint plugin
`diameter/transport/_plugins.py` becomes `twisted/plugins/diameter_transport.py`, where Twisted looks for plugins.
A folder `twisted/` in the checkout would hide Twisted itself from careless tools, so there is none.

The compiled core: every `_typed.py` is compiled with its `_typed.pxd` under the name `_ccore`.  Without Cython or
without a compiler the installation succeeds and the pure Python core serves; `MTC_NO_EXT=1` does not even try, which
gives a wheel for every platform.
"""

from __future__ import annotations

import os
from pathlib import Path
from zlib import crc32

from setuptools import Extension, find_packages, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.build_py import build_py

PLUGIN = Path("diameter/transport/_plugins.py")
PLUGIN_IN_WHEEL = Path("twisted/plugins/diameter_transport.py")
TYPED = sorted(path.as_posix() for path in Path("diameter").rglob("_typed*.py"))
PACKAGES = ("diameter", *sorted({path.rpartition("/")[0] for path in TYPED}))
DIRECTIVES = {
    "language_level": 3,
    "annotation_typing": False,  # an annotation says what the interpreter sees, the .pxd what C sees
    "boundscheck": False,
    "wraparound": False,
    "initializedcheck": False,
    "cdivision": True,
    "binding": True,
}


class BuildWithPlugin(build_py):
    """`build_py` that puts the endpoint plugin where Twisted finds it, also for an editable install."""

    def run(self) -> None:
        super().run()
        if PLUGIN.exists():
            target = self._root() / PLUGIN_IN_WHEEL
            target.parent.mkdir(parents=True, exist_ok=True)
            self.copy_file(str(PLUGIN), str(target), preserve_mode=False)

    def get_outputs(self, include_bytecode: bool = True) -> list[str]:
        outputs: list[str] = super().get_outputs(include_bytecode)
        if PLUGIN.exists() and not self.editable_mode:
            outputs.append(str(Path(self.build_lib) / PLUGIN_IN_WHEEL))
        return outputs

    def _root(self) -> Path:
        """The folder that becomes the wheel's root; in an editable build `build_lib` is thrown away."""
        if self.editable_mode:
            return Path(self.distribution.get_command_obj("install").install_purelib)
        return Path(self.build_lib)


class BuildCore(build_ext):
    """`build_ext` that makes C of copies of the typed modules; whatever fails, the pure core remains."""

    def run(self) -> None:
        if not self._translated():
            self.extensions = []
        self.parallel = self.parallel or True
        super().run()
        if self.inplace:
            return
        made = [Path(self.get_ext_fullpath(one.name)) for one in self.extensions]
        if not all(path.exists() for path in made):  # one without the other would be a third core
            for path in made:
                path.unlink(missing_ok=True)

    def get_source_files(self) -> list[str]:
        return [path for package in PACKAGES for path in _sources(package)]

    def _translated(self) -> bool:
        """Make C of the typed modules; False, with a warning, when that cannot be done here."""
        try:
            from Cython.Build import cythonize
            from Cython.Compiler.Errors import CompileError
        except ImportError:
            self.warn("Cython is absent: the core is not compiled, the pure Python core serves")
            return False
        place = Path(self.build_temp).absolute() / "typed"
        for package in PACKAGES:
            (place / package).mkdir(parents=True, exist_ok=True)
            _write(place / package / "__init__.py", "")
        for package in PACKAGES:
            for path in map(Path, _sources(package)):
                text = _renamed(path.read_text(encoding="utf-8"))
                _write(place / _renamed(str(path)), text.replace("\nSOURCES = 0\n", f"\nSOURCES = {_digest()}\n"))
        for one in self.extensions:
            found = Extension(one.name, [str(place / (one.name.replace(".", "/") + ".py"))])
            try:
                (made,) = cythonize([found], include_path=[str(place)], compiler_directives=DIRECTIVES, quiet=True)
            except CompileError as error:
                self.warn(f"{error}: the core is not compiled, the pure Python core serves")
                return False
            one.sources = made.sources
        return True


def _sources(package: str) -> list[str]:
    folder = Path(package)
    return sorted(
        str(path) for path in (*folder.glob("_typed*.p*"), *folder.glob("_octets.p*")) if path.suffix != ".pyc"
    )


def _digest() -> int:
    """`diameter.wire.core.sources`, which an installation without the package cannot import yet."""
    files = [path for pattern in ("*/_typed*.p*", "*/_octets.p*") for path in Path("diameter").glob(pattern)]
    return crc32(b"\0".join(path.read_bytes() for path in sorted(files) if path.suffix in (".py", ".pxd")))


def _extension(path: str) -> Extension:
    return Extension(
        _renamed(path.removesuffix(".py").replace("/", ".")), [path], optional=True, extra_compile_args=["-g0"]
    )


def _renamed(text: str) -> str:
    return text.replace("_typed", "_ccore")


def _write(path: Path, text: str) -> None:
    """Only what changed, so that only that is compiled again."""
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


setup(
    packages=[*find_packages(include=["diameter", "diameter.*", "nfs", "nfs.*"]), "diameter.dicts"],
    package_dir={"diameter.dicts": "dict"},
    package_data={
        "diameter": [
            "py.typed",
            "COMPLIANCE.md",
            "**/*.html",
            "**/*.j2",
            "**/*.css",
            "**/*.js",
            "**/*.pxd",
            "**/*.pem",
        ],
        "diameter.dicts": ["*.dia", "README.md"],
        "nfs": ["py.typed", "**/*.asn", "**/*.toml", "**/*.j2"],
    },
    ext_modules=[_extension(one) for one in TYPED] if os.environ.get("MTC_NO_EXT") != "1" else [],
    cmdclass={"build_py": BuildWithPlugin, "build_ext": BuildCore},
)
