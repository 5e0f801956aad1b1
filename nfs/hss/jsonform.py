"""The JSON forms of subscribers, read a piece at a time: `{"schema": 1, "subscribers": [...]}`, the bare array, and
JSON Lines, one object a line.

Of a file only as much is in memory as one value needs, so that its length does not matter.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Final, TextIO

from diameter.errors import ConfigError

SCHEMA: Final = 1
CHUNK: Final = 1 << 16
MOST: Final = 1 << 20
"""Characters that one value, or one line of JSON Lines, may have."""
_THING: Final = re.compile(r"[^ \t\r\n]")
_COMMA: Final = "Expecting ',' delimiter"


class _Window:
    """The text of a file from where reading is, so far as it was read."""

    def __init__(self, stream: TextIO, text: str, source: str) -> None:
        self._stream = stream
        self._source = source
        self._ended = False
        self._line, self._counted = 1, 0
        self.text, self.at = text, 0

    @property
    def line(self) -> int:
        """The number of the line that reading is in."""
        self._line += self.text.count("\n", self._counted, self.at)
        self._counted = self.at
        return self._line

    def more(self) -> bool:
        """Read on; False at the end of the file."""
        _ = self.line
        self.text, self.at, self._counted = self.text[self.at :], 0, 0
        chunk = "" if self._ended else self._stream.read(CHUNK)
        self._ended = not chunk
        self.text += chunk
        return bool(chunk)

    def peek(self) -> str:
        """The next character that is no white space, "" at the end; reading is there then."""
        while True:
            found = _THING.search(self.text, self.at)
            self.at = len(self.text) if found is None else found.start()
            if found is not None:
                return found.group()
            if not self.more():
                return ""

    def take(self, expected: str, complaint: str) -> None:
        """Read over one character.  Raises ConfigError where there is another."""
        if self.peek() != expected:
            raise self.wrong(complaint)
        self.at += 1

    def value(self) -> Any:
        """The value that begins here.  Raises ConfigError."""
        _ = self.peek()
        while True:
            wrong: json.JSONDecodeError | None = None
            try:
                found, end = _DECODER.raw_decode(self.text, self.at)
            except json.JSONDecodeError as error:
                wrong = error
            except ValueError as error:  # of `_object`, or of int() about a number of thousands of digits
                raise self.wrong(str(error)) from None
            except RecursionError:
                raise self.wrong("nested too deeply") from None
            else:
                if end < len(self.text) or self._ended:
                    self.at = end
                    return found
            if len(self.text) - self.at > MOST:
                raise self.wrong(f"a value of more than {MOST} characters")
            if not self.more() and wrong is not None:
                line = self._line + self.text.count("\n", 0, min(wrong.pos, len(self.text)))
                raise ConfigError(f"{self._source}:{line}: not JSON: {wrong.msg}")

    def one_line(self) -> str:
        """The rest of this line, with its end; what is longer than a value may be is cut."""
        while (end := self.text.find("\n", self.at)) < 0 and len(self.text) - self.at <= MOST and self.more():
            pass
        return self.text[self.at : end + 1 or len(self.text)]

    def wrong(self, what: str) -> ConfigError:
        """A complaint about where reading is."""
        return ConfigError(f"{self._source}:{self.line}: not JSON: {what}")

    def shape(self) -> ConfigError:
        """The complaint about another document."""
        return ConfigError(f'{self._source}: an array, or {{"schema": {SCHEMA}, "subscribers": [...]}}, expected')


def read(stream: TextIO, text: str, source: str) -> Iterator[tuple[int, Any]]:
    """(line, row or what is wrong with it) of each subscriber.  `text`: what was read of the stream before.

    Raises ConfigError for a file that is no JSON, or another document.
    """
    window = _Window(stream, text, source)
    if window.peek() == "[":
        yield from _elements(window)
    elif _is_lines(window.one_line()):
        yield from _lines(window)
    else:
        yield from _document(window)
    if window.peek():
        raise window.wrong("Extra data")


def _elements(window: _Window) -> Iterator[tuple[int, Any]]:
    window.at += 1
    if window.peek() == "]":
        window.at += 1
        return
    while True:
        _ = window.peek()
        line, row = window.line, window.value()
        yield line, row if isinstance(row, dict) else "an object expected"
        if window.peek() == "]":
            window.at += 1
            return
        window.take(",", _COMMA)


def _document(window: _Window) -> Iterator[tuple[int, Any]]:
    window.take("{", "Expecting value")
    seen: set[str] = set()
    while True:
        if window.peek() != '"':
            raise window.wrong("Expecting property name enclosed in double quotes")
        key = window.value()
        window.take(":", "Expecting ':' delimiter")
        if key in seen:
            raise window.wrong("a key twice in one object")
        seen.add(key)
        if key == "subscribers":
            if window.peek() != "[":
                raise window.shape()
            yield from _elements(window)
        elif window.value() != SCHEMA and key == "schema":
            raise window.shape()
        if window.peek() == "}":
            window.at += 1
            break
        window.take(",", _COMMA)
    if "subscribers" not in seen:
        raise window.shape()


def _is_lines(line: str) -> bool:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return False
    return isinstance(row, dict) and "imsi" in row


def _lines(window: _Window) -> Iterator[tuple[int, Any]]:
    while window.peek():
        line, text = window.line, window.one_line()
        if len(text) > MOST:
            raise window.wrong(f"a line of more than {MOST} characters")
        try:
            row = json.loads(text, object_pairs_hook=_object)
        except json.JSONDecodeError as error:
            yield line, f"not JSON: {error.msg}"
        except ValueError as error:
            yield line, f"not JSON: {error}"
        except RecursionError:
            yield line, "not JSON: nested too deeply"
        else:
            yield line, row if isinstance(row, dict) else "an object expected"
        window.at += len(text)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key twice in one object")
    return found


_DECODER: Final = json.JSONDecoder(object_pairs_hook=_object)
