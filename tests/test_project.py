"""What packaging promises: locks that agree with pyproject.toml, one version, the same hooks before a commit and in
`make lint`.
"""

from __future__ import annotations

import csv
import re
import tomllib
from pathlib import Path
from typing import Any, Final

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tools.parts import LINT, PARTS

ROOT: Final = Path(__file__).resolve().parent.parent
PROJECT: Final[dict[str, Any]] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS: Final[dict[str, list[str]]] = PROJECT["optional-dependencies"]
LOCKS: Final = {
    "run": PROJECT["dependencies"],
    "all": PROJECT["dependencies"] + EXTRAS["all"],
    "dev": PROJECT["dependencies"] + EXTRAS["all"] + EXTRAS["dev"],
}


def _pins(lock: str) -> dict[str, Version]:
    text = (ROOT / "requirements" / f"{lock}.lock").read_text()
    found = re.findall(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)(?: ; [^\\]+)? \\$", text, re.MULTILINE)
    return {canonicalize_name(name): Version(version) for name, version in found}


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_agrees_with_pyproject(lock: str) -> None:
    pins = _pins(lock)
    for requirement in map(Requirement, LOCKS[lock]):
        name = canonicalize_name(requirement.name)
        assert name in pins, f"{name} is not in {lock}.lock; run `make lock`"
        assert requirement.specifier.contains(pins[name]), f"{lock}.lock has {name} {pins[name]}, not {requirement}"


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_holds_pins_with_hashes_and_no_address(lock: str) -> None:
    for line in (ROOT / "requirements" / f"{lock}.lock").read_text().splitlines():
        pin = re.fullmatch(r"[A-Za-z0-9._-]+==\S+( ; .+)? \\", line)
        digest = re.fullmatch(r"    --hash=sha256:[0-9a-f]{64}( \\)?", line)
        assert pin or digest or not line or line.startswith("# The following packages are considered"), line
    assert "://" not in (ROOT / "requirements" / f"{lock}.lock").read_text()


def test_the_locks_agree_with_each_other() -> None:
    run, everything, dev = (_pins(lock) for lock in LOCKS)
    assert run.items() <= everything.items() <= dev.items()


def test_all_is_every_extra_but_dev() -> None:
    assert sorted(EXTRAS["all"]) == sorted(r for name, rs in EXTRAS.items() if name not in ("all", "dev") for r in rs)


def test_the_version_stands_in_one_place() -> None:
    from diameter._version import VERSION

    assert Version(VERSION) >= Version("0.1.0")
    spelled = [
        str(p.relative_to(ROOT))
        for folder in ("diameter", "nfs")
        for p in (ROOT / folder).rglob("*.py")
        if re.search(rf"""["']{re.escape(VERSION)}["']""", p.read_text(encoding="utf-8"))
    ]
    assert spelled == ["diameter/_version.py"]
    assert f"## {VERSION}" in (ROOT / "CHANGELOG.md").read_text()


def test_the_part_names_are_the_expected_ones() -> None:
    assert [part.name for part in PARTS] == (ROOT / "tests" / "data" / "parts.txt").read_text().split()


def test_pre_commit_runs_what_make_lint_runs() -> None:
    hooks = (ROOT / ".pre-commit-config.yaml").read_text()
    missing = [title for title, command in LINT if f"entry: .venv/bin/{' '.join(command[:1])}" not in hooks]
    assert not missing, f"no hook for {missing}"


def test_no_package_folder_shadows_a_module_we_need() -> None:
    for name in ("twisted", "dict/__init__.py", "tests/__init__.py"):
        assert not (ROOT / name).exists()


def test_the_requirement_rows_are_whole() -> None:
    with (ROOT / "tests" / "data" / "requirements.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len({row["id"] for row in rows}) == len(rows) == 217
    nodes = {"SCS", "SGW", "IWF", "HSS", "SMSSC", "SCEF", "MME", "UE", "BSF"}
    for row in rows:
        assert re.fullmatch(r"[RTSEC]-(GEN|ACC|TSP|ID|TRIG|IP|GRP|GBA|MON|LOC|EXP|API)-\d\d", row["id"])
        assert row["words"], row["id"]
        assert row["area"], row["id"]
        assert set(row["nodes"].split()) <= nodes, row["id"]
        assert row["planned"] in ("", "yes")
