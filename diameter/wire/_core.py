"""The seam: what a compiled core replaces.  Functions on bytes, ints and plain containers; no class, no exception.

`index` walks AVP headers and keeps two parallel lists, the key (vendor << 32 | code) and the offset of each header:
all that a relay needs, and `list.index` on the keys finds an AVP at the speed of C.  `verify` walks once more and
checks lengths, padding, flags, fixed sizes, text and arity, through every group, against two plain tables:

    rows:     key -> (kind, size, want, also, values, grammar)
    grammar:  (required, limits, wildcard, first)

kind and size say how the data is checked; `want` and `also` are the two flag octets that are in order; `values` the
known numbers of an Enumerated (empty: not checked).  `required` is a frozenset of keys, `limits` key -> maximum (-1
without end) for every member named, `first` the key that must stand first or -1.  A grammar that this cannot say (a
minimum over one, a member forbidden) has the impossible key -1 in `required`: the layer above then always looks.

What is wrong goes to `found` as triples (what, header offset, detail) in the order met: `what` is one of the
codes below, never an exception.  The walk of `index` and `verify` stops at the same offset for the same octets.

Rejected: one object per AVP (1 us each: twenty-two cost a whole decode), five ints per AVP in one list (finding a key
then needs a strided loop; measured 1.3 times slower for five look-ups), a bounded Cursor (a second way through the
same octets; a fault only needs the offset).
"""

from __future__ import annotations

from collections.abc import Mapping
from struct import Struct
from typing import Final

Grammar = tuple[frozenset[int], Mapping[int, int], bool, int]
Row = tuple[int, int, int, int, frozenset[int], "Grammar | None"]

OCTETS: Final = 0
FIXED: Final = 1
TEXT: Final = 2
GROUPED: Final = 3
ENUMERATED: Final = 4
IDENTITY: Final = 5
ASK: Final = 6
"""The data needs a check that only the layer above can make (Address, DiameterURI, IPFilterRule)."""

TRUNCATED: Final = 1
"""Fewer octets left than an AVP header has."""
LENGTH: Final = 2
"""AVP Length below the header's own size, or beyond the end of what encloses it."""
SIZE: Final = 3
"""Data of another size than the type has."""
VALUE: Final = 4
"""Text that is not UTF-8, an identity that is not printable ASCII."""
UNKNOWN: Final = 5
"""M bit on an AVP that no dictionary knows."""
FLAGS: Final = 6
"""Flag octet differs from what the dictionary wants."""
PADDING: Final = 7
"""Padding not zero, or missing at the end."""
ENUM: Final = 8
"""Enumerated value without a name."""
ARITY: Final = 9
"""Grammar violated; the layer above finds out which member."""
DEPTH: Final = 10
"""Nested deeper than the limit."""
CHECK: Final = 11
"""Kind ASK: the layer above looks at the data."""
VENDOR_ZERO: Final = 12
"""V bit with Vendor-Id 0 (section 4.1.1)."""
ORDER: Final = 13
"""The fixed AVP does not stand first."""

DEPTH_LIMIT: Final = 16

_two = Struct(">II").unpack_from
_three = Struct(">III").unpack_from
_int = Struct(">i").unpack_from
_ZERO: Final = (b"", b"\0", b"\0\0", b"\0\0\0")


def index(wire: bytes, start: int, end: int, keys: list[int], heads: list[int]) -> int:
    """Append key and header offset of each AVP in wire[start:end]; return the offset where walking stopped.

    A return value below `end` means that what begins there is no AVP.  Never raises.  RFC 6733 section 4.1.
    """
    if not 0 <= start <= end <= len(wire):
        return start
    add_key, add_head = keys.append, heads.append
    last = end - 12
    while start <= last:
        code, rest, third = _three(wire, start)
        length = rest & 0xFFFFFF
        if rest & 0x80000000:
            if length < 12:
                return start
            code |= third << 32
        elif length < 8:
            return start
        after = start + length
        if after > end:
            return start
        add_key(code)
        add_head(start)
        start = after + (-length & 3)
    while end - start >= 8:
        code, rest = _two(wire, start)
        length = rest & 0xFFFFFF
        if rest & 0x80000000 or length < 8 or start + length > end:
            return start
        add_key(code)
        add_head(start)
        start += length + (-length & 3)
    return start if start < end else end


def verify(  # one loop on purpose: every call per AVP costs as much as all its checks
    wire: bytes,
    start: int,
    end: int,
    rows: Mapping[int, Row],
    grammar: Grammar | None,
    keys: list[int],
    heads: list[int],
    found: list[int],
    depth: int,
) -> int:
    """Walk and check wire[start:end] and every group in it; fill `keys` and `heads`; return the offset like `index`.

    `found` gets triples (what, header offset, detail).  Never raises.  RFC 6733 sections 4.1 to 4.4.
    """
    if not 0 <= start <= end <= len(wire):
        return start
    begin = start
    get = rows.get
    add_key, add_head = keys.append, heads.append
    while start < end:
        if end - start >= 12:
            code, rest, third = _three(wire, start)
        elif end - start >= 8:
            code, rest = _two(wire, start)
            third = -1
        else:
            found += (TRUNCATED, start, 0)
            break
        length = rest & 0xFFFFFF
        if rest & 0x80000000:
            if length < 12 or third < 0:
                found += (LENGTH, start, 0)
                break
            data = start + 12
            if not third:
                found += (VENDOR_ZERO, start, 0)
            code |= third << 32
        elif length < 8:
            found += (LENGTH, start, 0)
            break
        else:
            data = start + 8
        after = start + length
        if after > end:
            found += (LENGTH, start, 0)
            break
        add_key(code)
        add_head(start)
        row = get(code)
        if row is None:
            if rest & 0x5F000000:
                found += (UNKNOWN if rest & 0x40000000 else FLAGS, start, rest >> 24)
        else:
            kind, size, want, also, values, inner = row
            flags = rest >> 24
            if flags != want and flags != also:
                found += (FLAGS, start, flags)
            if kind == FIXED:
                if after - data != size:
                    found += (SIZE, start, size)
            elif kind == TEXT:
                text = wire[data:after]
                if not text.isascii() and not _is_utf8(text):
                    found += (VALUE, start, 0)
            elif kind == IDENTITY:
                text = wire[data:after]
                if not text or not text.isascii() or b" " in text:
                    found += (VALUE, start, 0)
            elif kind == GROUPED:
                if depth >= DEPTH_LIMIT:
                    found += (DEPTH, start, 0)
                else:
                    verify(wire, data, after, rows, inner, [], [], found, depth + 1)
            elif kind == ENUMERATED:
                if after - data != 4:
                    found += (SIZE, start, 4)
                elif values and _int(wire, data)[0] not in values:
                    found += (ENUM, start, 0)
            elif kind == ASK:
                found += (CHECK, start, 0)
        start = after
        if length & 3:
            start += -length & 3
            if wire[after:start] != _ZERO[start - after] or start > end:
                found += (PADDING, after - length, 0)
    if grammar is not None:
        first = grammar[3]
        if first >= 0 and keys and keys[0] != first and first in keys:
            found += (ORDER, heads[keys.index(first)], 0)
        if not holds(grammar, keys):
            found += (ARITY, begin, depth)
    return start if start < end else end


def holds(grammar: Grammar, keys: list[int]) -> bool:
    """True when members with these keys keep the grammar; False also when only the layer above can tell."""
    required, limits, wildcard, _ = grammar
    return required.issubset(keys) and (wildcard or limits.keys() >= set(keys)) and not _too_many(keys, limits)


def _too_many(keys: list[int], limits: Mapping[int, int]) -> bool:
    """True when a key occurs more often than `limits` allows."""
    if len(set(keys)) == len(keys):
        return False
    seen: dict[int, int] = {}
    for key in keys:
        count = seen.get(key, 0) + 1
        if count > 1 and 0 <= limits.get(key, -1) < count:
            return True
        seen[key] = count
    return False


def _is_utf8(octets: bytes) -> bool:
    try:
        octets.decode()
    except UnicodeDecodeError:
        return False
    return True
