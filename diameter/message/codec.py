"""decode and encode: the two doors between octets and messages.  Neither touches what nobody asked for."""

from __future__ import annotations

from typing import Final

from diameter.message.arity import check_built
from diameter.message.build import Dictionary
from diameter.message.members import Avp, Grouped
from diameter.message.message import Message
from diameter.wire import avp, header

_DEEPEST: Final = 64
"""Groups in groups that `rebuild` opens; what lies deeper is taken as octets."""


def decode(octets: bytes, dictionary: Dictionary) -> Message:
    """Always a Message, for any octets, also for no frame at all: then `framed` is False and `faults` says why."""
    return Message(octets, dictionary)


def encode(message: Message) -> bytes:
    """The octets of a message.

    A decoded one is what it was.  One that was built is checked against the grammar of its command and groups:
    EncodeError names the AVP and the clause.
    """
    if message.pending is not None:
        check_built(message)
    return message.octets


def rebuild(message: Message) -> bytes:
    """The octets of a message written anew from its header fields and AVPs, as if the kept octets were thrown away.

    Equal to `message.octets` for any octets; what a length that lies or missing padding leave is carried along.
    """
    octets = message.octets
    if len(octets) < header.LENGTH:
        return octets
    fields = header.pack(
        octets[0] << 24 | int.from_bytes(octets[1:4]),
        message.flags << 24 | message.command_code,
        message.application_id,
        message.hop_by_hop,
        message.end_to_end,
    )
    return fields + b"".join(_avp(one, 0) for one in message.avps) + message.tail


def _avp(one: Avp, depth: int) -> bytes:
    value = one.value if depth < _DEEPEST else None
    data = one.data
    if isinstance(value, Grouped):
        data = b"".join(_avp(member, depth + 1) for member in value.avps) + value.tail
    word = one.flags << 24 | one.length
    vendor = one.flags & avp.FLAG_V
    head = avp.pack_three(one.code, word, one.vendor) if vendor else avp.pack_two(one.code, word)
    return head + data + one.padding
