"""`mtc pcap check`: what it prints, how it ends, and what it says to nonsense."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from diameter.capture import Captured, CaptureWriter
from diameter.capture.checks.rules import RULES
from helpers.schemas import assert_fits
from helpers.talk import Talk
from nfs.cli import mtc
from nfs.cli._pcap.check import SEVERITIES


def run(*arguments: str, stdin: bytes = b"") -> Result:
    return CliRunner().invoke(mtc, ["pcap", "check", *arguments], input=stdin)


def written(talk: Talk, path: Path) -> str:
    with CaptureWriter(path) as writer:
        for record in talk.records:
            if isinstance(record, Captured):
                writer.record(record)
            else:
                writer.record_event(record)
    return str(path)


@pytest.fixture
def good(tmp_path: Path) -> str:
    talk = Talk().opened()
    talk.answered()
    return written(talk, tmp_path / "good.pcapng")


@pytest.fixture
def bad(tmp_path: Path) -> str:
    talk = Talk().opened()
    talk.answered(5004)
    talk.answered(7001)
    return written(talk, tmp_path / "bad.pcapng")


def test_a_good_capture(good: str) -> None:
    result = run(good)
    assert (result.exit_code, result.output.splitlines()[-1]) == (0, "nothing wrong found")
    assert run("-", stdin=Path(good).read_bytes()).exit_code == 0


def test_a_bad_capture(bad: str, tmp_path: Path) -> None:
    result = run(bad, "--html", str(tmp_path / "a.html"))
    assert result.exit_code == 1
    assert "error    failed-avp-missing  once  RFC 6733 section 7.1.5" in result.output
    assert "failed-avp-missing" in (tmp_path / "a.html").read_text(encoding="utf-8")


def test_json(bad: str) -> None:
    result = run(bad, "--json")
    document = json.loads(result.stdout)
    assert_fits("pcap-check", document)
    assert (result.exit_code, document["errors"], document["warnings"]) == (1, 1, 1)


def test_rules_are_chosen(bad: str) -> None:
    result = run(bad, "--ignore", "failed-avp-missing")
    assert (result.exit_code, "result-class" in result.output) == (0, True)
    assert "result-class" not in run(bad, "--rule", "failed-avp-missing").output
    assert "result-class" not in run(bad, "--severity", "error").output
    result = CliRunner().invoke(mtc, ["pcap", "check", bad, "--rule", "nonsense"])
    assert str(result.exception) == "nonsense: no such rule"


def test_the_rules_are_listed() -> None:
    lines = run("--list").output.splitlines()
    assert [line.split()[1] for line in lines] == list(RULES)
    assert {line.split()[0] for line in lines} == set(SEVERITIES)
    assert all("RFC " in line or "TS " in line for line in lines)


def test_what_is_no_capture(tmp_path: Path) -> None:
    assert run().exit_code == 2
    (tmp_path / "a").write_bytes(b"hello world")
    result = run(str(tmp_path / "a"))
    assert (result.exit_code, "no Diameter found: saw what is not a capture" in result.stderr) == (1, True)
    CaptureWriter(tmp_path / "b").close()
    result = run(str(tmp_path / "b"))
    assert (result.exit_code, "no Diameter found: saw no packets" in result.output) == (1, True)
