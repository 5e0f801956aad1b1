"""The `::=` definitions of a `.dia` file: members of commands and groups as RFC 6733 sections 3.2 and 4.4 write them.

Functions on one line of text whose blanks are single; `fault` makes the exception, because only the reader of the file
knows its name and the line.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from diameter.errors import DictionaryError

Fault: TypeAlias = Callable[[str, str], DictionaryError]
"""What was expected, what was found."""
RawRule: TypeAlias = tuple[str, int, int | None, bool, int]
"""Name, minimum, maximum (None: any number), fixed position, line."""

MAX_U32: Final = 0xFFFFFFFF
MAX_COMMAND: Final = 0xFFFFFF

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+/-]*", re.ASCII)
_NUMBER: Final = re.compile(r"[0-9]{1,10}", re.ASCII)
_MEMBER: Final = re.compile(r" ?([0-9]{0,4}) ?(\*?) ?([0-9]{0,4}) ?([<{\[]) ?([A-Za-z0-9._+/-]+) ?([>}\]]) ?", re.ASCII)
_CLOSE: Final = {"<": ">", "{": "}", "[": "]"}
_GROUP: Final = re.compile(r"(\S+) ::= < ?AVP [Hh]eader ?: ?([0-9]+)(?: ([0-9]+))? ?>", re.ASCII)
_COMMAND: Final = re.compile(r"(\S+) ([A-Za-z0-9-]+)(?: ([^:<]*?))? ::= < ?Diameter [Hh]eader ?:([^<>]*)>", re.ASCII)


@dataclass(slots=True)
class RawGrammar:
    """A definition as printed: members in order, and whether any other AVP may follow."""

    line: int
    rules: list[RawRule] = field(default_factory=list)
    wildcard: bool = False


@dataclass(slots=True)
class RawGroup:
    """One entry of @grouped; code and vendor repeat the AVP's own and are checked against it."""

    name: str
    code: int
    vendor: int
    grammar: RawGrammar


@dataclass(slots=True)
class RawCommand:
    """One entry of @messages.  Code -1 is the answer-message of RFC 6733 section 7.2, whose code is the request's."""

    name: str
    short: str
    clause: str
    code: int
    request: bool
    proxiable: bool
    error: bool
    application_id: int | None
    grammar: RawGrammar


def name_of(text: str, what: str, fault: Fault) -> str:
    """A name as it stands in a specification; "AVP" alone stands for any AVP and names none."""
    if not _NAME.fullmatch(text) or text == "AVP":
        raise fault(what, text)
    return text


def number_of(text: str, what: str, fault: Fault, maximum: int = MAX_U32) -> int:
    """An unsigned decimal number up to `maximum`."""
    if not _NUMBER.fullmatch(text) or (value := int(text)) > maximum:
        raise fault(f"{what}, a number up to {maximum}", text)
    return value


def group(body: str, line: int, fault: Fault) -> tuple[RawGroup, str]:
    """The head of a Grouped AVP's definition, and what follows it on the line."""
    match = _GROUP.match(body)
    if not match:
        raise fault("Name ::= < AVP Header: code vendor >", body)
    name, code, vendor = match.groups()
    head = RawGroup(
        name_of(name, "an AVP name", fault),
        number_of(code, "an AVP code", fault),
        number_of(vendor or "0", "a vendor id", fault),
        RawGrammar(line),
    )
    return head, body[match.end() :]


def command(body: str, line: int, fault: Fault) -> tuple[RawCommand, str]:
    """The head of a command's definition, and what follows it on the line."""
    match = _COMMAND.match(body)
    if not match:
        raise fault("Name SHORT clause ::= < Diameter Header: code, REQ, PXY >", body)
    name, short, clause, header = match.groups()
    code, *words = (word.strip() for word in header.split(","))
    application: int | None = None
    flags: set[str] = set()
    for word in words:
        if word in ("REQ", "PXY", "ERR") and word not in flags:
            flags.add(word)
        elif application is None:
            application = number_of(word, "REQ, PXY, ERR or an application id", fault)
        else:
            raise fault("REQ, PXY, ERR or one application id", word)
    error, request = "ERR" in flags, "REQ" in flags
    number = -1 if error and code == "code" else number_of(code, "a command code", fault, MAX_COMMAND)
    ending = "-Request" if request else "-Answer"
    if number >= 0 and not name.endswith(ending):
        raise fault(f"a name that ends in {ending}", name)
    head = RawCommand(
        name=name_of(name, "a command name", fault),
        short=short,
        clause=clause or "",
        code=number,
        request=request,
        proxiable="PXY" in flags,
        error=error,
        application_id=application,
        grammar=RawGrammar(line),
    )
    return head, body[match.end() :]


def members(body: str, line: int, grammar: RawGrammar, fault: Fault) -> None:
    """Add the members on one line to `grammar`; several may stand on it."""
    at, end = 0, len(body)
    while at < end:
        match = _MEMBER.match(body, at)
        if not match or _CLOSE[match[4]] != match[6]:
            if body[at:].strip():
                raise fault("a member such as { Origin-Host }, [ User-Name ] or * [ AVP ]", body[at:].strip())
            return
        at = match.end()
        _member(match, line, grammar, fault)


def _member(match: re.Match[str], line: int, grammar: RawGrammar, fault: Fault) -> None:
    low, star, high, bracket, name, _ = match.groups()
    if not star and (low or high):
        raise fault("a count such as 1*, *2 or 0*1", match[0].strip())
    if name == "AVP":
        grammar.wildcard = True
        return
    least = int(low) if low else int(bracket == "{" or (bracket == "<" and not star))
    most = (int(high) if high else None) if star else 1
    if (bracket == "{" and not least) or (bracket == "[" and least):
        raise fault("at least one inside { } and none required inside [ ]", match[0].strip())
    if most is not None and most < least:
        raise fault("a maximum not below the minimum", match[0].strip())
    grammar.rules.append((name_of(name, "an AVP name", fault), least, most, bracket == "<", line))
