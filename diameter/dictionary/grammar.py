"""Text of a `.dia` file to a tree with line numbers; `dict/README.md` describes the grammar.

Sections of a file are independent: a line belongs to the section opened by the last `@` word.  Nothing is looked up here; names
are resolved by `link.py`, which also knows the other files.  Any text gives a Tree or a DictionaryError, nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from diameter.errors import DictionaryError
from diameter.wire.types import TYPES

RawRule: TypeAlias = tuple[str, int, int | None, bool, int]  # name, minimum, maximum, fixed, line
RawAvp: TypeAlias = tuple[str, int, int, str, str, str, int]  # name, code, vendor, type, M rule, reference, line

FLAGS: Final = ("M", "-", "?")
MAX_U32: Final = 0xFFFFFFFF
MAX_COMMAND: Final = 0xFFFFFF
MAX_TEXT: Final = 4_000_000

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+/-]*", re.ASCII)
_NUMBER: Final = re.compile(r"[0-9]{1,10}", re.ASCII)
_SIGNED: Final = re.compile(r"-?[0-9]{1,10}", re.ASCII)
_MEMBER: Final = re.compile(r"\s*([0-9]{0,4})(\*?)\s*([0-9]{0,4})\s*([<{\[])\s*([A-Za-z0-9._+/-]+)\s*([>}\]])", re.ASCII)
_CLOSE: Final = {"<": ">", "{": "}", "[": "]"}
_GROUP: Final = re.compile(r"([^\s:]+)\s*::=\s*<\s*AVP\s+[Hh]eader\s*:\s*([0-9]+)(?:\s+([0-9]+))?\s*>", re.ASCII)
_COMMAND: Final = re.compile(
    r"([^\s:]+)\s+([A-Za-z0-9-]+)(?:\s+([^:<]*?))?\s*::=\s*<\s*Diameter\s+Header\s*:\s*([^<>]*)>", re.ASCII
)


@dataclass(slots=True)
class RawGrammar:
    """A `::=` definition as printed: members in order, and whether any other AVP may follow."""

    line: int
    rules: list[RawRule] = field(default_factory=list)
    wildcard: bool = False


@dataclass(slots=True)
class RawGroup:
    """One entry of @grouped; code and vendor repeat the AVP's own and are checked against it."""

    name: str
    code: int
    vendor: int
    grammar: RawGrammar


@dataclass(slots=True)
class RawCommand:
    """One entry of @messages; code -1 stands for the answer-message of RFC 6733 section 7.2, whose code is the request's."""

    name: str
    short: str
    code: int
    request: bool
    proxiable: bool
    error: bool
    application_id: int | None
    reference: str
    grammar: RawGrammar


@dataclass(slots=True)
class Tree:
    """One dictionary file, names unresolved.  `imported` is true for foreign formats, whose repeats of known AVPs are dropped."""

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
    reuse: list[tuple[str, str, str, int]] = field(default_factory=list)
    values: dict[str, tuple[bool, dict[int, str], int]] = field(default_factory=dict)
    groups: list[RawGroup] = field(default_factory=list)
    aliases: list[tuple[str, str, int]] = field(default_factory=list)
    commands: list[RawCommand] = field(default_factory=list)


class _Reader:
    """State of reading one file: the tree so far, the line number, and what the open section does with a line."""

    __slots__ = ("enum", "enum_bits", "grammar", "line", "section", "seen", "tree", "vendor")

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self.line = 0
        self.vendor = 0
        self.section: Callable[[str], None] = self._outside
        self.seen: dict[str, int] = {}
        self.enum: dict[int, str] = {}
        self.enum_bits = False
        self.grammar: RawGrammar | None = None

    def fault(self, expected: str, found: str = "") -> DictionaryError:
        shown = f", found {found[:60]!r}" if found else ""
        return DictionaryError(f"{self.tree.path}:{self.line}: expected {expected}{shown}")

    def read(self, text: str) -> None:
        """Every line to the section it stands in."""
        for number, raw in enumerate(text.split("\n"), 1):
            body = raw.partition(";")[0].strip()
            if not body:
                continue
            self.line = number
            if body[0] == "@":
                self._directive(body)
            else:
                self.section(body)

    def number(self, text: str, what: str, maximum: int = MAX_U32) -> int:
        if not _NUMBER.fullmatch(text) or (value := int(text)) > maximum:
            raise self.fault(f"{what}, a number up to {maximum}", text)
        return value

    def name(self, text: str, what: str) -> str:
        if not _NAME.fullmatch(text) or text == "AVP":
            raise self.fault(what, text)
        return text

    def _outside(self, body: str) -> None:
        raise self.fault("a section such as @avp_types before this line", body)

    def _directive(self, body: str) -> None:
        word, _, rest = body.partition(" ")
        action = _DIRECTIVES.get(word)
        if action is None:
            raise self.fault(f"one of {' '.join(sorted(_DIRECTIVES))}", word)
        action(self, rest.strip())

    def _once(self, word: str) -> None:
        if word in self.seen:
            raise self.fault(f"{word} once in a file (first on line {self.seen[word]})")
        self.seen[word] = self.line

    # --- words that stand alone

    def _id(self, rest: str) -> None:
        self._once("@id")
        self.tree.id = self.number(rest, "an application id")

    def _name(self, rest: str) -> None:
        self._once("@name")
        self.tree.name = self.name(rest, "the application's name, one word")

    def _title(self, rest: str) -> None:
        self._once("@title")
        self.tree.title = rest

    def _vendor(self, rest: str) -> None:
        self._once("@vendor")
        self.vendor = self.tree.vendor = self.number(rest.partition(" ")[0], "a vendor id")

    def _specification(self, rest: str) -> None:
        self._once("@specification")
        if not rest:
            raise self.fault("the name of the specification, such as TS 29.368")
        self.tree.specification = rest

    def _inherits(self, rest: str) -> None:
        stems = rest.split()
        if not stems:
            raise self.fault("the stems of the inherited files")
        self.tree.inherits += [(self.name(stem, "the stem of a file"), self.line) for stem in stems]

    def _decode(self, rest: str) -> None:
        self._bare("@decode", rest)
        self.tree.decode_only = True

    def _accounting(self, rest: str) -> None:
        self._bare("@accounting", rest)
        self.tree.accounting = True

    def _bare(self, word: str, rest: str) -> None:
        self._once(word)
        if rest:
            raise self.fault(f"nothing after {word}", rest)

    # --- words that open a section

    def _avp_types(self, rest: str) -> None:
        self.vendor = self.number(rest, "a vendor id") if rest else self.tree.vendor
        self.section = self._avp

    def _avp(self, body: str) -> None:
        words = body.split(None, 4)
        if len(words) < 4:
            raise self.fault("name, code, type, M rule and clause of an AVP", body)
        name, code, kind, flag = words[:4]
        if kind not in TYPES:
            raise self.fault("a data type of RFC 6733 section 4.2 or 4.3", kind)
        reference = self.reference(words[4] if len(words) > 4 else "")
        self.tree.avps.append(
            (self.name(name, "an AVP name"), self.number(code, "an AVP code"), self.vendor, kind, self.flag(flag), reference, self.line)
        )

    def flag(self, text: str) -> str:
        if text not in FLAGS:
            raise self.fault("the M rule: M, - or ?", text)
        return text

    def reference(self, clause: str) -> str:
        """A clause alone is one of @specification; "TS 29.272 7.3.3" or "RFC 8506 8.33" names its own."""
        if clause.startswith(("TS ", "RFC ", "IANA")) or not self.tree.specification:
            return clause
        return f"{self.tree.specification} {clause}".rstrip()

    def _reuse_types(self, rest: str) -> None:
        self._no_rest("@reuse_types", rest)
        self.section = self._reuse

    def _reuse(self, body: str) -> None:
        words = body.split(None, 2)
        if len(words) < 2:
            raise self.fault("name and M rule of an inherited AVP", body)
        clause = words[2] if len(words) > 2 else ""
        self.tree.reuse.append((self.name(words[0], "an AVP name"), self.flag(words[1]), self.reference(clause) if clause else "", self.line))

    def _no_rest(self, word: str, rest: str) -> None:
        if rest:
            raise self.fault(f"nothing after {word}", rest)

    def _enum(self, rest: str) -> None:
        self._values(rest, bits=False)

    def _bits(self, rest: str) -> None:
        self._values(rest, bits=True)

    def _values(self, rest: str, bits: bool) -> None:
        name = self.name(rest, "the name of one AVP")
        if name in self.tree.values:
            raise self.fault(f"the values of {name} once in a file (first on line {self.tree.values[name][2]})")
        self.enum, self.enum_bits = {}, bits
        self.tree.values[name] = (bits, self.enum, self.line)
        self.section = self._value

    def _value(self, body: str) -> None:
        number, _, label = body.partition(" ")
        label = label.strip()
        if not _SIGNED.fullmatch(number) or not label:
            raise self.fault("a number and its name", body)
        value = int(number)
        if self.enum_bits and not 0 <= value <= 63:
            raise self.fault("a bit number from 0 to 63", number)
        if not -0x80000000 <= value <= MAX_U32:
            raise self.fault("a value of 32 bits", number)
        if value in self.enum:
            raise self.fault(f"each number once; {value} is {self.enum[value]!r} already", body)
        self.enum[value] = label

    def _alias(self, rest: str) -> None:
        self._no_rest("@alias", rest)
        self.section = self._alias_line

    def _alias_line(self, body: str) -> None:
        other, equals, name = (part.strip() for part in body.partition("="))
        if not equals:
            raise self.fault("other spelling = AVP name", body)
        self.tree.aliases.append((self.name(other, "the other spelling"), self.name(name, "an AVP name"), self.line))

    def _grouped(self, rest: str) -> None:
        self._no_rest("@grouped", rest)
        self.grammar, self.section = None, self._group_line

    def _group_line(self, body: str) -> None:
        if "::=" not in body:
            return self._members(body)
        match = _GROUP.match(body)
        if not match:
            raise self.fault("Name ::= < AVP Header: code vendor >", body)
        name, code, vendor = match.groups()
        self.grammar = RawGrammar(self.line)
        group = RawGroup(self.name(name, "an AVP name"), self.number(code, "an AVP code"), self.number(vendor or "0", "a vendor id"), self.grammar)
        self.tree.groups.append(group)
        self._members(body[match.end() :])

    def _messages(self, rest: str) -> None:
        self._no_rest("@messages", rest)
        self.grammar, self.section = None, self._message_line

    def _message_line(self, body: str) -> None:
        if "::=" not in body:
            return self._members(body)
        match = _COMMAND.match(body)
        if not match:
            raise self.fault("Name SHORT clause ::= < Diameter Header: code, REQ, PXY >", body)
        self.grammar = RawGrammar(self.line)
        self.tree.commands.append(self._command(match, self.grammar))
        self._members(body[match.end() :])

    def _command(self, match: re.Match[str], grammar: RawGrammar) -> RawCommand:
        code, *words = (word.strip() for word in match[4].split(","))
        name, application, flags = self.name(match[1], "a command name"), None, set[str]()
        for word in words:
            if word in ("REQ", "PXY", "ERR") and word not in flags:
                flags.add(word)
            elif _NUMBER.fullmatch(word) and application is None:
                application = self.number(word, "an application id")
            else:
                raise self.fault("REQ, PXY, ERR or an application id", word)
        number = -1 if code == "code" and "ERR" in flags else self.number(code, "a command code", MAX_COMMAND)
        request = "REQ" in flags
        if number >= 0 and not name.endswith("-Request" if request else "-Answer"):
            raise self.fault(f"a name that ends in {'-Request' if request else '-Answer'}", name)
        return RawCommand(
            name, match[2], number, request, "PXY" in flags, "ERR" in flags, application, self.reference(match[3] or ""), grammar
        )

    def _members(self, body: str) -> None:
        grammar = self.grammar
        if grammar is None:
            raise self.fault("Name ::= before its members", body)
        at, end = 0, len(body)
        while at < end:
            match = _MEMBER.match(body, at)
            if not match or _CLOSE[match[4]] != match[6]:
                if not body[at:].strip():
                    return
                raise self.fault("a member such as { Origin-Host }, [ User-Name ] or * [ AVP ]", body[at:].strip())
            at = match.end()
            self._member(grammar, match)

    def _member(self, grammar: RawGrammar, match: re.Match[str]) -> None:
        low, star, high, bracket, name, _ = match.groups()
        if not star and (low or high):
            raise self.fault("a count such as 1*, *2 or 0*1", match[0].strip())
        least = int(low) if low else 1 if bracket == "{" or not star and bracket == "<" else 0
        most = (int(high) if high else None) if star else 1
        if name == "AVP":
            grammar.wildcard = True
            return
        if bracket == "{" and least == 0 or bracket == "[" and least:
            raise self.fault("at least one inside { } and none required inside [ ] (RFC 6733 section 3.2)", match[0].strip())
        if most is not None and most < least:
            raise self.fault("a maximum not below the minimum", match[0].strip())
        if any(rule[0] == name for rule in grammar.rules):
            raise self.fault(f"{name} once in a definition")
        grammar.rules.append((self.name(name, "an AVP name"), least, most, bracket == "<", self.line))


_DIRECTIVES: Final[dict[str, Callable[[_Reader, str], None]]] = {
    "@id": _Reader._id,
    "@name": _Reader._name,
    "@title": _Reader._title,
    "@vendor": _Reader._vendor,
    "@specification": _Reader._specification,
    "@inherits": _Reader._inherits,
    "@decode": _Reader._decode,
    "@accounting": _Reader._accounting,
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
    if len(text) > MAX_TEXT:
        raise DictionaryError(f"{path}:1: expected at most {MAX_TEXT} characters, found {len(text)}")
    reader = _Reader(tree)
    reader.read(text.removeprefix("\ufeff").replace("\r\n", "\n"))
    if tree.id is not None and not tree.name:
        reader.line = reader.seen["@id"]
        raise reader.fault("@name beside @id")
    return tree
