"""What one application's messages are read and written with, for C types; built as `_ccore_lookup`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import diameter.wire._typed as w
from diameter.message._core import ASCII, DECODE, GROUP, I32, I64, OCTETS, U32, U64, UNPACK, UTF8

if TYPE_CHECKING:
    from diameter.message.tables import Command as PlainCommand
    from diameter.message.tables import Writer as PlainWriter

FORMS = {
    "UTF8String": UTF8, "DiameterIdentity": ASCII, "Unsigned32": U32, "Integer32": I32, "Enumerated": I32,
    "Unsigned64": U64, "Integer64": I64, "Float32": UNPACK, "Float64": UNPACK, "Grouped": GROUP,
}  # fmt: skip
WRITTEN = {name: form for name, form in FORMS.items() if form != UNPACK} | {"OctetString": OCTETS}


class Reader:
    """How the AVP of a name is found and read.  `decode`: what makes a value of the data; of a Grouped its class."""

    __slots__ = ("decode", "form", "key", "size", "unpack")

    def __init__(self, key: int, type_name: str, size: int, unpack: Any, decode: Any) -> None:
        self.key = key
        self.form = FORMS.get(type_name, DECODE)
        self.size = size
        self.unpack = unpack
        self.decode = decode


class Writer:
    """How one AVP is written; `code`, `word` (flags << 24 | header size) and `vendor` stand in its header."""

    __slots__ = ("code", "definition", "encode", "form", "key", "kind", "rules", "vendor", "word")

    def __init__(self, lookup: Lookup, plain: PlainWriter) -> None:
        self.key = plain.key
        self.code = plain.code
        self.word = plain.word
        self.vendor = plain.vendor
        self.encode: Any = plain.encode
        self.definition = plain.definition
        self.form = WRITTEN.get(plain.definition.type, DECODE)
        self.kind = lookup.grouped()
        self._find_rules(lookup)

    def _find_rules(self, lookup: Lookup) -> None:
        row = lookup.row(self.key)
        self.rules = None if row is None else row.rules


class Order:
    """A command: two flag octets that are in order, whether application ids must agree, and the grammar."""

    __slots__ = ("also", "ids", "rules", "want")

    def __init__(self, command: PlainCommand) -> None:
        self.want = min(command.flags)
        self.also = max(command.flags)
        self.ids = bool(command.application_ids)
        self.rules = w.Rules(command.grammar)


class Lookup(w.Checks):
    """What one application's messages are read with: `wire._typed.Checks`, and readers by name."""

    __slots__ = ("_orders", "_readers", "_writers", "application_id", "error", "tables", "vsai")

    def __init__(self, tables: Any) -> None:
        super().__init__(tables.row)
        self.tables = tables
        self.application_id = tables.application_id
        self.vsai = tables.vsai
        self.error = w.Rules(tables.error)
        self._readers: dict[str, Reader] = {}
        self._writers: dict[str, Writer] = {}
        self._orders: dict[int, Order] = {}

    def reader(self, name: str) -> Reader:
        """How the AVP of this name is read; UnknownName."""
        reader = self._readers.get(name)
        if reader is None:
            reader = Reader(*self.tables.form(name))
            if reader.form == GROUP:
                reader.decode = self.grouped()
            self._readers[name] = reader
        return reader

    def grouped(self) -> Any:
        """The class of a group's value."""
        from diameter.message.members import Grouped

        return Grouped

    def writer(self, name: str) -> Writer:
        """How the AVP of this name is written; UnknownName, EncodeError."""
        writer = self._writers.get(name)
        if writer is None:
            self._writers[name] = writer = Writer(self, self.tables.writer(name))
        return writer

    def order(self, code: int) -> Order | None:
        """The command `code` << 1 | R bit."""
        order = self._orders.get(code)
        if order is None:
            command = self.tables.commands.get(code)
            if command is not None:
                self._orders[code] = order = Order(command)
        return order
