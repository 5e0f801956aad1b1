"""Headers of files of charging records (TS 32.297): of the file, and of each record in it."""

from __future__ import annotations

import ipaddress
import struct
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from enum import IntEnum
from typing import Final

from diameter.errors import LocalError

BER: Final = 1
TS_32_274: Final = 15
RELEASE: Final = 17
VERSION: Final = 9
"""Release and version of TS 32.298 that the records follow."""
EXTENDED: Final = 7
"""In three bits of release: look at the extension octet, where release 10 is 0."""
OPEN: Final = 0xFFFFFFFF
"""File length of a file that is being written."""
MAX_RECORD_OCTETS: Final = 65534
FIXED_OCTETS: Final = 50
_FIXED: Final = struct.Struct(">IIBBIIIIB4s16sBH")
_RELEASES: Final = {0: 99, 1: 4, 2: 5, 3: 6, 4: 7, 5: 8, 6: 9}
FORMATS: Final = {1: "BER", 2: "unaligned PER", 3: "aligned PER", 4: "XER"}
SPECIFICATIONS: Final = {
    0: "32.005", 1: "32.015", 2: "32.205", 3: "32.215", 4: "32.225", 5: "32.235", 6: "32.250", 7: "32.251",
    9: "32.260", 10: "32.270", 11: "32.271", 12: "32.272", 13: "32.273", 14: "32.275", 15: "32.274", 16: "32.277",
    17: "32.296", 18: "32.278", 19: "32.253", 20: "32.255", 21: "32.254", 22: "32.256", 23: "28.201", 24: "28.202",
    25: "32.257",
}  # fmt: skip
"""TS number of a record header to the specification."""


class HeaderError(LocalError):
    """These octets are no header; the text has the offset."""


class Closure(IntEnum):
    """Why a file was closed."""

    NORMAL = 0
    SIZE = 1
    TIME = 2
    RECORDS = 3
    MANUAL = 4
    VERSION_CHANGE = 5
    ABNORMAL = 128
    FILE_ERROR = 129
    STORAGE = 130
    INTEGRITY = 131


@dataclass(frozen=True, slots=True)
class Release:
    """Release and version in two fields: `release` 99, or 4 and higher; `version` 0 to 31."""

    release: int = RELEASE
    version: int = VERSION

    def octets(self) -> tuple[int, bytes]:
        """The octet, and the extension octet where there is one."""
        if self.release >= 10 and self.release != 99:
            return EXTENDED << 5 | self.version, bytes((self.release - 10,))
        code = next(code for code, release in _RELEASES.items() if release == self.release)
        return code << 5 | self.version, b""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileHeader:
    """A file header.  Times in whole minutes, as the format has them; `last_at` None: no record yet.

    lost: 0, a number of lost records, None for "some".
    """

    length: int
    header_length: int = 0
    high: Release = Release()
    low: Release = Release()
    opened_at: datetime
    last_at: datetime | None = None
    records: int = 0
    number: int = 0
    closure: int = Closure.NORMAL
    address: str = "::"
    lost: int | None = 0
    lost_at_least: bool = False
    routeing_filter: bytes = b""
    private: bytes = b""

    def encode(self) -> bytes:
        """The octets; `header_length` is set here."""
        (high, high_more), (low, low_more) = self.high.octets(), self.low.octets()
        tail = self.routeing_filter + struct.pack(">H", len(self.private)) + self.private + high_more + low_more
        fixed = _FIXED.pack(
            self.length,
            FIXED_OCTETS + len(tail),
            high,
            low,
            _minutes(self.opened_at),
            0 if self.last_at is None else _minutes(self.last_at),
            self.records,
            self.number,
            self.closure,
            b"\xff" * 4,
            _address(self.address),
            _lost(self.lost, at_least=self.lost_at_least),
            len(self.routeing_filter),
        )
        return fixed + tail


def read_file_header(octets: bytes) -> FileHeader:
    """The header at the beginning of `octets`.  Raises HeaderError."""
    if len(octets) < FIXED_OCTETS:
        raise HeaderError(f"offset {len(octets)}: the file ends within its header of {FIXED_OCTETS} octets and more")
    (length, whole, high, low, opened, last, records, number, closure, _, address, lost, filter_length) = (
        _FIXED.unpack_from(octets)
    )
    if not FIXED_OCTETS <= whole <= len(octets):
        raise HeaderError(f"offset 4: a header of {whole} octets, in a file of {len(octets)}")
    tail = octets[FIXED_OCTETS:whole]
    if filter_length > len(tail):
        raise HeaderError(f"offset 48: a routeing filter of {filter_length} octets, in a header of {whole}")
    routeing_filter, tail = tail[:filter_length], tail[filter_length:]
    releases = (high >> 5 == EXTENDED) + (low >> 5 == EXTENDED)
    private, tail = _private(tail, releases, FIXED_OCTETS + filter_length)
    high_more, low_more = (
        tail[:1] if high >> 5 == EXTENDED else b"",
        tail[-1:] if low >> 5 == EXTENDED else b"",
    )
    many, at_least = _read_lost(lost)
    return FileHeader(
        length=length,
        header_length=whole,
        high=_release(high, high_more, 8),
        low=_release(low, low_more, 9),
        opened_at=_read_minutes(opened, 10),
        last_at=None if last == 0 else _read_minutes(last, 14),
        records=records,
        number=number,
        closure=closure,
        address=_shown(address),
        lost=many,
        lost_at_least=at_least,
        routeing_filter=routeing_filter,
        private=private,
    )


def _private(tail: bytes, releases: int, at: int) -> tuple[bytes, bytes]:
    """The private extension, and what follows it: one writer leaves out even its length, so the length tells."""
    if len(tail) == releases:
        return b"", tail
    if len(tail) < 2:
        raise HeaderError(f"offset {at}: the header ends within the length of the private extension")
    (length,) = struct.unpack_from(">H", tail)
    if len(tail) != 2 + length + releases:
        raise HeaderError(f"offset {at}: a private extension of {length} octets does not fill the header")
    return tail[2 : 2 + length], tail[2 + length :]


@dataclass(frozen=True, slots=True)
class RecordHeader:
    """A record header: `length` without it."""

    length: int
    release: Release = Release()
    format: int = BER
    specification: int = TS_32_274

    @property
    def octets_long(self) -> int:
        """4 or 5."""
        return 4 + len(self.release.octets()[1])

    def encode(self) -> bytes:
        """The octets.  Raises HeaderError for a record that is too long to be described."""
        if self.length > MAX_RECORD_OCTETS:
            raise HeaderError(f"a record of {self.length} octets, at most {MAX_RECORD_OCTETS} can be described")
        release, more = self.release.octets()
        return struct.pack(">HBB", self.length, release, self.format << 5 | self.specification) + more


def read_record_header(octets: bytes, at: int) -> RecordHeader:
    """The record header at an offset of a file.  Raises HeaderError."""
    if len(octets) - at < 4:
        raise HeaderError(f"offset {at}: the file ends within the header of a record")
    length, release, kind = struct.unpack_from(">HBB", octets, at)
    more = octets[at + 4 : at + 5] if release >> 5 == EXTENDED else b""
    if release >> 5 == EXTENDED and not more:
        raise HeaderError(f"offset {at + 4}: the file ends within the header of a record")
    return RecordHeader(length, _release(release, more, at + 2), kind >> 5, kind & 0x1F)


def _release(octet: int, more: bytes, at: int) -> Release:
    code, version = octet >> 5, octet & 0x1F
    if code != EXTENDED:
        return Release(_RELEASES[code], version)
    if more[0] == 99 - 10:
        raise HeaderError(f"offset {at}: release extension {more[0]}")
    return Release(10 + more[0], version)


def _minutes(at: datetime) -> int:
    """Month 4 bits, day 5, hour 5, minute 6, sign 1 (1: plus), hours 5 and minutes 6 of the offset; UTC always."""
    at = at.astimezone(UTC)
    return at.month << 28 | at.day << 23 | at.hour << 18 | at.minute << 12 | 1 << 11


def _read_minutes(value: int, at: int) -> datetime:
    """A time without a year: that of 2000 stands for it, which has every day."""
    offset = timedelta(hours=value >> 6 & 0x1F, minutes=value & 0x3F) * (1 if value >> 11 & 1 else -1)
    try:
        zone = timezone(offset)
        return datetime(2000, value >> 28, value >> 23 & 0x1F, value >> 18 & 0x1F, value >> 12 & 0x3F, tzinfo=zone)
    except ValueError:
        raise HeaderError(f"offset {at}: {value:#010x} is no time") from None


def _lost(lost: int | None, *, at_least: bool) -> int:
    if lost is None:
        return 128
    if not lost:
        return 0
    if at_least:
        return min(lost, 127)
    return 128 + lost if lost < 127 else 255


def _read_lost(octet: int) -> tuple[int | None, bool]:
    """How many, and whether it may be more."""
    if octet <= 127:
        return octet, octet > 0
    if octet == 128:
        return None, True
    return octet - 128, octet == 255


def _address(text: str) -> bytes:
    found = ipaddress.ip_address(text)
    return found.packed if found.version == 6 else bytes(10) + b"\xff\xff" + found.packed


def _shown(octets: bytes) -> str:
    found = ipaddress.IPv6Address(octets)
    return str(found.ipv4_mapped or found)
