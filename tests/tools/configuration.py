"""Writes docs/configuration.md from the pydantic models: `python tests/tools/configuration.py`."""

from __future__ import annotations

import importlib
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from diameter.config import FunctionConfig
from nfs.mme.scenario.model import Scenario

ROOT: Final = Path(__file__).resolve().parents[2]
PAGE: Final = ROOT / "docs" / "configuration.md"
HEAD: Final = """# Configuration

Written by `python tests/tools/configuration.py` from the models; a test holds the two together.

Each network function is one program with one TOML file: `mtc run NAME -c FILE.toml`. `mtc config check FILE.toml`
checks a file whole and names every wrong key with its path. Relative paths count from the folder of the file. Secrets
are paths, never values, and a file with a key that others than its owner can use
[is refused](security.md#files-with-keys). Units stand in the names: `_s` is seconds, `_limit` octets.
"""
FILES: Final[dict[str, tuple[tuple[str, type[BaseModel]], ...]]] = {"mme": (("mme: its scenario file", Scenario),)}
"""Files of their own that a function's configuration names."""
KINDS: Final = {
    "str": "string",
    "int": "integer",
    "float": "number",
    "bool": "true or false",
    "Path": "file",
    "datetime": "date and time",
    "Any": "any value",
}
BOUNDS: Final = {
    "ge": "at least",
    "gt": "more than",
    "le": "at most",
    "lt": "less than",
    "min_length": "length at least",
}


def kind(annotation: Any) -> str:
    """The TOML type of an annotation, in words."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return kind(get_args(annotation)[0])
    if origin is Literal:
        return " or ".join(f'`"{value}"`' if isinstance(value, str) else f"`{value}`" for value in get_args(annotation))
    if origin in (Union, types.UnionType):
        return " or ".join(kind(member) for member in get_args(annotation) if member is not type(None))
    if origin in (tuple, list, set, frozenset):
        return f"array of {kind(get_args(annotation)[0])}"
    if origin in (dict,) or getattr(origin, "__name__", "") == "Mapping":
        return f"table of {kind(get_args(annotation)[1])}"
    name = getattr(annotation, "__name__", str(annotation))
    return KINDS.get(name, name)


def tables(annotation: Any) -> Iterator[tuple[type[BaseModel], bool]]:
    """(model, whether it is in an array) for each table inside an annotation."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation, False
        return
    array = get_origin(annotation) in (tuple, list)
    for argument in get_args(annotation):
        for model, inner in tables(argument):
            yield model, array or inner


def default(field: FieldInfo) -> str:
    """The default, as TOML would have it."""
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True, validated_data={})
    if value is None or isinstance(value, BaseModel):
        return ""
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, tuple | list | dict | frozenset | set):
        return "" if not value else f"`{list(value)}`".replace("'", '"')
    return f'`"{value}"`' if isinstance(value, str | Path) and str(value) else f"`{value}`" if str(value) else ""


def bounds(field: FieldInfo) -> str:
    """Limits on a value, as the end of its explanation."""
    found = [
        f"{words} {getattr(limit, name):,}"
        for limit in field.metadata
        for name, words in BOUNDS.items()
        if getattr(limit, name, None) is not None
    ]
    return f"; {', '.join(found)}" if found else ""


def section(model: type[BaseModel], path: str, array: bool) -> Iterator[str]:
    """Heading and rows of one table, then the tables below it."""
    heading = f"[[{path}]]" if array else f"[{path}]"
    summary = (model.__doc__ or "").strip().splitlines()[0]
    rows, below = [], list[tuple[type[BaseModel], str, bool]]()
    for name, field in model.model_fields.items():
        inner = list(tables(field.annotation))
        key = field.alias or name
        below += [(each, f"{path}.{key}".removeprefix("."), in_array) for each, in_array in inner]
        if not inner:
            text = (field.description or "").replace("|", "\\|")
            rows.append(f"| `{key}` | {kind(field.annotation)} | {default(field)} | {text}{bounds(field)} |")
    if rows:
        yield f"\n### `{heading}`\n" if path else "\n### Top of the file\n"
        yield f"{summary}\n"
        yield "| key | type | default | meaning |\n| --- | --- | --- | --- |"
        yield from rows
    for each, where, in_array in below:
        yield from section(each, where, in_array)


def functions() -> Iterator[tuple[str, type[FunctionConfig]]]:
    """(name on the command line, model) of each network function, found by its config.py."""
    for path in sorted((ROOT / "nfs").glob("*/config.py")):
        module = importlib.import_module(f"nfs.{path.parent.name}.config")
        for member in vars(module).values():
            if isinstance(member, type) and issubclass(member, FunctionConfig) and member.__module__ == module.__name__:
                yield path.parent.name.replace("_", "-"), member


def render() -> str:
    """docs/configuration.md as text."""
    lines = [HEAD, "\n## Every function"]
    lines += section(FunctionConfig, "", False)
    for name, model in functions():
        lines.append(f"\n## {name}")
        for field_name, field in model.model_fields.items():
            if field_name in FunctionConfig.model_fields:
                continue
            inner = list(tables(field.annotation))
            for each, array in inner:
                lines += section(each, field.alias or field_name, array)
        own = {
            n: f
            for n, f in model.model_fields.items()
            if n not in FunctionConfig.model_fields and not list(tables(f.annotation))
        }
        if own:
            lines.append("\n### Top of the file\n\n| key | type | default | meaning |\n| --- | --- | --- | --- |")
            for key, f in own.items():
                lines.append(
                    f"| `{f.alias or key}` | {kind(f.annotation)} | {default(f)} | {f.description or ''}{bounds(f)} |"
                )
        for title, other in FILES.get(name, ()):
            lines.append(f"\n## {title}")
            lines += section(other, "", False)
    return "\n".join(lines) + "\n"


def main() -> int:
    """Write the page."""
    PAGE.write_text(render(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
