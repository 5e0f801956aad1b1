"""`mtc owner`: what the operator does, and words for an owner who asks in vain; the rest needs an MTC-IWF."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from diameter.errors import ConfigError
from nfs.cli.owner import _line, command
from nfs.mtc_sgw.owners.tables import OwnerError

REFUSAL = {
    "id": 3, "time": "2026-01-02T03:04:05.000000Z", "device": "m@a.example", "peer": "dra.example", "reference": None,
    "address": "192.0.2.1:5", "origin": "scs.example", "command": "x", "check": "owner", "reason": "no", "result": "R",
}  # fmt: skip


def owner(folder: Path, *arguments: str, database: bool = True) -> Result:
    more = ["-d", str(folder / "owners.db")] if database else []
    return CliRunner().invoke(command, [*arguments, *more], catch_exceptions=False)


def test_add_and_remove(tmp_path: Path) -> None:
    token = owner(tmp_path, "add", "meters", "--device", "meter-1@a.example", "--device", "+15550100001").output
    assert len(token) == 44
    assert owner(tmp_path, "add", "meters", "--device", "meter-2@a.example").output == "1 devices added to meters\n"
    renewed = owner(tmp_path, "add", "meters", "--new-token").output
    assert (len(renewed), renewed == token) == (44, False)
    with pytest.raises(OwnerError, match="belongs to meters"):
        owner(tmp_path, "add", "fleet", "--device", "15550100001")
    assert owner(tmp_path, "remove", "meters", "--device", "15550100001").output == "devices of meters removed\n"
    assert owner(tmp_path, "remove", "meters").output == "meters removed\n"
    again = owner(tmp_path, "remove", "meters")
    assert (again.exit_code, again.output) == (1, "Error: there is no such owner\n")
    assert owner(tmp_path, "add", "").exit_code == 2


def test_where_the_database_is(tmp_path: Path) -> None:
    assert "one of the two" in owner(tmp_path, "add", "meters", database=False).output
    with pytest.raises(ConfigError, match="there is none"):
        owner(tmp_path, "remove", "meters")


def test_asking_in_vain(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("x\n")
    asked = ["devices", "--token", str(tmp_path / "token"), "--at"]
    assert owner(tmp_path, *asked, "iwf.example", database=False).exit_code == 2
    refused = owner(tmp_path, *asked, "http://127.0.0.1:1", database=False)
    assert (refused.exit_code, "Connection refused" in refused.output) == (1, True)
    both = ["allow", "15550001", "--everybody", "--token", str(tmp_path / "token"), "--at", "http://x"]
    assert owner(tmp_path, *both, database=False).exit_code == 2


def test_a_refusal_in_one_line() -> None:
    assert _line(REFUSAL) == (
        "3  2026-01-02T03:04:05.000000Z  m@a.example  dra.example from 192.0.2.1:5 as scs.example  owner: no -> R"
    )
