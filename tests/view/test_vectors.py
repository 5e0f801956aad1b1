"""A default tshark reads the captures of interop/vectors as we do."""

from __future__ import annotations

import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from diameter.capture import CaptureReader
from diameter.capture.anonymise import anonymise
from diameter.message import Avp
from helpers.messages import dictionary

pytestmark = pytest.mark.view
FOLDER = Path(__file__).resolve().parents[2] / "interop" / "vectors"
NUMBERS = ("cmd.code", "applicationId", "hopbyhopid", "endtoendid", "length", "avp.code", "avp.len")


def tshark(path: Path, home: Path, *arguments: str) -> str:
    program = shutil.which("tshark")
    assert program is not None, "tshark is not installed"
    done = subprocess.run(
        [program, "-r", str(path), *arguments],
        check=True, capture_output=True, text=True, timeout=300, env={"HOME": str(home), "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    return done.stdout


def walk(avps: tuple[Avp, ...]) -> list[tuple[int, int]]:
    return [pair for one in avps for pair in ((one.code, one.length), *walk(one.members))]


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.pcapng")), ids=lambda path: path.stem)
def test_tshark_agrees(path: Path, tmp_path: Path) -> None:
    asked = [word for name in NUMBERS for word in ("-e", f"diameter.{name}")]
    rows = tshark(path, tmp_path, "-Y", "diameter", "-T", "fields", *asked).splitlines()
    messages = [one.message(dictionary()) for one in CaptureReader(path)]
    assert len(rows) == len(messages)
    for row, message in zip(rows, messages, strict=True):
        *header, codes, lengths = row.split("\t")
        hop, end = f"0x{message.hop_by_hop:08x}", f"0x{message.end_to_end:08x}"
        octets = str(len(message.octets))
        assert header == [str(message.command_code), str(message.application_id), hop, end, octets]
        theirs = zip(codes.split(","), lengths.split(","), strict=True)
        assert Counter((int(code), int(length)) for code, length in theirs) >= Counter(walk(message.avps))
    assert tshark(path, tmp_path, "-Y", "_ws.malformed") == ""


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.pcapng")), ids=lambda path: path.stem)
def test_an_anonymised_capture_has_the_same_messages(path: Path, tmp_path: Path) -> None:
    out = tmp_path / path.name
    count, _ = anonymise(path, out, b"a key for this test only", dictionary())
    shape = ("-Y", "diameter", "-T", "fields", *(word for name in NUMBERS for word in ("-e", f"diameter.{name}")))
    assert tshark(out, tmp_path, *shape) == tshark(path, tmp_path, *shape)
    assert len(list(CaptureReader(out))) == count
    assert tshark(out, tmp_path, "-Y", "_ws.malformed") == ""
    checks = ("-o", "tcp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE")
    assert tshark(out, tmp_path, *checks, "-Y", "tcp.checksum.status == 0 || ip.checksum.status == 0") == ""
