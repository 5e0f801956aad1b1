"""By which octets requests are recognised, written for C types: the twin of `routing.marks`.

Plain Python that imports no cython, see `wire._typed`.  One walk over the AVP headers, and nothing is kept of it.
"""

from __future__ import annotations

import diameter.wire._octets as o

_HEADER = 20


def marks(octets: bytes, sound: bool) -> tuple[bytes, bytes]:
    """The way and the key of a request, see `routing.marks`; `sound`: no way where something is no AVP."""
    p = octets
    end = len(octets)
    start = _HEADER
    if end < _HEADER:
        return b"", b""
    session = head = behind = last = -1
    broken = False
    while end - start >= 8:
        rest = o.word(p, start + 4)
        length = rest & 0xFFFFFF
        if start + length > end or length < (12 if rest & 0x80000000 else 8):
            break
        code = o.word(p, start)
        if rest & 0x80000000 and o.word(p, start + 8):
            code = 0
        after = start + length
        if length & 3:
            after += 4 - (length & 3)
        if head < 0:
            if code == 263 and start == _HEADER:
                session = after
            elif code == 264:
                head = start
            elif code == 282 or code == 283 or code == 293 or code == 296:
                broken = True
        else:
            if behind < 0:
                behind = start
            if last < 0:
                if code != 283 and code != 293 and code != 296 and code != 264:
                    last = start
                    broken |= code == 282
            elif code == 282 or code == 283 or code == 293 or code == 296 or code == 264:
                broken = True
        start = after
    if head < 0:
        return b"", b""
    if start > end:
        start = end
    if behind < 0:
        behind = start
    way = b"" if broken or last < 0 or (sound and start < end) else o.cut(p, 8, 12) + o.cut(p, head, last)
    key = o.cut(p, 16, 20) + o.cut(p, 5, 12) + o.cut(p, head, behind)
    return way, key if session < 0 else key + o.cut(p, _HEADER, session)
