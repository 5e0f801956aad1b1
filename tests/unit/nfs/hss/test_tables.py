"""The HSS database: what goes in comes out, and the migrations make the tables that the code knows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine
from sqlalchemy.exc import IntegrityError

from nfs.common.database import database_url, open_engine
from nfs.common.nodes import NodeKind, ServingNode
from nfs.hss import cards, registrations, tables
from nfs.hss.groups import tables as group_tables
from nfs.hss.logic import ExternalId, Service, Subscriber, UserId
from nfs.hss.waiting_tables import CENTRE, FLAGS

METER = Subscriber(
    imsi="001010000000001",
    msisdn="15550100001",
    external_ids=(ExternalId(identifier="z@customer.example"), ExternalId(identifier="a@customer.example", port=9000)),
    services=frozenset(Service),
    rights=frozenset({("15550001", Service.DEVICE_TRIGGER)}),
    nodes=(
        ServingNode(kind=NodeKind.MME, number="15559001", name="mme1.example", realm="example"),
        ServingNode(kind=NodeKind.SGSN, number="15559003", reachable=False),
    ),
)
BARE = Subscriber(imsi="001010000000002", sms=False, barred=True)


@pytest.fixture
def engine(database: str) -> Iterator[Engine]:
    engine = open_engine(database_url(database, Path()), migrations="nfs.hss:migrations", name="hss")
    yield engine
    engine.dispose()


def test_the_migrations_make_the_tables_that_the_code_knows(engine: Engine) -> None:
    assert {FLAGS.metadata, CENTRE.metadata} == {tables.METADATA}
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": "hss_revision"})
        assert {cards.CARD, cards.SQN_BLOCK, registrations.REGISTRATION} <= set(tables.METADATA.tables.values())
        assert compare_metadata(context, tables.METADATA) == []
    assert group_tables.GROUP.metadata is tables.METADATA


def test_a_subscriber_is_found_by_each_of_its_identities(engine: Engine) -> None:
    with engine.begin() as connection:
        tables.save(connection, METER)
        tables.save(connection, BARE)
        for user in (
            UserId(imsi=METER.imsi),
            UserId(msisdn=METER.msisdn),
            UserId(external_id="z@customer.example"),
            UserId(external_id="a@customer.example"),
        ):
            assert tables.find(connection, user) == METER
        assert tables.find(connection, UserId(imsi=BARE.imsi)) == BARE
        for user in (UserId(imsi="999990000000001"), UserId(msisdn="1555"), UserId(external_id="b@customer.example")):
            assert tables.find(connection, user) is None
        assert list(tables.every(connection)) == [METER, BARE]


def test_saving_again_replaces_everything(engine: Engine) -> None:
    changed = replace(METER, msisdn=None, external_ids=METER.external_ids[:1], nodes=(), rights=frozenset())
    with engine.begin() as connection:
        tables.save(connection, METER)
        tables.save(connection, changed)
        assert tables.find(connection, UserId(imsi=METER.imsi)) == changed
        assert tables.find(connection, UserId(external_id="a@customer.example")) is None


def test_removing_takes_everything_along(engine: Engine) -> None:
    with engine.begin() as connection:
        tables.save(connection, METER)
        assert tables.remove(connection, METER.imsi)
        assert not tables.remove(connection, METER.imsi)
        assert tables.find(connection, UserId(external_id="a@customer.example")) is None
        tables.save(connection, METER)


@pytest.mark.parametrize("field", ["msisdn", "external_ids"])
def test_an_identity_belongs_to_one_subscriber(engine: Engine, field: str) -> None:
    thief = replace(BARE, **{field: getattr(METER, field)})
    with engine.begin() as connection:
        tables.save(connection, METER)
    with pytest.raises(IntegrityError), engine.begin() as connection:
        tables.save(connection, thief)
