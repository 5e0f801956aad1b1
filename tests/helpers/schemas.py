"""The JSON Schemas of docs/schema, and whether a document is what they say."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any, Final

from jsonschema import Draft202012Validator
from referencing import Registry, Resource

FOLDER: Final = Path(__file__).resolve().parents[2] / "docs" / "schema"
NAMES: Final = tuple(sorted(path.stem for path in FOLDER.glob("*.json")))


def schema(name: str) -> dict[str, Any]:
    """The schema `name`, parsed."""
    found: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return found


@functools.cache
def _validator(name: str) -> Draft202012Validator:
    documents = [schema(each) for each in NAMES]
    registry: Registry[Any] = Registry().with_resources([(d["$id"], Resource.from_contents(d)) for d in documents])
    return Draft202012Validator(schema(name), registry=registry)


def complaints(name: str, document: Any) -> list[str]:
    """What in `document` is not as schema `name` has it, a line each; empty when it fits."""
    return [f"{error.json_path}: {error.message}" for error in _validator(name).iter_errors(document)]


def assert_fits(name: str, document: Any) -> None:
    """Fail unless `document` is what schema `name` says."""
    assert complaints(name, document) == [], f"docs/schema/{name}.json"
