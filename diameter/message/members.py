"""AVPs side by side: what Message and Grouped have in common, and the view of a single AVP for tools.

What is hot of it, finding an AVP by name and making its value, stands in `message._core` and `message._typed`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from diameter.errors import RemoteFault
from diameter.message import core
from diameter.wire import avp

if TYPE_CHECKING:
    from diameter.dictionary.model import AvpDef


class Members(core.Members):
    """AVPs side by side in octets: what Message and Grouped have in common."""

    __slots__ = ()

    def all(self, name: str) -> tuple[Any, ...]:
        """Every value of this name in order, maybe none."""
        key = self.tables.definition(name).key
        keys = self.keys
        if key not in keys:
            return ()
        return tuple(self._read(head, name, name) for k, head in zip(keys, self.heads, strict=True) if k == key)

    def text(self, name: str) -> str:
        """`self[name]` of a text AVP, for the type checker; TypeError when the AVP is of another kind."""
        value = self[name]
        if isinstance(value, str):
            return value
        raise TypeError(f"{name} is no text AVP")

    def number(self, name: str) -> int:
        """`self[name]` of an integer AVP (Enumerated too)."""
        value = self[name]
        if isinstance(value, int):
            return value
        raise TypeError(f"{name} is no integer AVP")

    def raw(self, name: str) -> bytes:
        """The data octets of the first AVP of this name, whatever its type."""
        keys, wire = self.keys, self.wire
        key = self.tables.definition(name).key
        if key not in keys:
            raise KeyError(name)
        start, end = avp.span(wire, self.heads[keys.index(key)])
        return wire[start:end]

    def group(self, name: str) -> Grouped:
        """`self[name]` of a Grouped AVP."""
        value = self[name]
        if isinstance(value, Grouped):
            return value
        raise TypeError(f"{name} is no Grouped AVP")

    def __iter__(self) -> Iterator[Avp]:
        return iter(self.avps)

    def __bool__(self) -> bool:
        return True

    @property
    def avps(self) -> tuple[Avp, ...]:
        """A view of each AVP in order, for tools; the hot path reads by name."""
        return tuple(Avp(self, head) for head in self.heads)

    @property
    def tail(self) -> bytes:
        """Octets behind the last AVP that could be walked: empty unless a length is wrong."""
        return self.wire[self.stop : self.end]


class Grouped(Members):
    """The value of a Grouped AVP (RFC 6733 section 4.4): the same accessors as a Message."""

    __slots__ = ()

    @property
    def octets(self) -> bytes:
        """The data of the AVP: its members, side by side."""
        return self.wire[self.start : self.end]

    def edit(self, *, add: Any = None, remove: Any = (), replace: Any = None) -> Grouped:
        """A new Grouped, see `Message.edit`."""
        from diameter.message.edit import edited

        octets = edited(self, add, remove, replace)
        return Grouped(octets, 0, len(octets), self.tables)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Grouped) and self.octets == other.octets

    def __hash__(self) -> int:
        return hash(self.octets)

    def __repr__(self) -> str:
        return f"Grouped({', '.join(one.name for one in self.avps)})"


Members._kind = Grouped


class Avp:
    """A view of one AVP for tools: header fields as they are on the wire, value by the dictionary."""

    __slots__ = ("_head", "_parent")

    def __init__(self, parent: Members, head: int) -> None:
        self._parent = parent
        self._head = head

    @property
    def code(self) -> int:
        """AVP Code."""
        return int.from_bytes(self._parent.wire[self._head : self._head + 4])

    @property
    def flags(self) -> int:
        """The flags octet: V 0x80, M 0x40, P 0x20."""
        return self._parent.wire[self._head + 4]

    @property
    def length(self) -> int:
        """AVP Length: header and data, without padding."""
        return int.from_bytes(self._parent.wire[self._head + 5 : self._head + 8])

    @property
    def vendor(self) -> int:
        """Vendor-Id, 0 without the V bit."""
        return int.from_bytes(self._parent.wire[self._head + 8 : self._head + 12]) if self.flags & avp.FLAG_V else 0

    @property
    def offset(self) -> int:
        """Where the AVP header begins, in octets from the start of the message."""
        return self._head

    @property
    def data(self) -> bytes:
        """The data octets."""
        start, end = avp.span(self._parent.wire, self._head)
        return self._parent.wire[start:end]

    @property
    def padding(self) -> bytes:
        """The octets between this AVP's end and the next: zeros, if the peer keeps to section 4; short when cut off."""
        end = self._head + self.length
        return self._parent.wire[end : min(end + (-self.length & 3), self._parent.end)]

    @property
    def octets(self) -> bytes:
        """Header, data and padding."""
        end = self._head + self.length + (-self.length & 3)
        return self._parent.wire[self._head : min(end, self._parent.end)]

    @property
    def definition(self) -> AvpDef | None:
        """What the scope of the message's application says of this AVP, or None."""
        return self._parent.tables.scope.avps.get(self.vendor << 32 | self.code)

    @property
    def name(self) -> str:
        """Name of the AVP; of an unknown one "code" or "vendor:code"."""
        one = self.definition
        if one is not None:
            return one.name
        return f"{self.vendor}:{self.code}" if self.vendor else str(self.code)

    @property
    def value(self) -> Any:
        """The value by the AVP's type; the data octets when the AVP is unknown or its data make no value."""
        one = self.definition
        if one is None:
            return self.data
        name = one.name
        if self._parent.tables.definition(name).key != one.key:  # the name is first of all another AVP's
            name = f"{one.vendor}:{one.code}"
        try:
            return self._parent._read(self._head, name, one.name)
        except RemoteFault:
            return self.data

    @property
    def members(self) -> tuple[Avp, ...]:
        """The AVPs inside a known Grouped; empty for everything else."""
        one = self.definition
        if one is None or one.type != "Grouped":
            return ()
        value = self.value
        return value.avps if isinstance(value, Grouped) else ()

    def __repr__(self) -> str:
        return f"Avp({self.name}, {self.value!r})"
