"""AVPs side by side: what Message and Grouped have in common, and the view of a single AVP for tools.

Headers are walked once, on first need; a value is made when it is read.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from diameter.errors import InvalidAvpLength, InvalidAvpValue, RemoteFault
from diameter.message.tables import Reader, Tables
from diameter.wire import avp, core
from diameter.wire.core import Nested

if TYPE_CHECKING:
    from diameter.dictionary.model import AvpDef

_two = avp.unpack_two
NO_KEYS: Final[list[int]] = []


class Members:
    """AVPs side by side in octets: what Message and Grouped have in common."""

    __slots__ = ("_end", "_groups", "_heads", "_keys", "_nested", "_start", "_stop", "_tables", "_wire")

    _wire: bytes
    _start: int
    _end: int
    _stop: int
    _tables: Tables
    _keys: list[int]
    _heads: list[int] | None
    _groups: dict[int, Grouped] | None
    _nested: dict[int, Nested] | None

    @property
    def wire(self) -> bytes:
        """The octets in which the AVPs stand; for a Grouped those of the whole message."""
        return self._wire

    @property
    def tables(self) -> Tables:
        """The compiled scope by which names are resolved."""
        return self._tables

    @property
    def heads(self) -> list[int]:
        """Header offset of each AVP in `wire`, in order."""
        return self._heads if self._heads is not None else self._walk()

    @property
    def keys(self) -> list[int]:
        """Key (vendor << 32 | code) of each AVP, in order."""
        if self._heads is None:
            self._walk()
        return self._keys

    @property
    def start(self) -> int:
        """Where the first AVP begins in `wire`."""
        return self._start

    @property
    def end(self) -> int:
        """Where the last AVP must end."""
        return self._end

    @property
    def stop(self) -> int:
        """Where walking stopped: `end`, unless a length is wrong."""
        if self._heads is None:
            self._walk()
        return self._stop

    def _walk(self) -> list[int]:
        """Find the AVPs; return their header offsets."""
        keys: list[int] = []
        heads: list[int] = []
        self._keys, self._heads = keys, heads
        self._stop = core.index(self._wire, self._start, self._end, keys, heads)
        return heads

    def _value(self, head: int, name: str, reader: Reader) -> Any:
        """The value of the AVP at `head`; a RemoteFault when its octets make none."""
        _, size, unpack, encoding, decode = reader
        wire = self._wire
        rest = _two(wire, head)[1]
        start = head + 12 if rest & 0x80000000 else head + 8
        end = head + (rest & 0xFFFFFF)
        try:
            if encoding is not None:
                return wire[start:end].decode(encoding)
            if unpack is not None and end - start == size:
                return unpack(wire, start)[0]
            if decode is not None:
                return decode(wire[start:end])
        except ValueError as error:
            raise _unreadable(name, wire[head:end], head, error) from None
        return self._group(head, start, end)

    def _group(self, head: int, start: int, end: int) -> Grouped:
        groups = self._groups
        if groups is None:
            self._groups = groups = {}
        group = groups.get(head)
        if group is None:
            groups[head] = group = Grouped(self._wire, start, end, self._tables, self._nested)
            nested = self._nested
            if nested is not None and head in nested:
                group._keys, group._heads, group._stop = nested[head]
        return group

    def __getitem__(self, name: str) -> Any:
        """The first AVP of this name: one value however often the peer sent it.  KeyError when absent."""
        heads = self._heads
        if heads is None:
            heads = self._walk()
        reader = self._tables.readers[name]
        try:
            head = heads[self._keys.index(reader[0])]
        except ValueError:
            raise KeyError(name) from None
        return self._value(head, name, reader)

    def get(self, name: str, default: Any = None) -> Any:
        """The first value, or `default` when the AVP is absent; UnknownName when no dictionary has the name."""
        heads = self._heads
        if heads is None:
            heads = self._walk()
        reader = self._tables.readers[name]
        keys = self._keys
        if reader[0] not in keys:
            return default
        return self._value(heads[keys.index(reader[0])], name, reader)

    def all(self, name: str) -> tuple[Any, ...]:
        """Every value of this name in order, maybe none."""
        heads = self.heads
        reader = self._tables.readers[name]
        key = reader[0]
        if key not in self._keys:
            return ()
        return tuple(self._value(head, name, reader) for k, head in zip(self._keys, heads, strict=True) if k == key)

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
        heads = self.heads
        key = self._tables.readers[name][0]
        if key not in self._keys:
            raise KeyError(name)
        start, end = avp.span(self._wire, heads[self._keys.index(key)])
        return self._wire[start:end]

    def group(self, name: str) -> Grouped:
        """`self[name]` of a Grouped AVP."""
        value = self[name]
        if isinstance(value, Grouped):
            return value
        raise TypeError(f"{name} is no Grouped AVP")

    def __contains__(self, name: object) -> bool:
        if not isinstance(name, str):
            return False
        if self._heads is None:
            self._walk()
        return self._tables.readers[name][0] in self._keys

    def __len__(self) -> int:
        """How many AVPs stand here, groups counted as one."""
        return len(self._heads if self._heads is not None else self._walk())

    def __iter__(self) -> Iterator[Avp]:
        return iter(self.avps)

    def __bool__(self) -> bool:
        return True

    @property
    def avps(self) -> tuple[Avp, ...]:
        """A view of each AVP in order, for tools; the hot path reads by name."""
        heads = self._heads if self._heads is not None else self._walk()
        return tuple(Avp(self, head) for head in heads)

    @property
    def tail(self) -> bytes:
        """Octets behind the last AVP that could be walked: empty unless a length is wrong."""
        if self._heads is None:
            self._walk()
        return self._wire[self._stop : self._end]


class Grouped(Members):
    """The value of a Grouped AVP (RFC 6733 section 4.4): the same accessors as a Message."""

    __slots__ = ()

    def __init__(
        self, wire: bytes, start: int, end: int, tables: Tables, nested: dict[int, Nested] | None = None
    ) -> None:
        self._wire = wire
        self._start = start
        self._end = end
        self._stop = start
        self._tables = tables
        self._keys = NO_KEYS
        self._heads = None
        self._groups = None
        self._nested = nested

    @property
    def octets(self) -> bytes:
        """The data of the AVP: its members, side by side."""
        return self._wire[self._start : self._end]

    def edit(self, *, add: Any = None, remove: Any = (), replace: Any = None) -> Grouped:
        """A new Grouped, see `Message.edit`."""
        from diameter.message.edit import edited

        octets = edited(self, add, remove, replace)
        return Grouped(octets, 0, len(octets), self._tables)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Grouped) and self.octets == other.octets

    def __hash__(self) -> int:
        return hash(self.octets)

    def __repr__(self) -> str:
        return f"Grouped({', '.join(one.name for one in self.avps)})"


class Avp:
    """A view of one AVP for tools: header fields as they are on the wire, value by the dictionary."""

    __slots__ = ("_head", "_parent")

    def __init__(self, parent: Members, head: int) -> None:
        self._parent = parent
        self._head = head

    @property
    def code(self) -> int:
        """AVP Code."""
        return int.from_bytes(self._parent._wire[self._head : self._head + 4])

    @property
    def flags(self) -> int:
        """The flags octet: V 0x80, M 0x40, P 0x20."""
        return self._parent._wire[self._head + 4]

    @property
    def length(self) -> int:
        """AVP Length: header and data, without padding."""
        return int.from_bytes(self._parent._wire[self._head + 5 : self._head + 8])

    @property
    def vendor(self) -> int:
        """Vendor-Id, 0 without the V bit."""
        return int.from_bytes(self._parent._wire[self._head + 8 : self._head + 12]) if self.flags & avp.FLAG_V else 0

    @property
    def offset(self) -> int:
        """Where the AVP header begins, in octets from the start of the message."""
        return self._head

    @property
    def data(self) -> bytes:
        """The data octets."""
        start, end = avp.span(self._parent._wire, self._head)
        return self._parent._wire[start:end]

    @property
    def padding(self) -> bytes:
        """The octets between this AVP's end and the next: zeros, if the peer keeps to section 4; short when cut off."""
        end = self._head + self.length
        return self._parent._wire[end : min(end + (-self.length & 3), self._parent._end)]

    @property
    def octets(self) -> bytes:
        """Header, data and padding."""
        end = self._head + self.length + (-self.length & 3)
        return self._parent._wire[self._head : min(end, self._parent._end)]

    @property
    def definition(self) -> AvpDef | None:
        """What the scope of the message's application says of this AVP, or None."""
        return self._parent._tables.scope.avps.get(self.vendor << 32 | self.code)

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
        readers = self._parent._tables.readers
        reader = readers[one.name]
        if reader[0] != one.key:  # the name is first of all another AVP's
            reader = readers[f"{one.vendor}:{one.code}"]
        try:
            return self._parent._value(self._head, one.name, reader)
        except RemoteFault:
            return self.data

    @property
    def members(self) -> tuple[Avp, ...]:
        """The AVPs inside a known Grouped; empty for everything else."""
        value = self.value
        return value.avps if isinstance(value, Grouped) else ()

    def __repr__(self) -> str:
        return f"Avp({self.name}, {self.value!r})"


def _unreadable(name: str, octets: bytes, head: int, error: ValueError) -> RemoteFault:
    kind = InvalidAvpLength if "octets where" in str(error) else InvalidAvpValue
    return kind(f"{name}: {error}", failed_avp=octets + avp.PAD[len(octets) & 3], offset=head, path=(name,))
