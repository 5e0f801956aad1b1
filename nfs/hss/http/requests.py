"""What is read from a request of the HTTP interface."""

from __future__ import annotations

import json
from typing import IO, Any, Final, Protocol

from nfs.hss.http.changes import Condition
from nfs.hss.http.problems import Problem

MOST: Final = 1000
"""Subscribers or groups of a page."""
BODY_LIMIT: Final = 1 << 20
FILE_LIMIT: Final = 1 << 31
FILES: Final = ("application/octet-stream", "text/csv", "application/jsonl")
"""Content types of bodies that are files: they may be long, and are on disk before anybody reads them."""
Answer = tuple[int, dict[str, Any] | None, str]
"""Status, body, entity tag."""


class Request(Protocol):
    """What is used of Twisted's IRequest, which has no types."""

    args: dict[bytes, list[bytes]] | None
    content: IO[bytes]
    transport: Any

    def getHeader(self, key: bytes, /) -> bytes | None: ...
    def setHeader(self, name: bytes, value: bytes, /) -> None: ...
    def setResponseCode(self, code: int, /) -> None: ...


def is_file(request: Request) -> bool:
    """Whether the body is a file."""
    kind = (request.getHeader(b"content-type") or b"").decode("latin-1").partition(";")[0]
    return kind.strip().lower() in FILES


def text_of(request: Request) -> str:
    """The body as the text of a file that is read whole.  Raises Problem."""
    octets = request.content.read()
    try:
        return octets.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Problem(422, "the body is not what is expected", ("", f"not UTF-8 at octet {error.start}")) from None


def asked(request: Request, name: str) -> str:
    """A parameter of the query, "" without it."""
    return (request.args or {}).get(name.encode(), [b""])[0].decode("utf-8", "replace")


def page_of(request: Request) -> tuple[str, int]:
    """Where a page begins, and how long it is at most.  Raises Problem."""
    limit = asked(request, "limit") or "100"
    if not (limit.isascii() and limit.isdigit() and len(limit) < 6 and 1 <= int(limit) <= MOST):
        raise Problem(400, "the query is not what is expected", ("limit", f"1 to {MOST} expected"))
    return asked(request, "after"), int(limit)


def body_of(request: Request) -> dict[str, Any]:
    """The body as a JSON object.  Raises Problem."""
    octets = request.content.read(BODY_LIMIT + 1)
    if len(octets) > BODY_LIMIT:
        raise Problem(413, f"at most {BODY_LIMIT} octets")
    try:
        found = json.loads(octets)
    except (ValueError, RecursionError):
        raise Problem(400, "the body is not JSON") from None
    if not isinstance(found, dict):
        raise Problem(422, "the body is not what is expected", ("", "an object expected"))
    return found


def condition_of(request: Request) -> Condition:
    """If-Match and If-None-Match."""
    return Condition(match=_tags(request, b"if-match"), none_match=_tags(request, b"if-none-match"))


def _tags(request: Request, header: bytes) -> frozenset[str]:
    text = (request.getHeader(header) or b"").decode("latin-1")
    return frozenset(each.strip() for each in text.split(",") if each.strip())
