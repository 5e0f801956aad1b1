"""BER walked by hand: what a reader that knows no ASN.1 text sees of a record."""

from __future__ import annotations

from typing import Any


def walk(octets: bytes) -> list[tuple[int, Any]]:
    """(tag number, content) of the elements that fill `octets`; content is a list where an element is constructed.

    The class is left out: within a record all are context-specific, but for the few universal ones in extensions.
    """
    found: list[tuple[int, Any]] = []
    at = 0
    while at < len(octets):
        first = octets[at]
        at += 1
        tag = first & 0x1F
        if tag == 0x1F:
            tag = 0
            while True:
                tag = tag << 7 | octets[at] & 0x7F
                at += 1
                if not octets[at - 1] & 0x80:
                    break
        length = octets[at]
        at += 1
        if length & 0x80:
            count = length & 0x7F
            length = int.from_bytes(octets[at : at + count])
            at += count
        content = octets[at : at + length]
        assert len(content) == length
        at += length
        found.append((tag, walk(content) if first & 0x20 else content))
    return found
