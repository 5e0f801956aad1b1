"""What a function keeps of charging in its store: events on their way to files."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Column, Integer, MetaData, String, Table, Text, bindparam, func, select

METADATA: Final = MetaData()
Number: Final = BigInteger().with_variant(Integer, "sqlite")  # SQLite numbers rows of INTEGER only

RECORD: Final = Table(
    "charging_record",
    METADATA,
    Column("id", Number, primary_key=True, autoincrement=True),
    Column("node", String(255), nullable=False, index=True),
    Column("event", Text, nullable=False),
)
"""Events that are in no file yet, in the order in which they were committed."""

OLDEST: Final = (
    select(RECORD.c.id, RECORD.c.event)
    .where(RECORD.c.node == bindparam("node"))
    .order_by(RECORD.c.id)
    .limit(bindparam("at_most"))
)
"""(id, event) of the oldest of a node: parameters `node`, `at_most`."""
COUNT: Final = select(func.count()).select_from(RECORD).where(RECORD.c.node == bindparam("node"))
"""How many a node has."""

STATE: Final = Table(
    "charging_state",
    METADATA,
    Column("node", String(255), primary_key=True),
    Column("number", BigInteger, nullable=False),
)
"""localSequenceNumber of the newest record of which it is certain that it is in a file."""
