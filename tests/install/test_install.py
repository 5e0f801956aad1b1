"""Wheel, sdist, build without a compiler: each gives a working `mtc` in an empty environment."""

from __future__ import annotations

import subprocess
import tarfile
import zipfile
from pathlib import Path

from diameter._version import VERSION
from helpers.environments import Environment, check


def wheel_of(built: Path) -> Path:
    (wheel,) = built.glob("*.whl")
    return wheel


def sdist_of(built: Path) -> Path:
    (sdist,) = built.glob("*.tar.gz")
    return sdist


def test_the_wheel(environment: Environment, built: Path, constraints: Path) -> None:
    environment.pip("-c", constraints, wheel_of(built))
    check(environment)
    where = environment.run("python", "-c", "import diameter; print(diameter.__file__)").stdout
    assert str(environment.folder) in where


def test_the_sdist(environment: Environment, built: Path, constraints: Path) -> None:
    environment.pip("-c", constraints, sdist_of(built))
    check(environment)


def test_a_build_without_a_compiler(environment: Environment, built: Path, constraints: Path) -> None:
    environment.pip("-c", constraints, sdist_of(built), CC="/bin/false", CXX="/bin/false", LDSHARED="/bin/false")
    check(environment, "pure")


def test_what_is_in_the_wheel(built: Path) -> None:
    with zipfile.ZipFile(wheel_of(built)) as wheel:
        names = set(wheel.namelist())
    tops = {name.split("/")[0] for name in names}
    assert tops == {"diameter", "nfs", "twisted", f"mtc_diameter-{VERSION}.dist-info"}
    assert {name for name in names if name.startswith("twisted/")} == {"twisted/plugins/diameter_transport.py"}
    assert {"diameter/py.typed", "nfs/py.typed", "diameter/dicts/rfc6733_base.dia", "diameter/dicts/README.md"} <= names
    cores = [name for name in names if "/_ccore" in name]
    assert len(cores) == len([name for name in names if "/_typed" in name and name.endswith(".py")]) > 0, cores
    assert not [name for name in names if name.endswith(".c")]
    assert not [name for name in names if "test" in name.split("/")[0] or name.endswith((".pyc", ".pyo"))]


def test_the_wheel_has_every_file_of_the_packages(built: Path, checkout: Path) -> None:
    with zipfile.ZipFile(wheel_of(built)) as wheel:
        packed = set(wheel.namelist())
    there = {
        str(path.relative_to(checkout))
        for folder in ("diameter", "nfs")
        for path in (checkout / folder).rglob("*")
        if path.is_file() and path.suffix not in (".pyc", ".pyo", ".so")
    }
    dicts = {f"diameter/dicts/{path.name}" for path in (checkout / "dict").iterdir() if path.is_file()}
    assert sorted((there | dicts) - packed) == []


def test_the_sdist_can_test_itself(built: Path) -> None:
    with tarfile.open(sdist_of(built)) as sdist:
        names = {name.partition("/")[2] for name in sdist.getnames()}
    assert not [name for name in names if name.endswith((".c", ".so")) and name.startswith(("diameter/", "build/"))]
    wanted = {"Makefile", "LICENSE", "tests/run.py", "tests/data/parts.txt", "requirements/run.lock", "docs/index.md"}
    assert wanted <= names, wanted - names


def test_python_diameter_in_the_same_environment_is_refused(
    environment: Environment, built: Path, constraints: Path
) -> None:
    """Whichever is installed last, `import nfs` and, where ours is last, `import diameter` name what to remove."""
    environment.pip("python-diameter==0.9.0")
    environment.pip("-c", constraints, wheel_of(built))
    for name in ("diameter", "nfs"):
        done = environment.run("python", "-c", f"import {name}", ok=False)
        assert _refusal(done)
    environment.pip("--force-reinstall", "--no-deps", "python-diameter==0.9.0")
    assert _refusal(environment.run("python", "-c", "import nfs", ok=False))
    assert _refusal(environment.run("mtc", "--version", ok=False))


def _refusal(done: subprocess.CompletedProcess[str]) -> bool:
    return done.returncode != 0 and "ImportError" in done.stderr and "pip uninstall python-diameter" in done.stderr
