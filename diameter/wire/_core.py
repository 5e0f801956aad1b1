"""The seam: what a compiled core replaces.  Functions on bytes, ints and plain containers; no class, no exception.

`index` walks AVP headers and keeps two parallel lists, the key (vendor << 32 | code) and the offset of each header:
all that a relay needs, and `list.index` on the keys finds an AVP at the speed of C.  `verify` walks and checks
lengths, padding, flags, fixed sizes, text and arity, through every group, against two plain tables:

    rows:     key -> (kind, size, want, also, values, grammar)
    grammar:  (required, limits, wildcard, first)

kind and size say how the data is checked; `want` and `also` are the two flag octets that are in order; `values` the
known numbers of an Enumerated (empty: not checked).  `required` is a frozenset of keys, `limits` key -> maximum (-1
without end) for every member named, `first` the key that must stand first or -1.  A grammar that this cannot say (a
minimum over one, a member forbidden) has the impossible key -1 in `required`: the layer above then always looks.

What is wrong goes to `found` as triples (what, header offset, detail) in the order met: `what` is one of the
codes below, never an exception.  The walk of `index` and `verify` stops at the same offset for the same octets.

`seen` is the memory of `verify`: eight octets of an AVP header that were once found in order, with what then follows
from them (key, lengths, what is left to check in the data).  Traffic repeats its headers, so most AVPs cost one slice
and one look-up.  Short groups without a fault are remembered whole (every message carries the same application ids).
Only what is in order is remembered, and a full memory is emptied.  A compiled core needs none.

Rejected: one object per AVP (1 us each: twenty-two cost a whole decode), five ints per AVP in one list (finding a key
then needs a strided loop), a bounded Cursor (a second way through the same octets; a fault only needs the offset), and
`verify` without `seen` (19.5 us for a message of 22 AVPs on the machine where it takes 11.5 with it).
"""

from __future__ import annotations

from collections.abc import Mapping
from struct import Struct
from typing import Final

Grammar = tuple[frozenset[int], Mapping[int, int], bool, int]
Row = tuple[int, int, int, int, frozenset[int], "Grammar | None"]
Seen = tuple[bytes | None, int, int, int, int, int, frozenset[int], "Grammar | None"]
"""Vendor-Id octets or None, key, AVP Length, padding, kind of check left, header size, values, grammar."""
Nested = tuple[list[int], list[int], int]
"""Keys, header offsets and stop of one group."""
Book = tuple[Mapping[int, Row], list[int], dict[int, Nested], dict[bytes, Seen], dict[bytes, Nested]]
"""What one check works with: rows, `found`, `nested` (each group's keys, offsets and stop, by its header), `seen`, and
the short groups once found in order; of these the offsets count from the group's header and the stop is -1."""

OCTETS: Final = 0
FIXED: Final = 1
TEXT: Final = 2
GROUPED: Final = 3
ENUMERATED: Final = 4
IDENTITY: Final = 5
GRAPHIC: Final = bytes(range(0x21, 0x7F))
"""What an identity is made of: ASCII that prints, without the space."""
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
SEEN_LIMIT: Final = 4096
"""Headers and short groups that `verify` remembers for one application."""
SHORT_GROUP: Final = 64
"""Octets of a Grouped AVP, header included, up to which it is remembered whole."""

_two = Struct(">II").unpack_from
_three = Struct(">III").unpack_from
_word = Struct(">I").unpack_from
_int = Struct(">i").unpack_from
_ZERO: Final = (b"", b"\0", b"\0\0", b"\0\0\0")


def index(wire: bytes, start: int, end: int, keys: list[int], heads: list[int], until: int = -1) -> int:
    """Append key and header offset of each AVP in wire[start:end]; return the offset where walking stopped.

    A return value below `end` means that what begins there is no AVP; or, with the key `until`, that the first AVP
    with that key was found and the walk may go on there.  Never raises.  RFC 6733 section 4.1.
    """
    if not 0 <= start <= end <= len(wire):
        return start
    add_key, add_head = keys.append, heads.append
    last = end - 12
    while start <= last:
        code, rest, third = _three(wire, start)
        length = rest & 0xFFFFFF
        if rest >= 0x80000000:
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
        if code == until:
            return min(start, end)
    while end - start >= 8:
        code, rest = _two(wire, start)
        length = rest & 0xFFFFFF
        if rest >= 0x80000000 or length < 8 or start + length > end:
            return start
        add_key(code)
        add_head(start)
        start += length + (-length & 3)
        if code == until:
            break
    return start if start < end else end


def frames(data: bytes, limit: int, messages: list[bytes]) -> int:
    """Append every whole message at the head of `data`; return where what is none, or not yet whole, begins.

    A message begins with version 1 and a Message Length of at least 20, at most `limit`, a multiple of 4 (section 3).
    """
    at, size = 0, len(data)
    while size - at >= 20:
        (word,) = _word(data, at)
        length = word & 0xFFFFFF
        if word >> 24 != 1 or length < 20 or length & 3 or length > limit or at + length > size:
            break
        messages.append(data[at : at + length])
        at += length
    return at


def verify(
    wire: bytes,
    start: int,
    end: int,
    grammar: Grammar | None,
    keys: list[int],
    heads: list[int],
    book: Book,
    depth: int,
) -> int:
    """Walk and check wire[start:end] and every group in it; fill `keys` and `heads`; return the offset like `index`.

    Never raises.  RFC 6733 sections 4.1 to 4.4.
    """
    if not 0 <= start <= end <= len(wire):
        return start
    begin = start
    _, found, _, seen, _ = book
    recall = seen.get
    add_key, add_head = keys.append, heads.append
    while start < end:
        known = recall(wire[start : start + 8])
        if known is not None:
            vendor, key, length, pad, kind, size, values, inner = known
            after = start + length
            if after + pad <= end and (vendor is None or wire.startswith(vendor, start + 8)):
                add_key(key)
                add_head(start)
                if kind:
                    if kind == IDENTITY:
                        if wire[start + size : after].translate(None, GRAPHIC):
                            found += (VALUE, start, 0)
                    elif kind == TEXT:
                        text = wire[start + size : after]
                        if not text.isascii() and not _is_utf8(text):
                            found += (VALUE, start, 0)
                    elif kind == ENUMERATED:
                        if _int(wire, start + size)[0] not in values:
                            found += (ENUM, start, 0)
                    elif kind == GROUPED:
                        _group(wire, start, start + size, after, inner, book, depth)
                    else:
                        found += (CHECK, start, 0)
                start = after + pad
                if pad and wire[after:start] != _ZERO[pad]:
                    found += (PADDING, after - length, 0)
                continue
        stop = _careful(wire, start, end, keys, heads, book, depth)
        if stop == start:
            break
        start = stop
    if grammar is not None:
        first = grammar[3]
        if first >= 0 and keys and keys[0] != first and first in keys:
            found += (ORDER, heads[keys.index(first)], 0)
        if not holds(grammar, keys):
            found += (ARITY, begin, depth)
    return start if start < end else end


def _group(wire: bytes, head: int, start: int, end: int, grammar: Grammar | None, book: Book, depth: int) -> None:
    """Check the members of the Grouped AVP at `head`."""
    _, found, nested, _, shorts = book
    if depth >= DEPTH_LIMIT:
        found += (DEPTH, head, 0)
        return
    # deep down, what is remembered might reach below the limit
    short = end - head <= SHORT_GROUP and depth < DEPTH_LIMIT - SHORT_GROUP // 8
    if short:
        known = shorts.get(wire[head:end])
        if known is not None:
            nested[head] = known
            return
    keys: list[int] = []
    heads: list[int] = []
    faults = len(found)
    stop = verify(wire, start, end, grammar, keys, heads, book, depth + 1)
    nested[head] = (keys, heads, stop)
    if short and len(found) == faults:
        if len(shorts) >= SEEN_LIMIT:
            shorts.clear()
        shorts[wire[head:end]] = (keys, [one - head for one in heads], -1)


def unfolded(nested: Nested, head: int, end: int) -> Nested:
    """Keys, offsets and stop of a group in its own lists, whether it was remembered or not."""
    keys, heads, stop = nested
    return (keys[:], [head + one for one in heads], end) if stop < 0 else nested


def _careful(wire: bytes, start: int, end: int, keys: list[int], heads: list[int], book: Book, depth: int) -> int:
    """Check one AVP whose header is not remembered, and remember it when it is in order.

    Returns where the next one begins, or `start` when what stands there is no AVP.
    """
    rows, found, _, seen, _ = book
    if end - start < 8:
        found += (TRUNCATED, start, 0)
        return start
    code, rest = _two(wire, start)
    length: int = rest & 0xFFFFFF
    size = 8
    vendor: bytes | None = None
    if rest & 0x80000000:
        size = 12
        vendor = wire[start + 8 : start + 12]
    after = start + length
    if length < size or after > end:
        found += (LENGTH, start, 0)
        return start
    if vendor is not None:
        code |= int.from_bytes(vendor) << 32
    keys.append(code)
    heads.append(start)
    pad = -length & 3
    faults = len(found)
    kind = _check(wire, start, start + size, after, rows.get(code), found)
    if vendor == b"\0\0\0\0":
        found += (VENDOR_ZERO, start, 0)
    row = rows.get(code)
    inner = row[5] if row is not None else None
    if row is not None and len(found) == faults + (kind == ASK) and (length > size or kind != IDENTITY):
        if len(seen) >= SEEN_LIMIT:
            seen.clear()
        seen[wire[start : start + 8]] = (vendor, code, length, pad, kind, size, row[4], inner)
    if kind == GROUPED:
        _group(wire, start, start + size, after, inner, book, depth)
    if after + pad > end or (pad and wire[after : after + pad] != _ZERO[pad]):
        found += (PADDING, start, 0)
    return after + pad


def _check(wire: bytes, head: int, data: int, after: int, row: Row | None, found: list[int]) -> int:
    """Check one AVP alone against its row; return the kind of check that its data need each time, 0 for none."""
    flags = wire[head + 4]
    if row is None:
        if flags & 0x7F:
            found += (UNKNOWN if flags & 0x40 else FLAGS, head, flags)
        return OCTETS
    kind, size, want, also, values, _ = row
    if flags != want and flags != also:
        found += (FLAGS, head, flags)
    if kind in (FIXED, ENUMERATED):
        if after - data != size:
            found += (SIZE, head, size)
            return OCTETS
        if kind == FIXED or not values:
            return OCTETS
        if _int(wire, data)[0] not in values:
            found += (ENUM, head, 0)
    elif kind == TEXT:
        if not _is_utf8(wire[data:after]):
            found += (VALUE, head, 0)
    elif kind == IDENTITY:
        text = wire[data:after]
        if not text or text.translate(None, GRAPHIC):
            found += (VALUE, head, 0)
    elif kind == ASK:
        found += (CHECK, head, 0)
    return kind


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
