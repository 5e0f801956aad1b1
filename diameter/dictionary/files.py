"""Where dictionary files are, what they inherit, and the cache of what reading them gave.

The files of dict/ lie in the checkout, or in the wheel as diameter/dicts.  The linked result is kept in the user's
cache directory as marshal of plain data (pickle would run code, JSON is slower to read), keyed by format, Python, and
the path, size and time of every file.  A cache that is damaged, foreign or unwritable is passed over without a word.
"""

from __future__ import annotations

import contextlib
import marshal
import os
import sys
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from diameter._version import VERSION
from diameter.dictionary.plain import BASE, Linked, PlainFile
from diameter.errors import DictionaryError

FORMAT: Final = 2
"""Version of the cached structure; raise it when `Linked` changes."""
MAX_FILE: Final = 16_000_000
MAGIC: Final = b"mtc-diameter dictionaries\n"


def folder() -> Path:
    """Where the project's own files are: dict/ of a checkout, else diameter/dicts of the installed package."""
    package = Path(__file__).parents[1]
    checkout = package.parent / "dict"
    if (checkout / f"{BASE}.dia").is_file():
        return checkout
    installed = package / "dicts"
    if not (installed / f"{BASE}.dia").is_file():
        raise DictionaryError(f"{installed}:1: expected the dictionaries of this installation, found nothing")
    return installed


def read_text(path: Path) -> str:
    """The text of a dictionary file.  Raises DictionaryError for what cannot be read or is not UTF-8."""
    try:
        with open(path, "rb") as file:
            octets = file.read(MAX_FILE + 1)
    except OSError as error:
        raise DictionaryError(f"{path}:1: expected a readable file, found {error.strerror}") from None
    if len(octets) > MAX_FILE:
        raise DictionaryError(f"{path}:1: expected a file of at most {MAX_FILE} octets")
    try:
        return octets.decode()
    except UnicodeDecodeError as error:
        line = octets.count(b"\n", 0, error.start) + 1
        raise DictionaryError(f"{path}:{line}: expected UTF-8 text, found octet {octets[error.start]:#04x}") from None


def find(names: Iterable[str | Path]) -> list[Path]:
    """The files that `names` stand for; stems are looked up in `folder()`.  DictionaryError for an unknown stem."""
    home = folder()
    wanted = [name for name in names if isinstance(name, str) and not _is_path(name)]
    extra = [Path(name) for name in names if isinstance(name, Path) or _is_path(name)]
    if not wanted:
        with os.scandir(home) as entries:
            paths = [Path(entry.path) for entry in sorted(entries, key=lambda e: e.name) if entry.name.endswith(".dia")]
        return [*paths, *extra]
    found: dict[str, Path] = {}
    stack = [*wanted, BASE]
    while stack:
        stem = stack.pop()
        if stem in found:
            continue
        path = home / f"{stem}.dia"
        if not path.is_file():
            known = ", ".join(sorted(p.stem for p in home.glob("*.dia")))
            raise DictionaryError(f"no dictionary {stem!r}; there are {known}")
        found[stem] = path
        stack += _inherited(path)
    for path in extra:
        for stem in _inherited(path):
            if stem not in found and (home / f"{stem}.dia").is_file():
                found |= {p.stem: p for p in find([stem])}
    return [*sorted(found.values()), *extra]


def _is_path(name: str) -> bool:
    return name.endswith((".dia", ".xml", ".json")) or os.sep in name


def _inherited(path: Path) -> list[str]:
    if path.suffix != ".dia":
        return []
    lines = [line.partition(";")[0].split() for line in read_text(path).split("\n") if "@inherits" in line]
    return [stem for words in lines if words[:1] == ["@inherits"] for stem in words[1:]]


def cache_file(paths: Iterable[Path], place: Path | None = None) -> Path | None:
    """The cache of one set of files, in `place` or the user's cache directory; None for a user without one."""
    if place is None:
        # The one look at the environment below __main__: where caches go is the user's to say (XDG base directories).
        place = Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")) / "mtc-diameter"
        if not place.is_absolute():
            return None
    tag = zlib.crc32("\0".join(str(path.absolute()) for path in paths).encode("utf-8", "surrogateescape"))
    return place / f"dictionary-{tag:08x}.marshal"


def stamp(paths: Iterable[Path]) -> tuple[object, ...]:
    """What a cache must agree with: format, Python, and name, size and time of every file."""
    files: list[tuple[str, int, int]] = []
    for path in paths:
        try:
            status = path.stat()
        except OSError as error:
            raise DictionaryError(f"{path}:1: expected a readable file, found {error.strerror}") from None
        files.append((str(path.absolute()), status.st_size, status.st_mtime_ns))
    return (FORMAT, VERSION, marshal.version, tuple(sys.version_info[:3]), tuple(files))


def recall(place: Path | None, wanted: tuple[object, ...]) -> Linked | None:
    """The linked dictionaries of a cache file, or None when it cannot be used."""
    if place is None:
        return None
    try:
        if os.stat(place).st_uid != os.geteuid():
            return None
        octets = place.read_bytes()
    except OSError:
        return None
    head = len(MAGIC) + 4
    if octets[: len(MAGIC)] != MAGIC or zlib.crc32(octets[head:]).to_bytes(4) != octets[len(MAGIC) : head]:
        return None
    try:
        kept, files, avps = marshal.loads(octets[head:])
    except (ValueError, EOFError, TypeError):
        return None
    if kept != wanted:
        return None
    return Linked(tuple(map(PlainFile._make, files)), avps)


def keep(place: Path | None, mark: tuple[object, ...], linked: Linked) -> None:
    """Write a cache file whole or not at all; a directory that cannot be written leaves no cache and no complaint."""
    if place is None:
        return
    plain: Any = (mark, tuple(map(tuple, linked.files)), linked.avps)
    payload = marshal.dumps(plain)
    octets = MAGIC + zlib.crc32(payload).to_bytes(4) + payload
    draft = place.with_suffix(f".{os.getpid()}")
    try:
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft.write_bytes(octets)
        draft.replace(place)
    except OSError:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)
