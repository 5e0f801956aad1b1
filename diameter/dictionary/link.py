"""Trees of several files to one linked whole: names resolved to keys, every cross-reference checked.

The result is plain data (tuples, dicts, strings, numbers), so that `files.py` can keep it with marshal.  Resolution
order inside a file: its own definitions, then the files it inherits, depth first, then the base protocol.  What is
inherited are names, so two files may inherit each other (S6m names AVPs of Tsp, Tsp names AVPs of S6m).
"""

from __future__ import annotations

from typing import Final

from diameter.dictionary.abnf import RawCommand, RawGrammar, RawGroup
from diameter.dictionary.grammar import Tree
from diameter.dictionary.plain import (
    BASE,
    Linked,
    PlainAvp,
    PlainCommand,
    PlainFile,
    PlainGrammar,
    PlainOverride,
    PlainValues,
)
from diameter.errors import DictionaryError

ANYTHING: Final[PlainGrammar] = ((), True)
NUMERIC: Final = {"Enumerated": 31, "Integer32": 31, "Unsigned32": 31, "Unsigned64": 63, "Integer64": 63}
"""Types that may have named values, and the highest bit each can name."""


def fault(tree: Tree, line: int, expected: str, found: str) -> DictionaryError:
    """`FILE:LINE: expected ..., found ...`, the form of every complaint about a dictionary."""
    return DictionaryError(f"{tree.path}:{line}: expected {expected}, found {found[:60]!r}")


class _Linker:
    """Tables shared by the passes over the files."""

    def __init__(self, trees: list[Tree]) -> None:
        self.trees = trees
        self.number = {tree.stem: index for index, tree in enumerate(trees)}
        self.orders = [self._order(index) for index in range(len(trees))]
        self.where: dict[int, tuple[Tree, int]] = {}
        self.names: list[dict[str, int]] = [{} for _ in trees]
        self.avps: dict[int, PlainAvp] = {}

    def _order(self, start: int) -> tuple[int, ...]:
        order: list[int] = []
        stack = [start]
        while stack:
            index = stack.pop()
            if index in order:
                continue
            order.append(index)
            tree = self.trees[index]
            parents: list[int] = []
            for stem, line in tree.inherits:
                if stem not in self.number:
                    raise fault(tree, line, "the stem of a loaded file", stem)
                parents.append(self.number[stem])
            stack += reversed(parents)
        base = self.number.get(BASE)
        if base is not None and base not in order:
            order.append(base)
        return tuple(order)

    def link(self) -> Linked:
        self._applications()
        for index, tree in enumerate(self.trees):
            self._define(index, tree)
        for index, tree in enumerate(self.trees):
            self._alias(index, tree)
        files = tuple(self._file(index, tree) for index, tree in enumerate(self.trees))
        self._groups_complete()
        return Linked(files, self.avps)

    def _applications(self) -> None:
        ids: dict[int, Tree] = {}
        names: dict[str, Tree] = {}
        for tree in self.trees:
            if tree.id is None:
                continue
            other = ids.get(tree.id) or names.get(tree.name)
            if other and tree.imported:
                tree.id, tree.commands = None, []
            elif other:
                raise fault(tree, 1, f"an application not defined in {other.path}", f"{tree.id} {tree.name}")
            else:
                ids[tree.id] = names[tree.name] = tree

    def _define(self, index: int, tree: Tree) -> None:
        names, values = self.names[index], tree.values
        for name, code, vendor, kind, flag, reference, line in tree.avps:
            key = vendor << 32 | code
            if key in self.where:
                if tree.imported:
                    continue
                other, at = self.where[key]
                raise fault(tree, line, f"an AVP code not taken by {self.avps[key][0]} of {other.path}:{at}", name)
            if name in names:
                raise fault(tree, line, "an AVP name once in a file", name)
            names[name] = key
            self.where[key] = (tree, line)
            own = self._checked(tree, name, kind) if name in values else None
            grammar = ANYTHING if kind == "Grouped" and (tree.decode_only or tree.imported) else None
            self.avps[key] = (name, code, vendor, kind, flag, own, grammar, reference, tree.decode_only, index)

    def _checked(self, tree: Tree, name: str, kind: str) -> PlainValues:
        bits, table, line = tree.values[name]
        highest = NUMERIC.get(kind)
        if highest is None:
            raise fault(tree, line, f"an AVP whose type has named values, not {kind}", name)
        if bits and table and max(table) > highest:
            raise fault(tree, line, f"bits up to {highest} in {name}", str(max(table)))
        return bits, table

    def _find(self, index: int, name: str) -> int | None:
        for other in self.orders[index]:
            if name in self.names[other]:
                return self.names[other][name]
        if self.trees[index].imported:
            return next((names[name] for names in self.names if name in names), None)
        return None

    def resolve(self, index: int, name: str, line: int) -> int:
        key = self._find(index, name)
        if key is not None:
            return key
        tree = self.trees[index]
        raise fault(tree, line, f"an AVP of {tree.stem} or of a file it inherits", name)

    def _alias(self, index: int, tree: Tree) -> None:
        for other, name, line in tree.aliases:
            key = self.resolve(index, name, line)
            if other in self.names[index]:
                raise fault(tree, line, "a spelling that is not a name of this file already", other)
            self.names[index][other] = key

    def _file(self, index: int, tree: Tree) -> PlainFile:
        overrides: dict[int, PlainOverride] = {}
        own = self.names[index]
        for name, flag, reference, line in tree.reuse:
            key = self.resolve(index, name, line)
            if key in overrides:
                raise fault(tree, line, "an AVP once in @reuse_types", name)
            if name in own and self.avps[key][9] == index:
                raise fault(tree, line, "an AVP of another file in @reuse_types", name)
            overrides[key] = (flag, None, None, reference)
        for name, (_, _, line) in tree.values.items():
            if tree.imported and name not in own:
                continue
            key = self.resolve(index, name, line)
            if self.avps[key][9] != index:
                old = overrides.get(key, (None, None, None, ""))
                overrides[key] = (old[0], self._checked(tree, name, self.avps[key][3]), old[2], old[3])
        for group in tree.groups:
            if tree.imported and group.name not in own:
                continue
            self._group(index, tree, group, overrides)
        commands = self._commands(index, tree)
        return PlainFile(
            tree.stem, tree.path, tree.id, tree.name, tree.title, tree.vendor, tree.decode_only, tree.accounting,
            self.orders[index], own, overrides, commands,
        )  # fmt: skip

    def _group(self, index: int, tree: Tree, group: RawGroup, overrides: dict[int, PlainOverride]) -> None:
        line = group.grammar.line
        key = self.resolve(index, group.name, line)
        name, code, vendor, kind, flag, values, grammar, reference, decode, owner = self.avps[key]
        if (group.code, group.vendor) != (code, vendor):
            raise fault(
                tree,
                line,
                f"< AVP Header: {code}{f' {vendor}' if vendor else ''} > for {name}",
                f"{group.code} {group.vendor}",
            )
        if kind != "Grouped":
            raise fault(tree, line, f"an AVP of type Grouped, {name} is {kind}", group.name)
        plain = self._grammar(index, group.grammar)
        if owner == index:
            if grammar is not None and grammar is not ANYTHING:
                raise fault(tree, line, "a Grouped AVP defined once in a file", name)
            self.avps[key] = (name, code, vendor, kind, flag, values, plain, reference, decode, owner)
        else:
            old = overrides.get(key, (None, None, None, ""))
            if old[2] is not None:
                raise fault(tree, line, "a Grouped AVP defined once in a file", name)
            overrides[key] = (old[0], old[1], plain, old[3])

    def _grammar(self, index: int, grammar: RawGrammar) -> PlainGrammar:
        rules: dict[int, tuple[str, int, int, int | None, bool]] = {}
        tree = self.trees[index]
        for name, least, most, fixed, line in grammar.rules:
            if tree.imported and (self._find(index, name) is None or self._find(index, name) in rules):
                continue  # a member of which that file says no more than the name
            key = self.resolve(index, name, line)
            if key in rules:
                raise fault(tree, line, f"an AVP once in a definition, {rules[key][0]} is the same", name)
            rules[key] = (self.avps[key][0], key, least, most, fixed)
        return tuple(rules.values()), grammar.wildcard

    def _commands(self, index: int, tree: Tree) -> tuple[PlainCommand, ...]:
        seen: dict[tuple[int, bool], RawCommand] = {}
        plain: list[PlainCommand] = []
        for command in tree.commands:
            line = command.grammar.line
            if tree.id is None:
                raise fault(tree, line, "@id in a file with @messages", command.name)
            if command.application_id not in (None, tree.id):
                raise fault(tree, line, f"this file's application id {tree.id}", str(command.application_id))
            if seen.setdefault((command.code, command.request), command) is not command:
                raise fault(tree, line, "each command once in each direction", command.name)
            plain.append((
                command.name, command.short, command.code, command.request, command.proxiable, command.error, tree.id,
                self._grammar(index, command.grammar), tree.decode_only, command.clause,
            ))  # fmt: skip
        return tuple(plain)

    def _groups_complete(self) -> None:
        for key, avp in self.avps.items():
            if avp[3] == "Grouped" and avp[6] is None:
                tree, line = self.where[key]
                raise fault(tree, line, "an entry in @grouped for every Grouped AVP of the file", avp[0])


def link(trees: list[Tree]) -> Linked:
    """Resolve and check; the order of `trees` is the order in which names of unrelated files are found."""
    return _Linker(trees).link()
