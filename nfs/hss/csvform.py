"""The CSV form of subscribers.

A header line, then one subscriber a line.  Columns are `COLUMNS` and those of the keys (`nfs.common.cards`, only ever
read); only `imsi` must be there.  Several values of a cell are separated by `;`, the parts of a value by `:`

    imsi,msisdn,external_ids,services,scs,nodes
    001010000000001,15550100001,meter-1@customer.example:9000,device-trigger,15550001,mme:15559001:mme1.example:example

`scs`: the number of an SCS, alone (every service of the subscription) or with one service behind it.  `external_ids`:
the identifier, with the application port it stands for in MO-SMS where there is one.  `nodes`: kind, number, then name
and realm, then `unreachable` where it is.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from itertools import chain
from typing import Any, Final, TextIO

from diameter.errors import ConfigError
from nfs.common import cards as keys
from nfs.common.nodes import ServingNode
from nfs.hss.logic import Subscriber

COLUMNS: Final = ("imsi", "msisdn", "external_ids", "services", "scs", "sms", "barred", "nodes", "profile")
LONGEST: Final = 1 << 20
"""Characters of a line; the rest of a longer one counts as a line of its own."""
_PLAIN: Final = ("imsi", "msisdn", "profile")
_TRUTH: Final = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}


def read(stream: TextIO, text: str, source: str) -> Iterator[tuple[int, Any]]:
    """(line, row or what is wrong with it) of each line behind the header.  `text`: what was read of the stream before.

    A row is what `nfs.hss.provisioning.SubscriberRow` validates.  Raises ConfigError for a file that is no table.
    """
    reader = csv.reader(chain(io.StringIO(text, newline=""), iter(lambda: stream.readline(LONGEST), "")), strict=True)
    try:
        header = [name.strip() for name in next(reader, [])]
        unknown = [name for name in header if name not in (*COLUMNS, *keys.COLUMNS)]
        if "imsi" not in header or unknown or len(set(header)) < len(header):
            what = f"unknown column {unknown[0]!r}" if unknown else "a header with imsi, and each column once, expected"
            raise ConfigError(f"{source}:1: {what}")
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            place = reader.line_num
            if len(cells) != len(header):
                yield place, f"{len(header)} columns expected, {len(cells)} found"
                continue
            try:
                yield place, _csv_row(dict(zip(header, (cell.strip() for cell in cells), strict=True)))
            except ValueError as error:
                yield place, str(error)
    except csv.Error as error:
        raise ConfigError(f"{source}:{reader.line_num}: not CSV: {error}") from None


def _csv_row(cells: dict[str, str]) -> dict[str, Any]:
    """The cells of a line as a row; an empty cell is the default.  Raises ValueError."""
    row: dict[str, Any] = {}
    for column, cell in cells.items():
        if not cell:
            continue
        if column in _PLAIN:
            row[column] = cell
        elif column in keys.COLUMNS:
            row.setdefault("keys", {})[column] = keys.cell(column, cell)
        elif column == "external_ids":
            row["external_ids"] = [_external_id(value) for value in _values(cell)]
        else:
            name, value = _common(column, cell)
            row[name] = value
    return row


@lru_cache(maxsize=1024)
def _common(column: str, cell: str) -> tuple[str, Any]:
    """What a cell says that many lines have alike, and under which name."""
    if column == "services":
        return "services", _values(cell)
    if column == "scs":
        return "rights", [_right(value) for value in _values(cell)]
    if column == "nodes":
        return "nodes", [_node(value) for value in _values(cell)]
    if cell.lower() not in _TRUTH:
        raise ValueError(f"{column}: yes or no expected")
    return column, _TRUTH[cell.lower()]


def _values(cell: str) -> list[str]:
    return [value.strip() for value in cell.split(";") if value.strip()]


def table(rows: Iterable[Mapping[str, str]]) -> str:
    """Cells by column as CSV text."""
    return "".join(lines(rows))


def lines(rows: Iterable[Mapping[str, str]]) -> Iterator[str]:
    """The same, line by line."""
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    for row in rows:
        yield _taken(out)
        writer.writerow(row)
    yield _taken(out)


def _taken(out: io.StringIO) -> str:
    text = out.getvalue()
    out.seek(0)
    out.truncate()
    return text


def _external_id(value: str) -> dict[str, Any]:
    identifier, colon, port = value.partition(":")
    if colon and not (port.isascii() and port.isdigit()):
        raise ValueError("external_ids: a port number expected behind the colon")
    return {"identifier": identifier, "port": int(port)} if colon else {"identifier": identifier}


def _right(value: str) -> dict[str, Any]:
    scs, colon, service = value.partition(":")
    return {"scs": scs, "services": [service] if colon else []}


def _node(value: str) -> dict[str, Any]:
    kind, *parts = value.split(":")
    reachable = parts[-1:] != ["unreachable"]
    if not reachable:
        parts.pop()
    if len(parts) not in (1, 3):
        raise ValueError("nodes: kind:number, or kind:number:name:realm, expected")
    return {"kind": kind, "reachable": reachable, **dict(zip(("number", "name", "realm"), parts, strict=False))}


def write(subscribers: Iterable[Subscriber]) -> Iterator[str]:
    """The CSV form, with its header, line by line."""
    return lines(
        {
            "imsi": each.imsi,
            "msisdn": each.msisdn or "",
            "external_ids": ";".join(
                x.identifier if x.port is None else f"{x.identifier}:{x.port}" for x in each.external_ids
            ),
            "services": ";".join(service.label for service in sorted(each.services)),
            "scs": ";".join(f"{scs}:{service.label}" for scs, service in sorted(each.rights)),
            "sms": "yes" if each.sms else "no",
            "barred": "yes" if each.barred else "no",
            "nodes": ";".join(_node_cell(node) for node in each.nodes),
            "profile": each.profile or "",
        }
        for each in subscribers
    )


def _node_cell(node: ServingNode) -> str:
    parts = [str(node.kind), node.number]
    if node.name:
        parts += [node.name, node.realm]
    return ":".join(parts if node.reachable else [*parts, "unreachable"])
