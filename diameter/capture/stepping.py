"""From the steps of a scenario to messages, and how an answer that came differs from the one that was expected."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

from diameter.capture.avptext import DIGITS, carried, check, octets
from diameter.capture.scenario import Scenario, Step, filled, place_of
from diameter.capture.text import value_text
from diameter.dictionary.model import CommandDef
from diameter.errors import DictionaryError, LocalError
from diameter.message import Avp, Dictionary, Message
from diameter.wire import header

MOST_24: Final = 0xFFFFFF
"""The greatest command code, and the greatest length (RFC 6733 section 3)."""
MOST_32: Final = 0xFFFFFFFF
SHOWN: Final = 20
"""Digits of a number that is too long in an error."""


def message_of(
    step: Step, dictionary: Dictionary, names: Mapping[str, str], hop_by_hop: int = 0, end_to_end: int = 0
) -> Message:
    """The message of a step, with every placeholder replaced.  It is not checked: a scenario may be wrong on purpose.

    Raises LocalError that names the AVP for what cannot be octets, and for more of them than a length can say.
    """
    application, code, flags = command_of(step, dictionary)
    tables = dictionary.tables(application)
    body = b"".join(octets(name, value, tables) for name, value in filled(step.avps, names).items())
    if header.LENGTH + len(body) > MOST_24:
        raise LocalError(f"avps: {len(body)} octets, more than a message can have")
    first = header.VERSION << 24 | (header.LENGTH + len(body))
    return Message(header.pack(first, flags << 24 | code, application, hop_by_hop, end_to_end) + body, dictionary)


def check_all(scenario: Scenario, dictionary: Dictionary, source: str) -> None:
    """Raise LocalError that names file, message and AVP for what no message can be made of, before anything is sent.

    What a placeholder stands for is not known yet, and is checked when its message is made.
    """
    for at, step in enumerate(scenario.steps, 1):
        try:
            tables = dictionary.tables(command_of(step, dictionary)[0])
            for name, value in step.avps.items():
                check(name, value, tables)
        except LocalError as error:
            raise LocalError(f"{source}: message {at}: {error}") from None


def command_of(step: Step, dictionary: Dictionary) -> tuple[int, int, int]:
    """(application id, command code, flags).  Raises LocalError for a name, or a number, that there cannot be."""
    try:
        application = (
            step.application if isinstance(step.application, int) else dictionary.application(step.application).id
        )
    except DictionaryError as error:
        raise LocalError(f"application: {error}") from None
    if not 0 <= application <= MOST_32:
        raise LocalError(f"application: {application} is no number of 32 bits")
    flags = header.FLAG_R if step.is_request else 0
    if step.command.isascii() and step.command.isdigit():
        code, proxiable = _code(step.command), True
    else:
        found = _named(step, application, dictionary)
        code, proxiable = found.code, found.proxiable
    usual = flags | (header.FLAG_P if proxiable else 0)
    return application, code, usual if step.flags is None else step.flags


def _code(digits: str) -> int:
    significant = digits.lstrip("0") or "0"
    if len(significant) > len(str(MOST_24)) or int(significant) > MOST_24:
        shown = digits if len(digits) <= SHOWN else f"{digits[:SHOWN]}... ({len(digits)} digits)"
        raise LocalError(f"command: {shown} is no number of 24 bits")
    return int(significant)


def _named(step: Step, application: int, dictionary: Dictionary) -> CommandDef:
    for one in dictionary.commands_named(step.command):
        if one.application_id == application and one.request == step.is_request:
            return one
    kind = "request" if step.is_request else "answer"
    raise LocalError(f"command: {step.command!r} is no {kind} of application {step.application}")


def bind(step: Step, message: Message, names: dict[str, str]) -> None:
    """Learn what stands in `message` where the step has nothing but a placeholder without a value."""
    _bind(step.avps, message.avps, names)


def _bind(expected: Mapping[str, Any], avps: tuple[Avp, ...], names: dict[str, str]) -> None:
    came: dict[str, list[Avp]] = {}
    for one in avps:
        came.setdefault(one.name, []).append(one)
    for name, value in expected.items():
        for one, avp in zip(value if isinstance(value, list) else [value], came.get(name, ()), strict=False):
            if isinstance(one, Mapping):
                _bind(one, avp.members, names)
            elif (place := place_of(one)) and names.get(place) == "":
                names[place] = carried(avp).removeprefix(DIGITS if one.startswith(DIGITS) else "")


def differences(expected: Message, came: Message, ignore: Collection[str] = ()) -> list[str]:
    """What is different, a line each: AVP by AVP, whatever their order; their octets are compared, flags and all.

    `ignore`: names of AVPs at any depth, or paths ("Device-Notification.Reference-Number").
    """
    out = []
    if (expected.command_code, expected.application_id) != (came.command_code, came.application_id):
        out.append(f"expected {expected.command} of {expected.application}, came {came.command} of {came.application}")
    if expected.flags != came.flags:
        out.append(f"flags of the header: expected 0x{expected.flags:02x}, came 0x{came.flags:02x}")
    return [*out, *_compare(expected.avps, came.avps, "", frozenset(ignore))]


def _compare(expected: tuple[Avp, ...], came: tuple[Avp, ...], path: str, ignore: frozenset[str]) -> Iterator[str]:
    wanted, got = _grouped(expected), _grouped(came)
    for name in [*wanted, *(name for name in got if name not in wanted)]:
        where = f"{path}{name}"
        if name in ignore or where in ignore:
            continue
        ours, theirs = wanted.get(name, []), got.get(name, [])
        for one, other in zip(ours, theirs, strict=False):
            yield from _one(one, other, where, ignore)
        yield from (f"{where}: expected {_said(one)}, and it is missing" for one in ours[len(theirs) :])
        yield from (f"{where}: not expected, came {_said(one)}" for one in theirs[len(ours) :])


def _grouped(avps: tuple[Avp, ...]) -> dict[str, list[Avp]]:
    out: dict[str, list[Avp]] = {}
    for one in avps:
        out.setdefault(one.name, []).append(one)
    return out


def _one(expected: Avp, came: Avp, where: str, ignore: frozenset[str]) -> Iterator[str]:
    if expected.flags != came.flags:
        yield f"{where}: flags: expected 0x{expected.flags:02x}, came 0x{came.flags:02x}"
    if expected.data == came.data:
        return
    if expected.members and came.members:
        yield from _compare(expected.members, came.members, f"{where}.", ignore)
    else:
        yield f"{where}: expected {_said(expected)}, came {_said(came)}"


def _said(one: Avp) -> str:
    return value_text(one) or "nothing"
