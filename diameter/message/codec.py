"""decode and encode: the two doors between octets and messages.  Neither touches what nobody asked for."""

from __future__ import annotations

from diameter.message.arity import check_built
from diameter.message.build import Dictionary
from diameter.message.message import Message


def decode(octets: bytes, dictionary: Dictionary) -> Message:
    """Always a Message, for any octets, also for no frame at all: then `framed` is False and `faults` says why."""
    return Message(octets, dictionary)


def encode(message: Message) -> bytes:
    """The octets of a message.

    A decoded one is what it was.  One that was built is checked against the grammar of its command and groups:
    EncodeError names the AVP and the clause.
    """
    check_built(message)
    return message.octets
