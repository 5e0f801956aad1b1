"""Keys of groups (TR 33.868 4.1.1): 256 random bits for each group and key number, and the file they are kept in.

A group has a key of its own, which its members share and which is made of nothing but random octets: neither the name
of the group nor a key of a member goes into it, and no key of a member comes out of it.  Each has a number, which
messages name; when one is renewed the one before stays good for a while, so that nobody misses a message over it.
Whoever makes groups can use this, an SCS as well as a node of the operator.

The file has a line `group NAME` and for each key, rising, `key NUMBER HEX`, with `until SECONDS` of 1970 for one that
is on its way out.  A file with 64 hexadecimal digits alone is a key without a number, of whatever it is used for.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Final

from diameter.config.private import refuse_shared
from diameter.errors import ConfigError

KEY_OCTETS: Final = 32
LAST_NUMBER: Final = (1 << 32) - 1
OVERLAP_S: Final = 86_400.0
"""How long a key is good beside the one that follows it, unless something else is said: as long as messages wait."""
LONGEST_NAME: Final = 253
_HEAD: Final = "the first line: group NAME, or 64 hexadecimal digits expected"


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupKey:
    """One key, 32 octets.  number: 0 for one that has none; until: when it ends, seconds since 1970, None: open.

    Without the key in its `repr`.
    """

    number: int
    octets: bytes = field(repr=False)
    until: int | None = None


@dataclass(frozen=True, slots=True)
class Ring:
    """The keys of one group, rising by number; the last one is in use.  group: "" for a key that was given alone."""

    group: str
    keys: tuple[GroupKey, ...]

    @property
    def current(self) -> GroupKey:
        """What new messages are protected with."""
        return self.keys[-1]

    def find(self, number: int, now: float) -> bytes | None:
        """The key with a number; None for one that is not known, or over.  now: seconds since 1970."""
        for each in self.keys:
            if each.number == number and (each.until is None or now < each.until):
                return each.octets
        return None


def alone(key: bytes) -> Ring:
    """A key without number or group."""
    return Ring("", (GroupKey(number=0, octets=key),))


def first(group: str, random: Callable[[int], bytes] = secrets.token_bytes) -> Ring:
    """The first key of a group.  random: gives so many octets.  Raises ConfigError for a name that is none."""
    name = group.lower()
    if not name or len(name) > LONGEST_NAME or not name.isprintable() or " " in name:
        raise ConfigError(f"a name of 1 to {LONGEST_NAME} characters without spaces expected")
    return Ring(name, (GroupKey(number=1, octets=_made(random)),))


def renewed(
    ring: Ring, now: float, overlap_s: float = OVERLAP_S, random: Callable[[int], bytes] = secrets.token_bytes
) -> Ring:
    """The same with one key more; those before end after `overlap_s` at the latest, and what is over goes.

    With 0 they go at once: who left the group reads nothing more.  Raises ConfigError when no number is left.
    """
    end = int(now + overlap_s)
    kept = [each for each in ring.keys if overlap_s > 0 and (each.until is None or now < each.until)]
    old = (replace(each, until=end if each.until is None else min(each.until, end)) for each in kept)
    number = ring.current.number + 1
    if number > LAST_NUMBER:
        raise ConfigError("no key number is left")
    return Ring(ring.group, (*old, GroupKey(number=number, octets=_made(random))))


def _made(random: Callable[[int], bytes]) -> bytes:
    """A key: all of it is from the random source."""
    key = random(KEY_OCTETS)
    assert len(key) == KEY_OCTETS
    return key


def read(path: Path) -> Ring:
    """The keys of a file.  Raises ConfigError that names the file and the line, and no digit of a key."""
    refuse_shared(path)
    try:
        lines = [line.split() for line in path.read_text("ascii").splitlines() if line.strip()]
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        lines = []
    if len(lines) == 1 and len(lines[0]) == 1:
        return alone(_key(path, lines[0][0]))
    if len(lines) < 2 or len(lines[0]) != 2 or lines[0][0] != "group":
        raise ConfigError(f"{path}: {_HEAD}")
    keys = tuple(_line(path, words) for words in lines[1:])
    if any(before.number >= after.number for before, after in pairwise(keys)):
        raise ConfigError(f"{path}: key numbers that rise expected")
    return Ring(lines[0][1].lower(), keys)


def _line(path: Path, words: list[str]) -> GroupKey:
    match words:
        case ["key", number, key] if _is_number(number):
            return GroupKey(number=int(number), octets=_key(path, key))
        case ["key", number, key, "until", end] if _is_number(number) and end.isdecimal() and len(end) < 16:
            return GroupKey(number=int(number), octets=_key(path, key), until=int(end))
    raise ConfigError(f"{path}: a line key NUMBER HEX, or key NUMBER HEX until SECONDS, expected")


def _is_number(text: str) -> bool:
    return text.isdecimal() and len(text) < 11 and 1 <= int(text) <= LAST_NUMBER


def _key(path: Path, text: str) -> bytes:
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(key) != KEY_OCTETS:
        raise ConfigError(f"{path}: {KEY_OCTETS * 2} hexadecimal digits expected")
    return key


def write(path: Path, ring: Ring, *, new: bool) -> None:
    """Put the keys into a file for its owner alone, whole or not at all.  Raises ConfigError.

    new: there must be none yet; otherwise the file that is there is replaced, and its owner keeps it.
    """
    lines = [f"group {ring.group}"]
    for each in ring.keys:
        end = "" if each.until is None else f" until {each.until}"
        lines.append(f"key {each.number} {each.octets.hex()}{end}")
    text = "\n".join(lines)
    if new:
        put(path, text)
        return
    beside = path.with_name(f"{path.name}.new")
    try:
        was = os.stat(path)
        put(beside, text, owner=(was.st_uid, was.st_gid))
        os.replace(beside, path)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None


def put(path: Path, text: str, *, mode: int = 0o600, owner: tuple[int, int] | None = None) -> None:
    """Make a file with a key and put it on disk.  Raises ConfigError, also when there is one already."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    except FileExistsError:
        raise ConfigError(f"{path}: is there already") from None
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None
    try:
        with os.fdopen(handle, "w", encoding="ascii") as file:
            if owner is not None:
                os.fchown(handle, *owner)
            file.write(text + "\n")
            file.flush()
            os.fsync(handle)
    except OSError as error:
        path.unlink()
        raise ConfigError(f"{path}: {error.strerror}") from None
