"""What is answered when nothing is done: application/problem+json, each field at fault named (RFC 9457)."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from diameter.errors import DiameterError
from nfs.hss.provisioning import complaints, with_column


class Problem(DiameterError):
    """A request is not carried out; `fields`: (field, what is wrong with it)."""

    def __init__(self, status: int, title: str, *fields: tuple[str, str]) -> None:
        super().__init__(title)
        self.status = status
        self.title = title
        self.fields = fields

    def document(self) -> dict[str, Any]:
        """The body of the answer."""
        found: dict[str, Any] = {"type": "about:blank", "title": self.title, "status": self.status}
        if self.fields:
            found["errors"] = [{"field": field, "detail": detail} for field, detail in self.fields]
        return found


def of_validation(error: ValidationError) -> Problem:
    """The problem of a body that has not the shape; no value of it is repeated."""
    return Problem(422, "the body is not what is expected", *(_split(text) for text in complaints(error)))


def of_identity(error: Exception) -> Problem:
    """The problem of a value that is no identity."""
    return Problem(422, "the body is not what is expected", _split(with_column(str(error))))


def _split(text: str) -> tuple[str, str]:
    field, _, detail = text.partition(": ")
    return field.lower() if field.isupper() else field, detail
