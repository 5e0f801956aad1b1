"""A scenario as TOML text; reading is `scenario.parse`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime, time
from typing import Any, Final

from diameter.capture.scenario import SCHEMA, Scenario, Step

_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")
_WIDE: Final = 100


def write(scenario: Scenario) -> str:
    """The text, with its comments."""
    return "\n".join(_lines(scenario)) + "\n"


def _lines(scenario: Scenario) -> Iterator[str]:
    yield from (f"# {note}".rstrip() for note in scenario.notes)
    yield f"schema = {SCHEMA}"
    yield f"ignore = {_value(list(scenario.ignore))}"
    yield ""
    yield "[names]"
    rows = [
        (f"{_key(name)} = {_value(value)}", scenario.name_notes.get(name, "")) for name, value in scenario.names.items()
    ]
    width = max((len(row) for row, _ in rows), default=0)
    for row, note in rows:
        yield f"{row:<{width}}  # {note}" if note else row
    for step in scenario.steps:
        yield ""
        yield from _message(step)


def _message(step: Step) -> Iterator[str]:
    if step.note:
        yield f"# {step.note}"
    yield "[[message]]"
    yield f'from = "{step.sender}"'
    yield f"{'request' if step.is_request else 'answer'} = {step.transaction}"
    yield f"command = {_value(step.command)}"
    yield f"application = {_value(step.application)}"
    if step.flags is not None:
        yield f"flags = 0x{step.flags:02x}"
    yield "[message.avps]"
    yield from _avps(step.avps, "")


def _avps(avps: Mapping[str, Any], path: str) -> Iterator[str]:
    for name, value in avps.items():
        key = f"{path}{_key(name)}"
        if isinstance(value, Mapping) and value:
            yield from _avps(value, f"{key}.")
            continue
        line = f"{key} = {_value(value)}"
        if isinstance(value, list) and len(line) > _WIDE:
            yield f"{key} = ["
            yield from (f"    {_value(one)}," for one in value)
            yield "]"
        else:
            yield line


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else _text(name)


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _value(value: Any) -> str:
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, date | time) and not isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    if isinstance(value, Mapping):
        return f"{{ {', '.join(f'{_key(name)} = {_value(one)}' for name, one in value.items())} }}" if value else "{}"
    return repr(value)
