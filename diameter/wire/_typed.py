"""The core written for C types: the walk over AVPs, the look-up of their rows, the checks and the arity.

Plain Python that imports no cython; `_typed.pxd` gives it its C types, and setup.py builds it under another name,
`_ccore`, so that no binary beside this file can hide an edit.  As plain Python it runs too, slowly: the tests hold it
against `_core`, which says the same for the interpreter and with other means (a memory of headers, sets for arity).
Here a row is found in a table of our own by the key's bits, the rules of a grammar are bits of a word, and nothing is
made for an AVP that is in order.

Every function that takes octets checks its limits before it looks at one: compiled, nothing else would.
"""

from __future__ import annotations

from collections.abc import Callable

import diameter.wire._octets as o
from diameter.wire._core import (
    ARITY,
    ASK,
    CHECK,
    DEPTH,
    DEPTH_LIMIT,
    ENUM,
    ENUMERATED,
    FIXED,
    FLAGS,
    GROUPED,
    IDENTITY,
    LENGTH,
    ORDER,
    PADDING,
    SIZE,
    TEXT,
    TRUNCATED,
    UNKNOWN,
    VALUE,
    VENDOR_ZERO,
)
from diameter.wire._core import Grammar as PlainGrammar
from diameter.wire._core import Row as PlainRow
from diameter.wire._core import holds as plain_holds

SOURCES = 0
"""`wire.core.sources` when this was compiled; setup.py writes it."""


class Rule:
    """One member of a grammar, and its bit."""

    __slots__ = ("bit", "key")

    def __init__(self, key: int, bit: int) -> None:
        self.key = key
        self.bit = bit


class Rules:
    """A grammar as bits.  `required`: at least one; `single`: at most one; `few`: at most some number over one.

    `exact`: False when bits cannot say the grammar, so that `_core.holds` must.
    """

    __slots__ = ("_mask", "_slots", "exact", "few", "first", "grammar", "required", "single", "wildcard")

    def __init__(self, grammar: PlainGrammar) -> None:
        required, limits, wildcard, first = grammar
        self.grammar = grammar
        self.first = 0 if first < 0 else first + 1
        self.wildcard = wildcard
        self.exact = len(limits) <= 64 and -1 not in required and all(key in limits for key in required)
        size = 8
        while size < 3 * len(limits):
            size *= 2
        self._mask = size - 1
        self._slots: list[Rule | None] = [None] * size
        wanted = single = few = 0
        for number, key in enumerate(limits if self.exact else ()):
            bit = 1 << number
            at = o.spread(key) & self._mask
            while self._slots[at] is not None:
                at = (at + 1) & self._mask
            self._slots[at] = Rule(key, bit)
            wanted |= bit if key in required else 0
            single |= bit if limits[key] == 1 else 0
            few |= bit if limits[key] > 1 else 0
        self.required, self.single, self.few = wanted, single, few

    def bit(self, key: int) -> int:
        """The bit of the rule for `key`, 0 when the grammar does not name it."""
        slots, mask = self._slots, self._mask
        at = o.spread(key) & mask
        while True:
            rule = slots[at]
            if rule is None:
                return 0
            if rule.key == key:
                return rule.bit
            at = (at + 1) & mask

    def kept(self, present: int, again: int, others: bool) -> bool:
        """True when the members keep the grammar; False also when that cannot be told from bits.

        `present`, `again`: rules met once and more than once; `others`: a member that the grammar does not name.
        """
        return (
            self.exact
            and self.required & ~present == 0
            and again & (self.single | self.few) == 0
            and (self.wildcard or not others)
        )


class Row:
    """How one AVP is checked, see `_core`; `small`: the values below 64 of an Enumerated, as bits."""

    __slots__ = ("also", "key", "kind", "rules", "size", "small", "values", "want")

    def __init__(self, key: int, row: PlainRow) -> None:
        kind, size, want, also, values, grammar = row
        self.key = key
        self.kind = kind
        self.size = size
        self.want = want
        self.also = also
        self.values = values
        small = 0
        for value in values:
            small |= 1 << value if 0 <= value < 64 else 0
        self.small = small
        self.rules = None if grammar is None else Rules(grammar)

    def named(self, value: int) -> bool:
        """True when this value of an Enumerated has a name, or none has."""
        if 0 <= value < 64 and self.small >> value & 1:
            return True
        return not self.values or value in self.values


class Checks:
    """The rows of one application, each put in order when it is first asked for."""

    __slots__ = ("_mask", "_slots", "_source")

    def __init__(self, source: Callable[[int], PlainRow | None]) -> None:
        self._source = source
        self._mask = 127
        self._slots: list[Row | None] = [None] * 128

    def row(self, key: int) -> Row | None:
        """The row of an AVP, None when no dictionary has it."""
        slots, mask = self._slots, self._mask
        at = o.spread(key) & mask
        while True:
            row = slots[at]
            if row is None:
                return self._add(key)
            if row.key == key:
                return row
            at = (at + 1) & mask

    def _add(self, key: int) -> Row | None:
        """Nothing is kept of what no dictionary has: peers would fill the table."""
        plain = self._source(key)
        if plain is None:
            return None
        rows = [one for one in self._slots if one is not None]
        if 2 * len(rows) > self._mask:
            self._mask = 2 * self._mask + 1
            self._slots = [None] * (self._mask + 1)
            for one in rows:
                self._put(one)
        row = Row(key, plain)
        self._put(row)
        return row

    def _put(self, row: Row) -> None:
        at = o.spread(row.key) & self._mask
        while self._slots[at] is not None:
            at = (at + 1) & self._mask
        self._slots[at] = row

    def verify(self, wire: bytes, start: int, end: int, rules: Rules | None, found: list[int]) -> int:
        """Like `_core.verify`: what is wrong goes to `found`, in the same order; returns where walking stopped."""
        if not 0 <= start <= end <= len(wire):
            return start
        return self._walk(wire, start, end, rules, found, 0)

    def _walk(self, p: bytes, start: int, end: int, rules: Rules | None, found: list[int], depth: int) -> int:
        begin = start
        present = again = 0
        others = False
        while start < end:
            if end - start < 8:
                found += (TRUNCATED, start, 0)
                break
            key = o.word(p, start)
            rest = o.word(p, start + 4)
            length = rest & 0xFFFFFF
            size = 12 if rest >> 31 else 8
            after = start + length
            if length < size or after > end:
                found += (LENGTH, start, 0)
                break
            if size == 12:
                key |= o.shifted(p, start + 8)
            row = self.row(key)
            if row is None:
                if rest >> 24 & 0x7F:
                    found += (UNKNOWN if rest >> 30 & 1 else FLAGS, start, rest >> 24)
                if size == 12 and key >> 32 == 0:
                    found += (VENDOR_ZERO, start, 0)
            else:
                self._check(p, start, start + size, after, row, found, rest >> 24, depth)
            if rules is not None:
                bit = rules.bit(key)
                if bit == 0:
                    others = True
                again |= present & bit
                present |= bit
            start = after
            if length & 3:
                start += 4 - (length & 3)
                if start > end or not o.zeros(p, after, start):
                    found += (PADDING, after - length, 0)
        start = min(start, end)
        if rules is not None:
            self._arity(p, begin, end, rules, found, depth, rules.kept(present, again, others))
        return start

    def _check(
        self, p: bytes, head: int, data: int, after: int, row: Row, found: list[int], flags: int, depth: int
    ) -> None:
        """One AVP against its row, and the members of a group."""
        kind = row.kind
        if flags != row.want and flags != row.also:
            found += (FLAGS, head, flags)
        if kind == IDENTITY:
            if data == after or o.graph(p, data, after):
                found += (VALUE, head, 0)
        elif kind in (FIXED, ENUMERATED):
            if after - data != row.size:
                found += (SIZE, head, row.size)
            elif kind == ENUMERATED and not row.named(o.signed(p, data)):
                found += (ENUM, head, 0)
        elif kind == TEXT:
            if not o.ascii(p, data, after) and not _is_utf8(o.cut(p, data, after)):
                found += (VALUE, head, 0)
        elif kind == ASK:
            found += (CHECK, head, 0)
        if data - head == 12 and o.word(p, head + 8) == 0:
            found += (VENDOR_ZERO, head, 0)
        if kind == GROUPED:
            if depth >= DEPTH_LIMIT:
                found += (DEPTH, head, 0)
            else:
                self._walk(p, data, after, row.rules, found, depth + 1)

    def _arity(self, p: bytes, begin: int, end: int, rules: Rules, found: list[int], depth: int, kept: bool) -> None:
        """ORDER and ARITY of the members in p[begin:end]."""
        if kept and (rules.first == 0 or _begins(p, begin, end, rules.first - 1)):
            return
        keys: list[int] = []
        heads: list[int] = []
        _index(p, begin, end, keys, heads)
        first = rules.first - 1
        if first >= 0 and keys and keys[0] != first and first in keys:
            found += (ORDER, heads[keys.index(first)], 0)
        if not kept and not plain_holds(rules.grammar, keys):
            found += (ARITY, begin, depth)


def _begins(p: bytes, start: int, end: int, key: int) -> bool:
    """True when an AVP with this key stands at `start`, or the walk ends there."""
    if end - start < 8:
        return True
    here = o.word(p, start)
    if p[start + 4] & 0x80 and end - start >= 12:
        here |= o.shifted(p, start + 8)
    return here == key


def _index(p: bytes, start: int, end: int, keys: list[int], heads: list[int]) -> int:
    while end - start >= 8:
        key = o.word(p, start)
        rest = o.word(p, start + 4)
        length = rest & 0xFFFFFF
        if rest >> 31:
            if length < 12 or start + length > end:
                return start
            key |= o.shifted(p, start + 8)
        elif length < 8 or start + length > end:
            return start
        keys.append(key)
        heads.append(start)
        start += length + (-length & 3)
    return min(start, end)


def index(wire: bytes, start: int, end: int, keys: list[int], heads: list[int]) -> int:
    """Like `_core.index`."""
    if not 0 <= start <= end <= len(wire):
        return start
    return _index(wire, start, end, keys, heads)


def find(wire: bytes, start: int, end: int, key: int) -> int:
    """Offset of the first AVP with this key in wire[start:end], -1 when there is none."""
    if not 0 <= start <= end <= len(wire):
        return -1
    return seek(wire, start, end, key)


def first_end(wire: bytes, start: int, end: int) -> int:
    """Where the AVP at `start` ends without its padding, -1 when none stands there."""
    if not 0 <= start <= end - 8 or end > len(wire):
        return -1
    rest = o.word(wire, start + 4)
    after = start + (rest & 0xFFFFFF)
    return after if start + (12 if rest >> 31 else 8) <= after <= end else -1


def seek(p: bytes, start: int, end: int, key: int) -> int:
    """`find` for limits that are known to be in order."""
    while end - start >= 8:
        here = o.word(p, start)
        rest = o.word(p, start + 4)
        length = rest & 0xFFFFFF
        if rest >> 31:
            if length < 12 or start + length > end:
                return -1
            here |= o.shifted(p, start + 8)
        elif length < 8 or start + length > end:
            return -1
        if here == key:
            return start
        start += length + (-length & 3)
    return -1


def frames(data: bytes, limit: int, messages: list[bytes]) -> int:
    """Like `_core.frames`."""
    p = data
    at = 0
    size = len(data)
    while size - at >= 20:
        word = o.word(p, at)
        length = word & 0xFFFFFF
        if word >> 24 != 1 or length < 20 or length & 3 or length > limit or at + length > size:
            break
        messages.append(o.cut(p, at, at + length))
        at += length
    return at


def holds(grammar: PlainGrammar, keys: list[int]) -> bool:
    """`_core.holds`."""
    return plain_holds(grammar, keys)


def _is_utf8(octets: bytes) -> bool:
    try:
        octets.decode()
    except UnicodeDecodeError:
        return False
    return True
