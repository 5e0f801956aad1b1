"""Statements that go to the driver as they are: the same rows, errors and transactions as SQLAlchemy's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import (
    Column,
    Connection,
    DateTime,
    Engine,
    Float,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    bindparam,
    create_engine,
    insert,
    select,
    text,
    update,
)
from sqlalchemy.exc import IntegrityError, OperationalError, ProgrammingError

from nfs.common.database import database_url, open_engine
from nfs.common.statements import Statement, run_text

METADATA = MetaData()
THING = Table(
    "thing",
    METADATA,
    Column("name", String(20), primary_key=True),
    Column("count", Integer, nullable=False),
    Column("weight", Float),
    Column("octets", LargeBinary),
    Column("kind", String(4), server_default="none"),
    Column("made", DateTime),
)
ADD = Statement(insert(THING))
NAMED = Statement(select(THING).where(THING.c.name == bindparam("wanted")))
CHANGE = Statement(update(THING).where(THING.c.name == bindparam("wanted")))
BIG = Statement(select(THING.c.name).where(THING.c.count > 5, THING.c.kind == bindparam("of_kind")))
TAKE = Statement(
    text(
        "INSERT INTO thing (name, count) VALUES (:name, 1) "
        "ON CONFLICT (name) DO UPDATE SET count = thing.count + 1 RETURNING count"
    )
)


@pytest.fixture
def engine(database: str) -> Iterator[Engine]:
    engine = open_engine(database_url(database, Path()), migrations="nfs.mtc_iwf:migrations", name="mtc-iwf")
    METADATA.create_all(engine)
    yield engine
    engine.dispose()


def test_reading_and_writing(engine: Engine) -> None:
    with engine.begin() as connection:
        _rows_are_as_they_were_written(connection)
        _an_update_writes_the_columns_that_are_given(connection)
        assert [row.name for row in BIG.rows(connection, {"of_kind": "none"})] == ["b"]
        counts = [TAKE.one(connection, {"name": "c"}) for _ in range(2)]
        assert [row.count for row in counts if row is not None] == [1, 2]


def _rows_are_as_they_were_written(connection: Connection) -> None:
    assert ADD.count(connection, {"name": "a", "count": 5, "weight": 0.5, "octets": b"\0\xff"}) == 1
    row = NAMED.one(connection, {"wanted": "a"})
    assert row is not None
    assert (row.name, row.count, row.weight, bytes(row.octets), row.kind) == ("a", 5, 0.5, b"\0\xff", "none")
    assert tuple(row) == tuple(connection.execute(select(THING)).one())
    assert NAMED.one(connection, {"wanted": "b"}) is None
    assert NAMED.rows(connection, {"wanted": "b"}) == []


def _an_update_writes_the_columns_that_are_given(connection: Connection) -> None:
    ADD.count(connection, {"name": "b", "count": 7})
    assert CHANGE.count(connection, {"wanted": "b", "count": 8}) == 1
    assert CHANGE.count(connection, {"wanted": "b", "weight": 1.0}) == 1
    assert CHANGE.count(connection, {"wanted": "nobody", "count": 8}) == 0
    row = NAMED.one(connection, {"wanted": "b"})
    assert row is not None
    assert (row.count, row.weight, row.kind) == (8, 1.0, "none")


def test_what_the_database_has_against_it(engine: Engine) -> None:
    with engine.connect() as connection, connection.begin() as transaction:
        ADD.count(connection, {"name": "secret", "count": 1})
        with pytest.raises(IntegrityError) as raised:
            ADD.count(connection, {"name": "secret", "count": 1})
        transaction.rollback()
        assert raised.value.params is None  # whoever logs it names nobody
        assert not raised.value.connection_invalidated
    with engine.connect() as connection, pytest.raises((OperationalError, ProgrammingError)):
        run_text(connection, "BEGIN TEA")


def test_what_needs_a_conversion_is_no_such_statement() -> None:
    engine = create_engine("sqlite://")
    several = Statement(select(THING).where(THING.c.name.in_(bindparam("names", expanding=True))))
    with engine.connect() as connection:
        with pytest.raises(TypeError, match="not a plain statement"):
            ADD.count(connection, {"name": "a", "count": 7, "made": None})
        with pytest.raises(TypeError, match="not a plain statement"):
            several.rows(connection, {"names": ["a", "b"]})
    engine.dispose()
