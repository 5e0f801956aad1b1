"""What a function keeps of charging in its store: events on their way to files, and to a charging data function."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Column, Float, Integer, MetaData, String, Table, Text

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

RF: Final = Table(
    "charging_rf",
    METADATA,
    Column("id", Number, primary_key=True, autoincrement=True),
    Column("node", String(255), nullable=False, index=True),
    Column("session_id", String(512), nullable=False),
    Column("event", Text, nullable=False),
    Column("sent", Integer, nullable=False, server_default="0"),
    Column("at", Float(53), nullable=False),
)
"""Events that no charging data function has acknowledged yet.  sent: how often it was asked."""
