"""Schemas of answers that no model reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final


def _object(**members: Any) -> dict[str, Any]:
    return {"type": "object", "required": list(members), "properties": members}


def _list(of: Any) -> dict[str, Any]:
    return {"type": "array", "items": of}


_ONE: Final = {"const": 1}
_COUNT: Final = {"type": "integer", "minimum": 0}
_TEXT: Final = {"type": "string"}
_ANY: Final = {"type": "object"}
_STATES: Final = {"enum": ["reading", "writing", "done", "failed"]}
SHAPES: Final[Mapping[str, Any]] = {
    "File": {"type": "string", "description": "as `mtc subscriber import` takes them, UTF-8"},
    "Import": _object(schema=_ONE, id=_TEXT, state=_STATES, rows=_COUNT, done=_COUNT, of=_COUNT, errors=_list(_TEXT)),
    "Imported": _object(schema=_ONE, imported=_COUNT),
    "GroupsImported": _object(schema=_ONE, groups=_COUNT, devices=_COUNT),
    "GroupFile": _object(schema=_ONE, groups=_list({"$ref": "#/components/schemas/Group"}), traits=_list(_ANY)),
    "AccessFile": _object(schema=_ONE, access=_list({"$ref": "#/components/schemas/Access"})),
    "AccessChanged": _object(schema=_ONE, changed=_COUNT, ended=_COUNT),
    "GroupNow": _object(
        group=_TEXT,
        now=_list(_object(device=_TEXT, by_rule={"type": "boolean"}, left_out={"type": ["string", "null"]})),
    ),
    "Watched": _object(schema=_ONE, items=_list(_ANY), waiting=_list(_ANY)),
    "Ordered": _object(schema=_ONE, id=_TEXT),
    "Outcome": _object(
        schema=_ONE,
        id=_TEXT,
        nodes={"type": ["array", "null"], "items": _object(host=_TEXT, good={"type": "boolean"}, result=_TEXT)},
    ),
    "Cancelled": _object(schema=_ONE, taken={"type": "boolean"}),
}
