"""A scenario: messages between a client and a server as a text that people read and change, and that can be played.

TOML, because Python reads it (tomllib), because the project's other files are TOML, and because its strings are quoted:
in YAML an IMSI without quotes is a number, and `001010000000001` an octal one.  The form is so narrow that writing it
needs no library (`tomlform`).

    schema = 1
    ignore = ["Origin-State-Id"]

    [names]                                     # ${client} below stands for this
    client = "mtc-iwf.operator.example"

    [[message]]
    from = "client"
    request = 1                                 # the transaction: stands for both identifiers of the header
    command = "Subscriber-Information-Request"
    application = "S6m"

    [message.avps]
    Session-Id = "${session}"
    User-Identifier.External-Identifier = "${external_id}"

AVPs go by name, members of a Grouped behind a dot, in their order; several of one name are an array.  Octets say how
they are written: "hex:0a0b", "text:wake up", "digits:15551234567" (TBCD).  "avp:..." is a whole AVP in hex, header and
all, where its octets are not what the dictionary would make of it; an AVP without a name goes by "VENDOR:CODE".

A name with the value "" takes that of the first message that came and has nothing else in an AVP; those after it use
it.  So does a name that is not in [names], if it stands in two places: in one alone it is more likely misspelt.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from diameter.errors import LocalError

SCHEMA: Final = 1
Party = Literal["client", "server"]
PARTIES: Final[tuple[Party, Party]] = ("client", "server")
_PLACE: Final = re.compile(r"\$(\$|\{([A-Za-z][A-Za-z0-9_]*)\})")
_KEYS: Final = frozenset({"from", "request", "answer", "command", "application", "flags", "avps"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One message.  `sender`: who sends it; `transaction`: the number that an answer has in common with its request."""

    sender: Party
    transaction: int
    is_request: bool
    command: str
    application: str | int
    avps: Mapping[str, Any]
    flags: int | None = None
    """All flags of the header; None: those of the command."""
    note: str = ""
    """A comment in the file: when it was seen, and where."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """Messages in the order in which they were seen.  `names`: placeholders to values, "" where a run finds its own."""

    steps: tuple[Step, ...]
    names: Mapping[str, str] = field(default_factory=dict)
    ignore: tuple[str, ...] = ()
    """AVPs that are not compared."""
    notes: tuple[str, ...] = ()
    """Comments at the head of the file."""
    name_notes: Mapping[str, str] = field(default_factory=dict)


def load(path: Path) -> Scenario:
    """The scenario in a file.  Raises LocalError that names the file, and the line or the key that is wrong."""
    try:
        return parse(path.read_text(encoding="utf-8"), str(path))
    except OSError as error:
        raise LocalError(f"{path}: cannot read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise LocalError(f"{path}: not UTF-8 at octet {error.start}") from None


def parse(text: str, source: str = "scenario") -> Scenario:
    """A scenario from its text.  Raises LocalError with the line or the key that is wrong."""
    try:
        table = tomllib.loads(text)
    except ValueError as error:  # TOMLDecodeError, and what int() says of a number of thousands of digits
        raise LocalError(f"{source}: {error}") from None
    except RecursionError:
        raise LocalError(f"{source}: nested too deeply") from None
    if table.get("schema") != SCHEMA:
        raise LocalError(f"{source}: schema: {SCHEMA} wanted, not {table.get('schema')!r}")
    _only(table, {"schema", "ignore", "names", "message"}, source)
    names, ignore, messages = table.get("names", {}), table.get("ignore", []), table.get("message", [])
    if not isinstance(names, dict) or not all(isinstance(value, str) for value in names.values()):
        raise LocalError(f"{source}: names: a table of strings wanted")
    if not isinstance(ignore, list) or not all(isinstance(value, str) for value in ignore):
        raise LocalError(f"{source}: ignore: an array of names of AVPs wanted")
    if not isinstance(messages, list) or not messages:
        raise LocalError(f"{source}: no [[message]]")
    steps = tuple(_step(message, f"{source}: message {number}") for number, message in enumerate(messages, start=1))
    _agree(steps, source)
    learnt = dict.fromkeys(_learnt(steps, names, source), "")
    return Scenario(steps=steps, names={**names, **learnt}, ignore=tuple(ignore))


def _learnt(steps: tuple[Step, ...], names: Mapping[str, str], source: str) -> Iterator[str]:
    """Names that are not in [names]: the first message that has one brings its value, and others use it."""
    found: dict[str, list[int]] = {}
    for at, step in enumerate(steps, start=1):
        alone = {place_of(value) for value in _leaves(step.avps)}
        for name in places(step.avps):
            if name not in names and name not in found and name not in alone:
                raise LocalError(f"{source}: message {at}: ${{{name}}} is not in [names], and no AVP before brings it")
            if name not in names:
                found.setdefault(name, []).append(at)
    for name, where in found.items():
        if len(where) == 1:
            raise LocalError(f"{source}: message {where[0]}: ${{{name}}} is not in [names], and nothing else uses it")
        yield name


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, list | Mapping):
        for one in value.values() if isinstance(value, Mapping) else value:
            yield from _leaves(one)
    else:
        yield value


def _only(table: Mapping[str, Any], known: set[str] | frozenset[str], where: str) -> None:
    unknown = sorted(table.keys() - known)
    if unknown:
        raise LocalError(f"{where}: {unknown[0]}: unknown key; there are {', '.join(sorted(known))}")


def _step(table: Any, where: str) -> Step:
    if not isinstance(table, dict):
        raise LocalError(f"{where}: a table wanted")
    _only(table, _KEYS, where)
    sender, command, application = table.get("from"), table.get("command"), table.get("application")
    if sender not in PARTIES:
        raise LocalError(f"{where}: from: client or server wanted, not {sender!r}")
    if ("request" in table) == ("answer" in table):
        raise LocalError(f"{where}: either request = NUMBER or answer = NUMBER wanted")
    number = table.get("request", table.get("answer"))
    if not isinstance(number, int) or isinstance(number, bool):
        raise LocalError(f"{where}: the number of its transaction wanted, not {number!r}")
    if not isinstance(command, str) or not command:
        raise LocalError(f"{where}: command: the name of a command wanted")
    if not isinstance(application, str | int) or isinstance(application, bool):
        raise LocalError(f"{where}: application: a name or number wanted")
    flags = table.get("flags")
    if flags is not None and (not isinstance(flags, int) or not 0 <= flags < 256):
        raise LocalError(f"{where}: flags: a number below 256 wanted")
    avps = table.get("avps", {})
    if not isinstance(avps, dict):
        raise LocalError(f"{where}: avps: a table wanted")
    return Step(
        sender=sender, transaction=number, is_request="request" in table, command=command, application=application,
        avps=avps, flags=flags,
    )  # fmt: skip


def _agree(steps: tuple[Step, ...], source: str) -> None:
    """Each answer has its request, of the other party and before it, and no transaction comes twice."""
    asked: dict[int, Step] = {}
    answered: set[int] = set()
    for at, step in enumerate(steps, start=1):
        number = step.transaction
        if step.is_request:
            if number in asked:
                raise LocalError(f"{source}: message {at}: request {number} is there already")
            asked[number] = step
        elif number not in asked or asked[number].sender == step.sender:
            raise LocalError(
                f"{source}: message {at}: no request {number} of the other party stands before this answer"
            )
        elif number in answered:
            raise LocalError(f"{source}: message {at}: request {number} has its answer already")
        else:
            answered.add(number)


def filled(value: Any, names: Mapping[str, str]) -> Any:
    """A value with its placeholders replaced, at any depth.  Raises LocalError for a name that there is not."""
    if isinstance(value, str):
        return _PLACE.sub(lambda found: "$" if found[1] == "$" else _value_of(found[2], names), value)
    if isinstance(value, list):
        return [filled(one, names) for one in value]
    if isinstance(value, Mapping):
        return {name: filled(one, names) for name, one in value.items()}
    return value


def places(value: Any) -> Iterator[str]:
    """The names of the placeholders in a value, at any depth."""
    if isinstance(value, str):
        yield from (found[2] for found in _PLACE.finditer(value) if found[2])
    elif isinstance(value, list | Mapping):
        for one in _leaves(value):
            yield from places(one)


def _value_of(name: str, names: Mapping[str, str]) -> str:
    if name not in names:
        raise LocalError(f"${{{name}}} is not among the names of the scenario")
    return names[name]


def escaped(text: str) -> str:
    """Text in which nothing is a placeholder."""
    return text.replace("$", "$$") if "$" in text else text


def place_of(value: Any) -> str:
    """The name, where a value is one placeholder and nothing else ("digits:" may stand before it); else ""."""
    found = _PLACE.fullmatch(value.removeprefix("digits:")) if isinstance(value, str) else None
    return found[2] or "" if found is not None else ""
