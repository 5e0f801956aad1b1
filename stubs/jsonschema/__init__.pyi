from collections.abc import Iterator, Sequence
from typing import Any

from referencing import Registry

class ValidationError(Exception):
    message: str
    json_path: str
    context: Sequence[ValidationError]

class Draft202012Validator:
    def __init__(self, schema: Any, *, registry: Registry[Any]) -> None: ...
    @classmethod
    def check_schema(cls, schema: Any) -> None: ...
    def iter_errors(self, instance: Any) -> Iterator[ValidationError]: ...
