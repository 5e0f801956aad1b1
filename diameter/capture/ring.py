"""The file, or the ring of files, that a capture goes into: whole blocks or nothing, and bounded.

The name that was given is always the file being written.  In a ring it becomes NAME-000001.pcapng when the next write
would make it longer than `size_limit`, then NAME-000002.pcapng, and of all together `files` stay.  Numbers go on where
the last process stopped, and what that one left under the plain name becomes a part of the ring, because it is what one
wants to see after a crash.  Turning over is an open, a rename, a close and, once the ring is full, the removal of one
file; no folder is listed but at the start.  Readable by the owner only: it holds subscriber data.
"""

from __future__ import annotations

import os
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from diameter.capture.records import CaptureError

_DIGITS: Final = 6


class Ring(NamedTuple):
    """How much is kept: octets of one file, and files, the one being written among them."""

    size_limit: int
    files: int


class Output:
    """`head`: octets that every file begins with.  Raises CaptureError when the file cannot be made."""

    def __init__(self, path: Path, head: bytes, ring: Ring | None) -> None:
        self.path = path
        self._head = head
        self._ring = ring
        self._size = 0
        self._file = -1
        self._kept: deque[Path] = deque()
        self._number = 0
        try:
            if ring is not None:
                self._find()
                if path.is_file() and path.stat().st_size:
                    self._put_by()
            self._open()
        except OSError as error:
            raise CaptureError(f"cannot write the capture {path}: {error.strerror}") from error

    def write(self, data: bytes) -> None:
        """All of `data` or none of it: a block that is half there would end the file for every reader.

        Raises OSError; the file then ends with what was whole, and the next write tries again.
        """
        if self._file < 0:
            self._open()
        elif (
            self._ring is not None and self._size > len(self._head) and (self._size + len(data) > self._ring.size_limit)
        ):
            self._turn()
        self._append(data)

    def renew(self) -> None:
        """Begin the file anew if it is no longer where it was (somebody moved it).  Raises OSError."""
        if self._file >= 0:
            with suppress(FileNotFoundError):
                there, ours = os.stat(self.path), os.fstat(self._file)
                if (there.st_dev, there.st_ino) == (ours.st_dev, ours.st_ino):
                    return
            self.close()
        self._open()

    def close(self) -> None:
        """Close the file; a second call does nothing."""
        if self._file >= 0:
            descriptor, self._file = self._file, -1
            os.close(descriptor)

    # -- inside

    def _append(self, data: bytes) -> None:
        at, view = 0, memoryview(data)
        try:
            while at < len(data):
                at += os.write(self._file, view[at:])
        except OSError:
            try:
                os.ftruncate(self._file, self._size)
                os.lseek(self._file, self._size, os.SEEK_SET)
            except OSError:
                self._give_up()
            raise
        self._size += len(data)

    def _open(self) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
        self._file, self._size = os.open(self.path, flags, 0o600), 0
        try:
            self._append(self._head)
        except OSError:
            self.close()
            raise

    def _give_up(self) -> None:
        """The file ends with half a block and cannot be shortened: keep what it holds under another name."""
        self.close()
        with suppress(OSError):
            self._put_by()

    def _find(self) -> None:
        """What an earlier process left in the ring."""
        found = []
        for path in self.path.parent.glob(f"{_plain(self.path.stem)}-*{_plain(self.path.suffix)}"):
            number = path.stem[len(self.path.stem) + 1 :]
            if len(number) >= _DIGITS and number.isascii() and number.isdigit():
                found.append((int(number), path))
        found.sort()
        self._kept.extend(path for _, path in found)
        self._number = found[-1][0] if found else 0

    def _turn(self) -> None:
        """In an order in which each step may fail: the next write then tries again, and nothing is overwritten."""
        self._put_by()
        self.close()
        self._open()

    def _put_by(self) -> None:
        """Give the file its number, and let go of the oldest."""
        self._number += 1
        numbered = self.path.with_stem(f"{self.path.stem}-{self._number:0{_DIGITS}}")
        os.rename(self.path, numbered)
        self._kept.append(numbered)
        while self._ring is not None and len(self._kept) >= max(1, self._ring.files):
            try:
                os.unlink(self._kept[0])
            except FileNotFoundError:
                pass
            except OSError:
                break  # tried again when the next file is full
            self._kept.popleft()


def _plain(text: str) -> str:
    """A name in which nothing means more than itself to `glob`."""
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in text)
