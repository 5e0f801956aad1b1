"""Messages filled up to a few lengths, so that their length does not tell a report from a watchdog (TR 33.868 5.7).

What they are filled with is one AVP of zeros that nobody need know: without the M bit a receiver ignores it (RFC 6733
section 4.1).  Its vendor is the operator's own, so that it can never be taken for somebody else's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from diameter.wire import avp

HEAD: Final = 12
"""Octets of an AVP with a vendor and without data."""


def filled(octets: bytes, sizes: Sequence[int], vendor: int, code: int, largest: int = (1 << 24) - 1) -> bytes:
    """A message of the least of `sizes` that has room for it, of a multiple of the greatest if none has.

    sizes: in octets, growing, multiples of 4.  What is no whole message stays as it is, and what would become longer
    than `largest`.
    """
    length = len(octets)
    if length & 3 or length < 20 or int.from_bytes(octets[1:4]) != length:
        return octets
    most = sizes[-1]
    fits = (size for size in sizes if size == length or size >= length + HEAD)
    size = next(fits, 0) or -(-length // most) * most
    if length < size < length + HEAD:
        size += most
    if size == length or size > largest:
        return octets
    filling = avp.build(code, vendor, avp.FLAG_V, bytes(size - length - HEAD))
    return octets[:1] + size.to_bytes(3) + octets[4:] + filling
