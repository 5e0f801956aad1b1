"""The hot part of Message and Grouped for the interpreter; `message._typed` is the same for C types.

Headers are walked once, on first need; a value is made when it is read.
"""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, Any, Final

from diameter.errors import InvalidAvpLength, InvalidAvpValue, RemoteFault
from diameter.message.tables import Reader, Tables
from diameter.wire import _core, avp
from diameter.wire._core import Nested

if TYPE_CHECKING:
    from diameter.message.members import Grouped

DECODE, UTF8, ASCII, U32, I32, U64, I64, UNPACK, GROUP, OCTETS = range(10)
"""How the typed modules read and write a data format; DECODE: by the functions of its type."""

_word = Struct(">I").unpack_from
SHORT: Final = 160
"""Octets that are walked at once: to stop at what is asked for and to go on later would cost more."""
NO_KEYS: Final[list[int]] = []


class Lookup:
    """What the compiled core reads an application's messages with; here `Tables` is enough."""

    __slots__ = ()

    def __init__(self, tables: Tables) -> None:
        pass


class Members:
    """AVPs side by side in octets: what Message and Grouped have in common, as far as it must be fast."""

    __slots__ = ("_end", "_groups", "_heads", "_keys", "_nested", "_start", "_stop", "_tables", "_whole", "_wire")

    _kind: type[Grouped]
    """The class of a group's value, set where it is defined: an import on the way would cost a microsecond."""
    _wire: bytes
    _start: int
    _end: int
    _stop: int
    _whole: bool
    _tables: Tables
    _keys: list[int]
    _heads: Any
    """Header offsets of the AVPs walked so far, None before the first."""
    _groups: dict[int, Grouped] | None
    _nested: dict[int, Nested] | None

    def __init__(
        self, wire: bytes, start: int, end: int, tables: Tables, nested: dict[int, Nested] | None = None
    ) -> None:
        self._wire = wire
        self._start = start
        self._end = end
        self._stop = start
        self._whole = False
        self._tables = tables
        self._keys = NO_KEYS
        self._heads = None
        self._groups = None
        self._nested = nested

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
        return self._walk()

    @property
    def keys(self) -> list[int]:
        """Key (vendor << 32 | code) of each AVP, in order."""
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
        self._walk()
        return self._stop

    def _walk(self) -> list[int]:
        """Find every AVP; return their header offsets."""
        heads: list[int] | None = self._heads
        if heads is None:
            self._keys = []
            self._heads = heads = []
            self._stop = self._start
        if not self._whole:
            self._whole = True
            self._stop = _core.index(self._wire, self._stop, self._end, self._keys, heads)
        return heads

    def _further(self, key: int) -> int:
        """Walk on to the first AVP with this key; its header offset, -1 when there is none."""
        heads: list[int] | None = self._heads
        if heads is None:
            self._keys = []
            self._heads = heads = []
            self._stop = self._start
        keys = self._keys
        count = len(keys)
        self._stop = _core.index(self._wire, self._stop, self._end, keys, heads, key)
        if len(keys) > count and keys[-1] == key:
            return heads[-1]
        self._whole = True
        return -1

    def _value(self, head: int, name: str, reader: Reader) -> Any:
        """The value of the AVP at `head`; a RemoteFault when its octets make none."""
        _, size, unpack, encoding, decode = reader
        wire = self._wire
        (rest,) = _word(wire, head + 4)
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
            raise unreadable(name, wire[head:end], head, error) from None
        return self._group(head, start, end)

    def _group(self, head: int, start: int, end: int) -> Grouped:
        groups = self._groups
        if groups is None:
            self._groups = groups = {}
        group = groups.get(head)
        if group is None:
            groups[head] = group = self._kind(self._wire, start, end, self._tables, self._nested)
            nested = self._nested
            if nested is not None and head in nested:
                group._keys, group._heads, group._stop = _core.unfolded(nested[head], head, end)
                group._whole = True
        return group

    def __getitem__(self, name: str) -> Any:
        """The first AVP of this name: one value however often the peer sent it.  KeyError when absent."""
        key, size, unpack, encoding, decode = self._tables.readers[name]
        if self._whole:
            try:
                head: int = self._heads[self._keys.index(key)]
            except ValueError:
                raise KeyError(name) from None
        else:
            head = self._find(key)
            if head < 0:
                raise KeyError(name)
        wire = self._wire
        (rest,) = _word(wire, head + 4)  # what follows is `_value`, written out: a call costs a fifth of it
        start = head + 12 if rest >= 0x80000000 else head + 8
        end = head + (rest & 0xFFFFFF)
        try:
            if encoding is not None:
                return wire[start:end].decode(encoding)
            if unpack is not None and end - start == size:
                return unpack(wire, start)[0]
            if decode is not None:
                return decode(wire[start:end])
        except ValueError as error:
            raise unreadable(name, wire[head:end], head, error) from None
        return self._group(head, start, end)

    def get(self, name: str, default: Any = None) -> Any:
        """The first value, or `default` when the AVP is absent; UnknownName when no dictionary has the name."""
        reader = self._tables.readers[name]
        head = self._find(reader[0])
        return default if head < 0 else self._value(head, name, reader)

    def _find(self, key: int) -> int:
        """Header offset of the first AVP with this key, -1 when there is none."""
        keys = self._keys
        if key in keys:
            found: int = self._heads[keys.index(key)]
            return found
        if self._whole:
            return -1
        if self._end - self._stop > SHORT:
            return self._further(key)
        heads = self._walk()
        return heads[self._keys.index(key)] if key in self._keys else -1

    def __contains__(self, name: object) -> bool:
        if not isinstance(name, str):
            return False
        return self._find(self._tables.readers[name][0]) >= 0

    def __len__(self) -> int:
        """How many AVPs stand here, groups counted as one."""
        return len(self.heads)

    def _read(self, head: int, name: str, label: str) -> Any:
        """The value of the AVP at `head` read as `name`; `label` is what a fault calls it."""
        return self._value(head, label, self._tables.readers[name])


def unreadable(name: str, octets: bytes, head: int, error: ValueError) -> RemoteFault:
    """The fault of an AVP whose data make no value."""
    kind = InvalidAvpLength if "octets where" in str(error) else InvalidAvpValue
    return kind(f"{name}: {error}", failed_avp=octets + avp.PAD[len(octets) & 3], offset=head, path=(name,))


def describe(message: Any, found: list[int]) -> tuple[RemoteFault, ...]:
    """The way of a message with something wrong, see `message.faults`."""
    from diameter.message import faults

    return faults.describe(message, found)
