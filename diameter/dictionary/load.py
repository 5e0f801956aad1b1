"""Dictionary files to definitions, and definitions looked up: by application, by name, by command."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final, Self

from diameter.dictionary import files
from diameter.dictionary.model import ApplicationDef, AvpDef, CommandDef, Grammar, Scope
from diameter.dictionary.plain import Linked, PlainFile, PlainGrammar
from diameter.dictionary.scope import avp_of, build, command_of, grammar_of
from diameter.errors import DictionaryError

UNKNOWN: Final = -1
"""Where the scope of all applications that no file defines is kept."""


class Definitions:
    """Every definition of the files loaded, and the scope of each application."""

    __slots__ = ("_avps", "_files", "_named", "_plain", "_scopes", "applications", "sources")

    def __init__(self, linked: Linked) -> None:
        self._files = linked.files
        self._plain = linked.avps
        self._avps: dict[int, AvpDef] | None = None
        self._named: dict[str, tuple[CommandDef, ...]] = {}
        self._scopes: dict[int, Scope] = {}
        self.applications: Mapping[int, ApplicationDef] = {
            f.id: ApplicationDef(f.id, f.name, f.vendor, f.stem, f.title, f.decode_only, f.accounting)
            for f in self._files
            if f.id is not None
        }
        self.sources: tuple[Path, ...] = tuple(Path(f.path) for f in self._files)

    @classmethod
    def load(cls, *names: str | Path, cache: bool | Path = True) -> Self:
        """Load files by stem ("ts29368_tsp") or path ("my.dia", Wireshark's "dictionary.xml"), with what they inherit.

        No names, or paths only, means all of dict/ (and the paths beside it).  `cache`: False for none, or the
        folder to keep it in.  Raises DictionaryError naming file, line and what was expected.
        """
        paths = files.find(names)
        if cache is False or any(path.suffix != ".dia" for path in paths):  # foreign files read files of their own
            return cls(_read(paths))
        place = files.cache_file(paths, cache if isinstance(cache, Path) else None)
        stamp = files.stamp(paths)
        linked = files.recall(place, stamp)
        if linked is None:
            linked = _read(paths)
            files.keep(place, stamp, linked)
        return cls(linked)

    @classmethod
    def from_text(cls, **texts: str) -> Self:
        """Stems to `.dia` text, on top of the project's own files they inherit: what tests and tools make up."""
        from diameter.dictionary.read import read_texts

        return cls(read_texts(texts))

    def scope(self, application_id: int) -> Scope:
        """The scope of an application, built on first use and kept.

        An id that no file defines sees every AVP and the base commands.
        """
        known = self.applications.get(application_id)
        place = application_id if known else UNKNOWN
        scope = self._scopes.get(place)
        nobody = ApplicationDef(application_id, str(application_id), 0, "", "", False, False)
        if scope is None:
            scope = self._scopes[place] = build(self._files, self._all(), known or nobody)
        if known or scope.application.id == application_id:
            return scope
        return replace(scope, application=nobody)  # ids come from the peer: they share one table, memo included

    def application(self, name_or_id: str | int) -> ApplicationDef:
        """By name ("Tsp"), stem ("ts29368_tsp") or id; DictionaryError when there is none."""
        for application in self.applications.values():
            if name_or_id in (application.id, application.name, application.stem):
                return application
        known = ", ".join(sorted(a.name for a in self.applications.values()))
        raise DictionaryError(f"no application {name_or_id!r}; there are {known}")

    def commands_named(self, name: str) -> tuple[CommandDef, ...]:
        """Every command called so in any application.

        "Device-Action" gives both directions, "Device-Action-Request" and "DAR" one.
        """
        if not self._named:
            named: dict[str, tuple[CommandDef, ...]] = {}
            for one in self.commands():
                for spelling in {one.name, one.short, one.name.removesuffix("-Request").removesuffix("-Answer")}:
                    named[spelling] = (*named.get(spelling, ()), one)
            self._named = named  # at once: a thread beside this one sees all of it or nothing
        return self._named.get(name, ())

    def commands(self) -> Iterator[CommandDef]:
        """Every command of every file in load order, each once, as its own application defines it."""
        for file in self._files:
            yield from (command_of(plain) for plain in file.commands if plain[2] >= 0)

    def avps(self) -> Iterator[AvpDef]:
        """Every AVP of every file in load order, each once, with the M rule and grammar of the file that defines it."""
        yield from self._all().values()

    def commands_of(self, file: PlainFile) -> Iterator[CommandDef]:
        """The commands one file defines; with the answer-message, whose code is -1."""
        return map(command_of, file.commands)

    def grammar_of(self, plain: PlainGrammar) -> Grammar:
        """A grammar of a file's overrides as a record."""
        return grammar_of(plain)

    def files(self) -> tuple[PlainFile, ...]:
        """What each file says, as plain data, in load order."""
        return self._files

    def _all(self) -> dict[int, AvpDef]:
        if self._avps is None:
            stems = [file.stem for file in self._files]
            self._avps = {key: avp_of(key, plain, stems) for key, plain in self._plain.items()}
        return self._avps


def _read(paths: list[Path]) -> Linked:
    from diameter.dictionary.read import read_files  # deferred: a cached load needs neither parser nor linker

    return read_files(paths)
