"""One application's scope, compiled to the plain tables that the hot path reads.

Built once per application when its first message is seen: rows for `wire.core.verify`, a grammar per command, and,
on first use of a name, how to read and how to write that AVP.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from diameter.dictionary.model import AvpDef, CommandDef, Grammar, Scope, key_of
from diameter.errors import EncodeError, UnknownName
from diameter.wire import _core, avp, header
from diameter.wire.types import TYPES

NEVER: Final = -1
"""A key that no AVP has: in `required` it makes the core report a grammar, so that the slow check decides."""
FAILED_AVP: Final = 279
"""Holds what was wrong with another message (section 7.5): its content is not checked."""
SESSION_ID: Final = 263
RESULT_CODE: Final = 268
EXPERIMENTAL_RESULT: Final = 297
VENDOR_SPECIFIC_APPLICATION_ID: Final = 260
ACCT_APPLICATION_ID: Final = 259
AUTH_APPLICATION_ID: Final = 258
ECHOED: Final = (VENDOR_SPECIFIC_APPLICATION_ID, AUTH_APPLICATION_ID, ACCT_APPLICATION_ID, 277, 480, 485)
"""Application ids, Auth-Session-State, Accounting-Record-Type and -Number."""
APPLICATION_IDS: Final = frozenset((AUTH_APPLICATION_ID, ACCT_APPLICATION_ID, VENDOR_SPECIFIC_APPLICATION_ID))

Reader = tuple[int, int, Callable[[bytes, int], tuple[Any]] | None, str | None, Callable[[bytes], Any] | None]
"""key; size and unpack_from of a fixed format (0, None); encoding of text; what reads any other (None: Grouped)."""
_ENCODING: Final = {_core.TEXT: "utf-8", _core.IDENTITY: "ascii"}


class Writer(NamedTuple):
    """How one AVP is written: header fields that never change, and the encoder of its type (None: Grouped)."""

    key: int
    code: int
    word: int
    """flags << 24 | size of the AVP header."""
    vendor: int
    encode: Callable[[Any], bytes] | None
    definition: AvpDef
    starts: dict[int, bytes]
    """AVP headers by the size of the data, as they were needed."""


class Due(NamedTuple):
    """What a message that was built must keep: its name and clause for complaints, and the grammar in both forms."""

    where: str
    clause: str
    compiled: _core.Grammar
    grammar: Grammar


class Command(NamedTuple):
    """A command as the hot path needs it."""

    definition: CommandDef
    grammar: _core.Grammar
    flags: frozenset[int]
    """Command flag octets that are in order."""
    application_ids: frozenset[int]
    """Keys of AVPs whose application id must agree with the header (RFC 6733 sections 3 and 6.11)."""
    echoes: tuple[int, ...]
    """Of an answer: keys of AVPs that are required and that the request has said already."""
    due: Due


def compile_grammar(grammar: Grammar | None) -> _core.Grammar | None:
    """A grammar in the core's form; see `wire._core` for what the key -1 means."""
    if grammar is None:
        return None
    required: set[int] = set()
    limits: dict[int, int] = {}
    first = -1
    for position, rule in enumerate(grammar.rules):
        if rule.minimum > 0:
            required.add(rule.key)
        if rule.minimum > 1 or rule.maximum == 0:
            required.add(NEVER)
        limits[rule.key] = -1 if rule.maximum is None else rule.maximum
        if position == 0 and rule.fixed:
            first = rule.key
    return frozenset(required), limits, grammar.wildcard, first


class Readers(dict[str, Reader]):
    """How the AVP of a name is found and read, made on first use; UnknownName when no dictionary has it."""

    __slots__ = ("_tables",)

    def __init__(self, tables: Tables) -> None:
        super().__init__()
        self._tables = tables

    def __missing__(self, name: str) -> Reader:
        one = self._tables.definition(name)
        kind = TYPES[one.type]
        decode = None if kind.kind == _core.GROUPED else kind.decode
        self[name] = reader = (one.key, kind.size or 0, kind.unpack, _ENCODING.get(kind.kind), decode)
        return reader


class Tables:
    """The compiled scope of one application."""

    __slots__ = (
        "_rows",
        "application_id",
        "commands",
        "error",
        "error_rules",
        "lookup",
        "readers",
        "scope",
        "seen",
        "shorts",
        "templates",
        "vsai",
        "writers",
    )

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.application_id = scope.application.id
        self.readers = Readers(self)
        self.templates: dict[tuple[Any, ...], Any] = {}
        """What `message.answers` has found out of answers, by command, result and names."""
        self.writers: dict[str, Writer] = {}
        self.seen: dict[bytes, _core.Seen] = {}
        self.shorts: dict[bytes, _core.Nested] = {}
        self._rows: dict[int, _core.Row] | None = None
        self.commands: dict[int, Command] = {key: _command(one) for key, one in scope.commands.items()}
        self.error_rules = _error_rules(scope)
        self.error = compile_grammar(self.error_rules)
        self.vsai = _vsai(scope)
        self.lookup: Any = None

    @property
    def rows(self) -> dict[int, _core.Row]:
        """What `wire.core.verify` looks AVPs up in."""
        if self._rows is None:
            self._rows = {key: self._row(one) for key, one in self.scope.avps.items()}
        return self._rows

    def row(self, key: int) -> _core.Row | None:
        """One of `rows`, without making the others."""
        one = self.scope.avps.get(key)
        return None if one is None else self._row(one)

    def form(self, name: str) -> tuple[int, str, int, Any, Any]:
        """How the AVP of this name is read by the compiled core: see `message._typed.Reader`."""
        one = self.definition(name)
        kind = TYPES[one.type]
        return one.key, kind.name, kind.size or 0, kind.unpack, kind.decode

    def _row(self, one: AvpDef) -> _core.Row:
        kind = TYPES["OctetString" if one.key == FAILED_AVP else one.type]
        want = (avp.FLAG_V if one.vendor else 0) | (avp.FLAG_M if one.mandatory == "M" else 0)
        also = want | avp.FLAG_M if one.mandatory == "?" else want
        values = frozenset(one.values) if kind.kind == _core.ENUMERATED else frozenset()
        return kind.kind, kind.size or 0, want, also, values, compile_grammar(one.grammar)

    def writer(self, name: str) -> Writer:
        """How the AVP of this name is written; UnknownName when no dictionary has it, EncodeError when decode-only."""
        one = self.definition(name)
        if one.decode_only:
            raise EncodeError(f"{name} is known from a decode-only dictionary ({one.stem}); it can be read, not built")
        flags = (avp.FLAG_V if one.vendor else 0) | (avp.FLAG_M if one.mandatory == "M" else 0)
        kind = TYPES[one.type]
        encode: Callable[[Any], bytes] | None = None if kind.kind == _core.GROUPED else kind.encode
        if one.values and kind.name in ("Enumerated", "Unsigned32", "Integer32"):
            encode = _named(one, kind.encode)
        writer = Writer(one.key, one.code, (flags << 24) | (12 if one.vendor else 8), one.vendor, encode, one, {})
        self.writers[name] = writer
        return writer

    def definition(self, name: str) -> AvpDef:
        """The AVP of this name or alias in this scope."""
        one = self.scope.names.get(name)
        if one is None:
            vendor, _, code = name.rpartition(":")
            if code.isascii() and code.isdigit() and (vendor or "0").isascii() and (vendor or "0").isdigit():
                return self._numbered(int(vendor or 0), int(code))
            raise UnknownName(f"no dictionary has an AVP named {name!r}")
        return one

    def _numbered(self, vendor: int, code: int) -> AvpDef:
        """An AVP called by its number, "code" or "vendor:code": the known one, else opaque octets sent without M."""
        if vendor >> 32 or code >> 32:
            raise UnknownName(f"{vendor}:{code} is out of range for an AVP")
        one = self.scope.avps.get(key_of(vendor, code))
        if one is not None:
            return one
        name = f"{vendor}:{code}" if vendor else str(code)
        return AvpDef(
            name=name, code=code, vendor=vendor, key=key_of(vendor, code), type="OctetString", mandatory="-", values={},
            bits=False, grammar=None, reference="no dictionary", decode_only=False, stem="",
        )  # fmt: skip

    def command(self, code: int, request: bool) -> Command | None:
        """The command of this scope, or None."""
        return self.commands.get(code << 1 | request)


def _named(one: AvpDef, encode: Callable[[Any], bytes]) -> Callable[[Any], bytes]:
    """An encoder that also takes the name of a value ("Device Trigger Request")."""
    numbers = {name: 1 << number if one.bits else number for number, name in one.values.items()}

    def named(value: Any) -> bytes:
        if isinstance(value, str):
            if value not in numbers:
                raise ValueError(f"{value!r} is no value of {one.name}")
            value = numbers[value]
        return encode(value)

    return named


def _command(one: CommandDef) -> Command:
    base = (header.FLAG_R if one.request else 0) | (header.FLAG_P if one.proxiable else 0)
    flags = {base, base | header.FLAG_T} if one.request else {base}
    grammar = compile_grammar(one.grammar)
    assert grammar is not None  # a command always has one
    ids: frozenset[int] = frozenset() if one.application_id == 0 else APPLICATION_IDS & grammar[1].keys()
    echoes = () if one.request else tuple(key for key in ECHOED if key in grammar[0])
    due = Due(one.name, one.reference, grammar, one.grammar)
    return Command(one, grammar, frozenset(flags), ids, echoes, due)


def _error_rules(scope: Scope) -> Grammar:
    """The grammar of an answer with the E bit, answer-message (RFC 6733 section 7.2)."""
    return scope.error_answer.grammar if scope.error_answer is not None else Grammar(rules=(), wildcard=True)


def _vsai(scope: Scope) -> bytes:
    """Data of the Vendor-Specific-Application-Id that nearly every message of this application carries."""
    one = scope.application
    return avp.build(266, 0, avp.FLAG_M, one.vendor.to_bytes(4)) + avp.build(
        ACCT_APPLICATION_ID if one.accounting else AUTH_APPLICATION_ID, 0, avp.FLAG_M, one.id.to_bytes(4)
    )
