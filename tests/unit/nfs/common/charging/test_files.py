"""Files of records: closed ones never change, open ones are gone on with, and a full disk changes nothing."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from diameter.errors import LocalError
from nfs.common.charging.asn1 import encode
from nfs.common.charging.events import Event, Kind
from nfs.common.charging.files import CdrFiles, Limits
from nfs.common.charging.headers import OPEN, Closure, read_file_header
from nfs.common.charging.reader import Check, records
from nfs.common.charging.records import Maker

NOW = 1_795_316_640.0
NODE = "iwf.example.org"


def record(number: int) -> bytes:
    return encode(Maker("15550000200").record(Event(kind=Kind.TRIGGER, at=NOW), number))


def opened(folder: Path, now: float = NOW, limits: Limits | None = None) -> CdrFiles:
    return CdrFiles(folder, NODE, limits or Limits(), now=now, address="192.0.2.1")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def numbers(path: Path) -> list[int]:
    octets = path.read_bytes()
    header = read_file_header(octets)
    return [found.record()[1]["localSequenceNumber"] for found in records(octets, header.header_length)]


def test_a_file_is_named_by_what_it_is(tmp_path: Path) -> None:
    folder = tmp_path / "cdr"
    writer = opened(folder)
    assert names(folder) == []
    writer.append([record(1), record(2)], NOW)
    assert names(folder) == [f"{NODE}-00000001.cdr.open"]
    assert read_file_header((folder / names(folder)[0]).read_bytes()).length == OPEN
    writer.append([record(3)], NOW + 120)
    writer.close(Closure.NORMAL, lost=2)
    assert names(folder) == [f"{NODE}-00000001.cdr"]
    path = folder / names(folder)[0]
    assert (folder.stat().st_mode & 0o777, path.stat().st_mode & 0o777) == (0o700, 0o600)
    header = read_file_header(path.read_bytes())
    assert (header.length, header.records, header.number, header.closure) == (path.stat().st_size, 3, 1, 0)
    assert (header.address, header.lost) == ("192.0.2.1", 2)
    assert header.last_at is not None
    assert (header.last_at - header.opened_at).total_seconds() == 120
    assert numbers(path) == [1, 2, 3]
    assert writer.last is None


def test_the_running_number_goes_on(tmp_path: Path) -> None:
    for number in (1, 2, 3):
        writer = opened(tmp_path)
        writer.append([record(number)], NOW)
        writer.close(Closure.MANUAL)
    (tmp_path / f"{NODE}-00000001.cdr").unlink()  # collected
    (tmp_path / "other.example.org-00000009.cdr").touch()
    assert opened(tmp_path).number == 3


def test_a_file_is_due_by_size_number_and_age(tmp_path: Path) -> None:
    writer = opened(tmp_path, limits=Limits(octets=10_000, records=2, seconds=60))
    assert (writer.due(NOW + 999), writer.room) == (None, (10_000, 2))
    writer.append([record(1)], NOW)
    assert (writer.due(NOW + 59), writer.due(NOW + 60), writer.room[1]) == (None, Closure.TIME, 1)
    writer.append([record(2)], NOW)
    assert writer.due(NOW) is Closure.RECORDS
    writer.limits = Limits(octets=100)
    assert writer.due(NOW) is Closure.SIZE
    writer.leave()


def test_a_killed_process_leaves_a_file_that_the_next_one_goes_on_with(tmp_path: Path) -> None:
    killed = opened(tmp_path)
    killed.append([record(1), record(2)], NOW)
    killed.leave()
    path = tmp_path / f"{NODE}-00000001.cdr.open"
    with path.open("ab") as file:
        file.write(b"\x00\x30\xe9\x2f\x07\xbf")  # torn
    writer = opened(tmp_path, NOW + 30, Limits(seconds=60))
    assert (writer.number, writer.cut, writer.last) == (1, 6, record(2))
    assert writer.due(NOW + 61 + 60) is Closure.TIME  # of the first process, in whole minutes
    writer.append([record(3)], NOW + 40)
    writer.close(Closure.TIME)
    assert numbers(tmp_path / f"{NODE}-00000001.cdr") == [1, 2, 3]


def test_zeros_that_a_power_cut_left_are_no_records(tmp_path: Path) -> None:
    killed = opened(tmp_path)
    killed.append([record(1)], NOW)
    killed.leave()
    with (tmp_path / f"{NODE}-00000001.cdr.open").open("ab") as file:
        file.write(bytes(64))
    writer = opened(tmp_path)
    assert (writer.cut, writer.last) == (64, record(1))
    writer.leave()


def test_a_file_killed_while_it_was_made_is_made_again(tmp_path: Path) -> None:
    (tmp_path / f"{NODE}-00000004.cdr.open").write_bytes(b"\xff" * 20)
    writer = opened(tmp_path)
    assert (writer.number, names(tmp_path)) == (3, [])


def test_a_file_that_is_none_is_left_to_people(tmp_path: Path) -> None:
    path = tmp_path / f"{NODE}-00000004.cdr.open"
    path.write_bytes(b"\xff" * 100)
    with pytest.raises(LocalError, match=r"00000004\.cdr\.open: offset 4: .* move it away"):
        opened(tmp_path)
    assert path.read_bytes() == b"\xff" * 100


def test_a_full_disk_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = opened(tmp_path)
    writer.append([record(1)], NOW)
    path = tmp_path / f"{NODE}-00000001.cdr.open"
    before, pwrite = path.read_bytes(), os.pwrite

    def short(descriptor: int, octets: bytes, at: int) -> int:
        return pwrite(descriptor, octets[:10], at)

    monkeypatch.setattr(os, "pwrite", short)
    with pytest.raises(OSError, match="No space left"):
        writer.append([record(2)], NOW)
    assert (path.read_bytes(), writer.last) == (before, record(1))
    monkeypatch.undo()
    writer.append([record(2)], NOW)
    writer.close(Closure.STORAGE)
    assert numbers(tmp_path / f"{NODE}-00000001.cdr") == [1, 2]


def test_a_full_disk_makes_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    writer = opened(tmp_path)
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        writer.append([record(1)], NOW)
    assert (names(tmp_path), writer.open, writer.number) == ([], False, 0)


def test_an_empty_file_is_taken_away(tmp_path: Path) -> None:
    killed = opened(tmp_path)
    killed.append([record(1)], NOW)
    killed.leave()
    path = tmp_path / f"{NODE}-00000001.cdr.open"
    os.truncate(path, 60)  # the record is torn
    writer = opened(tmp_path)
    writer.close(Closure.NORMAL)
    assert (names(tmp_path), writer.number) == ([], 0)
    writer.close(Closure.NORMAL)  # nothing is open


def test_what_is_wrong_with_files_is_found(tmp_path: Path) -> None:
    found: list[bytes] = []
    for own in ([1, 2], [3, 5, 5], [6]):
        writer = opened(tmp_path)
        writer.append([record(number) for number in own], NOW)
        number = writer.number
        writer.close(Closure.NORMAL, lost=3 if own == [6] else 0)
        found.append((tmp_path / f"{NODE}-{number:08d}.cdr").read_bytes())
    check = Check([])
    for index, octets in enumerate(found, 1):
        check.file(f"{index}", octets)
    gap, repeat, lost = check.faults
    assert (gap.rpartition(": ")[2], repeat.rpartition(": ")[2]) == ("record 5 follows 3", "record 5 follows 5")
    assert lost == "3: offset 47: 3 records were lost before it was closed"
    assert check.seen == 6
    bad = Check([])
    bad.file("1", found[0])
    bad.file("3", found[2][:-1])
    bad.file("x", b"")
    assert [fault.partition(": ")[2] for fault in bad.faults] == [
        f"offset 0: {len(found[2])} octets announced, {len(found[2]) - 1} there",
        "offset 22: file 3 follows 1",
        "offset 47: 3 records were lost before it was closed",
        f"offset 54: a record of {len(record(6))} octets announced, {len(record(6)) - 1} there",
        "offset 18: 1 records announced, 0 there",
        "offset 0: the file ends within its header of 50 octets and more",
    ]
    foreign = Check([])
    foreign.file("f", found[0][:54] + b"\0\1\xe9\x33\x07\0" + b"\0\1\xe9\x4f\x07\0" + b"\0\1\xe9\x2f\x07\0")
    assert "32.253" in foreign.faults[1]
    assert "unaligned PER" in foreign.faults[2]
    assert "offset 71" in foreign.faults[3]
