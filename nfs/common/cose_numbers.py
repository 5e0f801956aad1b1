"""The numbers of messages that devices have had from each signer, which no device takes twice; in a file if wanted.

A line `IMSI SIGNER NUMBER` is with the system before the application sees the message, so that a process that is killed
leaves them to the next one: what somebody recorded is then no more new than it was.  At the start, and when most of the
file is of no use any more, it is written anew with the last numbers of each.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from nfs.common.cose_content import EnvelopeError

REMEMBERED: Final = 64
"""Numbers of a signer that a device knows again; what is older than all of them is discarded as well."""
SLACK: Final = 10_000
"""Lines of no use that a file may have beside as many as there are of use."""


TORN: Final = b" -\n"
"""Makes what was written of a line one that is none."""


class Numbers:
    """What devices have had.  path: where it is kept, None for memory alone.  Raises OSError for a file of no use."""

    def __init__(self, path: Path | None = None) -> None:
        self._had: dict[tuple[str, bytes], list[int]] = {}
        self._path = path
        self._file = -1
        self._torn = b""
        self._lines = self._live = 0
        self._most = SLACK
        if path is not None:
            for imsi, signer, number in _read(path):
                self._keep(imsi, signer, number)
            self._write_anew(path)

    def had(self, imsi: str, signer: bytes, number: int) -> bool:
        """Whether a device has had it, or so many later ones that nobody knows."""
        had = self._had.get((imsi, signer), [])
        return number in had or (len(had) == REMEMBERED and number < had[0])

    def take(self, imsi: str, signer: bytes, number: int) -> None:
        """Remember one.  Raises EnvelopeError when it cannot be kept; then the message is not to be taken."""
        if self._file >= 0:
            self._append(self._torn + _line(imsi, signer, number))
        self._keep(imsi, signer, number)
        if self._path is not None and self._lines > self._most:
            self._most = self._lines + SLACK
            with suppress(OSError):  # it is kept, in a file that is longer than it need be
                self._write_anew(self._path)

    def _append(self, line: bytes) -> None:
        """What was written in part is ended before the next line, or that one would be lost with it."""
        try:
            written = os.write(self._file, line)
        except OSError:
            written = 0
        if written != len(line):
            self._torn = TORN if written else self._torn
            raise EnvelopeError("its number cannot be kept")
        self._torn = b""
        self._lines += 1

    def _keep(self, imsi: str, signer: bytes, number: int) -> None:
        had = self._had.get((imsi, signer), [])
        kept = sorted({*had, number})[-REMEMBERED:]
        self._live += len(kept) - len(had)
        self._had[imsi, signer] = kept

    def _write_anew(self, path: Path) -> None:
        beside = path.with_name(f"{path.name}.new")
        every = (_line(*key, number) for key, had in self._had.items() for number in had)
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.writelines(every)
            file.flush()
            os.fsync(file.fileno())
        fresh = os.open(beside, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        try:
            os.replace(beside, path)
        except OSError:
            os.close(fresh)
            raise
        self.close()
        self._file, self._torn, self._lines = fresh, b"", self._live
        self._most = 2 * self._live + SLACK

    def close(self) -> None:
        """Let go of the file."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def _line(imsi: str, signer: bytes, number: int) -> bytes:
    return f"{imsi} {signer.hex()} {number}\n".encode()


def _read(path: Path) -> Iterator[tuple[str, bytes, int]]:
    """What a file has; a line that was not written whole is none."""
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return
    for line in text.split(b"\n")[:-1]:
        try:
            imsi, signer, number = line.decode("ascii").split(" ")
            yield imsi, bytes.fromhex(signer), int(number)
        except ValueError:
            continue
