"""`mtc audit`, by way of click's runner."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from helpers.schemas import assert_fits
from nfs.cli.audit import command
from nfs.common.audit import Area, AuditLog, Refusal, Stage

KEY = "a key of sixteen or more"
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def mtc(*arguments: str | Path) -> Result:
    return CliRunner().invoke(command, [str(each) for each in arguments], catch_exceptions=False)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    (tmp_path / "key").write_text(KEY + "\n")
    times = iter([NOW, NOW + timedelta(hours=1), datetime.now(UTC)])
    audit = AuditLog(tmp_path / "audit", "iwf.example", key=KEY.encode(), clock=lambda: next(times))
    for check, target in (("association", "meter-1@a.example"), ("scs-identity", "meter-2@a.example"), ("link", "")):
        audit.refuse(
            Refusal(
                check=check,
                stage=Stage.AUTHORISATION,
                area=Area.B1,
                peer=f"{check}.example",
                target=target,
                reason="no",
                result="INVEXTID",
                command="Device-Action-Request",
            )
        )
    audit.close()
    return tmp_path / "audit"


def test_verify(log: Path) -> None:
    key = log.with_name("key")
    done = mtc("verify", log, "--key", key)
    assert (done.exit_code, done.output) == (0, "lines 1 to 3 fit\n")
    document = json.loads(mtc("verify", log, "--key", key, "--json").output)
    assert_fits("audit-verify", document)
    assert (document["ok"], document["first"], document["last"]) == (True, 1, 3)
    newest = mtc("head", log).output
    assert newest == f"3:{document['hash']}\n"
    octets = log.read_bytes()
    log.write_bytes(octets.replace(b"scs-identity.example", b"scs-identitz.example"))
    done = mtc("verify", log, "--key", key)
    assert (done.exit_code, done.output) == (1, f"{log}:2: changed: its hash is not that of its octets\n")
    log.write_bytes(b"".join(octets.splitlines(keepends=True)[:2]))
    log.with_name("audit.head").unlink()
    done = mtc("verify", log, "--key", key)
    assert (done.exit_code, "cannot be seen" in done.output) == (0, True)
    done = mtc("verify", log, "--key", key, "--head", newest)
    assert (done.exit_code, done.output) == (1, f"{log}: lines 3 to 3 are missing at the end\n")
    assert mtc("verify", log, "--head", "3").exit_code == 2
    assert mtc("head", log).exit_code == 1


def test_show(log: Path) -> None:
    shown = mtc("show", log).output.splitlines()
    assert shown[0] == (
        "2026-01-02T03:04:05.000000Z  association: association.example Device-Action-Request m***@a.example"
        " -> INVEXTID: no"
    )

    def checks(*arguments: str | Path) -> list[str]:
        return [json.loads(line)["check"] for line in mtc("show", log, "--json", *arguments).output.splitlines()]

    assert checks() == ["association", "scs-identity", "link"]
    assert checks("--check", "link") == ["link"]
    assert checks("--peer", "scs-identity.EXAMPLE") == ["scs-identity"]
    assert checks("--target", "meter-2@a.example") == ["association", "scs-identity"]  # a mask is all there is
    assert checks("--target", "meter-2@a.example", "--key", log.with_name("key")) == ["scs-identity"]
    assert checks("--since", "2026-01-02T04:00") == ["scs-identity", "link"]
    assert checks("--since", "2026-01-02T05:30:00+02:00") == ["scs-identity", "link"]
    assert checks("--since", "2h") == ["link"]
    done = mtc("show", log, "--since", "yesterday")
    assert (done.exit_code, "2026-01-31T12:00" in done.output) == (2, True)


def test_lines_that_are_none_are_named(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"\xff\n[]\n")
    done = mtc("show", tmp_path / "a")
    assert done.output.splitlines() == [f"{tmp_path}/a:{n}: no line of an audit log" for n in (1, 2)]
