"""The hot part of Message and Grouped, written for C types: the twin of `message._core`, built as `_ccore`.

Plain Python that imports no cython, see `wire._typed`.  Nothing is kept of the walk: to find an AVP in octets costs
less than to look it up in lists that must first be made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import diameter.message._typed_lookup as k
import diameter.wire._octets as o
import diameter.wire._typed as w
from diameter.message._core import ASCII, GROUP, I32, I64, U32, U64, UNPACK, UTF8, describe, unreadable

if TYPE_CHECKING:
    from diameter.message.build import Dictionary
    from diameter.message.tables import Tables

ABSENT = object()


class Members:
    """AVPs side by side in octets, see `message._core.Members`."""

    __slots__ = ("_end", "_groups", "_heads", "_keys", "_lookup", "_start", "_stop", "_wire")

    _wire: bytes
    _start: int
    _end: int
    _stop: int
    _lookup: k.Lookup
    _keys: Any
    _heads: Any
    _groups: dict[int, Any] | None

    def __init__(self, wire: bytes, start: int, end: int, tables: Tables, nested: Any = None) -> None:
        if not 0 <= start <= end <= len(wire):
            raise ValueError(f"{start} to {end} is no part of {len(wire)} octets")
        self._wire = wire
        self._start = start
        self._end = end
        self._stop = start
        self._lookup = tables.lookup
        self._keys = self._heads = self._groups = None

    @property
    def wire(self) -> bytes:
        """The octets in which the AVPs stand; for a Grouped those of the whole message."""
        return self._wire

    @property
    def tables(self) -> Any:
        """The compiled scope by which names are resolved."""
        return self._lookup.tables

    @property
    def heads(self) -> Any:
        """Header offset of each AVP in `wire`, in order."""
        if self._heads is None:
            self._walk()
        return self._heads

    @property
    def keys(self) -> Any:
        """Key (vendor << 32 | code) of each AVP, in order."""
        if self._heads is None:
            self._walk()
        return self._keys

    @property
    def start(self) -> int:
        """Where the first AVP begins in `wire`."""
        return self._start

    @property
    def end(self) -> int:
        """Where the last AVP must end."""
        return self._end

    @property
    def stop(self) -> int:
        """Where walking stopped: `end`, unless a length is wrong."""
        if self._heads is None:
            self._walk()
        return self._stop

    def _walk(self) -> None:
        keys: list[int] = []
        heads: list[int] = []
        self._stop = w.index(self._wire, self._start, self._end, keys, heads)
        self._keys = keys
        self._heads = heads

    def _value(self, head: int, name: str, reader: k.Reader) -> Any:
        p = self._wire
        form = reader.form
        rest = o.word(p, head + 4)
        start = head + 12 if rest >> 31 else head + 8
        end = head + (rest & 0xFFFFFF)
        try:
            if form == UTF8:
                return o.text(p, start, end)
            if form == ASCII:
                return o.plain_text(p, start, end)
            if form == GROUP:
                return self._group(head, start, end, reader.decode)
            if end - start == reader.size:
                if form == U32:
                    return o.word(p, start)
                if form == I32:
                    return o.signed(p, start)
                if form == U64:
                    return o.long_word(p, start)
                if form == I64:
                    return o.long_signed(p, start)
                if form == UNPACK:
                    return reader.unpack(self._wire, start)[0]
            return reader.decode(o.cut(p, start, end))
        except ValueError as error:
            raise unreadable(name, o.cut(p, head, end), head, error) from None

    def _group(self, head: int, start: int, end: int, kind: Any) -> Any:
        groups = self._groups
        if groups is None:
            self._groups = groups = {}
        found = groups.get(head)
        if found is None:
            group = o.new(kind)
            group._wire = self._wire
            group._start = start
            group._end = end
            group._stop = start
            group._lookup = self._lookup
            group._keys = group._heads = group._groups = None
            groups[head] = found = group
        return found

    def _item(self, name: str, default: Any) -> Any:
        reader = self._lookup.reader(name)
        head = w.find(self._wire, self._start, self._end, reader.key)
        if head < 0:
            return default
        return self._value(head, name, reader)

    def _has(self, name: str) -> bool:
        reader = self._lookup.reader(name)
        return w.find(self._wire, self._start, self._end, reader.key) >= 0

    def _read(self, head: int, name: str, label: str) -> Any:
        """The value of the AVP at `head` read as `name`; `label` is what a fault calls it."""
        if head < self._start or w.first_end(self._wire, head, self._end) < 0:
            raise IndexError(f"no AVP at {head}")
        return self._value(head, label, self._lookup.reader(name))

    def __getitem__(self, name: str) -> Any:
        """The first AVP of this name: one value however often the peer sent it.  KeyError when absent."""
        value = self._item(name, ABSENT)
        if value is ABSENT:
            raise KeyError(name)
        return value

    def get(self, name: str, default: Any = None) -> Any:
        """The first value, or `default` when the AVP is absent; UnknownName when no dictionary has the name."""
        return self._item(name, default)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self._has(name)

    def __len__(self) -> int:
        """How many AVPs stand here, groups counted as one."""
        return len(self.heads)


class Frame(Members):
    """A whole message: header fields, and whether anything is wrong, see `message._core.Frame`."""

    __slots__ = (
        "_application_id", "_code", "_dictionary", "_end_to_end", "_faults", "_flags", "_framed", "_hop_by_hop",
        "_nested", "context", "origin", "pending",
    )  # fmt: skip

    _faults: Any
    _nested: dict[int, list[int]] | None

    def __init__(self, octets: bytes, dictionary: Dictionary) -> None:
        self._fill(octets if octets.__class__ is bytes else bytes(octets), dictionary)

    def _fill(self, octets: bytes, dictionary: Any) -> None:
        self._wire = octets
        self._dictionary = dictionary
        size = len(octets)
        whole = octets if size >= 20 else octets.ljust(20, b"\0")
        p = whole
        first = o.word(p, 0)
        word = o.word(p, 4)
        self._application_id = application = o.word(p, 8)
        self._hop_by_hop = o.word(p, 12)
        self._end_to_end = o.word(p, 16)
        self._framed = first == (size | 0x01000000) and size & 3 == 0 and size >= 20
        self._flags = word >> 24
        self._code = word & 0xFFFFFF
        self._start = self._stop = 20 if size > 20 else size
        self._end = size
        lookups = dictionary.lookups
        lookup = lookups.get(application)
        if lookup is None:
            lookup = dictionary.tables(application).lookup
        self._lookup = lookup
        self._keys = self._heads = self._groups = self._nested = self._faults = None
        self.origin = b""
        self.context = None
        self.pending = None

    @property
    def octets(self) -> bytes:
        """The whole message as it is on the wire."""
        return self._wire

    @property
    def dictionary(self) -> Any:
        """What the message is read with."""
        return self._dictionary

    @property
    def flags(self) -> int:
        """The command flags octet: R 0x80, P 0x40, E 0x20, T 0x10."""
        return self._flags

    @property
    def request(self) -> bool:
        """R bit."""
        return self._flags & 0x80 != 0

    @property
    def proxiable(self) -> bool:
        """P bit."""
        return self._flags & 0x40 != 0

    @property
    def error(self) -> bool:
        """E bit."""
        return self._flags & 0x20 != 0

    @property
    def retransmitted(self) -> bool:
        """T bit."""
        return self._flags & 0x10 != 0

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
    def faults(self) -> Any:
        """All that is wrong with the octets, in the order met; computed on first read and kept (RFC 6733 section 7)."""
        if self._faults is None:
            self._faults = self._find_faults()
        return self._faults

    def _find_faults(self) -> Any:
        lookup = self._lookup
        flags = self._flags
        order = lookup.order(self._code << 1 | (flags >> 7))
        found: list[int] = []
        if order is None:
            lookup.verify(self._wire, self._start, self._end, None, found)
        else:
            rules = lookup.error if flags & 0xA0 == 0x20 else order.rules
            lookup.verify(self._wire, self._start, self._end, rules, found)
            if (
                not found
                and self._framed
                and self._application_id == lookup.application_id
                and (flags == order.want or flags == order.also)
                and self._agrees(order.ids)
            ):
                return ()
        return describe(self, found)

    def _holds(self, grammar: Any, keys: Any) -> bool:
        """True when the members keep the grammar of the message; False also when only the layer above can tell."""
        order = self._lookup.order(self._code << 1 | (self._flags >> 7))
        if order is None:
            return False
        rules = self._lookup.error if self._flags & 0xA0 == 0x20 else order.rules
        return self._keeps(rules)

    def _keeps(self, rules: w.Rules) -> bool:
        p, start, end = self._wire, self._start, self._end
        present = again = 0
        others = False
        while end - start >= 8:
            key = o.word(p, start)
            rest = o.word(p, start + 4)
            if rest >> 31:
                if end - start < 12:
                    return False
                key |= o.shifted(p, start + 8)
            bit = rules.bit(key)
            if bit == 0:
                others = True
            again |= present & bit
            present |= bit
            if rest & 0xFFFFFF < 8:
                return False
            start += ((rest & 0xFFFFFF) + 3) & ~3
        return start == end and rules.kept(present, again, others)

    def _agrees(self, ids: bool) -> bool:
        """True when application ids are the header's and an answer has one result; False also when in doubt."""
        p, start, end = self._wire, self._start, self._end
        results = 0
        while end - start >= 8:
            rest = o.word(p, start + 4)
            if rest >> 31 == 0:
                code = o.word(p, start)
                if code == 268 or code == 297:
                    results |= 1 if code == 268 else 2
                elif ids and (code == 258 or code == 259):
                    if rest & 0xFFFFFF != 12 or o.word(p, start + 8) != self._application_id:
                        return False
                elif ids and code == 260 and (rest & 0xFFFFFF != 32 or not o.same(p, start + 8, self._lookup.vsai)):
                    return False
            start += ((rest & 0xFFFFFF) + 3) & ~3
        return results != 3 or self._flags >= 0x80

    def heads_in(self, head: int) -> list[int]:
        """Header offset of each AVP in the group whose header is at `head`, at any depth."""
        nested = self._nested
        if nested is None:
            self._nested = nested = {}
        heads = nested.get(head)
        if heads is None:
            nested[head] = heads = []
            if not 0 <= head <= len(self._wire) - 8:
                raise IndexError(f"no AVP at {head}")
            rest = o.word(self._wire, head + 4)
            start = head + 12 if rest >> 31 else head + 8
            w.index(self._wire, start, head + (rest & 0xFFFFFF), [], heads)
        return heads
