"""AVPs being written, for C types: the twin of `message._core_body`, built as `_ccore_body`.

Octets go straight into one buffer; the length of a group is written when the group is.  Values of the usual kinds are
written here; every other value, and every one that does not fit, goes to the encoder of its type, which says why.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import diameter.message._typed as m
import diameter.message._typed_lookup as k
import diameter.wire._octets as o
import diameter.wire._typed as w
from diameter.errors import EncodeError
from diameter.message._core import ASCII, GROUP, I32, I64, OCTETS, U32, U64, UTF8
from diameter.message.arity import complaint

DEEPEST = 400
"""Groups in groups; a mapping that contains itself ends here."""
HEADER = 20
ROOM = 1024
LARGEST = 0x10000
"""Octets of one text or octet value that are written in place; more than that goes the long way."""


class Body:
    """AVPs being written, and the first violation inside a group; the first 20 octets are the header's."""

    __slots__ = ("_at", "_buffer", "_lookup", "_p", "_size", "keys", "problem")

    def __init__(self, tables: Any) -> None:
        self._lookup: k.Lookup = tables.lookup
        self._buffer = o.room(ROOM)
        self._p = self._buffer
        self._size = ROOM
        self._at = HEADER
        self.keys = None
        self.problem: Any = None

    def write(self, avps: Any) -> None:
        """Append AVPs; EncodeError names the one whose value does not fit."""
        self._write(avps, None, 0)

    def kept(self, avps: dict[str, Any], grammar: Any, code: int) -> bool:
        """Append AVPs of the request `code`; True when they and their groups keep the grammar; False when in doubt."""
        order = self._lookup.order(code << 1 | 1)
        return order is not None and self._write(avps, order.rules, 0) and self.problem is None

    def _write(self, avps: Any, rules: w.Rules | None, depth: int) -> bool:
        """Append AVPs; True when they keep `rules`, False also when bits cannot tell."""
        lookup = self._lookup
        present = again = 0
        others = False
        if not o.is_dict(avps):
            for name, value in avps.items() if isinstance(avps, Mapping) else avps:
                self._values(lookup.writer(name), name, value, depth)
            return False
        plain = avps
        for name, value in plain.items():
            writer = lookup.writer(name)
            many = self._values(writer, name, value, depth)
            if rules is not None:
                bit = rules.bit(writer.key)
                if bit == 0:
                    others = others or many > 0
                elif many > 0:
                    again |= present & bit
                    present |= bit
                    if many > 1:
                        again |= bit
        return rules is None or rules.kept(present, again, others)

    def _values(self, writer: k.Writer, name: str, value: Any, depth: int) -> int:
        """One AVP, or one for each value of a list; how many."""
        if o.is_several(value):
            for one in value:
                self._one(writer, name, one, depth)
            return len(value)
        self._one(writer, name, value, depth)
        return 1

    def _one(self, writer: k.Writer, name: str, value: Any, depth: int) -> None:
        head = self._at
        data = head + (12 if writer.vendor else 8)
        size = self._data(writer, value, data)
        if size < 0:
            try:
                if writer.form == GROUP and o.is_dict(value):
                    size = self._group(writer, value, data, depth)
                elif writer.form == GROUP:
                    size = self._other_group(writer, value, data, depth)
                else:
                    size = self._octets(data, writer.encode(value))
            except (ValueError, TypeError) as error:
                raise EncodeError(f"{name}: {error} ({writer.definition.reference})") from None
        p = self._p
        o.put_word(p, head, writer.code)
        o.put_word(p, head + 4, writer.word + size)
        if writer.vendor:
            o.put_word(p, head + 8, writer.vendor)
        data += size
        while data & 3:
            p[data] = 0
            data += 1
        self._at = data

    def _data(self, writer: k.Writer, value: Any, at: int) -> int:
        """Write a value of the usual kind; how many octets, or -1 for any other."""
        self._need(at, 16)
        form = writer.form
        if form in (UTF8, ASCII):
            size = o.utf8_size(value)
            if size < 0 or size > LARGEST:
                return -1
            self._need(at, size + 4)
            o.put_utf8(self._p, at, value, size)
            if form == ASCII and (size == 0 or o.graph(self._p, at, at + size)):
                return -1
            return size
        if form == OCTETS:
            if not o.is_bytes(value) or len(value) > LARGEST:
                return -1
            size = len(value)
            self._need(at, size + 4)
            o.put(self._p, at, value, size)
            return size
        if not o.is_short(value):
            return -1
        number = value
        if form == U32 and number >> 32 == 0:
            o.put_word(self._p, at, number)
            return 4
        if form == I32 and (number >> 31 == 0 or number >> 31 == -1):
            o.put_word(self._p, at, number)
            return 4
        if form == I64 or (form == U64 and number >= 0):
            o.put_long(self._p, at, number)
            return 8
        return -1

    def _octets(self, at: int, octets: bytes) -> int:
        size = len(octets)
        self._need(at, size + 4)
        o.put(self._p, at, octets, size)
        return size

    def _group(self, writer: k.Writer, value: Any, at: int, depth: int) -> int:
        """Write the members of a group and hold them against its grammar."""
        if depth >= DEEPEST:
            raise RecursionError(f"groups nested deeper than {DEEPEST}")
        self._at = at
        rules = writer.rules
        if not self._write(value, rules, depth + 1) and self.problem is None and rules is not None:
            self._complain(writer, rules, bytes(self._buffer[at : self._at]))
        return self._at - at

    def _complain(self, writer: k.Writer, rules: w.Rules, octets: bytes) -> None:
        keys: list[int] = []
        w.index(octets, 0, len(octets), keys, [])
        one = writer.definition
        if one.grammar is not None and not w.holds(rules.grammar, keys):
            self.problem = complaint(one.name, one.reference, one.grammar, keys, self._lookup.tables.scope.avps)

    def _other_group(self, writer: k.Writer, value: Any, at: int, depth: int) -> int:
        if isinstance(value, writer.kind):
            return self._octets(at, value.octets)
        if isinstance(value, (bytes, bytearray)):
            return self._octets(at, bytes(value))
        if not isinstance(value, Mapping):
            raise TypeError(f"a mapping, Grouped or octets wanted, not {type(value).__name__}")
        return self._group(writer, value, at, depth)

    def _need(self, at: int, size: int) -> None:
        """Make room for `size` octets at `at`."""
        if self._size - at < size:
            self._buffer += bytes(self._size + size)
            self._p = self._buffer
            self._size = len(self._buffer)

    def copy(self, members: Any, key: int, *, every: bool = False) -> None:
        """Append the AVP of another message as it came, the first or every one; nothing when it has none."""
        self._copy(members, key, every)

    def _copy(self, members: m.Members, key: int, every: bool) -> None:
        wire, end = members._wire, members._end
        head = w.find(wire, members._start, end, key)
        while head >= 0:
            after = w.first_end(wire, head, end)
            self._padded(o.cut(wire, head, after))
            if not every:
                return
            head = w.find(wire, head + ((after - head + 3) & ~3), end, key)

    def _padded(self, octets: bytes) -> None:
        at = self._at + self._octets(self._at, octets)
        while at & 3:
            self._p[at] = 0
            at += 1
        self._at = at

    def add(self, octets: bytes, keys: tuple[int, ...]) -> None:
        """Append AVPs that are octets already."""
        self._at += self._octets(self._at, octets)

    def octets(self) -> bytes:
        """The AVPs, side by side."""
        return bytes(self._buffer[HEADER : self._at])

    def message(self, flags: int, code: int, application: int, hop_by_hop: int, end_to_end: int) -> bytes:
        """A whole message with these AVPs."""
        return self._message(flags << 24 | code, application, hop_by_hop, end_to_end)

    def _message(self, word: int, application: int, hop_by_hop: int, end_to_end: int) -> bytes:
        p = self._p
        o.put_word(p, 0, 0x01000000 | self._at)
        o.put_word(p, 4, word)
        o.put_word(p, 8, application)
        o.put_word(p, 12, hop_by_hop)
        o.put_word(p, 16, end_to_end)
        return o.cut(p, 0, self._at)
