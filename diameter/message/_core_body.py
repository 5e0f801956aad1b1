"""AVPs being written, for the interpreter; `message._typed_body` is the same for C types."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from diameter.errors import EncodeError
from diameter.message.arity import complaint
from diameter.message.tables import Tables, Writer
from diameter.wire import avp, header
from diameter.wire._core import Grammar, holds

if TYPE_CHECKING:
    from diameter.message._core import Members

_pack_two, _pack_three, _PAD = avp.pack_two, avp.pack_three, avp.PAD
SHORT: Final = 128
"""Data up to which a written header is kept for the next AVP of the same size."""


class Body:
    """AVPs being written: parts of the octets, keys in order, and the first violation inside a group."""

    __slots__ = ("_parts", "_tables", "keys", "problem")

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._parts: list[bytes] = []
        self.keys: list[int] | None = []
        self.problem: EncodeError | None = None

    def write(self, avps: Mapping[str, Any] | Iterable[tuple[str, Any]]) -> None:
        """Append AVPs; EncodeError names the one whose value does not fit."""
        tables, parts, keys = self._tables, self._parts, self.keys
        assert keys is not None
        writers = tables.writers
        # dict first: asking an ABC costs more than writing an AVP
        for name, value in avps.items() if isinstance(avps, (dict, Mapping)) else avps:
            writer = writers.get(name) or tables.writer(name)
            key, code, word, vendor, encode, _, starts = writer
            for one in value if value.__class__ is list or value.__class__ is tuple else (value,):
                try:
                    data = self._group(writer, one) if encode is None else encode(one)
                except (ValueError, TypeError) as error:
                    raise EncodeError(f"{name}: {error} ({writer.definition.reference})") from None
                size = len(data)
                start = starts.get(size)
                if start is None:
                    start = _pack_three(code, word + size, vendor) if vendor else _pack_two(code, word + size)
                    if size <= SHORT:
                        starts[size] = start
                keys.append(key)
                parts.append(start)
                parts.append(data)
                if size & 3:
                    parts.append(_PAD[size & 3])

    def kept(self, avps: dict[str, Any], grammar: Grammar, code: int) -> bool:
        """Append AVPs of the request `code`; True when they and their groups keep the grammar; False when in doubt."""
        self.write(avps)
        return self.problem is None and holds(grammar, self.keys or [])

    def copy(self, members: Members, key: int, *, every: bool = False) -> None:
        """Append the AVP of another message as it came, the first or every one; nothing when it has none."""
        keys = members.keys
        if key not in keys:
            return
        heads, wire = members.heads, members.wire
        first = keys.index(key)
        for at in range(first, len(keys) if every else first + 1):
            if keys[at] == key:
                start, end = heads[at], avp.span(wire, heads[at])[1]
                self.add(wire[start:end] + _PAD[(end - start) & 3], (key,))

    def add(self, octets: bytes, keys: tuple[int, ...]) -> None:
        """Append AVPs that are octets already."""
        assert self.keys is not None
        self.keys += keys
        self._parts.append(octets)

    def octets(self) -> bytes:
        """The AVPs, side by side."""
        return b"".join(self._parts)

    def message(self, flags: int, code: int, application: int, hop_by_hop: int, end_to_end: int) -> bytes:
        """A whole message with these AVPs."""
        return header.build(flags, code, application, hop_by_hop, end_to_end, b"".join(self._parts))

    def _group(self, writer: Writer, value: Any) -> bytes:
        if not isinstance(value, dict):
            octets = self._octets_of(value)
            if octets is not None:
                return octets
        if not isinstance(value, (dict, Mapping)):
            raise TypeError(f"a mapping, Grouped or octets wanted, not {type(value).__name__}")
        inner = Body(self._tables)
        inner.write(value)
        grammar = self._tables.rows[writer.key][5]
        one = writer.definition
        if inner.problem is not None:
            self.problem = self.problem or inner.problem
        elif grammar is not None and one.grammar is not None and not holds(grammar, inner.keys or []):
            self.problem = self.problem or complaint(
                one.name, one.reference, one.grammar, inner.keys or [], self._tables.scope.avps
            )
        return b"".join(inner._parts)

    def _octets_of(self, value: Any) -> bytes | None:
        """A group that is octets already; None for any other value."""
        from diameter.message.members import Grouped

        if isinstance(value, Grouped):
            return value.octets
        return bytes(value) if isinstance(value, (bytes, bytearray)) else None
