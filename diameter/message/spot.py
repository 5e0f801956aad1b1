"""Places in a message, and the octets that Failed-AVP shows of them (RFC 6733 section 7.5)."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, Final

from diameter.dictionary.model import AvpDef
from diameter.wire import avp
from diameter.wire.types import TYPES

if TYPE_CHECKING:
    from diameter.message.message import Message

_ADDRESS_MINIMUM: Final = 6


class Spot:
    """One AVP of a message by its offset: the groups around it, and octets for Failed-AVP."""

    def __init__(self, message: Message, offset: int) -> None:
        self.wire = message.octets
        self.offset = offset
        self.groups: list[int] = []
        """Header offsets of the groups around the AVP, outermost first."""
        self.limit = message.end
        avps = message.tables.scope.avps
        self._names = avps
        heads = message.heads
        while (at := bisect_right(heads, offset) - 1) >= 0:
            head = heads[at]
            if not head < offset < head + self._length(head):
                break
            self.groups.append(head)
            heads = message.heads_in(head)
            self.limit = avp.span(self.wire, head)[1]
        self.definition = avps.get(key_at(self.wire, offset))

    def _length(self, head: int) -> int:
        return int.from_bytes(self.wire[head + 5 : head + 8])

    def _name(self, head: int) -> str:
        key = key_at(self.wire, head)
        one = self._names.get(key)
        if one is not None:
            return one.name
        return f"AVP {key >> 32}:{key & 0xFFFFFFFF}" if key >> 32 else f"AVP {key}"

    @property
    def name(self) -> str:
        """Name of the AVP, or its number."""
        return self._name(self.offset)

    @property
    def type(self) -> str:
        """Name of its data format; OctetString when it is unknown."""
        return "OctetString" if self.definition is None else self.definition.type

    @property
    def path(self) -> tuple[str, ...]:
        """Names from the outermost group down to the AVP."""
        return (*(self._name(head) for head in self.groups), self.name)

    def data(self) -> bytes:
        """The data octets of a well-formed AVP."""
        start, end = avp.span(self.wire, self.offset)
        return self.wire[start:end]

    def octets(self) -> bytes:
        """The whole AVP, padded with zeros."""
        length = self._length(self.offset)
        return self.wire[self.offset : self.offset + length] + avp.PAD[length & 3]

    def broken(self) -> bytes:
        """The header of an AVP whose length cannot be believed, completed, and the least payload of its type."""
        left = self.wire[self.offset : self.limit]
        size = 12 if len(left) > 4 and left[4] & avp.FLAG_V else 8
        head = left[:size].ljust(size, b"\0")
        return head + bytes(least(self.type))

    def wrapped(self, octets: bytes) -> bytes:
        """`octets` inside the groups that stood around the AVP (section 7.5)."""
        return wrap(self.wire, self.groups, octets)


def key_at(wire: bytes, head: int) -> int:
    """Key of the AVP at `head`, zeros where octets are missing."""
    code = int.from_bytes(wire[head : head + 4].ljust(4, b"\0"))
    if len(wire) > head + 4 and wire[head + 4] & avp.FLAG_V:
        return int.from_bytes(wire[head + 8 : head + 12].ljust(4, b"\0")) << 32 | code
    return code


def least(type_name: str) -> int:
    """The least payload of a data format in octets, padded."""
    if type_name == "Address":
        return _ADDRESS_MINIMUM + 2
    return TYPES[type_name].size or 0


def wrap(wire: bytes, groups: list[int], octets: bytes) -> bytes:
    """`octets` inside copies of the group headers at `groups`, outermost first."""
    for head in reversed(groups):
        key = key_at(wire, head)
        octets = avp.build(key & 0xFFFFFFFF, key >> 32, wire[head + 4], octets)
    return octets


def group_at(message: Message, begin: int) -> Spot:
    """The group whose data begin at `begin`: its header ends there."""
    wire = message.octets
    for size in (12, 8):
        head = begin - size
        if head >= message.start and (wire[head + 4] & avp.FLAG_V != 0) == (size == 12):
            spot = Spot(message, head)
            if spot.type == "Grouped":
                return spot
    return Spot(message, begin - 8)


def example(one: AvpDef) -> bytes:
    """An AVP that is missing: right code, vendor and flags, zeros of the least length (section 7.1.5)."""
    size = TYPES[one.type].size or (_ADDRESS_MINIMUM if one.type == "Address" else 0)
    return _build(one, bytes(size))


def quote(message: Message, path: tuple[str, ...]) -> bytes:
    """The AVP at `path`, outermost group first, as it came and inside its groups; where it is absent an example.

    KeyError for a name that no dictionary has.
    """
    wire, names = message.octets, message.tables.scope.names
    groups: list[int] = []
    heads = message.heads
    for depth, name in enumerate(path, 1):
        key = names[name].key
        found = [head for head in heads if key_at(wire, head) == key]
        if not found:
            octets = example(names[path[-1]])
            for absent in reversed(path[depth - 1 : -1]):
                octets = _build(names[absent], octets)
            return wrap(wire, groups, octets)
        groups.append(found[0])
        if depth < len(path):
            heads = message.heads_in(found[0])
    last = groups.pop()
    return wrap(wire, groups, Spot(message, last).octets())


def _build(one: AvpDef, data: bytes) -> bytes:
    flags = (avp.FLAG_V if one.vendor else 0) | (avp.FLAG_M if one.mandatory == "M" else 0)
    return avp.build(one.code, one.vendor, flags, data)
