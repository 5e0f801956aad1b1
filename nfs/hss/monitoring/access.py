"""The access matrix: which SCEF may use which service of which device or group (TS 33.187 4.4; default deny).

A row allows one service to one SCEF; a row "never" forbids a service to everybody, whatever else is allowed; a row
"provider" names an MTC provider that counts.  As a file: CSV with the columns `device`, `scef`, `services`, `never`,
`providers`, several values of a cell separated by `;`, or JSON `{"schema": 1, "access": [...]}` with the same keys.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator
from typing import Annotated, Any, Final

from pydantic import Field, ValidationError
from sqlalchemy import Column, Connection, String, Table, delete, insert, select

from diameter.config import Table as Model
from diameter.config.base import Identity
from diameter.errors import ConfigError
from nfs.hss.groups.tables import GROUP
from nfs.hss.monitoring.config import Named
from nfs.hss.monitoring.logic import Rights, Service
from nfs.hss.tables import METADATA, SUBSCRIBER

ACCESS: Final = Table(
    "exposed_access",
    METADATA,
    Column("subject", String(253), primary_key=True),
    Column("rule", String(8), primary_key=True),
    Column("scef", String(255), primary_key=True),
    Column("what", String(64), primary_key=True),
)
ALLOW, NEVER, PROVIDER = "allow", "never", "provider"
COLUMNS: Final = ("device", "scef", "services", "never", "providers")


class Row(Model):
    """What a file says of one device (IMSI, MSISDN or External Identifier) or group, and one SCEF."""

    device: str = Field(min_length=1, max_length=253)
    scef: Identity | None = None
    services: tuple[Named, ...] = Field(default=(), strict=False)
    never: tuple[Named, ...] = Field(default=(), strict=False)
    providers: tuple[Annotated[str, Field(min_length=1, max_length=64)], ...] = Field(default=(), strict=False)


def rights(connection: Connection, scef: str, *subjects: str) -> Rights:
    """What a SCEF may do with a device, or a group: rows of any of `subjects` count."""
    c = ACCESS.c
    rows = connection.execute(select(ACCESS).where(c.subject.in_(subjects), c.scef.in_((scef.lower(), "")))).all()
    return Rights(
        allowed=frozenset(Service(row.what) for row in rows if row.rule == ALLOW),
        never=frozenset(Service(row.what) for row in rows if row.rule == NEVER),
        providers=frozenset(row.what for row in rows if row.rule == PROVIDER),
    )


def change(connection: Connection, subject: str, row: Row, *, take: bool = False) -> int:
    """Add what a row says to a subject, an IMSI or the name of a group; with `take` take it away.  How many rows."""
    wanted = [(ALLOW, (row.scef or "").lower(), str(each)) for each in row.services if row.scef]
    wanted += [(NEVER, "", str(each)) for each in row.never]
    wanted += [(PROVIDER, "", each) for each in row.providers]
    changed = 0
    for rule, scef, what in dict.fromkeys(wanted):
        c = ACCESS.c
        same = (c.subject == subject) & (c.rule == rule) & (c.scef == scef) & (c.what == what)
        changed += connection.execute(delete(ACCESS).where(same)).rowcount if take else 1
        if not take:
            connection.execute(delete(ACCESS).where(same))
            connection.execute(insert(ACCESS), {"subject": subject, "rule": rule, "scef": scef, "what": what})
    return changed


def listed(connection: Connection, subject: str | None = None) -> list[dict[str, Any]]:
    """Rows as `Row` has them, by subject and SCEF."""
    question = select(ACCESS).order_by(ACCESS.c.subject, ACCESS.c.scef, ACCESS.c.what)
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for row in connection.execute(question if subject is None else question.where(ACCESS.c.subject == subject)):
        empty: dict[str, Any] = {"device": row.subject, "scef": row.scef or None}
        empty |= {"services": [], "never": [], "providers": []}
        one = found.setdefault((row.subject, row.scef), empty)
        one[{ALLOW: "services", NEVER: "never", PROVIDER: "providers"}[row.rule]].append(row.what)
    return list(found.values())


def tidy(connection: Connection) -> None:
    """Drop rows of what is neither subscriber nor group any more."""
    gone = ACCESS.c.subject.not_in(select(SUBSCRIBER.c.imsi)) & ACCESS.c.subject.not_in(select(GROUP.c.external_id))
    connection.execute(delete(ACCESS).where(gone))


def read(text: str, source: str) -> list[tuple[str, Row]]:
    """The rows of a file with their places.  Raises ConfigError with a line a fault; then none is used."""
    found, faults = [], []
    for place, raw in _json(text, source) if text.lstrip()[:1] in ("{", "[") else _csv(text, source):
        try:
            row = Row.model_validate(raw)
        except ValidationError as error:
            faults += [f"{place}: {complaint}" for complaint in _complaints(error)]
            continue
        if row.services and row.scef is None:
            faults.append(f"{place}: services: of which scef")
        found.append((place, row))
    if faults:
        raise ConfigError(*faults)
    return found


def _complaints(error: ValidationError) -> Iterator[str]:
    for detail in error.errors(include_url=False, include_input=False):
        text = "unknown key" if detail["type"] == "extra_forbidden" else detail["msg"].lower()
        yield f"{'.'.join(str(part) for part in detail['loc'])}: {text}"


def _json(text: str, source: str) -> Iterator[tuple[str, Any]]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        raise ConfigError(f"{source}: not JSON") from None
    rows = document.get("access") if isinstance(document, dict) else document
    if not isinstance(rows, list):
        raise ConfigError(f'{source}: {{"schema": 1, "access": [...]}} expected')
    for number, row in enumerate(rows):
        yield f"{source}: access.{number}", row


def _csv(text: str, source: str) -> Iterator[tuple[str, Any]]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        yield from _table(reader, source)
    except csv.Error as error:
        raise ConfigError(f"{source}:{reader.line_num}: not CSV: {error}") from None


def _table(reader: Any, source: str) -> Iterator[tuple[str, Any]]:
    header = [each.strip() for each in next(reader, [])]
    if "device" not in header or (wrong := [each for each in header if each not in COLUMNS]):
        named = f" ({', '.join(wrong)})" if "device" in header else ""
        raise ConfigError(f"{source}:1: columns {', '.join(COLUMNS)} expected{named}")
    for cells in reader:
        if any(cell.strip() for cell in cells):
            row: dict[str, Any] = {}
            if len(cells) > len(header):
                raise ConfigError(f"{source}:{reader.line_num}: {len(header)} columns expected, {len(cells)} found")
            for name, cell in zip(header, cells, strict=False):
                values = [each.strip() for each in cell.split(";") if each.strip()]
                row[name] = (cell.strip() or None) if name in ("device", "scef") else values
            yield f"{source}:{reader.line_num}", row


def written(rows: Iterable[dict[str, Any]]) -> str:
    """The JSON form."""
    return json.dumps({"schema": 1, "access": list(rows)})
