"""`mtc keys`, by way of click's runner."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from diameter.errors import ConfigError
from helpers.private import private
from helpers.schemas import complaints
from nfs.cli.keys import command
from nfs.common.app_keys import read_hex
from nfs.common.cose import public_of
from nfs.common.group_keys import read

FLEET = "fleet@customer.example"


def run(*arguments: str | Path) -> str:
    result = CliRunner().invoke(command, [str(each) for each in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_the_keys_of_a_group_are_made_and_renewed_and_never_shown(tmp_path: Path) -> None:
    path = tmp_path / "fleet.key"
    said = [run("group", path, FLEET), run("renew", path, "--overlap", "3600"), run("show", path)]
    assert said[0].split() == ["group", FLEET, "key", "1", "in", "use"]
    assert said[1] == said[2]
    first, second = said[2].splitlines()[1:]
    assert first.split()[:3] == ["key", "1", "until"]
    assert second.split() == ["key", "2", "in", "use"]
    ring = read(path)
    for each in ring.keys:
        assert each.octets.hex() not in "".join(said)
    document = json.loads(run("show", path, "--json"))
    assert complaints("keys", document) == []
    assert document == {
        "schema": 1, "group": FLEET, "current": 2,
        "keys": [{"number": each.number, "until": each.until} for each in ring.keys],
    }  # fmt: skip
    assert json.loads(run("renew", path, "--overlap", "0", "--json"))["keys"] == [{"number": 3, "until": None}]


def test_a_key_without_a_number_is_not_renewed(tmp_path: Path) -> None:
    path = private(tmp_path / "fleet.key", "ab" * 32)
    for verb in ("renew", "show"):
        with pytest.raises(ConfigError, match=r"fleet\.key: a key without a number: make one with `mtc keys group`"):
            run(verb, path)


def test_a_key_to_sign_with(tmp_path: Path) -> None:
    secret, public = tmp_path / "scs.secret", tmp_path / "scs.public"
    assert run("signer", secret, public) == f"{secret} and {public} written\n"
    assert (secret.stat().st_mode & 0o777, public.stat().st_mode & 0o077 & 0o022) == (0o600, 0)
    assert read_hex(public) == public_of(read_hex(secret))
    with pytest.raises(ConfigError, match="is there already"):
        run("signer", secret, public)
