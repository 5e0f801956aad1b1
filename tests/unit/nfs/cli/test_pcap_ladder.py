"""`mtc pcap ladder`: pages and drawings from files, and what it says to nonsense."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner, Result

from diameter.capture import Captured, CaptureWriter
from helpers.trouble import trouble
from nfs.cli import mtc


def run(*arguments: str, stdin: bytes = b"") -> Result:
    return CliRunner().invoke(mtc, ["pcap", "ladder", *arguments], input=stdin)


@pytest.fixture
def capture(tmp_path: Path) -> str:
    path = tmp_path / "trouble.pcapng"
    with CaptureWriter(path) as writer:
        for record in trouble():
            if isinstance(record, Captured):
                writer.record(record)
            else:
                writer.record_event(record)
    return str(path)


def test_a_page(capture: str, tmp_path: Path) -> None:
    out = tmp_path / "a.html"
    result = run(capture, "-o", str(out), "--title", "T")
    assert (result.exit_code, result.output) == (0, f"{out}: 22 messages\n")
    assert "<title>T · Diameter ladder</title>" in out.read_text(encoding="utf-8")
    assert "repeat-without-t-flag" in out.read_text(encoding="utf-8")
    assert run("-", "-o", str(out), stdin=Path(capture).read_bytes()).exit_code == 0
    run(capture, "-o", str(out), "--mask")
    assert "meter-0001" not in out.read_text(encoding="utf-8")


def test_a_drawing(capture: str, tmp_path: Path) -> None:
    out = tmp_path / "a.svg"
    assert run(capture, "-o", str(out), "--limit", "5").output == f"{out}: 5 messages\n"
    ElementTree.parse(out)
    session = "mtc-interworking-function-01.epc.mnc001.mcc001.3gppnetwork.org;1760000000;1"
    assert run(capture, "-o", str(out), "--session", session).output == f"{out}: 4 messages\n"
    assert run(capture, "-o", str(out), "--device", "meter-0002@customer.example").output == f"{out}: 4 messages\n"
    assert run(capture, "-o", str(out), "--upkeep").output == f"{out}: 22 messages\n"
    assert ">INIT ACK<" in out.read_text(encoding="utf-8")


def test_nonsense(capture: str, tmp_path: Path) -> None:
    assert "the name must end with .html or .svg" in run(capture, "-o", "a.pdf").output
    assert "--device: for SVG only" in run(capture, "-o", "a.html", "--device", "x").output
    CaptureWriter(tmp_path / "empty.pcapng").close()
    result = run(str(tmp_path / "empty.pcapng"), "-o", str(tmp_path / "a.html"))
    assert (result.exit_code, "no Diameter found: saw no packets" in result.output) == (1, True)
    assert "No such file" in str(run(str(tmp_path / "none"), "-o", str(tmp_path / "a.html")).exception)
