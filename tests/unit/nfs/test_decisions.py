"""docs/decisions.md against the code: decisions that are no behaviour by themselves, and who enforces what."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Final

import pytest

from nfs.mtc_sgw.order import OWN

ROOT: Final = Path(__file__).resolve().parents[3]
PAGE: Final = (ROOT / "docs" / "decisions.md").read_text(encoding="utf-8")
OLDER: Final = ("MTC " + "Server", "MTC" + "sp", "MTC" + "sms")
CODE: Final = sorted(path for top in ("diameter", "nfs") for path in (ROOT / top).rglob("*.py"))


def rows(heading: str) -> list[list[str]]:
    """The cells of the table under a heading."""
    part = PAGE.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    lines = [line for line in part.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def imports(folder: str) -> set[str]:
    """The top-level modules that the files of a folder import."""
    found: set[str] = set()
    for path in (ROOT / folder).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {name.name.partition(".")[0] for name in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                found.add(node.module.partition(".")[0])
    return found


@pytest.mark.requirement("C-GEN-05")
def test_older_names_stand_in_the_glossary_alone() -> None:
    assert [row[0] for row in rows("Glossary")][:1] == [OLDER[0]]
    texts = [*CODE, *(ROOT / "dict").glob("*.dia"), *(path for path in (ROOT / "docs").glob("*.md"))]
    texts = [path for path in (*texts, ROOT / "README.md", ROOT / "CHANGELOG.md") if path.name != "decisions.md"]
    assert len(texts) > 300
    found = [
        (path.name, word)
        for path in texts
        for word in OLDER
        if re.search(rf"\b{word}\b", path.read_text(encoding="utf-8"), re.IGNORECASE)
    ]
    assert found == []


@pytest.mark.requirement("C-GEN-06", "C-GEN-08", "C-GEN-16")
def test_what_is_out_of_scope_has_no_function() -> None:
    """Every function speaks Diameter or lives behind one that does; none of them is on the user plane."""
    assert {row[0] for row in rows("Decisions")} >= {"C-GEN-05", "C-GEN-06", "C-GEN-08", "C-GEN-16", "E-IP-10"}
    functions = {path.parent.name for path in (ROOT / "nfs").glob("*/__main__.py")} - {"cli"}
    control_plane = {"scs", "mtc_iwf", "mtc_sgw", "hss", "sms_sc", "mme", "relay", "scef", "bsf", "cdf"}
    assert functions <= control_plane
    assert {"mtc_iwf", "hss", "sms_sc", "mme", "scs"} <= functions
    for folder in ("nfs/mtc_iwf", "nfs/mtc_sgw", "nfs/hss", "nfs/ue"):
        assert not imports(folder) & {"socket", "scapy", "smartcard"}
        assert not any("ioctl" in path.read_text(encoding="utf-8") for path in (ROOT / folder).rglob("*.py"))


@pytest.mark.requirement("E-IP-10", "E-GEN-17")
def test_the_table_has_the_stages_and_the_checks_in_their_order() -> None:
    table = rows("Who enforces what")
    stages = [row[0] for row in table]
    assert stages == sorted(stages, key=["authentication", "authorisation", "on the way out"].index)
    named = [name for row in table for name in re.findall(r"`([a-z-]+)`", row[2])]
    of_the_gateway = [name for name in named if name in OWN]
    assert of_the_gateway == [name for name in OWN if name in named]
    assert of_the_gateway[0] == OWN[0]
    code = "".join(path.read_text(encoding="utf-8") for path in CODE)
    assert [name for name in named if f'"{name}"' not in code] == []
    assert {row[1].partition(",")[0] for row in table} == {"MTC Security GW", "MTC-IWF", "HSS", "SMS-SC"}


@pytest.mark.requirement("R-IP-09")
def test_a_ue_has_nothing_to_contact_anybody_with() -> None:
    assert not imports("nfs/ue") & {
        "socket",
        "twisted",
        "treq",
        "klein",
        "urllib",
        "http",
        "asyncio",
        "subprocess",
        "os",
    }
