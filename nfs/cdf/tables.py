"""The records of a CDF: each Session-Id and Accounting-Record-Number once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import BigInteger, Column, Connection, Index, Integer, MetaData, String, Table, Text, insert, select

METADATA: Final = MetaData()
Number: Final = BigInteger().with_variant(Integer, "sqlite")  # SQLite numbers rows of INTEGER only

RECORD: Final = Table(
    "accounting_record",
    METADATA,
    Column("id", Number, primary_key=True, autoincrement=True),
    Column("session", String(512), nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("kind", Integer, nullable=False),
    Column("origin", String(255), nullable=False),
    Column("taken", BigInteger, nullable=False),
    Column("request", Text, nullable=False),
    Index("ix_accounting_record_once", "session", "number", unique=True),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One record.  kind: Accounting-Record-Type; taken: seconds since 1970; request: the whole message as JSON."""

    session: str
    number: int
    kind: int
    origin: str
    taken: int
    request: str


def keep(connection: Connection, record: Record) -> bool:
    """Keep a record; False when it is there already."""
    c = RECORD.c
    same = select(c.id).where(c.session == record.session, c.number == record.number)
    if connection.execute(same).first() is not None:
        return False
    connection.execute(insert(RECORD), {name: getattr(record, name) for name in Record.__slots__})
    return True


def every(connection: Connection) -> Iterator[dict[str, Any]]:
    """The records in the order in which they came."""
    for row in connection.execute(select(RECORD).order_by(RECORD.c.id)):
        yield dict(row._mapping)
