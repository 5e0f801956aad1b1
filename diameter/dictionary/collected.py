"""What a foreign dictionary says, gathered without its format and turned into trees to link beside our own."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from diameter.dictionary.abnf import MAX_COMMAND, MAX_U32, RawCommand, RawGrammar, RawGroup, RawRule
from diameter.dictionary.grammar import Tree
from diameter.wire.types import TYPES

NUMERIC: Final = ("Enumerated", "Integer32", "Unsigned32", "Unsigned64", "Integer64")
_FOREIGN: Final = re.compile(r"[^A-Za-z0-9._+/-]+", re.ASCII)


@dataclass(slots=True)
class Avp:
    """One AVP of a foreign dictionary; `members` are those of a group: name, minimum, maximum, fixed, line."""

    name: str
    code: int
    vendor: int
    line: int
    type: str = "OctetString"
    flag: str = "?"
    values: list[tuple[int, str]] = field(default_factory=list)
    members: list[RawRule] = field(default_factory=list)


@dataclass(slots=True)
class Command:
    """Both directions of a command; `rules` by direction (True: request) where the format has them."""

    name: str
    code: int
    line: int
    short: str = ""
    rules: dict[bool, list[RawRule]] = field(default_factory=dict)


@dataclass(slots=True)
class Application:
    """An application and its commands."""

    id: int
    name: str
    line: int
    commands: list[Command] = field(default_factory=list)


@dataclass(slots=True)
class Collected:
    """All of one foreign file.  `types` maps names of types defined there to those they derive from."""

    path: str
    stem: str
    arity: bool
    avps: list[Avp] = field(default_factory=list)
    applications: dict[int, Application] = field(default_factory=dict)
    types: dict[str, str] = field(default_factory=dict)

    def application(self, number: int, name: str, line: int) -> Application:
        """The application of that id, made when it is met first."""
        return self.applications.setdefault(number, Application(number, name, line))

    def trees(self) -> list[Tree]:
        """A tree per vendor, because names are unique in a file and vendors share some, and one per application."""
        trees: dict[int, Tree] = {}
        taken: dict[int, set[str]] = {}
        for avp in self.avps:
            if not (0 <= avp.code <= MAX_U32 and 0 <= avp.vendor <= MAX_U32):
                continue
            stem = f"{self.stem}-{avp.vendor}" if avp.vendor else self.stem
            tree = trees.setdefault(avp.vendor, Tree(stem, self.path, imported=True, vendor=avp.vendor))
            self._add(tree, avp, taken.setdefault(avp.vendor, set()))
        stems = [tree.stem for tree in trees.values()]
        for tree in trees.values():
            tree.inherits = [(stem, 1) for stem in stems if stem != tree.stem]
        return [*trees.values(), *(self._app(one, stems) for one in self.applications.values() if one.id <= MAX_U32)]

    def _add(self, tree: Tree, avp: Avp, taken: set[str]) -> None:
        name = clean(avp.name)
        if name in taken:
            name = f"{name}-{avp.code}"
        if name in taken:
            return
        taken.add(name)
        kind = self.base_type(avp.type)
        tree.avps.append((name, avp.code, avp.vendor, kind, avp.flag, "", avp.line))
        table: dict[int, str] = {}
        for value, label in avp.values:
            label = " ".join(label.replace(";", ",").split())
            if -0x80000000 <= value <= MAX_U32 and label:
                table.setdefault(value, label)
        if table and kind in NUMERIC:
            tree.values[name] = (False, table, avp.line)
        if kind == "Grouped":
            tree.groups.append(RawGroup(name, avp.code, avp.vendor, _grammar(avp.members, avp.line)))

    def base_type(self, name: str) -> str:
        """The data type of RFC 6733 behind a foreign type name; OctetString when nothing is known of it."""
        seen: set[str] = set()
        while name not in TYPES and name in self.types and name not in seen:
            seen.add(name)
            name = self.types[name]
        return name if name in TYPES else "OctetString"

    def _app(self, application: Application, stems: list[str]) -> Tree:
        tree = Tree(f"{self.stem}-app-{application.id}", self.path, imported=True, id=application.id)
        tree.name = clean(application.name) or str(application.id)
        tree.title, tree.decode_only = application.name, not self.arity
        tree.inherits = [(stem, 1) for stem in stems]
        seen: set[int] = set()
        for command in application.commands:
            if not 0 <= command.code <= MAX_COMMAND or command.code in seen:
                continue
            seen.add(command.code)
            for request in (True, False):
                tree.commands.append(_command(command, request))
        return tree


def _command(command: Command, request: bool) -> RawCommand:
    name = clean(command.name).removesuffix("-Request").removesuffix("-Answer")
    initials = command.short or "".join(word[0] for word in name.split("-") if word)[:3]
    short = clean(initials).upper().replace(".", "") + ("R" if request else "A")
    grammar = _grammar(command.rules.get(request, []), command.line)
    ending = "Request" if request else "Answer"
    return RawCommand(f"{name}-{ending}", short, "", command.code, request, True, False, None, grammar)


def _grammar(members: list[RawRule], line: int) -> RawGrammar:
    rules: dict[str, RawRule] = {}
    for name, least, most, fixed, at in members:
        rules.setdefault(clean(name), (clean(name), least, most, fixed, at))
    return RawGrammar(line, [rule for name, rule in rules.items() if name and name != "AVP"], wildcard=True)


def clean(name: str) -> str:
    """A foreign name in the characters that `.dia` files allow."""
    return _FOREIGN.sub("-", name.strip()).lstrip("-._+/").rstrip("-") or "Unnamed"
