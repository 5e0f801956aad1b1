"""One Diameter message: octets with a dictionary beside them; nothing is read before someone asks.

A Message keeps the octets it came in.  Faults are looked for when `faults` is read.  It is read-only: `edit` makes a
new one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from diameter.errors import RemoteFault
from diameter.message.members import NO_KEYS, Avp, Grouped, Members
from diameter.message.tables import (
    ACCT_APPLICATION_ID,
    AUTH_APPLICATION_ID,
    EXPERIMENTAL_RESULT,
    RESULT_CODE,
    VENDOR_SPECIFIC_APPLICATION_ID,
)
from diameter.wire import avp, core, header

if TYPE_CHECKING:
    from diameter.dictionary.model import CommandDef
    from diameter.message.build import Dictionary, Pending

_VSAI_LENGTH = b"\0\0\x20"

__all__ = ["Avp", "Grouped", "Members", "Message"]


class Message(Members):
    """One Diameter message (RFC 6733 section 3), from any octets.

    `origin` and `context` belong to the node: octets of our Origin-Host and Origin-Realm that `answer` writes, and
    where the message came from.  `pending`: what `encode` still has to check of a message that was built here.
    """

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
        self._end = len(octets)
        self._tables = dictionary.tables(application)
        self._keys = NO_KEYS
        self._heads = None
        self._groups = None
        self._nested = None
        self._faults = None
        self.origin: bytes = b""
        self.context: Any = None
        self.pending: Pending | None = None

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
    def definition(self) -> CommandDef | None:
        """What the dictionary says of this command in this direction, or None."""
        command = self._tables.command(self._code, self._flags >= 0x80)
        return None if command is None else command.definition

    @property
    def command(self) -> str:
        """Name of the command ("Device-Action-Request"); of an unknown one the number as text."""
        command = self._tables.command(self._code, self._flags >= 0x80)
        return str(self._code) if command is None else command.definition.name

    @property
    def application(self) -> str:
        """Name of the application ("Tsp"); of an unknown one the number as text."""
        one = self._dictionary.applications.get(self._application_id)
        return str(self._application_id) if one is None else one.name

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
        nested: dict[int, core.Nested] = {}
        self._nested = nested
        book = (tables.rows, found, nested, tables.seen)
        self._stop = core.verify(wire, self._start, self._end, grammar, keys, heads, book, 0)
        self._keys, self._heads = keys, heads
        if fine and not found and command is not None:
            ids = command.application_ids
            if (ids.isdisjoint(keys) or self._ids_agree(keys, heads)) and not (
                flags < 0x80 and EXPERIMENTAL_RESULT in keys and RESULT_CODE in keys
            ):
                return ()
        from diameter.message.faults import describe

        return describe(self, found)

    def heads_in(self, head: int) -> list[int]:
        """Header offset of each AVP in the group whose header is at `head`, at any depth."""
        known = self._nested.get(head) if self._nested is not None else None
        if known is not None:
            return known[1]
        heads: list[int] = []
        core.index(self._wire, *avp.span(self._wire, head), [], heads)
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

    @property
    def result(self) -> tuple[int, int] | None:
        """(vendor, code) of Result-Code (vendor 0) or Experimental-Result; None when the message has neither."""
        heads = self._heads if self._heads is not None else self._walk()
        keys, wire = self._keys, self._wire
        if RESULT_CODE in keys:
            start, end = avp.span(wire, heads[keys.index(RESULT_CODE)])
            return (0, int.from_bytes(wire[start:end])) if end - start == 4 else None
        if EXPERIMENTAL_RESULT in keys:
            group = self.get("Experimental-Result")
            try:
                return group.get("Vendor-Id", 0), group["Experimental-Result-Code"]
            except (KeyError, RemoteFault):
                return None
        return None

    def edit(
        self,
        *,
        add: Any = None,
        remove: Any = (),
        replace: Any = None,
        hop_by_hop: int | None = None,
        end_to_end: int | None = None,
        flags: int | None = None,
    ) -> Message:
        """A new Message; every AVP that is not named keeps its octets.

        `add`: name to value(s), appended.  `remove`: names, all instances.  `replace`: name to value(s), put where
        the first instance stands, all others go; KeyError when there is none.  Values as in `Dictionary.request`.
        """
        from diameter.message.edit import edited

        octets = self._wire if len(self._wire) >= 20 else self._wire.ljust(20, b"\0")
        if add or remove or replace:
            body = edited(self, add, remove, replace)
            size = (20 + len(body)) if self.framed else int.from_bytes(octets[1:4])
            octets = octets[:1] + size.to_bytes(3) + octets[4:20] + body
        hop = self._hop_by_hop if hop_by_hop is None else hop_by_hop
        end = self._end_to_end if end_to_end is None else end_to_end
        octets = header.with_identifiers(octets, hop, end)
        if flags is not None:
            octets = header.with_flags(octets, flags)
        made = Message(octets, self._dictionary)
        made.origin, made.context = self.origin, self.context
        return made

    def with_identifiers(self, hop_by_hop: int, end_to_end: int) -> Message:
        """The same message under other identifiers (RFC 6733 section 3)."""
        return Message(header.with_identifiers(self._wire, hop_by_hop, end_to_end), self._dictionary)

    def answer(
        self, code: int, avps: Any = None, *, vendor: int = 0, error: bool | None = None, echo: bool = True
    ) -> Message:
        """The answer to this request, see `message.build.answer`."""
        from diameter.message.build import answer

        return answer(self, code, avps, vendor=vendor, error=error, echo=echo)

    def refusal(self, fault: RemoteFault) -> Message:
        """The answer that tells the peer about one of `faults`, see `message.build.refusal`."""
        from diameter.message.build import refusal

        return refusal(self, fault)

    def quote(self, *path: str) -> bytes:
        """For Failed-AVP: the AVP at `path`, outermost group first, as it came; an example where it is absent (7.5)."""
        from diameter.message.spot import quote

        return quote(self, path)

    def to_json(self, *, indent: int | None = None) -> str:
        """The message as JSON text, schema 1; `from_json` makes the same octets of it."""
        from diameter.message.json import dumps

        return dumps(self, indent)

    @classmethod
    def from_json(cls, text: str, dictionary: Dictionary) -> Message:
        """A message from JSON text; LocalError names what is wrong in it."""
        from diameter.message.json import loads

        return loads(text, dictionary)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Message) and self._wire == other._wire

    def __hash__(self) -> int:
        return hash(self._wire)

    def __repr__(self) -> str:
        kind = "request" if self.request else "answer"
        return f"Message({self.command}, {self.application}, {kind}, {len(self._wire)} octets)"
