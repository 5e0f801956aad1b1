"""How many answers passed, by peer, application, command and result: one search, one look-up, one addition.

Names are found when somebody asks, not when an answer passes.  The results and commands of a peer are its own choice,
so the number of rows is bounded: what comes over `ROWS` is counted without command and result.
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct, error
from typing import Final, NamedTuple

from diameter.errors import DictionaryError
from diameter.message import Dictionary

ROWS: Final = 20_000
HEADER: Final = 20
USUAL: Final = bytes.fromhex("0000010c4000000c")
"""The head of nearly every Result-Code.  To look for it costs less than walking there; a peer that writes these eight
octets into an AVP before it makes its own answers count wrong, and nothing else.
"""
RESULT_CODE: Final = 268
EXPERIMENTAL_RESULT: Final = 297
EXPERIMENTAL_RESULT_CODE: Final = 298
VENDOR_ID: Final = 266
VENDOR_FLAG: Final = 0x80
_head = Struct(">IBxH").unpack_from
_Key = tuple[str, bool, bytes, bytes]
_Count = list[int]


class Row(NamedTuple):
    """One line of the tally.  `outgoing`: answers that we gave; result as "2001" or "10415:5001", "" for none."""

    peer: str
    outgoing: bool
    application: str
    command: str
    result: str
    answers: int


class Tally:
    """Answers counted since the node was made."""

    __slots__ = ("_counts",)

    def __init__(self) -> None:
        self._counts: dict[_Key, _Count] = {}

    def count(self, peer: str, octets: bytes, outgoing: bool, by: int = 1) -> None:
        """Count one answer, given or received; `by` -1 takes one back.  Never raises, whatever the octets."""
        self.found(peer, octets, outgoing)[0] += by

    def found(self, peer: str, octets: bytes, outgoing: bool) -> _Count:
        """The count to which an answer belongs."""
        return self._row((peer, outgoing, octets[5:12], result_in(octets)))

    def key(self, octets: bytes) -> bytes:
        """By what an answer is counted, besides its peer and direction: command, application, result."""
        return octets[5:12] + result_in(octets)

    def _row(self, key: _Key) -> _Count:
        counts = self._counts
        if key not in counts:
            if len(counts) >= ROWS:
                key = (key[0], key[1], b"", b"")
            counts.setdefault(key, [0])
        return counts[key]

    def answers_of(self, peer: str) -> int:
        """Answers given to and received from one peer; looks at every row."""
        return sum(count for key, (count,) in self._counts.items() if key[0] == peer)

    def rows(self, dictionary: Dictionary) -> Iterator[Row]:
        """Everything counted, with names, in the order in which it was met first; may be read little by little."""
        names: dict[bytes, tuple[str, str]] = {}
        results: dict[bytes, str] = {}
        for (peer, outgoing, what, result), (count,) in list(self._counts.items()):
            if what not in names:
                names[what] = _names(what, dictionary)
            if result not in results:
                results[result] = _shown(result)
            application, command = names[what]
            yield Row(peer, outgoing, application, command, results[result], count)


def result_in(octets: bytes) -> bytes:
    """The data of the Result-Code or Experimental-Result of an answer; b"" for none."""
    at = octets.find(USUAL, HEADER)
    return _result(octets) if at < 0 or at & 3 else octets[at + 8 : at + 12]


def _result(octets: bytes) -> bytes:
    """The data of the first Result-Code or Experimental-Result, found by the heads of AVPs alone; b"" for none."""
    at, end = HEADER, len(octets)
    while at + 8 <= end:
        code, flags, low = _head(octets, at)
        length = octets[at + 5] << 16 | low
        if code == RESULT_CODE and not flags & VENDOR_FLAG:
            return octets[at + 8 : at + 12]
        if code == EXPERIMENTAL_RESULT and not flags & VENDOR_FLAG:
            return octets[at + 8 : at + min(length, 64)]
        if length < 8:
            return b""
        at += length + 3 & ~3
    return b""


def _names(what: bytes, dictionary: Dictionary) -> tuple[str, str]:
    if len(what) != 7:
        return "other", "other"
    code, application = int.from_bytes(what[:3]), int.from_bytes(what[3:])
    definition = dictionary.scope(application).commands.get(code << 1)
    try:
        name = dictionary.application(application).name
    except DictionaryError:
        name = str(application)
    return name, definition.name.removesuffix("-Answer") if definition is not None else str(code)


def _shown(result: bytes) -> str:
    if len(result) <= 4:
        return str(int.from_bytes(result)) if result else ""
    found = {VENDOR_ID: 0, EXPERIMENTAL_RESULT_CODE: 0}
    at = 0
    try:
        while at < len(result):
            code, flags, length = _head(result, at)
            start = at + (12 if flags & VENDOR_FLAG else 8)
            if code in found:
                found[code] = int.from_bytes(result[start : start + 4])
            at += max(length, 8) + 3 & ~3
    except error:
        return "malformed"
    return f"{found[VENDOR_ID]}:{found[EXPERIMENTAL_RESULT_CODE]}"
