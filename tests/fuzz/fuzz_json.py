"""Messages from JSON text and from words: a Message or a LocalError; what is one goes either way and back unharmed."""

from __future__ import annotations

import json
from functools import cache
from typing import Any, Final

from helpers.fuzz import Choices, drive, instrumented

with instrumented(__name__):
    from fuzz.seeds import commands

    from diameter import Dictionary, Message
    from diameter.capture import written
    from diameter.capture.text import tree
    from diameter.errors import LocalError
    from diameter.message.json import from_dict


@cache
def dictionary() -> Dictionary:
    return Dictionary.load(cache=False)


@cache
def documents() -> list[str]:
    """A message of each command, as JSON."""
    return [Message(octets, dictionary()).to_json() for _, octets in commands(dictionary())]


EDITED: Final = 0xFF
"""The first octet, which begins no text, of inputs that edit a document."""
ODD: Final[tuple[Any, ...]] = (
    None, True, 0, 1, -1, 1 << 24, 1 << 32, 1 << 64, 10**400, 1.5, 1e39, 1e308, float("nan"), float("inf"),
    "", "x", "00", "0g", "é", "\ud800", "192.0.2.1", "::1", "fe80::1%1", "nan", "1e400",
    "2026-01-01T00:00:00", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59",
    "User-Name", "1:1", "99999999999:1", "²:1", [], [[]], [{}], {}, [{"name": "User-Name", "value": "x"}],
    {"family": 8, "data": "31"}, {"family": 1.5, "data": "31"}, {"family": -1, "data": ""}, {"family": 8, "data": 1},
)  # fmt: skip
"""Values put where another one belongs."""


def oracle(data: bytes) -> None:
    """The octets as text, or as edits of a document."""
    text = _edited(Choices(data[1:])) if data[:1] == bytes([EDITED]) else data.decode("utf-8", "replace")
    if text.lstrip()[:1] not in ("{", "["):
        _in_words(text)
        return
    try:
        message = Message.from_json(text, dictionary())
    except LocalError:
        return
    again = Message.from_json(message.to_json(indent=1), dictionary())
    assert again.octets == message.octets
    assert [repr(f) for f in again.faults] == [repr(f) for f in message.faults]


def _in_words(text: str) -> None:
    try:
        found = [from_dict(one, dictionary()) for one in written.documents(text, dictionary())]
    except LocalError:
        return
    for message in found:
        if not message.faults and "(masked)" not in tree(message):
            (again,) = written.documents(tree(message), dictionary())
            assert from_dict(again, dictionary()).octets == message.octets


def _edited(choices: Choices) -> str:
    """A document with up to four of its values replaced or taken out."""
    document = json.loads(documents()[choices.below(len(documents()))])
    for _ in range(4):
        if not choices.left:
            break
        places = _places(document)
        inside, key = places[(choices.octet() << 8 | choices.octet()) % len(places)]
        what = choices.below(len(ODD) + 8)
        if what < len(ODD):
            inside[key] = json.loads(json.dumps(ODD[what]))
        else:
            del inside[key]
    return json.dumps(document)


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Every (container, key) in a document."""
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    return [place for key in keys for place in [(value, key), *_places(value[key])]]


if __name__ == "__main__":
    drive(oracle)
