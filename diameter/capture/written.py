"""Messages written in words, as JSON documents: what `diameter.capture.text.tree` shows, and what people write by hand.

    Device-Watchdog-Request
      Origin-Host   scs.example.org
      Origin-Realm  example.org

A line at the margin begins a message: its command, then its application where the command has several; what else the
tree prints there counts too.  An AVP is its name and its value, members of a group stand deeper than it.  Code and
flags, as the tree prints them, may stand between; with them everything is taken as it stands, without them what every
request has may be filled in.  Lines that begin with ^, ! or # are passed over.

Octets are hex, or text between double quotes, or digits where the tree shows digits.  Raises LocalError, with the
number of the line, for what makes no message: masked values are one such thing.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from diameter.capture.text import ADDRESS_FIELDS, MASKED_TEXT, TBCD_NUMBERS
from diameter.dictionary.model import AvpDef, Scope
from diameter.errors import DiameterError, LocalError
from diameter.message import Dictionary
from diameter.message.json import plain
from diameter.wire import avp as wire
from diameter.wire import header
from diameter.wire.types import E164, TYPES, OtherAddress

FLAGS: Final = {"V": wire.FLAG_V, "M": wire.FLAG_M, "P": wire.FLAG_P}
_HEADER_FLAGS: Final = {
    "request": header.FLAG_R,
    "answer": 0,
    "proxiable": header.FLAG_P,
    "error": header.FLAG_E,
    "retransmitted": header.FLAG_T,
}
_NUMBER: Final = re.compile(r"([0-9]{1,10})(?:/([0-9]{1,10}))?$")
_LETTERS: Final = re.compile(r"(?:-|(?=.)(V?M?P?)(?:\+([0-9a-f]{2}))?)$")
_IDENTIFIERS: Final = re.compile(r"(hop-by-hop|end-to-end) 0x([0-9a-f]{1,8})\b")
_NAMED: Final = re.compile(r".*\((0x[0-9a-f]+|-?[0-9]+)\)$")
_LITERAL: Final = re.compile(r"""(['"])(?:\\.|(?!\1)[^\\])*\1$""")
_NO_VALUE: Final = re.compile(r"([0-9a-f]*) \(no [A-Za-z0-9]+\)$")
_QUOTED: Final = re.compile(r'(?:([0-9a-f]+) )?(".*")$')
_HALVES: Final = {digit: value for value, digit in enumerate("0123456789*#abc")}


@dataclass(slots=True)
class _Line:
    """One AVP as written.  `code` None: by its name alone.  `flags` None: those of the dictionary."""

    where: int
    indent: int
    name: str
    value: str
    definition: AvpDef | None
    code: int | None = None
    vendor: int = 0
    flags: int | None = None
    members: list[_Line] = field(default_factory=list)


def documents(text: str, dictionary: Dictionary) -> list[dict[str, Any]]:
    """Each message in the form that `diameter.message.json.from_dict` takes."""
    found: list[dict[str, Any]] = []
    block: list[tuple[int, str]] = []
    for number, line in enumerate(text.expandtabs(8).splitlines(), start=1):
        if not line.strip() or line.lstrip()[0] in "^!#":
            continue
        if not line[0].isspace() and block:
            found.append(_message(block, dictionary))
            block = []
        block.append((number, line.rstrip()))
    if block:
        found.append(_message(block, dictionary))
    return found


def _message(block: list[tuple[int, str]], dictionary: Dictionary) -> dict[str, Any]:
    (where, first), *rest = block
    if first[0].isspace():
        raise LocalError(f"line {where}: an AVP before any message: a command begins at the margin")
    out = _head(where, first, dictionary)
    try:
        scope = dictionary.tables(_application(out, dictionary)).scope
    except DiameterError as error:
        raise LocalError(f"line {where}: {error}") from None
    lines = [_line(number, line, scope) for number, line in rest]
    top = list(_nested(lines))
    by_name = "command_code" not in out and all(line.code is None for line in lines)
    out["avps"] = _mapping(top) if by_name else [_whole(line) for line in top]
    return out


def _head(where: int, line: str, dictionary: Dictionary) -> dict[str, Any]:
    """Command, application, flags and identifiers, as far as they are written."""
    name, _, rest = line.partition(" ")
    out: dict[str, Any] = {}
    if name == "Command":
        code, _, rest = rest.strip().partition(" ")
        if not re.fullmatch("[0-9]{1,10}", code):
            raise LocalError(f"line {where}: 'Command' wants the number of a command")
        out["command_code"] = int(code)
    elif not dictionary.commands_named(name):
        raise LocalError(f"line {where}: no dictionary has a command named {name!r}")
    else:
        out["command"] = name
    for word, number in _IDENTIFIERS.findall(rest):
        out[word.replace("-", "_")] = int(number, 16)
    rest = re.sub(r"^\s*\([^)]*\)", "", _IDENTIFIERS.sub("", rest))
    words = re.sub(r"\b\d+ octets\b", "", rest).replace(",", " ").split()
    flags = [word for word in words if word in _HEADER_FLAGS]
    if flags:
        out["flags"] = sum({_HEADER_FLAGS[word] for word in flags})
    application = [word for word in words if word not in _HEADER_FLAGS]
    if application and re.fullmatch("[0-9]{1,10}", application[-1]):
        out["application_id"] = int(application[-1])
    elif application:
        out["application"] = " ".join(application)
    if "application_id" not in out and "application" not in out and "command_code" in out:
        raise LocalError(f"line {where}: a command given by number wants its application")
    return out


def _application(head: Mapping[str, Any], dictionary: Dictionary) -> int:
    if "application_id" in head:
        return int(head["application_id"])
    if "application" in head:
        return dictionary.application(head["application"]).id
    return next(iter({one.application_id for one in dictionary.commands_named(head["command"])}))


def _line(where: int, line: str, scope: Scope) -> _Line:
    body = line.lstrip()
    name, _, rest = body.partition(" ")
    rest = rest.strip()
    found = _Line(where, len(line) - len(body), name, rest, scope.names.get(name))
    number, _, after = rest.partition(" ")
    given = _NUMBER.match(number)
    if given and _is_code(given, found.definition, after, name):
        found.code, found.vendor = int(given[1]), int(given[2] or 0)
        found.definition = scope.avps.get(found.vendor << 32 | found.code)
        letters, _, value = after.strip().partition(" ")
        flags = _LETTERS.match(letters)
        if not flags:
            raise LocalError(f"line {where}: {name}: flags belong behind a code: letters of V, M and P, or -")
        found.flags = sum(FLAGS[letter] for letter in flags[1] or "") | int(flags[2] or "0", 16)
        found.value = value.strip()
    elif found.definition is None:
        raise LocalError(f"line {where}: no dictionary has an AVP named {name!r}")
    return found


def _is_code(given: re.Match[str], definition: AvpDef | None, after: str, name: str) -> bool:
    """Whether the number behind a name is its code and not its value: it is that AVP's, and more follows."""
    key = int(given[2] or 0) << 32 | int(given[1])
    if definition is None:
        return name == given[1] or bool(after)
    return bool(after) and (definition.key == key or given[2] is not None)


def _nested(lines: list[_Line]) -> Iterator[_Line]:
    """The AVPs of the top level; each deeper one is put among the members of its group."""
    above: list[_Line] = []
    for line in lines:
        while above and above[-1].indent >= line.indent:
            above.pop()
        if above:
            group = above[-1]
            if group.definition is None or group.definition.type != "Grouped":
                raise LocalError(f"line {line.where}: {line.name} stands deeper than {group.name}, which is no group")
            group.members.append(line)
        else:
            yield line
        above.append(line)


def _mapping(lines: list[_Line]) -> dict[str, Any]:
    out: dict[str, list[Any]] = {}
    for line in lines:
        assert line.definition is not None
        is_group = line.definition.type == "Grouped"
        value = _mapping(line.members) if is_group else plain(TYPES[line.definition.type].decode(_data(line)))
        if is_group and line.value:
            _ = _data(line)
        out.setdefault(line.name, []).append(value)
    return {name: values[0] if len(values) == 1 else values for name, values in out.items()}


def _whole(line: _Line) -> dict[str, Any]:
    out: dict[str, Any] = {"name": line.name}
    if line.code is not None:
        out |= {"code": line.code, "vendor": line.vendor, "flags": line.flags}
    if line.members or (line.definition is not None and line.definition.type == "Grouped" and not line.value):
        return out | {"value": [_whole(member) for member in line.members]}
    return out | {"data": _data(line).hex()}


def _data(line: _Line) -> bytes:
    """The data of an AVP from its value in words."""
    text, definition = line.value, line.definition
    kind = definition.type if definition is not None else "OctetString"
    try:
        if text == MASKED_TEXT:
            raise ValueError("a value that was masked is not there any more")
        if no_value := _NO_VALUE.match(text):
            return bytes.fromhex(no_value[1])
        if kind == "Grouped":
            raise ValueError("a group has members on the lines below it, deeper than itself")
        if kind == "OctetString":
            return _octets(line.name, text)
        return TYPES[kind].encode(_value(kind, text, definition))
    except (ValueError, TypeError, SyntaxError) as error:
        raise LocalError(f"line {line.where}: {line.name}: {error}") from None


def _octets(name: str, text: str) -> bytes:
    if text == "(empty)":
        return b""
    quoted = _QUOTED.match(text)
    if quoted:
        return bytes.fromhex(quoted[1]) if quoted[1] else str(json.loads(quoted[2])).encode()
    if name in TBCD_NUMBERS and text and set(text) <= _HALVES.keys():
        return _tbcd(text)
    if name in ADDRESS_FIELDS and text.lstrip("+") and set(text.lstrip("+")) <= _HALVES.keys():
        digits = text.lstrip("+")
        return bytes((len(digits), 0x91 if text[0] == "+" else 0x81)) + _tbcd(digits)
    try:
        return bytes.fromhex(text.rpartition(" ")[2] if name in ADDRESS_FIELDS else text)
    except ValueError:
        raise ValueError(f"octets are hex, or text between double quotes, not {text!r}") from None


def _tbcd(digits: str) -> bytes:
    halves = [_HALVES[digit] for digit in digits]
    if len(halves) % 2:
        halves.append(15)
    return bytes(halves[at] | halves[at + 1] << 4 for at in range(0, len(halves), 2))


def _value(kind: str, text: str, definition: AvpDef | None) -> Any:
    """The Python value that `text` stands for."""
    if kind in ("Float32", "Float64"):
        return float(text)
    if kind == "Time":
        return datetime.fromisoformat(text)
    if kind == "Address":
        return _address(text)
    if kind.startswith(("Integer", "Unsigned", "Enumerated")):
        return _number(text, definition)
    if text[:1] not in ("'", '"'):
        return text
    if not _LITERAL.match(text):
        raise ValueError(f"no closing quote, or more behind it: {text}")
    return ast.literal_eval(text)


def _address(text: str) -> Any:
    family, colon, rest = text.partition(":")
    if colon and family == "e164":
        return OtherAddress(E164, rest.encode("ascii"))
    if colon and re.fullmatch("[0-9]{1,5}", family) and ":" not in rest:
        return OtherAddress(int(family), bytes.fromhex(rest))
    return text


def _number(text: str, definition: AvpDef | None) -> int:
    named = _NAMED.match(text)
    if named:
        return int(named[1], 0)
    if re.fullmatch(r"-?[0-9]+|0x[0-9a-f]+", text):
        return int(text, 0)
    values = {name: number for number, name in definition.values.items()} if definition is not None else {}
    parts = [part.strip() for part in text.split("|")]
    if not text or not set(parts) <= values.keys() or (len(parts) > 1 and not (definition and definition.bits)):
        wanted = f"one of {', '.join(values)}, or a number" if values else "a number"
        raise ValueError(f"{wanted} belongs here, not {text!r}")
    return sum(1 << values[part] for part in set(parts)) if definition and definition.bits else values[text]
