"""Headers of record files, octet by octet."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from nfs.common.charging.headers import (
    OPEN,
    Closure,
    FileHeader,
    HeaderError,
    RecordHeader,
    Release,
    read_file_header,
    read_record_header,
)

OPENED = datetime(2000, 11, 22, 3, 4, tzinfo=UTC)
HEADER = FileHeader(
    length=1000,
    header_length=54,
    opened_at=OPENED,
    last_at=OPENED + timedelta(minutes=5),
    records=3,
    number=7,
    closure=Closure.TIME,
    address="192.0.2.1",
)


def test_the_file_header_stands_as_the_format_says() -> None:
    octets = HEADER.encode()
    assert octets[0:4] == (1000).to_bytes(4)
    assert octets[4:8] == (54).to_bytes(4) == len(octets).to_bytes(4)
    assert octets[8:10] == b"\xe9\xe9"  # release in the extension, version 9
    minutes = int.from_bytes(octets[10:14])
    fields = [minutes >> 28, minutes >> 23 & 31, minutes >> 18 & 31, minutes >> 12 & 63, minutes >> 11 & 1]
    assert fields == [11, 22, 3, 4, 1]
    assert minutes & 0x7FF == 0
    assert int.from_bytes(octets[14:18]) == minutes + (5 << 12)
    assert octets[18:26] == (3).to_bytes(4) + (7).to_bytes(4)
    assert octets[26] == 2
    assert octets[27:47] == b"\xff" * 4 + bytes(10) + b"\xff\xff\xc0\x00\x02\x01"
    assert octets[47:] == b"\0" + b"\0\0" + b"\0\0" + b"\x07\x07"
    assert read_file_header(octets) == HEADER


def test_a_header_of_an_old_release_has_52_octets() -> None:
    old = replace(HEADER, high=Release(9, 1), low=Release(99, 0), last_at=None, address="2001:db8::1")
    octets = old.encode()
    assert (len(octets), octets[8:10]) == (52, b"\xc1\x00")
    assert read_file_header(octets) == replace(old, header_length=52)


def test_filter_and_private_extension_are_kept() -> None:
    long = replace(HEADER, routeing_filter=b"abc", private=b"xy", length=OPEN)
    octets = long.encode()
    assert octets[48:57] == b"\x00\x03abc\x00\x02xy"
    assert read_file_header(octets) == replace(long, header_length=59)


def test_a_writer_that_leaves_the_length_of_the_private_extension_out_is_read() -> None:
    octets = HEADER.encode()
    short = octets[:4] + (52).to_bytes(4) + octets[8:50] + octets[52:]
    assert read_file_header(short) == replace(HEADER, header_length=52)


@pytest.mark.parametrize(
    ("lost", "at_least", "octet"),
    [(0, False, 0), (3, True, 3), (1000, True, 127), (None, True, 128), (1, False, 129), (126, False, 254)],
)
def test_lost_records_are_told(lost: int | None, at_least: bool, octet: int) -> None:
    header = replace(HEADER, lost=lost, lost_at_least=at_least)
    octets = header.encode()
    assert octets[47] == octet
    found = read_file_header(octets)
    assert (found.lost, found.lost_at_least) == (min(lost, 127) if lost is not None else None, at_least)


def test_more_lost_records_than_can_be_told_are_many() -> None:
    found = read_file_header(replace(HEADER, lost=5000).encode())
    assert (found.lost, found.lost_at_least) == (127, True)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda octets: octets[:49], "offset 49: the file ends within its header"),
        (lambda octets: octets[:4] + (200).to_bytes(4) + octets[8:], "offset 4: a header of 200 octets"),
        (lambda octets: octets[:4] + (49).to_bytes(4) + octets[8:], "offset 4: a header of 49 octets"),
        (lambda octets: octets[:48] + b"\x00\x99" + octets[50:], "offset 48: a routeing filter of 153 octets"),
        (lambda octets: octets[:50] + b"\x00\x05" + octets[52:], "offset 50: a private extension of 5 octets"),
        (lambda octets: octets[:4] + (51).to_bytes(4) + octets[8:], "offset 50: the header ends within"),
        (lambda octets: octets[:10] + b"\xff" * 4 + octets[14:], "offset 10: 0xffffffff is no time"),
        (lambda octets: octets[:-1] + b"\x59", "offset 9: release extension 89"),
    ],
)
def test_a_bad_header_is_said_with_its_offset(change: object, words: str) -> None:
    with pytest.raises(HeaderError, match=words):
        read_file_header(change(HEADER.encode()))  # type: ignore[operator]


def test_a_time_with_an_offset_is_read() -> None:
    octets = bytearray(HEADER.encode())
    octets[10:14] = (11 << 28 | 22 << 23 | 3 << 18 | 4 << 12 | 0 << 11 | 5 << 6 | 30).to_bytes(4)
    found = read_file_header(bytes(octets)).opened_at
    assert found == datetime(2000, 11, 22, 3, 4, tzinfo=timezone(-timedelta(hours=5, minutes=30)))


def test_the_record_header_is_as_in_the_worked_example() -> None:
    header = RecordHeader(0x1234, Release(18, 2))
    assert header.encode() == bytes.fromhex("1234e22f08")
    assert read_record_header(b"x" + header.encode(), 1) == header
    assert (header.octets_long, RecordHeader(1, Release(9, 0)).octets_long) == (5, 4)
    assert read_record_header(bytes.fromhex("0001c022"), 0) == RecordHeader(1, Release(9, 0), 1, 2)


@pytest.mark.parametrize(("octets", "at"), [(b"\0\1\xe2", 0), (b"\0\1\xe2\x2f", 4)])
def test_a_torn_record_header_is_said_with_its_offset(octets: bytes, at: int) -> None:
    with pytest.raises(HeaderError, match=f"offset {at}"):
        read_record_header(octets, 0)


def test_a_record_that_cannot_be_described_is_refused() -> None:
    assert len(RecordHeader(65534).encode()) == 5
    with pytest.raises(HeaderError, match="65535 octets, at most 65534"):
        RecordHeader(65535).encode()
