"""Editing: new octets out of old ones, in which every AVP that is not named keeps what it had, padding and all."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from diameter.message.build import as_pairs, write_avps
from diameter.message.members import Members


def edited(members: Members, add: Any, remove: Any, replace: Any) -> bytes:
    """The AVPs of `members` after removing, replacing and adding by name; see `Message.edit`.

    KeyError when an AVP to be replaced is not there, EncodeError when a value does not fit.
    """
    tables = members.tables
    names: Iterable[str] = (remove,) if isinstance(remove, str) else remove
    gone = {tables.definition(name).key for name in names}
    put: dict[int, bytes] = {}
    for name, value in as_pairs(replace or {}):
        put[tables.definition(name).key] = write_avps(tables, {name: value})
        if name not in members:
            raise KeyError(name)
    heads = members.heads
    wire = members.wire
    ends = [*heads[1:], members.stop] if heads else []
    parts: list[bytes] = []
    placed: set[int] = set()
    for key, head, end in zip(members.keys, heads, ends, strict=True):
        if key in put:
            if key not in placed:
                placed.add(key)
                parts.append(put[key])
        elif key not in gone:
            parts.append(wire[head:end])
    new = write_avps(tables, add or {})
    if new and parts and len(parts[-1]) & 3:
        parts[-1] += bytes(-len(parts[-1]) & 3)
    return b"".join((*parts, new, members.tail))
