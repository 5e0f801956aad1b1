"""Messages from JSON text: a Message or a LocalError; what is a message goes through JSON and back unharmed."""

from __future__ import annotations

from functools import cache

from helpers.fuzz import drive, instrumented

with instrumented(__name__):
    from diameter import Dictionary, Message
    from diameter.errors import LocalError


@cache
def dictionary() -> Dictionary:
    return Dictionary.load(cache=False)


def oracle(data: bytes) -> None:
    """The octets as text."""
    text = data.decode("utf-8", "replace")
    try:
        message = Message.from_json(text, dictionary())
    except LocalError:
        return
    again = Message.from_json(message.to_json(indent=1), dictionary())
    assert again.octets == message.octets
    assert [repr(f) for f in again.faults] == [repr(f) for f in message.faults]


if __name__ == "__main__":
    drive(oracle)
