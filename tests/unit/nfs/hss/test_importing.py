"""Imports of many rows: as if one by one, and nothing of a file whose row takes what is another's."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from diameter.errors import ConfigError
from nfs.common.aka import Seal
from nfs.common.cards import Card
from nfs.common.database import database_url, open_engine
from nfs.hss import cards, importing, tables
from nfs.hss.logic import ExternalId, Service, Subscriber, UserId
from nfs.hss.provisioning import Placed

SEAL = Seal(bytes(32))
CARD = Card(k=bytes(16), top=bytes(16))


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    folder = tmp_path_factory.mktemp("importing")
    engine = open_engine(database_url("hss.db", folder), migrations="nfs.hss:migrations", name="hss")
    yield engine
    engine.dispose()


def rows(start: int, end: int, *, msisdn: int = 0) -> list[Placed]:
    return [
        Placed(
            f"f.csv:{number}",
            Subscriber(
                imsi=f"00101{number:010}",
                msisdn=f"1555{number + msisdn:09}",
                external_ids=(ExternalId(identifier=f"m{number}@customer.example"),),
                services=frozenset(Service),
                rights=frozenset({("15550001", Service.DEVICE_TRIGGER)}),
            ),
            CARD if number % 2 else None,
        )
        for number in range(start, end)
    ]


def test_more_than_go_at_once_new_ones_and_old_ones(engine: Engine) -> None:
    many = rows(0, importing.AT_ONCE + 3)
    with engine.connect() as connection, connection.begin() as transaction:
        importing.write(connection, many[5:20], SEAL)
        importing.write(connection, many, SEAL)
        assert [each.imsi for each in tables.every(connection)] == [each.subscriber.imsi for each in many]
        assert tables.find(connection, UserId(imsi=many[7].subscriber.imsi)) == many[7].subscriber
        assert cards.find(connection, many[7].subscriber.imsi, SEAL) == CARD
        assert cards.find(connection, many[8].subscriber.imsi, SEAL) is None
        transaction.rollback()


def test_a_number_that_moves_on_within_a_file_is_no_fault(engine: Engine) -> None:
    with engine.connect() as connection, connection.begin() as transaction:
        importing.write(connection, rows(0, 3), SEAL)
        importing.write(connection, list(reversed(rows(0, 3, msisdn=1))), SEAL)
        found = tables.find(connection, UserId(msisdn="1555000000003"))
        assert found is not None
        assert found.imsi == "001010000000002"
        transaction.rollback()


def test_the_row_that_takes_what_is_anothers_is_named(engine: Engine) -> None:
    with engine.connect() as connection, connection.begin() as transaction:
        importing.write(connection, rows(9000, 9001), None)
        taken = rows(9000, 9001)[0].subscriber.external_ids
        wrong = Placed("f.csv:77", Subscriber(imsi="001019999999999", external_ids=taken))
        with pytest.raises(ConfigError, match="f.csv:77: its MSISDN or one"):
            importing.write(connection, [*rows(0, 2), wrong, *rows(2, 4)], None)
        transaction.rollback()
