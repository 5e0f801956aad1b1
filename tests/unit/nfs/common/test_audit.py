"""The audit log: a line a refusal, masked, counted, and never in the way."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from diameter.errors import ConfigError
from diameter.routing.refusal import Refused
from nfs.common.audit import Area, AuditLog, Refusal, Stage, names_device
from nfs.common.audited import read_key

REFUSAL = Refusal(
    check="association",
    stage=Stage.AUTHORISATION,
    area=Area.B1,
    peer="scs1.customer.example",
    reason="the HSS refused with 5510",
    target="meter-1@customer.example",
    reference=0,
    result="INVEXTID",
)


def log_at(path: Path | None) -> AuditLog:
    return AuditLog(path, "iwf.core.example", area=Area.B1, clock=lambda: datetime(2026, 1, 2, 3, 4, 5, 600, UTC))


@pytest.mark.requirement("R-GEN-07", "E-GEN-17")
def test_a_line_for_a_refusal(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    path.write_text("{}\n")
    audit = log_at(path)
    audit.refuse(REFUSAL)
    audit.close()
    _, line = path.read_text().splitlines()
    assert json.loads(line) == {
        "schema": 1,
        "time": "2026-01-02T03:04:05.000600Z",
        "node": "iwf.core.example",
        "event": "refusal",
        "check": "association",
        "stage": "authorisation",
        "area": "B1",
        "peer": "scs1.customer.example",
        "target": "m***@customer.example",
        "reference": 0,
        "result": "INVEXTID",
        "reason": "the HSS refused with 5510",
        "seq": 1,
        "prev": "0" * 64,
        "hash": json.loads(line)["hash"],
    }
    assert audit.refusals == {("association", "authorisation"): 1}
    assert (audit.alarms, audit.lost) == (0, 0)


def test_a_new_log_is_for_its_owner_alone(tmp_path: Path) -> None:
    log_at(tmp_path / "audit.jsonl").close()
    assert (tmp_path / "audit.jsonl").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("stage", "written"),
    [
        ("link", "authentication"),
        ("capabilities", "authentication"),
        ("fault", "authorisation"),
        ("destination", "authorisation"),
        ("screen", None),
        ("application", None),
        ("outbound", None),
    ],
)
def test_what_the_node_refuses_is_written_once(tmp_path: Path, stage: str, written: str | None) -> None:
    path = tmp_path / "audit.jsonl"
    audit = log_at(path)
    audit.node_refused(Refused(stage=stage, peer="127.0.0.1:40000", code=3010, text="no such peer"))
    audit.close()
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [(line["check"], line["stage"], line["result"]) for line in lines] == (
        [] if written is None else [(stage, written, "3010")]
    )


def test_a_file_that_cannot_be_opened_is_a_clear_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^audit .*/missing/audit: No such file or directory$"):
        log_at(tmp_path / "missing" / "audit")


def test_a_full_disk_is_said_once_and_counted(capsys: pytest.CaptureFixture[str]) -> None:
    audit = log_at(Path("/dev/full"))
    for _ in range(3):
        audit.refuse(REFUSAL)
    audit.close()
    assert audit.lost == 3
    assert audit.refusals.total() == 3
    assert capsys.readouterr().err == "audit: No space left on device; lines are lost and counted\n"


def test_without_a_file_it_writes_to_standard_error(capfd: pytest.CaptureFixture[str]) -> None:
    audit = log_at(None)
    audit.refuse(REFUSAL)
    audit.close()
    assert json.loads(capfd.readouterr().err)["check"] == "association"


def test_a_pseudonym_finds_the_lines_of_one_device(tmp_path: Path) -> None:
    key = b"a key of sixteen or more"
    audit = AuditLog(tmp_path / "audit", "iwf.core.example", key=key)
    for target in ("meter-1@customer.example", "meter-2@customer.example", "METER-1@customer.example"):
        audit.refuse(replace(REFUSAL, target=target))
    audit.close()
    text = (tmp_path / "audit").read_text()
    assert "meter-" not in text.lower()
    lines = [json.loads(line) for line in text.splitlines()]
    assert [names_device(line, "meter-1@customer.example", key) for line in lines] == [True, False, True]
    assert [names_device(line, "meter-1@customer.example", None) for line in lines] == [True, True, True]
    assert not names_device(lines[0], "meter-1@customer.example", b"another key of sixteen")


def test_full_identities_when_the_setting_says_so(tmp_path: Path) -> None:
    audit = AuditLog(tmp_path / "audit", "iwf.core.example", full=True)
    audit.refuse(REFUSAL)
    audit.close()
    line = json.loads((tmp_path / "audit").read_text())
    assert line["target"] == "meter-1@customer.example"
    assert "device" not in line
    assert names_device(line, "meter-1@customer.example", None)
    assert not names_device(line, "meter-2@customer.example", None)


def test_a_short_key_is_refused(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("short\n")
    with pytest.raises(ConfigError, match="16 characters or more"):
        read_key(tmp_path / "key")
    (tmp_path / "key").write_text("long enough for a key\nmore\n")
    assert read_key(tmp_path / "key") == b"long enough for a key"
