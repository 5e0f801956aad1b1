"""Every AVP of a message, inside groups too, without an object for each: whoever floods has all of them looked at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from diameter.message import Avp, Grouped
from diameter.message.members import Members
from diameter.wire.avp import span
from diameter.wire.types import TYPES

DEEPEST: Final = 32
"""Groups inside each other that are looked into: 8 octets open one more, and whoever is outside can send thousands."""

NUMBERS: Final[Mapping[str, int]] = {name: row.size for name, row in TYPES.items() if row.size is not None}
"""Octets of the types that hold a number."""
TBCD_OCTETS: Final = 8
"""A number of so many could be the digits of an IMSI."""


class Octets(bytes):
    """Data of a number: no text, whatever it looks like."""


class TooDeep(ValueError):
    """There are groups that are not looked into."""

    def __init__(self) -> None:
        super().__init__(f"a group inside {DEEPEST} others is not looked into")


def fields(message: Members, left_out: str = "", depth: int = 0) -> Iterator[tuple[str, bytes]]:
    """Name and data of every AVP; of a group its name without data, and then its members; of a number its name alone.

    A number is no text: the four octets of one in some ten thousands read as an address of IPv6.  One of eight has its
    data, as Octets.
    left_out: name of AVPs at the top that are not looked into.  Raises TooDeep.
    """
    if depth > DEEPEST:
        raise TooDeep
    definitions, wire = message.tables.scope.avps, message.wire
    for key, head in zip(message.keys, message.heads, strict=True):
        one = definitions.get(key)
        name = one.name if one is not None else _number(key)
        if name == left_out:
            continue
        if one is not None and one.type == "Grouped":
            group = Avp(message, head).value
            if isinstance(group, Grouped) and group.heads:
                yield name, b""
                yield from fields(group, depth=depth + 1)
                continue
        start, end = span(wire, head)
        data = wire[start:end]
        if one is not None and NUMBERS.get(one.type) == len(data):
            data = Octets(data) if len(data) == TBCD_OCTETS else b""
        yield name, data


def bearing(message: Members, names: frozenset[str], depth: int = 0) -> Iterator[str]:
    """Those of `names` that AVPs have, inside groups too; the name of a group that is not looked into."""
    definitions = message.tables.scope.avps
    for key, head in zip(message.keys, message.heads, strict=True):
        one = definitions.get(key)
        if one is None:
            continue
        if one.name in names:
            yield one.name
        if one.type == "Grouped":
            group = Avp(message, head).value
            if isinstance(group, Grouped):
                if depth < DEEPEST:
                    yield from bearing(group, names, depth + 1)
                else:
                    yield f"{one.name} inside {DEEPEST} others"


def _number(key: int) -> str:
    return f"{key >> 32}:{key & 0xFFFFFFFF}" if key >> 32 else str(key)
