"""Files of charging records as they are read: headers, records with their offsets, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from nfs.common.charging.asn1 import Record, RecordError, decode
from nfs.common.charging.headers import (
    BER,
    FORMATS,
    OPEN,
    SPECIFICATIONS,
    TS_32_274,
    FileHeader,
    HeaderError,
    RecordHeader,
    read_file_header,
    read_record_header,
)

NUMBERS: Final = 2**32
SEQUENCE_NUMBER: Final = "localSequenceNumber"


@dataclass(frozen=True, slots=True)
class Found:
    """One record of a file: where its header begins, the header, and the octets of the record."""

    at: int
    header: RecordHeader
    octets: bytes

    @property
    def start(self) -> int:
        """Where the record begins."""
        return self.at + self.header.octets_long

    @property
    def end(self) -> int:
        """Where the next one begins."""
        return self.start + len(self.octets)

    def record(self) -> Record:
        """The record.  Raises RecordError, also for what is no record of short messages in BER."""
        if self.header.format != BER:
            kind = FORMATS.get(self.header.format, f"format {self.header.format}")
            raise RecordError(f"offset {self.start}: {kind}; only BER is read")
        if self.header.specification != TS_32_274:
            name = SPECIFICATIONS.get(self.header.specification, f"number {self.header.specification}")
            raise RecordError(f"offset {self.start}: a record of TS {name}; only those of TS 32.274 are read")
        try:
            return decode(self.octets)
        except RecordError as error:
            raise RecordError(f"offset {self.start}: {error}") from None


def records(octets: bytes, start: int, *, strict: bool = True) -> Iterator[Found]:
    """The records from an offset on.  Raises HeaderError for a torn last one; without `strict` ends before it."""
    at = start
    while at < len(octets):
        try:
            header = read_record_header(octets, at)
            begin = at + header.octets_long
            there = len(octets) - begin
            if header.length > there:
                raise HeaderError(f"offset {at}: a record of {header.length} octets announced, {there} there")
        except HeaderError:
            if strict:
                raise
            return
        found = Found(at, header, octets[begin : begin + header.length])
        yield found
        at = found.end


@dataclass(slots=True)
class Check:
    """What is wrong with files of one node, read in the order of their numbers.

    `faults`: one line each.  `seen`: records.  Gaps and repeats are told from localSequenceNumber, which goes on from
    one file to the next.
    """

    faults: list[str]
    seen: int = 0
    last: int | None = None
    file_number: int | None = None

    def file(self, name: str, octets: bytes) -> None:
        """Look at one file."""
        try:
            header = read_file_header(octets)
        except HeaderError as error:
            self.faults.append(f"{name}: {error}")
            return
        self._header(name, header, len(octets))
        count = 0
        try:
            for found in records(octets, header.header_length):
                count += 1
                self._record(name, found)
        except HeaderError as error:
            self.faults.append(f"{name}: {error}")
        if header.length != OPEN and count != header.records:
            self.faults.append(f"{name}: offset 18: {header.records} records announced, {count} there")
        self.seen += count

    def _header(self, name: str, header: FileHeader, length: int) -> None:
        if header.length not in (OPEN, length):
            self.faults.append(f"{name}: offset 0: {header.length} octets announced, {length} there")
        if self.file_number is not None and header.number != (self.file_number + 1) % NUMBERS:
            self.faults.append(f"{name}: offset 22: file {header.number} follows {self.file_number}")
        self.file_number = header.number
        if header.lost is None or header.lost:
            many = "some" if header.lost is None else f"{'at least ' * header.lost_at_least}{header.lost}"
            self.faults.append(f"{name}: offset 47: {many} records were lost before it was closed")

    def _record(self, name: str, found: Found) -> None:
        try:
            _, members = found.record()
        except RecordError as error:
            self.faults.append(f"{name}: {error}")
            return
        number = members.get(SEQUENCE_NUMBER)
        if number is None:
            return
        if self.last is not None and number != (self.last + 1) % NUMBERS:
            self.faults.append(f"{name}: offset {found.start}: record {number} follows {self.last}")
        self.last = number
