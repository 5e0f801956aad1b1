"""A file of lines of which none can be changed, taken out, put in or moved without notice.

Each line is one JSON object that ends `"seq": 8, "prev": "...", "hash": "..."}`: its number, the hash of the line
before (zeros for the first), and the SHA-256 of its own octets before `, "hash"`.  With a key the last member is
`mac`, HMAC-SHA-256 of the same octets, so that nobody without the key can make the chain anew.  Beside the file,
`FILE.head` holds number and hash of the newest line: it shows a cut end, carries the chain over rotation (the file is
renamed, the next line begins a new one), and its lock keeps the lines of several processes apart.

Rejected: hashes over JSON in a sorted form (whoever checks must then write JSON as we do; octets need no agreement),
a chain a process (nobody could tell a missing process), and a flush to disk for each line (a flood of refusals would
wait for the disk; what a power failure takes is seen, because the numbers stop).
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import hmac
import json
import os
import re
import stat
from pathlib import Path
from typing import Any, Final

ZERO: Final = "0" * 64
TAIL_OCTETS: Final = 1 << 20
"""How far back the end of the last whole line is looked for."""
_END: Final = re.compile(rb', "(hash|mac)": "([0-9a-f]{64})"\}')
_HEAD: Final = re.compile(rb"(\d{20}) ([0-9a-f]{64})\n")


def digest(octets: bytes, key: bytes | None) -> str:
    """The hash of a line up to its last member, 64 hexadecimal digits."""
    if key is None:
        return hashlib.sha256(octets).hexdigest()
    return hmac.digest(key, octets, "sha256").hex()


def seal(fields: dict[str, Any], seq: int, prev: str, key: bytes | None) -> tuple[bytes, str]:
    """A line with its end of line, and its hash."""
    body = json.dumps({**fields, "seq": seq, "prev": prev})[:-1].encode()
    own = digest(body, key)
    return b'%s, "%s": "%s"}\n' % (body, b"hash" if key is None else b"mac", own.encode()), own


def unseal(line: bytes) -> tuple[bytes, str, str] | None:
    """What is hashed of a line (without its end), the name of its last member and the hash; None if it has none."""
    found = _END.fullmatch(line[-77:]) or _END.fullmatch(line[-76:])
    if found is None:
        return None
    return line[: -len(found[0])], found[1].decode(), found[2].decode()


def read_head(octets: bytes) -> tuple[int, str] | None:
    """Number and hash of the newest line, of the content of a `.head` file; None when it holds none."""
    found = _HEAD.fullmatch(octets)
    return None if found is None else (int(found[1]), found[2].decode())


def beside(path: Path, what: str) -> Path:
    """The file of the same name with `.what` behind it."""
    return path.with_name(f"{path.name}.{what}")


class Chain:
    """Appends to a file (made for its owner alone), or with None to standard error.  Raises OSError.

    What is no ordinary file (a terminal, a pipe) gets a chain of its own that begins with each process.
    """

    def __init__(self, path: Path | None, key: bytes | None = None) -> None:
        self._path = path
        self._key = key
        self._seq = 0
        self._prev = ZERO
        self._end = -1
        self._torn: dict[str, Any] = {}
        self._head: int | None = None
        self._file = os.dup(2) if path is None else _open(path, os.O_APPEND)
        if path is not None and stat.S_ISREG(os.fstat(self._file).st_mode):
            try:
                self._head = _open(beside(path, "head"))
            except OSError:
                os.close(self._file)
                raise

    def append(self, fields: dict[str, Any]) -> None:
        """Add a line.  When it cannot be written the file stays as it was, and OSError is raised."""
        if self._head is None or self._path is None:
            self._write(fields)
            return
        fcntl.flock(self._head, fcntl.LOCK_EX)
        try:
            self._follow(self._path)
            size = os.fstat(self._file).st_size
            if size != self._end:
                self._recover(self._path, self._head, size)
            if self._torn:
                self._write({**{name: fields[name] for name in ("schema", "time", "node")}, **self._torn})
                self._torn = {}
            self._write(fields)
            os.pwrite(self._head, b"%020d %s\n" % (self._seq, self._prev.encode()), 0)
        finally:
            fcntl.flock(self._head, fcntl.LOCK_UN)

    def close(self) -> None:
        """Close the files; nothing may be added after."""
        os.close(self._file)
        if self._head is not None:
            os.close(self._head)

    def _write(self, fields: dict[str, Any]) -> None:
        line, own = seal(fields, self._seq + 1, self._prev, self._key)
        written = os.write(self._file, line)
        if written < len(line):
            if self._head is not None:
                os.ftruncate(self._file, self._end)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._seq, self._prev = self._seq + 1, own
        self._end += written

    def _follow(self, path: Path) -> None:
        """Go on in a new file when the old one was renamed or removed."""
        ours = os.fstat(self._file)
        try:
            there = os.stat(path)
            if (there.st_ino, there.st_dev) == (ours.st_ino, ours.st_dev):
                return
        except FileNotFoundError:
            pass
        new = _open(path, os.O_APPEND)
        os.close(self._file)
        self._file, self._end = new, -1

    def _recover(self, path: Path, head: int, size: int) -> None:
        """Find where the chain goes on: somebody else has written, or we begin; move a torn last line aside."""
        start = max(0, size - TAIL_OCTETS)
        tail = os.pread(self._file, size - start, start)
        whole, _, torn = tail.rpartition(b"\n")
        if torn:
            with open(_open(beside(path, "torn"), os.O_APPEND), "ab") as aside:
                aside.write(torn + b"\n")
            size -= len(torn)
            os.ftruncate(self._file, size)
            words = f"the last line was torn: {len(torn)} octets moved to {beside(path, 'torn').name}"
            self._torn = {"event": "repaired", "reason": words, "torn_sha256": hashlib.sha256(torn).hexdigest()}
        known = [(self._seq, self._prev), read_head(os.pread(head, 86, 0)), _place(whole.rpartition(b"\n")[2])]
        self._seq, self._prev = max((place for place in known if place is not None), key=lambda place: place[0])
        self._end = size


def _place(line: bytes) -> tuple[int, str] | None:
    """Number and hash of a line; None for one that is not of a chain."""
    parts = unseal(line)
    if parts is None:
        return None
    try:
        seq = json.loads(line)["seq"]
    except (ValueError, KeyError, TypeError):
        return None
    return (seq, parts[2]) if seq.__class__ is int else None


def _open(path: Path, flags: int = 0) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | flags, 0o600)
