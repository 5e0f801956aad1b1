"""From a TOML file to a model, or to every complaint about it at once.

A complaint is one line: `FILE: peer.0.prot: unknown key (did you mean "port"?)`.  The place is the path of the key,
arrays counted from 0.  No complaint shows a value: a secret put in the wrong place must not reach a log.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from diameter.errors import ConfigError

BASE: Final = "base"
"""Key of the validation context under which the folder stands that relative paths count from."""

Model = TypeVar("Model", bound=BaseModel)

TEXTS: Final = {
    "extra_forbidden": "unknown key",
    "missing": "missing",
    "model_type": "must be a table",
    "tuple_type": "must be an array",
    "too_short": "must not be empty",
    "list_type": "must be an array",
    "dict_type": "must be a table",
    "string_type": "must be a string",
    "int_type": "must be an integer",
    "float_type": "must be a number",
    "bool_type": "must be true or false",
    "path_type": "must be a string that names a file",
}


class Complaints(ValueError):
    """Several complaints of one validator; `lines`: (place below the model, what is wrong)."""

    def __init__(self, lines: Sequence[tuple[str, str]]) -> None:
        super().__init__("; ".join(f"{place}: {text}" for place, text in lines))
        self.lines: tuple[tuple[str, str], ...] = tuple(lines)


def load(path: str | Path, model: type[Model]) -> Model:
    """Return the validated content of the TOML file at `path`.  Raises ConfigError with a line a complaint."""
    return parse(_read(path), model, source=str(path), base=Path(path).parent)


def top_level(path: str | Path) -> dict[str, Any]:
    """Return the TOML file as it stands, unchecked, to find out whose it is.  Raises ConfigError."""
    return _tables(_read(path), str(path))


def parse(text: str, model: type[Model], *, source: str, base: Path) -> Model:
    """Return `text` (TOML) as a model; relative paths in it count from `base`.

    Raises ConfigError; its lines begin with `source`.
    """
    return validate(_tables(text, source), model, source=source, base=base)


def validate(
    tables: Mapping[str, Any], model: type[Model], *, source: str, base: Path, strict: bool | None = None
) -> Model:
    """Return tables that are already read as a model; `strict` False takes "5868" for a number.  Raises ConfigError."""
    try:
        return model.model_validate(tables, context={BASE: base}, strict=strict)
    except ValidationError as error:
        lines = [line for detail in error.errors(include_url=False) for line in _lines(detail, model)]
        raise ConfigError(*(f"{source}: {line}" for line in lines)) from None


def _read(path: str | Path) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path}: cannot read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8 at octet {error.start}") from None


def _tables(text: str, source: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except ValueError as error:  # TOMLDecodeError, and what int() says of a number of thousands of digits
        raise ConfigError(f"{source}: not TOML: {error}") from None
    except RecursionError:
        raise ConfigError(f"{source}: not TOML: nested too deeply") from None


def _lines(detail: ErrorDetails, model: type[BaseModel]) -> Iterator[str]:
    """Yield `place: text` for one error of pydantic, several when a validator raised Complaints."""
    place = [str(part) for part in detail["loc"]]
    cause = detail.get("ctx", {}).get("error")
    if isinstance(cause, Complaints):
        for below, text in cause.lines:
            yield f"{'.'.join([*place, below])}: {text}"
        return
    text = str(cause) if cause is not None else TEXTS.get(detail["type"], _plain(detail["msg"]))
    if detail["type"] == "extra_forbidden":
        text += _hint(place, model)
    yield f"{'.'.join(place)}: {text}" if place else text


def _plain(message: str) -> str:
    """Pydantic's words as the end of a sentence that starts with the key."""
    return message.removeprefix("Input ").replace("should", "must", 1)


def _hint(place: list[str], model: type[BaseModel]) -> str:
    """Name the known keys that look like the unknown one."""
    known = _keys_at(place[:-1], model)
    close = difflib.get_close_matches(place[-1], known, n=1, cutoff=0.6)
    return f' (did you mean "{close[0]}"?)' if close else ""


def _keys_at(place: list[str], model: type[BaseModel]) -> list[str]:
    """Keys of the table at `place`, following arrays and optional tables; of no table: none."""
    here: list[type[BaseModel]] = [model]
    for step in place:
        if not step.isdecimal():
            fields = [each.model_fields[step] for each in here if step in each.model_fields]
            here = [found for field in fields for found in _models(field.annotation)]
    return [field.alias or name for each in here for name, field in each.model_fields.items()]


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    """Yield the models that stand anywhere in a type."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models(argument)
