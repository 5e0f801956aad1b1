"""`mtc cdr`: files of records shown and checked."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from helpers.schemas import assert_fits
from nfs.cli import cdr as verb
from nfs.cli import mtc
from nfs.common.charging.asn1 import encode
from nfs.common.charging.events import Event, Group, Indicator, Kind
from nfs.common.charging.files import CdrFiles, Limits
from nfs.common.charging.headers import Closure
from nfs.common.charging.records import Maker

NOW = 1_795_316_640.0  # 2026-11-22 03:04 UTC
GROUP = Group(identifier="fleet@customer.example", reference=9, number="15550000100", members=3, reached=2, closed=True)
EVENT = Event(
    kind=Kind.TRIGGER,
    at=NOW,
    imsi="001010000000001",
    indicator=Indicator.REQUEST,
    iwf="iwf.example.org",
    reference=9,
    priority=False,
    result=5531,
    group=GROUP,
)
TREE = """\
file iwf.example.org-00000001.cdr
  length 212
  header_length 54
  high 17.9
  low 17.9
  opened 11-22 03:04 +0000
  last 11-22 03:04 +0000
  records 1
  number 1
  closure manual
  address ::
  lost 0
record sCDVTT4Record  offset 54, 153 octets, release 17.9
  recordType 110
  sMSNodeAddress +15550000200
  eventtimestamp 2026-11-22T03:04:00+00:00
  recipientInfo
    recipientIMSI 001010000000001
  sMDeviceTriggerIndicator deviceTriggerRequest
  sMDeviceTriggerInformation
    mTCIWFAddress
      domainName iwf.example.org
    sMDTReferenceNumber 9
    sMDTPriorityIndication nonpriority
  sMSResult
    diameterResultCodeAndExperimentalResult 5531
  localSequenceNumber 1
  recordExtensions
    identifier 2.25.280594103728641905472310358926407715493
    information
      groupIdentifier fleet@customer.example
      groupReference 9
      sCSNumber +15550000100
      members 3
      reached 2
      closed true
    significance false
"""


def write(folder: Path, *numbers: int, close: bool = True) -> Path:
    """A file of records; its path."""
    files = CdrFiles(folder, "iwf.example.org", Limits(), now=NOW)
    maker = Maker("15550000200")
    files.append([encode(maker.record(EVENT, number)) for number in numbers], NOW)
    if close:
        files.close(Closure.MANUAL)
    else:
        files.leave()
    return folder / f"iwf.example.org-{files.number:08d}.cdr{'' if close else '.open'}"


def mtc_cdr(*words: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(mtc, ["cdr", *map(str, words)], catch_exceptions=False)
    return result.exit_code, result.stdout, result.stderr


def test_a_file_is_shown_as_a_tree(tmp_path: Path) -> None:
    assert mtc_cdr("decode", write(tmp_path, 1)) == (0, TREE, "")


def test_a_file_is_shown_as_json(tmp_path: Path) -> None:
    status, text, _ = mtc_cdr("decode", "--json", write(tmp_path, 1, 2))
    header, *records = map(json.loads, text.splitlines())
    assert status == 0
    assert_fits("cdr-file", header)
    for number, record in enumerate(records, 1):
        assert_fits("cdr-record", record)
        assert record["members"]["localSequenceNumber"] == number
        assert record["members"]["recipientInfo"] == {"recipientIMSI": "001010000000001"}
        assert record["members"]["sMSResult"] == {"diameterResultCodeAndExperimentalResult": 5531}
    assert (header["records"], header["closure"], header["being_written"]) == (2, "manual", False)


def test_a_file_that_is_being_written_is_shown_as_far_as_it_is(tmp_path: Path) -> None:
    path = write(tmp_path, 1, close=False)
    path.write_bytes(path.read_bytes() + b"\0")
    status, text, _ = mtc_cdr("decode", "--json", path)
    header = json.loads(text.splitlines()[0])
    assert_fits("cdr-file", header)
    assert (status, header["records"], header["being_written"], len(text.splitlines())) == (0, None, True, 2)


def test_a_file_is_followed_until_it_is_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path, 1, close=False)

    waited: list[float] = []

    def somebody_writes(seconds: float) -> None:
        waited.append(seconds)
        files = CdrFiles(tmp_path, "iwf.example.org", Limits(), now=NOW)
        files.append([encode(Maker("15550000200").record(EVENT, 1 + len(waited)))], NOW)
        if len(waited) == 2:
            files.close(Closure.SIZE)
        else:
            files.leave()

    monkeypatch.setattr(verb, "_pause", somebody_writes)
    status, text, _ = mtc_cdr("decode", "--follow", "--json", path)
    numbers = [json.loads(line)["members"]["localSequenceNumber"] for line in text.splitlines()[1:]]
    assert (status, numbers) == (0, [1, 2, 3])


def test_bad_files_are_named_with_the_offset(tmp_path: Path) -> None:
    good = write(tmp_path, 1)
    whole = good.read_bytes()
    torn, none, wrong = tmp_path / "torn", tmp_path / "none", tmp_path / "wrong"
    torn.write_bytes(whole[:-1])
    none.write_bytes(b"hello")
    wrong.write_bytes(whole[:59] + b"\x30" + whole[60:])
    status, text, errors = mtc_cdr("decode", torn, none, wrong, good)
    assert status == 1
    assert text.count("record sCDVTT4Record") == 1
    assert errors.splitlines()[0] == f"mtc: {torn}: offset 54: a record of 153 octets announced, 152 there"
    assert errors.splitlines()[1] == f"mtc: {none}: offset 5: the file ends within its header of 50 octets and more"
    assert errors.splitlines()[2].startswith(f"mtc: {wrong}: offset 59: ")
    assert errors.splitlines()[3] == f"mtc: {wrong}: 1 records cannot be read"


def test_files_are_checked(tmp_path: Path) -> None:
    first, second = write(tmp_path, 1, 2), write(tmp_path, 3)
    assert mtc_cdr("check", first, second) == (0, "2 files, 3 records: all fits\n", "")
    status, text, _ = mtc_cdr("check", "--json", first, second)
    document = json.loads(text)
    assert_fits("cdr-check", document)
    assert (status, document["ok"], document["records"]) == (0, True, 3)
    status, text, _ = mtc_cdr("check", "--json", second, first)
    document = json.loads(text)
    assert_fits("cdr-check", document)
    assert (status, document["ok"]) == (1, False)
    assert document["faults"] == [
        f"{first}: offset 22: file 1 follows 2",
        f"{first}: offset 59: record 1 follows 3",
    ]
    assert mtc_cdr("check", second, first)[1].endswith("bad\n")
