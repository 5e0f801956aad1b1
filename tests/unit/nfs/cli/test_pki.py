"""`mtc pki`, by way of click's runner."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from diameter.errors import ConfigError
from nfs.cli.pki import command


def run(*arguments: str) -> str:
    result = CliRunner().invoke(command, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_init_issue_revoke_show(tmp_path: Path) -> None:
    folder = str(tmp_path / "pki")
    assert "0 revoked" in run("init", "-d", folder)
    assert "hss.example.org, 127.0.0.1" in run("issue", "hss.example.org", "127.0.0.1", "-d", folder)
    assert "1 revoked" in run("revoke", "hss.example.org", "-d", folder)
    document = json.loads(run("show", "-d", folder, "--json"))
    assert document["schema"] == 1
    (found,) = document["certificates"]
    assert (found["name"], found["revoked"], found["names"]) == (
        "hss.example.org",
        True,
        ["hss.example.org", "127.0.0.1"],
    )


def test_show_without_a_pki(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no PKI here"):
        run("show", "-d", str(tmp_path))
