"""Files of charging records as they are written: one at a time, renamed when it is closed, and never touched again.

    mtc-iwf.example.org-00000001.cdr         closed: its header says how long it is, how many records, and why
    mtc-iwf.example.org-00000002.cdr.open    being written: its file length is FFFFFFFF, and no record is counted

What is written is on disk when `append` returns.  A process that was killed leaves its file open; the next one cuts off
a torn last record and goes on in it.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from diameter.errors import LocalError
from nfs.common.charging.asn1 import length_of
from nfs.common.charging.headers import OPEN, Closure, FileHeader, RecordHeader, read_file_header
from nfs.common.charging.reader import Found, records

SUFFIX: Final = ".cdr"
BEING_WRITTEN: Final = ".cdr.open"
NUMBERS: Final = 2**32


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """When a file is closed: by size, number of records, and age."""

    octets: int = 10_000_000
    records: int = 100_000
    seconds: float = 900.0


@dataclass(slots=True)
class _Written:
    """The file that is being written."""

    path: Path
    descriptor: int
    header: FileHeader
    size: int
    records: int
    opened_at: float


class CdrFiles:
    """The files of one node in one folder (made when it is not there).  Not for several threads at a time.

    address: IP address of the node, for the header.  `number`: running number of the newest file; `last`: the newest
    record of the file that is being written, None when there is none.  `cut`: octets that recovery took away.
    Raises OSError, and LocalError for a file that cannot be gone on with.
    """

    def __init__(self, folder: Path, node: str, limits: Limits, *, now: float, address: str = "::") -> None:
        self.limits = limits
        self.closed = 0
        self.cut = 0
        self.last: bytes | None = None
        self._folder = folder
        self._node = node
        self._address = address
        self._file: _Written | None = None
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.number = self._highest()
        self._recover(now)

    @property
    def open(self) -> bool:
        """Whether a file is being written."""
        return self._file is not None

    @property
    def room(self) -> tuple[int, int]:
        """Octets and records that the present file may still take; a new one's when there is none."""
        file = self._file
        if file is None:
            return self.limits.octets, self.limits.records
        return self.limits.octets - file.size, self.limits.records - file.records

    def due(self, now: float) -> Closure | None:
        """Why the present file is to be closed now; None while it is not, or holds nothing."""
        file = self._file
        if file is None or not file.records:
            return None
        if file.size >= self.limits.octets:
            return Closure.SIZE
        if file.records >= self.limits.records:
            return Closure.RECORDS
        return Closure.TIME if now - file.opened_at >= self.limits.seconds else None

    def append(self, octets: Sequence[bytes], now: float) -> None:
        """Write records behind each other and have them on disk; all of them, or OSError and none."""
        if not octets:
            return
        file = self._file or self._begin(now)
        block = b"".join(RecordHeader(len(each)).encode() + each for each in octets)
        try:
            _write(file.descriptor, block, file.size)
            os.fsync(file.descriptor)
        except OSError:
            os.ftruncate(file.descriptor, file.size)
            raise
        file.size += len(block)
        file.records += len(octets)
        file.header = replace(file.header, last_at=datetime.fromtimestamp(now, UTC))
        self.last = octets[-1]

    def close(self, reason: Closure, lost: int = 0) -> None:
        """Close the present file for good.  lost: records that could not be kept, told to whoever collects it."""
        file = self._file
        if file is None:
            return
        if not file.records:
            self._give_up(file)
            return
        header = replace(file.header, length=file.size, records=file.records, closure=reason, lost=lost)
        os.pwrite(file.descriptor, header.encode(), 0)
        os.fsync(file.descriptor)
        file.path.rename(file.path.with_name(file.path.name.removesuffix(BEING_WRITTEN) + SUFFIX))
        _sync(self._folder)
        os.close(file.descriptor)
        self._file, self.last = None, None
        self.closed += 1

    def leave(self) -> None:
        """Let go of the present file as it is, for the next process."""
        if self._file is not None:
            os.close(self._file.descriptor)
            self._file = None

    def _begin(self, now: float) -> _Written:
        number = (self.number + 1) % NUMBERS
        path = self._folder / f"{self._node}-{number:08d}{BEING_WRITTEN}"
        opened = datetime.fromtimestamp(now, UTC)
        header = FileHeader(length=OPEN, opened_at=opened, number=number, address=self._address)
        octets = header.encode()
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            _write(descriptor, octets, 0)
            os.fsync(descriptor)
            _sync(self._folder)
        except OSError:
            os.close(descriptor)
            path.unlink()
            raise
        self.number = number
        self._file = _Written(path, descriptor, header, len(octets), 0, now)
        return self._file

    def _give_up(self, file: _Written) -> None:
        """Remove a file without a record; its number is used again."""
        os.close(file.descriptor)
        file.path.unlink()
        self.number = (self.number - 1) % NUMBERS
        self._file = self.last = None

    def _named(self) -> dict[int, Path]:
        """Files of this node by running number."""
        pattern = re.compile(re.escape(self._node) + r"-(\d{8,10})\.cdr(?:\.open)?\Z")
        found = ((pattern.match(path.name), path) for path in self._folder.iterdir())
        return {int(match[1]): path for match, path in found if match is not None}

    def _highest(self) -> int:
        return max(self._named(), default=0)

    def _recover(self, now: float) -> None:
        """Go on in the file that an earlier process was writing."""
        path = self._named().get(self.number)
        if path is None or not path.name.endswith(BEING_WRITTEN):
            return
        octets = path.read_bytes()
        try:
            header = read_file_header(octets)
        except LocalError as error:
            if len(octets) > len(FileHeader(length=OPEN, opened_at=datetime.fromtimestamp(now, UTC)).encode()):
                raise LocalError(f"{path}: {error}; move it away to go on without it") from None
            path.unlink()  # killed while it was made
            self.number -= 1
            return
        whole: list[Found] = []
        end = header.header_length
        for found in records(octets, header.header_length, strict=False):
            if not _complete(found):
                break
            whole.append(found)
            end = found.end
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        if end < len(octets):
            self.cut = len(octets) - end
            os.ftruncate(descriptor, end)
            os.fsync(descriptor)
        header = replace(header, length=OPEN, records=0, last_at=datetime.fromtimestamp(path.stat().st_mtime, UTC))
        self._file = _Written(path, descriptor, header, end, len(whole), _began(header, now))
        self.last = whole[-1].octets if whole else None


def _began(header: FileHeader, now: float) -> float:
    """When a file was opened: its header has no year, so the newest that is not in the future."""
    year = datetime.fromtimestamp(now, UTC).year
    for each in (year, year - 1):
        try:
            at = header.opened_at.replace(year=each).timestamp()
        except ValueError:  # 29 February
            continue
        if at <= now + 60:
            return at
    return now


def _complete(found: Found) -> bool:
    """Whether the length of the record is what its header says: a power cut may leave zeros behind."""
    try:
        return length_of(found.octets) == len(found.octets)
    except LocalError:
        return False


def _write(descriptor: int, octets: bytes, at: int) -> None:
    """All of it at an offset, or OSError."""
    written = os.pwrite(descriptor, octets, at)
    if written < len(octets):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _sync(folder: Path) -> None:
    """Have the names in a folder on disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class NoFiles(CdrFiles):
    """The files of a node that writes none."""

    def __init__(self) -> None:
        self.limits = Limits(octets=0, records=0, seconds=0)
        self.closed = 0
        self.last = None
        self._file = None
