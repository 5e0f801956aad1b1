"""A whole message for the interpreter: header fields, and whether anything is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from diameter.errors import RemoteFault
from diameter.message._core import NO_KEYS, Members, describe
from diameter.message.tables import (
    ACCT_APPLICATION_ID,
    AUTH_APPLICATION_ID,
    EXPERIMENTAL_RESULT,
    RESULT_CODE,
    VENDOR_SPECIFIC_APPLICATION_ID,
)
from diameter.wire import _core, avp, header
from diameter.wire._core import Grammar, Nested

if TYPE_CHECKING:
    from diameter.message.build import Dictionary

_VSAI_LENGTH = b"\0\0\x20"


class Frame(Members):
    """A whole message: header fields, and whether anything is wrong."""

    __slots__ = (
        "_application_id", "_code", "_dictionary", "_end_to_end", "_faults", "_flags", "_framed", "_hop_by_hop",
        "context", "origin", "pending",
    )  # fmt: skip

    _application_id: int
    _code: int
    _dictionary: Dictionary
    _end_to_end: int
    _faults: tuple[RemoteFault, ...] | None
    _flags: int
    _framed: bool
    _hop_by_hop: int

    def __init__(self, octets: bytes, dictionary: Dictionary) -> None:
        self._wire = octets
        self._dictionary = dictionary
        size = len(octets)
        fields = header.unpack(octets if size >= 20 else octets.ljust(20, b"\0"))
        first, word, application, self._hop_by_hop, self._end_to_end = fields
        self._framed = first == (size | 0x01000000) and size & 3 == 0 and size >= 20
        self._flags = word >> 24
        self._code = word & 0xFFFFFF
        self._application_id = application
        self._start = self._stop = min(20, len(octets))
        self._end = size
        self._whole = False
        self._tables = dictionary.tables(application)
        self._keys = NO_KEYS
        self._heads = None
        self._groups = None
        self._nested = None
        self._faults = None
        self.origin: bytes = b""
        self.context: Any = None
        self.pending: Any = None

    @property
    def octets(self) -> bytes:
        """The whole message as it is on the wire."""
        return self._wire

    @property
    def dictionary(self) -> Dictionary:
        """What the message is read with."""
        return self._dictionary

    @property
    def flags(self) -> int:
        """The command flags octet: R 0x80, P 0x40, E 0x20, T 0x10."""
        return self._flags

    @property
    def request(self) -> bool:
        """R bit."""
        return self._flags >= 0x80

    @property
    def proxiable(self) -> bool:
        """P bit."""
        return self._flags & header.FLAG_P != 0

    @property
    def error(self) -> bool:
        """E bit."""
        return self._flags & header.FLAG_E != 0

    @property
    def retransmitted(self) -> bool:
        """T bit."""
        return self._flags & header.FLAG_T != 0

    @property
    def command_code(self) -> int:
        """Command Code, 24 bits."""
        return self._code

    @property
    def application_id(self) -> int:
        """Application-ID of the header."""
        return self._application_id

    @property
    def hop_by_hop(self) -> int:
        """Hop-by-Hop Identifier."""
        return self._hop_by_hop

    @property
    def end_to_end(self) -> int:
        """End-to-End Identifier."""
        return self._end_to_end

    @property
    def framed(self) -> bool:
        """True for one whole frame: version 1, at least 20 octets, Message Length their number and a multiple of 4."""
        return self._framed

    @property
    def faults(self) -> tuple[RemoteFault, ...]:
        """All that is wrong with the octets, in the order met; computed on first read and kept (RFC 6733 section 7)."""
        faults = self._faults
        if faults is None:
            self._faults = faults = self._find_faults()
        return faults

    def _find_faults(self) -> tuple[RemoteFault, ...]:
        """The quick way: a message in order leaves here; the others are described by `message.faults`."""
        wire, tables, flags = self._wire, self._tables, self._flags
        command = tables.commands.get(self._code << 1 | (flags >= 0x80))
        known = self._application_id == tables.application_id
        fine = known and self._framed and command is not None and flags in command.flags
        if command is None:
            grammar = None
        elif flags & 0xA0 == header.FLAG_E:
            grammar = tables.error
        else:
            grammar = command.grammar
        keys: list[int] = []
        heads: list[int] = []
        found: list[int] = []
        nested: dict[int, Nested] = {}
        self._nested = nested
        book = (tables.rows, found, nested, tables.seen, tables.shorts)
        self._stop = _core.verify(wire, self._start, self._end, grammar, keys, heads, book, 0)
        self._keys, self._heads = keys, heads
        self._whole = True
        if fine and not found and command is not None:
            ids = command.application_ids
            if (ids.isdisjoint(keys) or self._ids_agree(keys, heads)) and not (
                flags < 0x80 and EXPERIMENTAL_RESULT in keys and RESULT_CODE in keys
            ):
                return ()
        return describe(self, found)

    def _holds(self, grammar: Grammar, keys: list[int]) -> bool:
        """True when members with these keys keep `grammar`; False also when only the layer above can tell."""
        return _core.holds(grammar, keys)

    def heads_in(self, head: int) -> list[int]:
        """Header offset of each AVP in the group whose header is at `head`, at any depth."""
        known = self._nested.get(head) if self._nested is not None else None
        if known is not None:
            return _core.unfolded(known, head, head)[1]
        heads: list[int] = []
        _core.index(self._wire, *avp.span(self._wire, head), [], heads)
        return heads

    def _ids_agree(self, keys: list[int], heads: list[int]) -> bool:
        """True when the application ids at the top level are the header's; False also when in doubt."""
        wire, tables = self._wire, self._tables
        if VENDOR_SPECIFIC_APPLICATION_ID in keys:
            head = heads[keys.index(VENDOR_SPECIFIC_APPLICATION_ID)]
            if wire[head + 5 : head + 8] != _VSAI_LENGTH or not wire.startswith(tables.vsai, head + 8):
                return False
        for key in (AUTH_APPLICATION_ID, ACCT_APPLICATION_ID):
            if key in keys:
                head = heads[keys.index(key)]
                if int.from_bytes(wire[head + 8 : head + 12]) != self._application_id:
                    return False
        return True
