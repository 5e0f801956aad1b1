"""Text of a `.dia` file to a tree with line numbers; `dict/README.md` describes the grammar.

A line belongs to the section opened by the last `@` word.  Nothing is looked up here: names are resolved by `link.py`,
which also knows the other files.  Any text gives a Tree or a DictionaryError, nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from diameter.dictionary import abnf
from diameter.dictionary.abnf import RawCommand, RawGrammar, RawGroup
from diameter.errors import DictionaryError
from diameter.wire.types import TYPES

RawAvp: TypeAlias = tuple[str, int, int, str, str, str, int]
"""Name, code, vendor, type, M rule, reference, line."""
RawReuse: TypeAlias = tuple[str, str, str, int]
"""Name, M rule, reference, line."""
RawValues: TypeAlias = tuple[bool, dict[int, str], int]
"""Whether the numbers are bits, the table, line."""

FLAGS: Final = ("M", "-", "?")
MAX_TEXT: Final = 8_000_000
_SIGNED: Final = re.compile(r"-?[0-9]{1,10}", re.ASCII)


@dataclass(slots=True)
class Tree:
    """One dictionary file, names unresolved.

    `imported` is true for foreign formats: their repeats of AVPs and applications that are known already are dropped.
    """

    stem: str
    path: str
    imported: bool = False
    id: int | None = None
    name: str = ""
    title: str = ""
    vendor: int = 0
    specification: str = ""
    decode_only: bool = False
    accounting: bool = False
    inherits: list[tuple[str, int]] = field(default_factory=list)
    avps: list[RawAvp] = field(default_factory=list)
    reuse: list[RawReuse] = field(default_factory=list)
    values: dict[str, RawValues] = field(default_factory=dict)
    groups: list[RawGroup] = field(default_factory=list)
    aliases: list[tuple[str, str, int]] = field(default_factory=list)
    commands: list[RawCommand] = field(default_factory=list)


class _Reader:
    """State of reading one file: the tree so far, the line number, and what the open section does with a line."""

    __slots__ = ("bits", "definition", "line", "lines", "section", "table", "tree", "vendor")

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self.line = 0
        self.lines: dict[str, int] = {}
        self.section: Callable[[str], None] = self._outside
        self.vendor = 0
        self.table: dict[int, str] = {}
        self.bits = False
        self.definition: RawGrammar | None = None

    def fault(self, expected: str, found: str) -> DictionaryError:
        return DictionaryError(f"{self.tree.path}:{self.line}: expected {expected}, found {found[:60]!r}")

    def read(self, text: str) -> None:
        """Every line to the section it stands in."""
        for number, raw in enumerate(text.split("\n"), 1):
            body = " ".join(raw.partition(";")[0].split())  # single blanks, so that no pattern below can backtrack far
            if not body:
                continue
            self.line = number
            if body[0] == "@":
                word, _, rest = body.partition(" ")
                self._directive(word, rest)
            else:
                self.section(body)

    def _directive(self, word: str, rest: str) -> None:
        if action := _SECTIONS.get(word):
            action(self, rest)
        elif action := _WORDS.get(word):
            if word in self.lines and word != "@inherits":
                raise self.fault(f"{word} once in a file, it is on line {self.lines[word]}", f"{word} {rest}")
            self.lines[word] = self.line
            action(self, rest)
        else:
            raise self.fault(f"one of {' '.join(sorted([*_WORDS, *_SECTIONS]))}", word)

    def _name(self, text: str, what: str) -> str:
        return abnf.name_of(text, what, self.fault)

    def _number(self, text: str, what: str) -> int:
        return abnf.number_of(text, what, self.fault)

    def _nothing(self, rest: str) -> None:
        if rest:
            raise self.fault("nothing more on this line", rest)

    # --- words that stand alone

    def _set_id(self, rest: str) -> None:
        self.tree.id = self._number(rest, "an application id")

    def _set_name(self, rest: str) -> None:
        self.tree.name = self._name(rest, "the application's name, one word")

    def _set_title(self, rest: str) -> None:
        self.tree.title = rest

    def _set_vendor(self, rest: str) -> None:
        self.tree.vendor = self._number(rest.partition(" ")[0], "a vendor id")

    def _set_specification(self, rest: str) -> None:
        if "<" in rest or ":" in rest:  # it stands before ::= in the heads of commands
            raise self.fault("a specification such as TS 29.272", rest)
        self.tree.specification = rest

    def _inherits(self, rest: str) -> None:
        self.tree.inherits += [(self._name(stem, "the stem of a file"), self.line) for stem in rest.split()]

    def _decode(self, rest: str) -> None:
        self._nothing(rest)
        self.tree.decode_only = True

    def _accounting(self, rest: str) -> None:
        self._nothing(rest)
        self.tree.accounting = True

    # --- words that open a section

    def _outside(self, body: str) -> None:
        raise self.fault("a section such as @avp_types before this line", body)

    def _avp_types(self, rest: str) -> None:
        self.vendor = self._number(rest, "a vendor id") if rest else self.tree.vendor
        self.section = self._avp

    def _avp(self, body: str) -> None:
        words = body.split(None, 4)
        if len(words) < 4:
            raise self.fault("name, code, type, M rule and clause of an AVP", body)
        name, code, kind, flag = words[:4]
        if kind not in TYPES:
            raise self.fault("a data type of RFC 6733 section 4.2 or 4.3", kind)
        reference = self._reference(words[4] if len(words) > 4 else "")
        number = self._number(code, "an AVP code")
        name = self._name(name, "an AVP name")
        self.tree.avps.append((name, number, self.vendor, kind, self._flag(flag), reference, self.line))

    def _flag(self, text: str) -> str:
        if text not in FLAGS:
            raise self.fault("the M rule: M, - or ?", text)
        return text

    def _reference(self, clause: str) -> str:
        """A clause alone is one of @specification; "TS 29.272 7.3.3" or "RFC 8506 8.33" names its own."""
        if clause.startswith(("TS ", "RFC ")) or not self.tree.specification:
            return clause
        return f"{self.tree.specification} {clause}".rstrip()

    def _reuse_types(self, rest: str) -> None:
        self._nothing(rest)
        self.section = self._reuse

    def _reuse(self, body: str) -> None:
        words = body.split(None, 2)
        if len(words) < 2:
            raise self.fault("name and M rule of an inherited AVP", body)
        reference = self._reference(words[2]) if len(words) > 2 else ""
        self.tree.reuse.append((self._name(words[0], "an AVP name"), self._flag(words[1]), reference, self.line))

    def _enum(self, rest: str) -> None:
        self._values(rest, bits=False)

    def _bits(self, rest: str) -> None:
        self._values(rest, bits=True)

    def _values(self, rest: str, *, bits: bool) -> None:
        name = self._name(rest, "the name of one AVP")
        if name in self.tree.values:
            raise self.fault(
                f"the values of an AVP once in a file, these are on line {self.tree.values[name][2]}", name
            )
        self.table, self.bits = {}, bits
        self.tree.values[name] = (bits, self.table, self.line)
        self.section = self._value

    def _value(self, body: str) -> None:
        number, _, label = body.partition(" ")
        if not _SIGNED.fullmatch(number) or not label:
            raise self.fault("a number and its name", body)
        value = int(number)
        if self.bits and not 0 <= value <= 63:
            raise self.fault("a bit number from 0 to 63", number)
        if not -0x80000000 <= value <= abnf.MAX_U32:
            raise self.fault("a value of 32 bits", number)
        if value in self.table:
            raise self.fault(f"each number once, {value} is {self.table[value]!r} already", body)
        self.table[value] = label

    def _alias(self, rest: str) -> None:
        self._nothing(rest)
        self.section = self._alias_line

    def _alias_line(self, body: str) -> None:
        other, equals, name = (part.strip() for part in body.partition("="))
        if not equals:
            raise self.fault("other spelling = AVP name", body)
        self.tree.aliases.append((self._name(other, "the other spelling"), self._name(name, "an AVP name"), self.line))

    def _grouped(self, rest: str) -> None:
        self._nothing(rest)
        self.definition, self.section = None, self._group_line

    def _group_line(self, body: str) -> None:
        if "::=" in body:
            group, body = abnf.group(body, self.line, self.fault)
            self.tree.groups.append(group)
            self.definition = group.grammar
        self._members(body)

    def _messages(self, rest: str) -> None:
        self._nothing(rest)
        self.definition, self.section = None, self._message_line

    def _message_line(self, body: str) -> None:
        if "::=" in body:
            command, body = abnf.command(body, self.line, self.fault)
            command.clause = self._reference(command.clause)
            self.tree.commands.append(command)
            self.definition = command.grammar
        self._members(body)

    def _members(self, body: str) -> None:
        if self.definition is None:
            raise self.fault("Name ::= before its members", body)
        abnf.members(body, self.line, self.definition, self.fault)


_WORDS: Final[dict[str, Callable[[_Reader, str], None]]] = {
    "@id": _Reader._set_id,
    "@name": _Reader._set_name,
    "@title": _Reader._set_title,
    "@vendor": _Reader._set_vendor,
    "@specification": _Reader._set_specification,
    "@inherits": _Reader._inherits,
    "@decode": _Reader._decode,
    "@accounting": _Reader._accounting,
}
_SECTIONS: Final[dict[str, Callable[[_Reader, str], None]]] = {
    "@avp_types": _Reader._avp_types,
    "@reuse_types": _Reader._reuse_types,
    "@enum": _Reader._enum,
    "@bits": _Reader._bits,
    "@alias": _Reader._alias,
    "@grouped": _Reader._grouped,
    "@messages": _Reader._messages,
}


def parse(text: str, stem: str, path: str) -> Tree:
    """Read one `.dia` file; `path` is what error lines show.  Raises DictionaryError."""
    tree = Tree(stem=stem, path=path)
    reader = _Reader(tree)
    if len(text) > MAX_TEXT:
        raise reader.fault(f"at most {MAX_TEXT} characters", f"{len(text)}")
    reader.read(text.removeprefix("\ufeff"))
    if tree.id is not None and not tree.name:
        reader.line = reader.lines["@id"]
        raise reader.fault("@name beside @id", str(tree.id))
    return tree
