"""Which messages a node writes down: `command=DAR,DAA peer=*.example without=DWR,DWA has=001010000000001`.

Words are separated by blanks and all have to fit; of several values behind one word, separated by commas, one has to:

    command   names or codes; Device-Action is request and answer, DAR the request alone
    without   the same, of messages that are left out
    app       names or numbers of applications; base is 0
    peer      Origin-Host of the neighbour, or of what its certificate says; * and ? as in names of files
    has       text anywhere in the message; digits also as TBCD, as numbers stand in MSISDN and in short messages

Only the header is read, and with `has` the octets are searched: a message costs less than a microsecond.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase

from diameter.dictionary import Definitions
from diameter.errors import DictionaryError, LocalError


class Choice:
    """A filter, ready to be asked.  Raises LocalError that names the word which cannot be."""

    def __init__(self, text: str, dictionary: Definitions) -> None:
        self.text = text
        self._commands: frozenset[int] = frozenset()
        self._without: frozenset[int] = frozenset()
        self._applications: frozenset[int] = frozenset()
        self._peers: tuple[str, ...] = ()
        self._has: tuple[bytes, ...] = ()
        self._known: dict[str, bool] = {}
        for word in text.split():
            key, _, rest = word.partition("=")
            values = [value for value in rest.split(",") if value]
            if not values:
                raise LocalError(f"capture filter: {word!r} is no KEY=VALUE")
            self._take(key, values, dictionary)

    def wants(self, octets: bytes, peer: str) -> bool:
        """True when the message is to be written.  `peer`: "" while it is not known; then it is let through."""
        if self._applications and int.from_bytes(octets[8:12]) not in self._applications:
            return False
        if self._commands or self._without:
            key = int.from_bytes(octets[5:8]) << 1 | octets[4] >> 7
            if key in self._without or (self._commands and key not in self._commands):
                return False
        if self._peers and peer and not self._is_peer(peer):
            return False
        return not self._has or any(text in octets for text in self._has)

    def _is_peer(self, peer: str) -> bool:
        known = self._known.get(peer)
        if known is None:
            if len(self._known) > 4096:
                self._known.clear()
            known = self._known[peer] = any(fnmatchcase(peer.lower(), each) for each in self._peers)
        return known

    def _take(self, key: str, values: list[str], dictionary: Definitions) -> None:
        take: dict[str, Callable[[], None]] = {
            "command": lambda: setattr(self, "_commands", _commands(values, dictionary)),
            "without": lambda: setattr(self, "_without", _commands(values, dictionary)),
            "app": lambda: setattr(self, "_applications", _applications(values, dictionary)),
            "peer": lambda: setattr(self, "_peers", tuple(value.lower() for value in values)),
            "has": lambda: setattr(self, "_has", tuple(octets for value in values for octets in _octets(value))),
        }
        if key not in take:
            raise LocalError(f"capture filter: {key!r} is none of {', '.join(take)}")
        take[key]()


def _commands(names: list[str], dictionary: Definitions) -> frozenset[int]:
    """Command codes with the request bit behind them."""
    found: set[int] = set()
    for name in names:
        if name.isascii() and name.isdigit():
            found |= {int(name) << 1, int(name) << 1 | 1}
            continue
        named = dictionary.commands_named(name)
        if not named:
            raise LocalError(f"capture filter: no command {name!r} in the dictionaries")
        found |= {one.code << 1 | one.request for one in named}
    return frozenset(found)


def _applications(names: list[str], dictionary: Definitions) -> frozenset[int]:
    found = set()
    for name in names:
        if name.isascii() and name.isdigit():
            found.add(int(name))
        elif name.lower() == "base":
            found.add(0)
        else:
            try:
                found.add(dictionary.application(name).id)
            except DictionaryError as error:
                raise LocalError(f"capture filter: {error}") from None
    return frozenset(found)


def _octets(text: str) -> Iterator[bytes]:
    """`text` as it may stand in a message."""
    yield text.encode()
    if text.isascii() and text.isdigit() and len(text) > 3:
        halves = text if len(text) % 2 == 0 else f"{text}f"
        yield bytes(int(halves[at + 1] + halves[at], 16) for at in range(0, len(halves), 2))
