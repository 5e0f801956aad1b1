"""Find, read, link and cache dictionary files; look definitions up.

The files of dict/ lie in the checkout, or in the wheel as diameter/dicts.  Reading all of them takes tens of milliseconds, so the
linked result is kept in the user's cache directory as marshal of plain data (pickle would run code, JSON is slower to read).
A cache is used only when paths, sizes and times of all files agree; one that is damaged, foreign or unwritable is passed over.
"""

from __future__ import annotations

import marshal
import os
import sys
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final, Self

from diameter.dictionary.grammar import Tree, parse
from diameter.dictionary.link import BASE, Linked, PlainAvp, PlainCommand, PlainFile, PlainGrammar, PlainOverride, link
from diameter.dictionary.model import ApplicationDef, AvpDef, CommandDef, Grammar, Rule, Scope
from diameter.errors import DictionaryError

FORMAT: Final = 1
"""Version of the cached structure; raise it when `Linked` changes."""
MAX_FILE: Final = 16_000_000


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


class Definitions:
    """Every definition of the files loaded, and the scope of each application."""

    __slots__ = ("_avps", "_files", "_plain", "_scopes", "applications", "sources")

    def __init__(self, linked: Linked) -> None:
        self._files = linked.files
        self._plain = linked.avps
        self._avps: dict[int, AvpDef] | None = None
        self._scopes: dict[int, Scope] = {}
        self.applications: Mapping[int, ApplicationDef] = {
            f.id: ApplicationDef(f.id, f.name, f.vendor, f.stem, f.title, f.decode_only, f.accounting)
            for f in self._files
            if f.id is not None
        }
        self.sources: tuple[Path, ...] = tuple(Path(f.path) for f in self._files)

    @classmethod
    def load(cls, *names: str | Path, cache: bool | Path = True) -> Self:
        """Load files by stem ("ts29368_tsp") or path ("my.dia", Wireshark's "dictionary.xml"), with what they inherit; none means all
        of dict/.  A path loads beside what is named; only paths means beside all of dict/.  `cache`: False, or a folder to use.

        Raises DictionaryError naming file, line and what was expected.
        """
        paths = find(names)
        place = None if cache is False else cache_file(paths, cache if isinstance(cache, Path) else None)
        stamp = _stamp(paths)
        linked = _recall(place, stamp) if place else None
        if linked is None:
            linked = read(paths)
            if place:
                _keep(place, stamp, linked)
        return cls(linked)

    @classmethod
    def from_text(cls, **texts: str) -> Self:
        """Stems to `.dia` text, on top of the project's own files they inherit: what tests and tools make up on the spot."""
        trees = {stem: parse(text, stem, f"{stem}.dia") for stem, text in texts.items()}
        wanted = [stem for tree in trees.values() for stem, _ in tree.inherits if stem not in trees]
        for path in find(wanted or [BASE]):
            if path.stem not in trees:
                trees[path.stem] = parse(read_text(path), path.stem, str(path))
        return cls(link(_ordered(trees.values())))

    def scope(self, application_id: int) -> Scope:
        """The scope of an application, built on first use and kept; an unknown id sees every AVP and the base commands."""
        scope = self._scopes.get(application_id)
        if scope is None:
            scope = self._scopes[application_id] = self._build(application_id)
        return scope

    def application(self, name_or_id: str | int) -> ApplicationDef:
        """By name ("Tsp"), stem ("ts29368_tsp") or id; DictionaryError when there is none."""
        for application in self.applications.values():
            if name_or_id in (application.id, application.name, application.stem):
                return application
        known = ", ".join(sorted(a.name for a in self.applications.values()))
        raise DictionaryError(f"no application {name_or_id!r}; there are {known}")

    def commands_named(self, name: str) -> tuple[CommandDef, ...]:
        """Every command called so in any application: "Device-Action" (both directions), "Device-Action-Request" or "DAR"."""
        spellings = (name, f"{name}-Request", f"{name}-Answer")
        return tuple(c for c in self.commands() if c.name in spellings or c.short == name)

    def commands(self) -> Iterator[CommandDef]:
        """Every command of every file in load order, each once, as its own application defines it."""
        for file in self._files:
            yield from map(_command, (plain for plain in file.commands if plain[2] >= 0))

    def avps(self) -> Iterator[AvpDef]:
        """Every AVP of every file in load order, each once, with the M rule and grammar of the file that defines it."""
        yield from self._all().values()

    def files(self) -> tuple[PlainFile, ...]:
        """What each file says, as plain data, in load order."""
        return self._files

    def _all(self) -> dict[int, AvpDef]:
        if self._avps is None:
            stems = [file.stem for file in self._files]
            self._avps = {key: _avp(key, plain, stems) for key, plain in self._plain.items()}
        return self._avps

    def _build(self, application_id: int) -> Scope:
        files, application = self._files, self.applications.get(application_id)
        known = [f.order for f in files if f.id == application_id]
        order = known[0] if known else tuple(i for i, f in enumerate(files) if f.id == 0)
        avps = self._all().copy()
        changed: dict[int, AvpDef] = {}
        for index in reversed(order):
            if files[index].id not in (None, application_id):
                continue  # what an application says about AVPs of other files holds in its own scope only
            for key, override in files[index].overrides.items():
                changed[key] = _overridden(changed.get(key) or avps[key], override)
        avps.update(changed)
        keys: dict[str, int] = {}
        for index in reversed(range(len(files))):
            if index not in order:
                keys.update(files[index].names)
        for index in reversed(order):
            keys.update(files[index].names)
        plain = [c for i in reversed(order) if files[i].id in (0, application_id) for c in files[i].commands]
        commands = {c[2] << 1 | c[3]: _command(c) for c in plain}
        return Scope(
            application=application or ApplicationDef(application_id, str(application_id), 0, "", "", False, False),
            avps=avps,
            names={name: avps[key] for name, key in keys.items()},
            error_answer=commands.pop(-2, None),
            commands=commands,
        )


def _grammar(plain: PlainGrammar | None) -> Grammar | None:
    if plain is None:
        return None
    return Grammar(tuple(Rule(*rule) for rule in plain[0]), plain[1])


def _avp(key: int, plain: PlainAvp, stems: list[str]) -> AvpDef:
    name, code, vendor, kind, flag, values, grammar, reference, decode, owner = plain
    bits, table = values or (False, {})
    return AvpDef(name, code, vendor, key, kind, flag, table, bits, _grammar(grammar), reference, decode, stems[owner])


def _overridden(avp: AvpDef, override: PlainOverride) -> AvpDef:
    flag, values, grammar, reference = override
    bits, table = values or (avp.bits, avp.values)
    members = avp.grammar if grammar is None else _grammar(grammar)
    return AvpDef(
        avp.name, avp.code, avp.vendor, avp.key, avp.type, flag or avp.mandatory, table, bits, members,
        reference or avp.reference, avp.decode_only, avp.stem,
    )  # fmt: skip


def _command(plain: PlainCommand) -> CommandDef:
    name, short, code, request, proxiable, error, application_id, grammar, decode, reference = plain
    rules, wildcard = grammar
    members = Grammar(tuple(Rule(*rule) for rule in rules), wildcard)
    return CommandDef(name, short, code, request, proxiable, error, application_id, members, decode, reference)


def find(names: Iterable[str | Path]) -> list[Path]:
    """The files that `names` stand for; stems are looked up in `folder()`.  Raises DictionaryError for an unknown stem."""
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
    lines = [line.partition(";")[0].split() for line in read_text(path).split("\n") if line.startswith("@inherits")]
    return [stem for words in lines for stem in words[1:]]


def read(paths: Iterable[Path]) -> Linked:
    """Parse and link, without a cache.  `.xml` and `.json` files are read by `exchange.py`."""
    trees: dict[str, Tree] = {}
    for path in paths:
        if path.suffix == ".dia":
            found = [parse(read_text(path), path.stem, str(path))]
        else:
            from diameter.dictionary.exchange import read_foreign

            found = read_foreign(path)
        for tree in found:
            if tree.stem in trees:
                raise DictionaryError(f"{path}:1: expected a file name not taken by {trees[tree.stem].path}, found {tree.stem!r}")
            trees[tree.stem] = tree
    return link(_ordered(trees.values()))


def _ordered(trees: Iterable[Tree]) -> list[Tree]:
    """Load order, in which names of unrelated files are found: the base, what we speak, what we only read, what was imported."""
    return sorted(trees, key=lambda tree: (tree.stem != BASE, tree.imported, tree.decode_only, tree.stem))


def cache_file(paths: Iterable[Path], place: Path | None = None) -> Path:
    """The cache of one set of files, in `place` or the user's cache directory."""
    if place is None:
        # The one look at the environment below __main__: the cache directory is the user's to name (XDG base directories).
        place = Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")) / "mtc-diameter"
    tag = zlib.crc32("\0".join(str(path.absolute()) for path in paths).encode("utf-8", "surrogateescape"))
    return place / f"dictionary-{tag:08x}.marshal"


def _stamp(paths: Iterable[Path]) -> tuple[object, ...]:
    """What a cache must agree with: format, Python, and name, size and time of every file."""
    files: list[tuple[str, int, int]] = []
    for path in paths:
        try:
            status = path.stat()
        except OSError as error:
            raise DictionaryError(f"{path}:1: expected a readable file, found {error.strerror}") from None
        files.append((str(path.absolute()), status.st_size, status.st_mtime_ns))
    return (FORMAT, marshal.version, tuple(sys.version_info[:3]), tuple(files))


_MAGIC: Final = b"mtc-diameter dictionaries\n"


def _recall(place: Path, stamp: tuple[object, ...]) -> Linked | None:
    """The linked dictionaries of a cache file, or None when it cannot be used."""
    try:
        if os.stat(place).st_uid != os.geteuid():
            return None
        octets = place.read_bytes()
    except OSError:
        return None
    head = len(_MAGIC) + 4
    if octets[: len(_MAGIC)] != _MAGIC or zlib.crc32(octets[head:]).to_bytes(4) != octets[len(_MAGIC) : head]:
        return None
    try:
        kept, files, avps = marshal.loads(octets[head:])
    except (ValueError, EOFError, TypeError):
        return None
    if kept != stamp:
        return None
    return Linked(tuple(map(PlainFile._make, files)), avps)


def _keep(place: Path, stamp: tuple[object, ...], linked: Linked) -> None:
    """Write a cache file whole or not at all; a directory that cannot be written leaves no cache and no complaint."""
    payload = marshal.dumps((stamp, tuple(map(tuple, linked.files)), linked.avps))
    octets = _MAGIC + zlib.crc32(payload).to_bytes(4) + payload
    draft = place.with_suffix(f".{os.getpid()}")
    try:
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft.write_bytes(octets)
        draft.replace(place)
    except OSError:
        draft.unlink(missing_ok=True)
