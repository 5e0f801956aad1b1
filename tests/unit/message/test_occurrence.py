"""The AVP occurrence tables of RFC 6733 sections 10.1 and 10.2, cell by cell, against what is refused and accepted."""

from __future__ import annotations

import csv
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest

from diameter import Dictionary, Message, decode
from diameter.dictionary.model import CommandDef
from diameter.errors import REFUSE
from diameter.wire import avp, header
from diameter.wire.types import TYPES

TABLES: Final = Path(__file__).parents[2] / "data" / "rfc6733_occurrence.csv"
LEAST: Final = {
    "DiameterIdentity": b"a.example",
    "DiameterURI": b"aaa://a.example",
    "Address": b"\0\1\x7f\0\0\1",
    "UTF8String": b"text",
    "OctetString": b"octets",
}
GROUPS: Final[dict[str, dict[str, Any]]] = {
    "Vendor-Specific-Application-Id": {"Vendor-Id": 10415, "Acct-Application-Id": 3},
    "Proxy-Info": {"Proxy-Host": "a.example", "Proxy-State": b"1"},
    "Failed-AVP": {"Class": b"1"},
}
OF_ACCOUNTING: Final = 3
BEYOND_THE_GRAMMAR: Final = {
    ("RAR", "Acct-Interim-Interval"),  # 0-1 in the table, in no place of the command's format but * [ AVP ]
    ("RAR", "Accounting-Realtime-Required"),
}
IN_THE_GRAMMAR: Final = {("CER", "Inband-Security-Id"), ("CEA", "Inband-Security-Id")}
"""0 in the table, `* [ Inband-Security-Id ]` in the command's format."""
NARROWER: Final = {("ACA", "Error-Reporting-Host")}
"""0+ in the table, `[ Error-Reporting-Host ]` in the command's format."""


class Cell(NamedTuple):
    """One cell: how often `avp` may occur in `command`."""

    section: str
    command: str
    avp: str
    occurs: str


@cache
def cells() -> tuple[Cell, ...]:
    """The committed tables."""
    with TABLES.open(encoding="utf-8", newline="") as rows:
        return tuple(Cell(**row) for row in csv.DictReader(rows))


@cache
def dictionary() -> Dictionary:
    """The base protocol and its accounting application, nothing else."""
    return Dictionary.load("rfc6733_base", "rfc6733_accounting")


def definition_of(short: str) -> tuple[CommandDef, int]:
    """A command of the base protocol and the application it is sent in."""
    found = next(one for one in dictionary().commands_named(short) if one.short == short)
    return found, OF_ACCOUNTING if short in ("ACR", "ACA") else 0


def octets_of(name: str, application: int) -> bytes:
    """One AVP with a value that is in order."""
    scope = dictionary().scope(application)
    one = scope.names[name]
    if name in GROUPS:
        inner = GROUPS[name]
        if application == 0 and name == "Vendor-Specific-Application-Id":
            inner = {"Vendor-Id": 10415, "Acct-Application-Id": 0}
        data = b"".join(_plain(part, value, application) for part, value in inner.items())
    elif one.type in LEAST:
        data = LEAST[one.type]
    else:
        named = min(one.values, default=0) if one.type == "Enumerated" else 0
        value = application if name.endswith("Application-Id") else 2001 if name == "Result-Code" else named
        data = value.to_bytes(TYPES[one.type].size or 4)
    return avp.build(one.code, one.vendor, avp.FLAG_M if one.mandatory == "M" else 0, data)


def _plain(name: str, value: Any, application: int) -> bytes:
    one = dictionary().scope(application).names[name]
    data = value.to_bytes(4) if isinstance(value, int) else value.encode() if isinstance(value, str) else value
    return avp.build(one.code, one.vendor, avp.FLAG_M, data)


def message_with(cell: Cell, times: int) -> Message:
    """A message of the command with all it must have, and the cell's AVP so many times."""
    one, application = definition_of(cell.command)
    scope = dictionary().scope(application)
    parts = [octets_of(rule.name, application) for rule in one.grammar.rules if rule.minimum and rule.name != cell.avp]
    extra = octets_of(cell.avp, application) * times
    first = scope.names["Session-Id"].key in {rule.key for rule in one.grammar.rules if rule.fixed}
    parts.insert(0 if cell.avp == "Session-Id" or not first else 1, extra)
    flags = (header.FLAG_R if one.request else 0) | (header.FLAG_P if one.proxiable else 0)
    return decode(header.build(flags, one.code, application, 1, 1, b"".join(parts)), dictionary())


def refused(message: Message) -> list[int]:
    """Result-Codes of the faults to refuse."""
    return [int(fault.result_code) for fault in message.faults if fault.verdict == REFUSE]


def test_the_tables_are_whole() -> None:
    assert len([cell for cell in cells() if cell.section == "10.1"]) == 12 * 39
    assert len([cell for cell in cells() if cell.section == "10.2"]) == 2 * 24
    assert {cell.occurs for cell in cells()} == {"0", "0-1", "0+", "1", "1+"}


@pytest.mark.parametrize("cell", cells(), ids=lambda cell: f"{cell.command}-{cell.avp}-{cell.occurs}")
def test_cell(cell: Cell) -> None:
    """None, one and two of each AVP in each command: 5005 below what the table demands, 5009 above."""
    none, once, twice = (refused(message_with(cell, times)) for times in (0, 1, 2))
    place = (cell.command, cell.avp)
    assert none == ([5005] if cell.occurs in ("1", "1+") else [])
    assert once == []
    one_at_most = (cell.occurs in ("1", "0-1") and place not in BEYOND_THE_GRAMMAR) or place in NARROWER
    assert twice == ([5009] if one_at_most else [])


@pytest.mark.parametrize(
    "cell", [cell for cell in cells() if cell.occurs == "0"], ids=lambda cell: f"{cell.command}-{cell.avp}"
)
def test_what_must_not_be_present_stands_in_no_grammar(cell: Cell) -> None:
    """It is never asked for nor filled in; received, it is what `* [ AVP ]` takes."""
    one, _ = definition_of(cell.command)
    named = cell.avp in {rule.name for rule in one.grammar.rules}
    assert named is ((cell.command, cell.avp) in IN_THE_GRAMMAR)
    assert one.grammar.wildcard
