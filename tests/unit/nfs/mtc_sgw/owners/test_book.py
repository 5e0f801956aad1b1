"""Owners in memory and store: their lists, and what was refused about their devices."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import insert, select

from helpers.owners import METER, OwnerRig, refusal
from nfs.common.store import Store
from nfs.mtc_sgw.owners import book as module
from nfs.mtc_sgw.owners import tables
from nfs.mtc_sgw.owners.book import Book, OwnerError
from nfs.mtc_sgw.owners.lists import OwnerCheck

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.fixture
def rig(database: str) -> Iterator[OwnerRig]:
    rig = OwnerRig(database)
    yield rig
    rig.close()


def test_the_migrations_make_the_tables_that_the_code_knows(rig: OwnerRig) -> None:
    with rig.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": "owners_revision"})
        assert compare_metadata(context, tables.METADATA) == []


def test_a_token_is_kept_as_a_hash_alone(rig: OwnerRig) -> None:
    token = rig.tokens["meters"]
    assert len(token) == 43
    with rig.engine.connect() as connection:
        rows = str(connection.execute(select(tables.OWNER)).all())
    assert token not in rows
    assert tables.hash_token(token) in rows
    assert (rig.book.whose(token), rig.book.whose(token + "x"), rig.book.whose("")) == ("meters", None, None)


def test_devices_have_one_owner(rig: OwnerRig) -> None:
    assert rig.book.devices("meters") == ["15550100001", METER]
    with pytest.raises(OwnerError, match="belongs to meters"):
        rig.by_hand(lambda connection: tables.add(connection, "fleet", ["meter-1@CUSTOMER.example"]))
    for bad in ("no@domain@here", "*@", "12ab", ""):
        with pytest.raises(OwnerError):
            tables.identity(bad)
    assert rig.by_hand(lambda connection: tables.add(connection, "fleet", ["a@b.example"])) == ""


@pytest.mark.requirement("R-TRIG-11")
def test_a_list_grows_shrinks_and_goes(rig: OwnerRig) -> None:
    book = rig.book
    assert book.allowed("meters") is None
    with pytest.raises(OwnerError, match="no list yet"):
        rig.wait(book.take("meters", "15550001"))
    rig.wait(book.put("meters", "+15550001"))
    rig.wait(book.put("meters", "15550002"))
    assert book.allowed("meters") == ["15550001", "15550002"]
    rig.wait(book.take("meters", "15550001"))
    rig.wait(book.take("meters", "15550002"))
    assert book.allowed("meters") == []  # nobody, which is not the same as no list
    assert rig.check.lists.allowed == {"meters": frozenset()}
    rig.wait(book.allow("meters", None))
    assert book.allowed("meters") is None
    with pytest.raises(OwnerError, match="SCS"):
        rig.wait(book.put("meters", "x"))
    assert book.allowed("fleet") is None


def test_what_another_process_changed_is_seen_at_the_next_look(rig: OwnerRig) -> None:
    rig.wait(rig.book.look())
    before = rig.check.lists
    rig.wait(rig.book.look())
    assert rig.check.lists is before
    rig.by_hand(lambda connection: tables.add(connection, "meters", ["meter-2@customer.example"]))
    token = rig.by_hand(lambda connection: tables.add(connection, "meters", [], renew=True))
    rig.wait(rig.book.look())
    assert "meter-2@customer.example" in rig.book.devices("meters")
    assert (rig.book.whose(token), rig.book.whose(rig.tokens["meters"])) == ("meters", None)
    assert rig.by_hand(lambda connection: tables.remove(connection, "meters", [METER]))
    assert not rig.by_hand(lambda connection: tables.remove(connection, "meters", [METER]))
    assert rig.by_hand(lambda connection: tables.remove(connection, "meters"))
    rig.wait(rig.book.look())
    assert (rig.book.whose(token), rig.book.devices("meters"), rig.book.key("meters")) == (None, [], None)


@pytest.mark.requirement("R-TRIG-10")
def test_a_refusal_is_kept_for_the_owner_of_its_device(rig: OwnerRig) -> None:
    for target in (METER, "van-1@fleet.example", "nobody@customer.example", "", "15550100001"):
        rig.book.record(refusal(target), NOW)
    found = rig.wait(rig.book.refusals("meters"))
    assert [each["device"] for each in found] == [METER, "15550100001"]
    assert found[0] == {
        "id": 1,
        "time": "2026-01-02T03:04:05.000000Z",
        "device": METER,
        "peer": "scs2.other.example",
        "address": "192.0.2.7:40000",
        "origin": "scs2.other.example",
        "command": "Device-Action-Request",
        "reference": 7,
        "check": "association",
        "reason": "the HSS refused with 5510",
        "result": "INVEXTID",
    }
    assert [each["device"] for each in rig.wait(rig.book.refusals("fleet"))] == ["van-1@fleet.example"]


def test_refusals_are_asked_for_in_pieces(rig: OwnerRig) -> None:
    for second in range(5):
        rig.book.record(refusal(METER if second % 2 else "15550100001"), NOW + timedelta(seconds=second))
    ids = [each["id"] for each in rig.wait(rig.book.refusals("meters", limit=2))]
    assert len(ids) == 2
    assert len(rig.wait(rig.book.refusals("meters", after=ids[-1]))) == 3
    assert len(rig.wait(rig.book.refusals("meters", device="METER-1@customer.example"))) == 2
    assert len(rig.wait(rig.book.refusals("meters", since="2026-01-02T03:04:08"))) == 2


def test_the_oldest_go(rig: OwnerRig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "KEPT", 3)
    for _ in range(5):
        rig.book.record(refusal(), NOW)
    assert [each["id"] for each in rig.wait(rig.book.refusals("meters"))] == [3, 4, 5]


def test_a_flood_costs_bounded_memory_and_what_is_lost_is_counted(
    rig: OwnerRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WAITING", 10)
    rig.threads.held = True
    for _ in range(15):
        rig.book.record(refusal(), NOW)
    rig.threads.held = False
    assert rig.book.lost == 4  # one is on its way, ten wait
    assert len(rig.wait(rig.book.refusals("meters"))) == 11
    assert rig.book.kept == 11


def test_what_the_database_does_not_take_is_counted(rig: OwnerRig) -> None:
    with rig.engine.begin() as connection:
        for name in ("owner_untold", "owner_refusal"):
            connection.exec_driver_sql(f"DROP TABLE {name}")
    rig.book.record(refusal(), NOW)
    rig.clock.advance(1)
    assert (rig.book.lost, rig.book.kept) == (1, 0)


def test_refusals_outlive_a_restart_and_the_owner_takes_them_along(database: str) -> None:
    rig = OwnerRig(database)
    for _ in range(1200):
        rig.book.record(refusal(), NOW)
    rig.close()
    engine = rig.engine
    with engine.begin() as connection:
        assert len(tables.refusals(connection, "meters", limit=2000)) == 1200
        assert tables.remove(connection, "meters")
        assert tables.record(connection, [{"owner": "meters"}]) == []
        connection.execute(insert(tables.ALLOWED), {"owner": "fleet", "scs": "15550001"})
        assert tables.read(connection)[1].allowed == {}  # a list counts when its owner says that there is one
    engine.dispose()
    assert Book(rig.store, OwnerCheck()).devices("meters") == []


def test_what_a_gateway_in_front_keeps_the_owner_asks_for_and_is_told_behind(rig: OwnerRig) -> None:
    told: list[tuple[int, str, str]] = []
    rig.book.tell = lambda row, owner, url: told.append((row["reference"], owner, url))
    rig.wait(rig.book.push_to("meters", "https://meters.example/refused"))
    front = Book(Store(rig.engine, rig.clock, rig.threads), OwnerCheck(), in_front=True)
    front.prime(rig.by_hand(tables.read))
    for reference in range(3):
        front.record(refusal(reference=reference), NOW)
    rig.clock.advance(0)
    rig.wait(front.look())  # which leaves them to whoever speaks with the owners
    assert (front.kept, told) == (3, [])
    for _ in range(2):
        rig.wait(rig.book.look())
        assert told == [(reference, "meters", "https://meters.example/refused") for reference in range(3)]
    rig.book.record(refusal(reference=9), NOW)
    found = rig.wait(rig.book.refusals("meters"))
    assert [each["reference"] for each in found] == [0, 1, 2, 9]
    rig.wait(rig.book.look())
    assert [reference for reference, _, _ in told] == [0, 1, 2, 9]  # each once, from wherever
