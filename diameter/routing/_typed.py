"""By which octets requests are recognised, written for C types: the twin of `routing.marks`.

Plain Python that imports no cython, see `wire._typed`.  One walk over the AVP headers, and nothing is kept of it.
"""

from __future__ import annotations

import diameter.wire._octets as o


def marks(octets: bytes, sound: bool) -> tuple[bytes, bytes]:
    """The way and the key of a request, see `routing.marks`; `sound`: no way where something is no AVP."""
    p = octets
    end = len(octets)
    start = 20
    if end < 20:
        return b"", b""
    session = head = behind = last = -1
    broken = False
    while end - start >= 8:
        rest = o.word(p, start + 4)
        length = rest & 0xFFFFFF
        if start + length > end or length < (12 if rest >> 31 else 8):
            break
        code = o.word(p, start)
        if rest >> 31 and o.word(p, start + 8):
            code = 0
        after = start + length
        if length & 3:
            after += 4 - (length & 3)
        if head < 0:
            if code == 263 and start == 20:
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
                    if code == 282:
                        broken = True
            elif code == 282 or code == 283 or code == 293 or code == 296 or code == 264:
                broken = True
        start = after
    if head < 0:
        return b"", b""
    if start > end:
        start = end
    if behind < 0:
        behind = start
    if session < 0:
        session = 20
    key = o.pieces(p, 16, 20, 5, 12, head, behind, 20, session)
    if broken or last < 0 or (sound and start < end):
        return b"", key
    return o.pieces(p, 8, 12, head, last, 0, 0, 0, 0), key
