"""The numbers that devices have had outlive the process, where a file is named."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from nfs.common import cose_numbers
from nfs.common.cose_content import EnvelopeError
from nfs.common.cose_numbers import REMEMBERED, Numbers

ONE, OTHER = "001010000000001", "001010000000002"
SIGNER = b"scs 1"


def test_the_next_process_knows_them(tmp_path: Path) -> None:
    path = tmp_path / "numbers"
    first = Numbers(path)
    for number in (7, 9, 8):
        first.take(ONE, SIGNER, number)
    first.take(OTHER, SIGNER, 7)
    second = Numbers(path)  # the first one was killed: nothing was closed
    assert [second.had(ONE, SIGNER, number) for number in (6, 7, 8, 9, 10)] == [False, True, True, True, False]
    assert (second.had(OTHER, SIGNER, 7), second.had(OTHER, SIGNER, 8), second.had(ONE, b"scs 2", 7)) == (
        True,
        False,
        False,
    )
    assert path.stat().st_mode & 0o777 == 0o600
    first.close()
    second.close()
    second.close()


def test_what_was_not_written_whole_is_none(tmp_path: Path) -> None:
    path = tmp_path / "numbers"
    path.write_bytes(f"{ONE} 736373 7\nnonsense\n{ONE} xx 8\n{ONE} 736373 12".encode())
    kept = Numbers(path)
    assert [kept.had(ONE, b"scs", number) for number in (7, 8, 12, 1)] == [True, False, False, False]
    kept.take(ONE, b"scs", 12)
    kept.close()
    assert path.read_text() == f"{ONE} 736373 7\n{ONE} 736373 12\n"


def test_only_the_last_ones_are_kept_and_the_file_does_not_grow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cose_numbers, "SLACK", 10)
    path = tmp_path / "numbers"
    kept = Numbers(path)
    sizes = set()
    for number in range(1, 6 * REMEMBERED):
        kept.take(ONE, SIGNER, number)
        sizes.add(path.read_bytes().count(b"\n"))
    assert max(sizes) <= 2 * REMEMBERED + 10
    assert kept.had(ONE, SIGNER, 3)  # older than all that are known
    kept.close()
    again = Numbers(path)
    assert [again.had(ONE, SIGNER, number) for number in (3, 6 * REMEMBERED - 1, 6 * REMEMBERED)] == [True, True, False]
    again.close()


def test_a_message_whose_number_cannot_be_kept_is_not_taken(tmp_path: Path) -> None:
    kept = Numbers(tmp_path / "numbers")
    kept.close()
    kept._file = os.open(tmp_path / "numbers", os.O_RDONLY)
    with pytest.raises(EnvelopeError, match="its number cannot be kept"):
        kept.take(ONE, SIGNER, 7)
    assert not kept.had(ONE, SIGNER, 7)
    kept.close()
    with pytest.raises(OSError, match="No such file"):
        Numbers(tmp_path / "no" / "numbers")


@pytest.mark.parametrize("lacking", [1, 4, 20])
def test_what_a_full_disk_cut_off_takes_no_later_number_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lacking: int
) -> None:
    """What comes once there is room again is not lost to the process that follows a kill."""
    kept = Numbers(tmp_path / "numbers")
    write = os.write
    monkeypatch.setattr(os, "write", lambda handle, octets: write(handle, octets[:-lacking]))
    for number in (70_001, 70_002):
        with pytest.raises(EnvelopeError, match="its number cannot be kept"):
            kept.take(ONE, SIGNER, number)
    monkeypatch.setattr(os, "write", write)
    kept.take(ONE, SIGNER, 70_003)
    kept.take(ONE, SIGNER, 70_004)
    again = Numbers(tmp_path / "numbers")
    assert [again.had(ONE, SIGNER, number) for number in range(70_001, 70_005)] == [False, False, True, True]
    again.close()
    kept.close()


def test_a_file_that_cannot_be_made_shorter_takes_numbers_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cose_numbers, "SLACK", 1)
    kept = Numbers(tmp_path / "numbers")
    tries = []

    def refuse(source: object, target: object) -> None:
        tries.append(target)
        raise PermissionError

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", refuse)
        for number in range(10):
            kept.take(ONE, SIGNER, number)
    assert 0 < len(tries) < 10
    kept.close()
    again = Numbers(tmp_path / "numbers")
    assert all(again.had(ONE, SIGNER, number) for number in range(10))
    again.close()


def test_without_a_file_they_are_in_memory() -> None:
    kept = Numbers()
    kept.take(ONE, SIGNER, 7)
    assert kept.had(ONE, SIGNER, 7)
    kept.close()
