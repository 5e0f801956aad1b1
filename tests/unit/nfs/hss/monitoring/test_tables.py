"""What S6t keeps, on every kind of database: items, groups, notes, rows of the access matrix."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine

from nfs.common.database import database_url, open_engine
from nfs.hss import binding
from nfs.hss import tables as subscribers
from nfs.hss.logic import Subscriber
from nfs.hss.monitoring import access, outbox_tables, tables
from nfs.hss.monitoring.logic import MOST, Service, Wish, device_change
from nfs.hss.monitoring.outbox_tables import Note
from nfs.hss.monitoring.tables import GroupItem, Item, Known

IMSI, SCEF, FLEET = "001010000000001", "scef.example", "fleet@customer.example"
NOW = 1_700_000_000
WIDE = (1 << 64) - 2
ITEM = Item(
    imsi=IMSI, kind="event", scef=SCEF, reference=WIDE, extended=True, type=3, called="a@b.example", remaining=2,
    until=NOW + 60, seen="1/2", detail={"type": 3, "octets": b"\x01", "at": datetime.fromtimestamp(NOW, UTC)},
)  # fmt: skip
NOTE = Note(what="group", scef=SCEF, imsi=IMSI, grp=FLEET, reference=WIDE, due=NOW, until=NOW + 60, body={"A": b"\x02"})


@pytest.fixture
def engine(database: str) -> Iterator[Engine]:
    engine = open_engine(database_url(database, Path()), migrations="nfs.hss:migrations", name="hss")
    yield engine
    engine.dispose()


def test_what_is_kept_comes_back(engine: Engine) -> None:
    with engine.begin() as connection:
        tables.put(connection, ITEM)
        tables.put(connection, replace(ITEM, remaining=1))
        tables.put_many(connection, [replace(ITEM, imsi="001010000000002", reference=1, extended=False, grp=FLEET)])
        assert tables.of(connection, IMSI, NOW) == [replace(ITEM, remaining=1)]
        assert tables.of(connection, IMSI, NOW + 60) == []
        assert tables.count(connection, SCEF, 3, NOW) == 2
        changed = tables.change(connection, ITEM, suspended=True, seen="3/4")
        assert tables.of(connection, IMSI, NOW) == [replace(changed, remaining=1)]
        group = GroupItem(grp=FLEET, kind="event", scef=SCEF, reference=1, guard_s=20, detail={"type": 3})
        tables.put_group(connection, group)
        assert tables.of_group(connection, FLEET, SCEF) == [group]
        assert [each.imsi for each in tables.members(connection, group)] == ["001010000000002"]
        assert len(list(tables.every(connection))) == len(tables.orphans(connection, 10)) == 2
        assert (tables.remove_group(connection, group), tables.remove_group(connection, group)) == (True, False)
        tables.lapse(connection, NOW + 60)
        assert list(tables.every(connection)) == []
        for features in (1, 1, 5):
            tables.know(connection, Known(host=SCEF, realm="example", features=features))
        assert tables.known(connection, SCEF) == Known(host=SCEF, realm="example", features=5)


def test_a_note_is_taken_once(engine: Engine) -> None:
    with engine.begin() as connection:
        outbox_tables.add(connection, [NOTE, NOTE, replace(NOTE, what="report", due=NOW + 5)])
    with engine.connect() as first, engine.connect() as second:
        with first.begin():
            (taken,) = outbox_tables.claim(first, NOW, 60, 1, ())
            if engine.dialect.name == "postgresql":  # what another transaction has taken is stepped over
                with second.begin():
                    assert [each.id for each in outbox_tables.claim(second, NOW, 60, 9, ())] == [taken.id + 1]
        with second.begin():
            assert outbox_tables.claim(second, NOW, 60, 9, (SCEF,)) == []
            mine = outbox_tables.claim_group(second, taken, NOW, 60, 9)
            assert len(mine) == (0 if engine.dialect.name == "postgresql" else 1)
            assert outbox_tables.more(second, taken, [taken.id])
            assert not outbox_tables.more(second, taken, [taken.id, taken.id + 1])
            outbox_tables.again(second, [taken], NOW)
            outbox_tables.done(second, [replace(taken, id=taken.id + 1)])
            found = outbox_tables.waiting(second)
            assert [(each.what, each.due, each.tries) for each in found] == [
                ("group", NOW + 2, 1),
                ("report", NOW + 5, 0),
            ]
            assert (found[0].body, found[0].reference) == ({"A": b"\x02"}, WIDE)
            outbox_tables.drop(second, SCEF, WIDE, grp=FLEET)
            assert outbox_tables.waiting(second) == []
            outbox_tables.add(second, [NOTE])
            assert outbox_tables.expire(second, NOW + 60) == 1


def test_rows_and_bindings(engine: Engine) -> None:
    row = access.Row(
        device="x", scef=SCEF.upper(), services=(Service.NIDD,), never=(Service.LOCATION,), providers=("acme",)
    )
    with engine.begin() as connection:
        subscribers.save(connection, Subscriber(imsi=IMSI))
        assert access.change(connection, IMSI, row) == access.change(connection, IMSI, row) == 3
        access.change(connection, "gone", row)
        found = access.rights(connection, SCEF, IMSI, "other")
        assert (set(found.allowed), set(found.never), set(found.providers)) == (
            {Service.NIDD},
            {Service.LOCATION},
            {"acme"},
        )
        assert access.rights(connection, "other.example", IMSI).allowed == frozenset()
        access.tidy(connection)
        assert {each["device"] for each in access.listed(connection)} == {IMSI}
        assert access.change(connection, IMSI, row, take=True) == 3
        binding.bind(connection, binding.Binding(imsi=IMSI, imei="35299708123456"))
        assert binding.strange(connection, IMSI, "11111111111111")
        tables.set_imsi_group(connection, FLEET, 1, "00101", b"\x07")


def test_what_json_does_not_know_is_not_kept() -> None:
    with pytest.raises(TypeError, match="set"):
        tables.packed({"a": set()})
    assert tables.unpacked(tables.packed(ITEM.detail)) == ITEM.detail


def test_the_largest_numbers_that_a_message_can_have_are_kept(engine: Engine) -> None:
    wish = Wish(type=3, reports=(1 << 32) - 1)
    with engine.begin() as connection:
        tables.put(connection, replace(ITEM, remaining=wish.left, guard_s=MOST, reference=(1 << 64) - 1))
        (kept,) = tables.of(connection, IMSI, NOW)
        assert tables.count(connection, SCEF, (1 << 32) - 1, NOW) == 0
    assert (kept.remaining, kept.guard_s, kept.reference) == (MOST, MOST, (1 << 64) - 1)
    assert device_change("", "3" * 99, "x" * 99, 1) == (1, "3" * 14 + "/xx")
