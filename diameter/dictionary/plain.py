"""The linked dictionaries as plain data: what `link.py` makes, `files.py` keeps and `scope.py` turns into records.

A module of its own, so that a cached load imports neither the parser nor the linker.
"""

from __future__ import annotations

from typing import Final, NamedTuple, TypeAlias

BASE: Final = "rfc6733_base"

PlainGrammar: TypeAlias = tuple[tuple[tuple[str, int, int, int | None, bool], ...], bool]
PlainValues: TypeAlias = tuple[bool, dict[int, str]]
# name, code, vendor, type, M rule, values, grammar, reference, decode only, file
PlainAvp: TypeAlias = tuple[str, int, int, str, str, PlainValues | None, PlainGrammar | None, str, bool, int]
# M rule, values, grammar, reference: None or "" where the file leaves the definition alone
PlainOverride: TypeAlias = tuple[str | None, PlainValues | None, PlainGrammar | None, str]
# name, short, code, request, proxiable, error, application id, grammar, decode only, reference
PlainCommand: TypeAlias = tuple[str, str, int, bool, bool, bool, int, PlainGrammar, bool, str]


class PlainFile(NamedTuple):
    """What one file says beside its AVPs.  `order` is its resolution order as file numbers, itself first."""

    stem: str
    path: str
    id: int | None
    name: str
    title: str
    vendor: int
    decode_only: bool
    accounting: bool
    order: tuple[int, ...]
    names: dict[str, int]
    overrides: dict[int, PlainOverride]
    commands: tuple[PlainCommand, ...]


class Linked(NamedTuple):
    """Everything loaded: files in load order, AVPs by key."""

    files: tuple[PlainFile, ...]
    avps: dict[int, PlainAvp]
