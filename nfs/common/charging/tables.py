"""What a function keeps of charging in its store: events on their way to files."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Column, Integer, MetaData, String, Table, Text

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

STATE: Final = Table(
    "charging_state",
    METADATA,
    Column("node", String(255), primary_key=True),
    Column("number", BigInteger, nullable=False),
)
"""localSequenceNumber of the newest record of which it is certain that it is in a file."""
