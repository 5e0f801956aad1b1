"""A large import beside an HSS that works: short transactions, nothing seen before all of it, nobody's change lost."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import pytest
from sqlalchemy import Engine, event

from diameter.errors import ConfigError
from nfs.common.aka import Seal
from nfs.common.cards import Card
from nfs.common.database import database_url, open_engine
from nfs.hss import cards, exchange, importing, registrations, staging, tables
from nfs.hss.groups.tables import GROUP
from nfs.hss.logic import ExternalId, Service, Subscriber
from nfs.hss.provisioning import Placed
from nfs.hss.registrations import Registration

SEAL: Final = Seal(bytes(32))
ROWS: Final = 4
TREES: Final = [table.name for table in staging._TABLES]
OPENED = Callable[[str], Engine]


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything is large here, and in many parts."""
    monkeypatch.setattr(staging, "AT_ONE_GO", 0)
    monkeypatch.setattr(staging, "Exchange", partial(exchange.Exchange, sleep=lambda _: None))
    for name, value in (("ROWS", ROWS), ("FEW", 2)):
        monkeypatch.setattr(exchange, name, value)


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[OPENED]:
    engines: list[Engine] = []

    def opened(name: str) -> Engine:
        engines.append(open_engine(database_url(name, tmp_path), migrations="nfs.hss:migrations", name="hss", busy_s=0))
        return engines[-1]

    yield opened
    for each in engines:
        each.dispose()


@pytest.fixture
def engine(opened: OPENED) -> Engine:
    return opened("hss.db")


def device(number: int, *, msisdn: int = 0, name: str = "m") -> Subscriber:
    return Subscriber(
        imsi=f"00101{number:010}",
        msisdn=f"1555{number + msisdn:09}",
        external_ids=(ExternalId(identifier=f"{name}{997 * number % 1000}@customer.example"),),
        services=frozenset(Service),
        rights=frozenset({("15550001", Service.DEVICE_TRIGGER)}),
        profile="meter",
    )


def load(engine: Engine, *devices: Subscriber, keys: int = 2) -> int:
    """Import them, every `keys`th with keys."""
    rows = [
        Placed(line, each, Card(k=bytes([line] * 16), top=bytes(16)) if line % keys == 0 else None)
        for line, each in enumerate(devices, 2)
    ]
    return importing.load(engine, importing.Records(rows, lambda: SEAL), "f.csv")


def content(engine: Engine) -> dict[str, list[Any]]:
    """All that is in the file, but the octets of seals, which are never the same."""
    with engine.connect() as connection:
        names = [row[0] for row in connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'table'")]
        found: dict[str, list[Any]] = {}
        for name in sorted(names):
            rows = [
                [each for each in row if not isinstance(each, bytes)]
                for row in connection.exec_driver_sql(f"SELECT * FROM {name}")
            ]
            found[name] = sorted(rows, key=str)
        return found


def whole(engine: Engine) -> None:
    """Nothing of the import is left, and the file is as the migrations make it."""
    with engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA integrity_check").all() == [("ok",)]
        assert connection.exec_driver_sql("PRAGMA foreign_key_check").all() == []
        listed = connection.exec_driver_sql("SELECT name FROM sqlite_master").scalars()
        assert [name for name in listed if name.startswith((exchange.NEXT, "import_")) or exchange.NEXT in name] == []
        for table in TREES:  # by the table, and by each of its indexes
            plain = connection.exec_driver_sql(f"SELECT count(*) FROM {table} NOT INDEXED").scalar_one()
            assert connection.exec_driver_sql(f"SELECT count(*) FROM {table} WHERE imsi > ''").scalar_one() == plain


def test_what_comes_of_it_is_what_one_transaction_makes(opened: OPENED, monkeypatch: pytest.MonkeyPatch) -> None:
    """New ones, old ones whose number moves on, and others that stay; registrations and the offset of SEQ too."""
    seen = Registration(kind="mme", host="mme.example", realm="example", plmn="00101", rat=1004)
    found = []
    for name, limit in (("exchanged.db", 0), ("direct.db", 100)):
        monkeypatch.setattr(staging, "AT_ONE_GO", 100)
        engine = opened(name)
        load(engine, *map(device, range(20)), keys=1)
        with engine.begin() as connection:
            registrations.put(connection, "001010000000007", seen, None)
            for number in (3, 8, 15):
                cards.move(connection, f"00101{number:010}", 0, 77)
        monkeypatch.setattr(staging, "AT_ONE_GO", limit)
        assert load(engine, *(device(number, msisdn=1) for number in range(5, 20)), *map(device, range(40, 60))) == 35
        whole(engine)
        found.append(content(engine))
    assert found[0] == found[1]
    assert [len(found[0][table]) for table in TREES] == [40, 40, 80, 40, 0, 30]
    assert not Path(str(engine.url.database) + ".import").exists()


class Others:
    """An HSS and its operator, who do one thing in each pause of an import, and never wait for the lock."""

    def __init__(self, engine: Engine, database: str) -> None:
        self.engine = engine
        self._own = sqlite3.connect(database, timeout=0, isolation_level=None)
        self._own.execute("PRAGMA foreign_keys = ON")
        self.seen: list[int] = []
        self.beside: list[int] = []
        """Rows of all twins."""
        self.do: list[Callable[[sqlite3.Connection], object]] = []

    def __call__(self, _seconds: float) -> None:
        self.seen.append(self._own.execute("SELECT count(*) FROM subscriber").fetchone()[0])
        there = self._own.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE 'next%'"
        ).fetchall()
        self.beside.append(sum(self._own.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for (name,) in there))
        self._own.execute("BEGIN IMMEDIATE")  # raises where the lock is not free
        if self.do:
            self.do.pop(0)(self._own)
        self._own.execute("COMMIT")

    def close(self) -> None:
        self._own.close()


@pytest.fixture
def others(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Others]:
    others = Others(engine, str(tmp_path / "hss.db"))
    monkeypatch.setattr(staging, "Exchange", partial(exchange.Exchange, sleep=others))
    yield others
    others.close()


def test_the_lock_is_given_back_after_few_rows_and_nobody_sees_half(engine: Engine, others: Others) -> None:
    load(engine, *map(device, range(20)))
    others.seen.clear()
    others.beside.clear()
    load(engine, *map(device, range(100, 180)))
    assert set(others.seen) == {20, 100}
    assert others.seen == sorted(others.seen)
    steps = [after - before for before, after in pairwise(others.beside)]
    assert max(steps) == ROWS
    assert sum(step for step in steps if step > 0) == 20 * 4 + 10 + 80 * 4 + 40 + 100
    whole(engine)


def test_what_others_change_meanwhile_is_not_lost(engine: Engine, others: Others) -> None:
    """Early and late, of subscribers that the file has and that it has not: as if the file had come after them all."""
    load(engine, *map(device, range(20)), keys=1)

    def node(imsi: int) -> Callable[[sqlite3.Connection], object]:
        row = (f"00101{imsi:010}", "mme", "15559001", "mme.example", "example", True)
        return lambda own: own.execute("INSERT INTO serving_node VALUES (?, ?, ?, ?, ?, ?)", row)

    def sql(text: str) -> Callable[[sqlite3.Connection], object]:
        return lambda own: own.execute(text)

    others.do = [
        *[sql("SELECT 1")] * 10,  # what was before is taken away
        node(3),
        node(12),
        sql("UPDATE card SET seq_offset = 7 WHERE imsi IN ('001010000000004', '001010000000013')"),
        sql("DELETE FROM subscriber WHERE imsi IN ('001010000000005', '001010000000014')"),
        sql("INSERT INTO subscriber VALUES ('001010000000500', '15559999', 1, 0, NULL)"),
        sql("UPDATE subscriber SET msisdn = NULL WHERE imsi = '001010000000002'"),
        sql("UPDATE subscriber SET msisdn = '1555000000002' WHERE imsi = '001010000000001'"),
        *[sql("SELECT 1")] * 25,
        *(node(imsi) for imsi in range(10) if imsi not in (3, 5)),
        sql("UPDATE subscriber SET barred = 1 WHERE imsi IN ('001010000000006', '001010000000016')"),
    ]
    assert load(engine, *map(device, range(10, 30)), keys=1) == 20
    assert others.do == []
    whole(engine)
    found = content(engine)
    assert [row[0][-3:] for row in found["subscriber"]] == [*(f"{n:03}" for n in range(30) if n != 5), "500"]
    assert [row[0][-3:] for row in found["serving_node"]] == [f"{n:03}" for n in range(10) if n != 5]
    assert {row[0][-3:] for row in found["card"] if 7 in row} == {"004", "013"}
    assert {row[0][-3:] for row in found["subscriber"] if row[3]} == {"006"}
    numbers = {row[0][-3:]: row[1] for row in found["subscriber"]}
    assert (numbers["001"], numbers["002"], numbers["500"]) == ("1555000000002", None, "15559999")


def test_nobody_is_lost_when_another_comes_between_looking_and_copying(engine: Engine, tmp_path: Path) -> None:
    """The newcomer's place is inside the part that is to be copied, which its last row must not be pushed out of."""
    load(engine, *map(device, range(0, 100, 10)))
    own = sqlite3.connect(tmp_path / "hss.db", timeout=0, isolation_level=None)
    came: list[str] = []
    looked: list[int] = []

    def come(_connection: Any, _cursor: Any, statement: str, after: Any, *_: Any) -> None:
        if statement.startswith("SELECT imsi FROM (SELECT * FROM subscriber "):
            looked.append(int(after[0]) if after else int(device(0).imsi))
        elif statement == "BEGIN IMMEDIATE" and looked:
            came.append(f"{looked.pop() + 5:015}")
            own.execute("INSERT INTO subscriber VALUES (?, NULL, 1, 0, NULL)", (came[-1],))

    event.listen(engine, "before_cursor_execute", come)
    load(engine, *map(device, range(200, 210)))
    event.remove(engine, "before_cursor_execute", come)
    own.close()
    whole(engine)
    expected = {device(number).imsi for number in (*range(0, 100, 10), *range(200, 210))}
    assert {row[0] for row in content(engine)["subscriber"]} == expected | set(came)
    assert len(came) >= 3


@pytest.mark.parametrize("pause", [12, 40])
def test_who_takes_an_identity_meanwhile_wins_and_nothing_is_left(engine: Engine, others: Others, pause: int) -> None:
    taken = "INSERT INTO subscriber VALUES ('001019999999999', '1555000000103', 1, 0, NULL)"
    others.do = [*[lambda _: None] * pause, lambda own: own.execute(taken)]
    with pytest.raises(ConfigError) as caught:
        load(engine, *map(device, range(100, 130)))
    assert caught.value.lines == ("f.csv:5: msisdn: belongs to another subscriber",)
    whole(engine)
    assert [row[0] for row in content(engine)["subscriber"]] == ["001019999999999"]


def test_a_group_that_takes_a_name_meanwhile_wins(engine: Engine, others: Others) -> None:
    name = device(103).external_ids[0].identifier
    taken = f"INSERT INTO {GROUP.name} (external_id) VALUES ('{name}')"
    others.do = [*[lambda _: None] * 20, lambda own: own.execute(taken)]
    with pytest.raises(ConfigError, match="is the name of a group"):
        load(engine, *map(device, range(100, 110)))
    whole(engine)
    assert content(engine)["subscriber"] == []


def test_what_an_import_that_was_killed_has_left_is_taken_away(
    engine: Engine, others: Others, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed is: nothing was tidied."""
    load(engine, *map(device, range(5)))

    def killed(own: sqlite3.Connection) -> None:
        own.execute("ROLLBACK")
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(exchange.Exchange, "_away", lambda _: None)
        others.do = [*[lambda _: None] * 9, killed]
        with pytest.raises(KeyboardInterrupt):
            load(engine, *map(device, range(100, 120)))
    others.engine.dispose()
    with engine.begin() as connection:
        tables.save(connection, device(7))
        assert connection.exec_driver_sql(f"SELECT count(*) FROM {exchange.CHANGED}").scalar_one() > 0
    assert load(engine, *map(device, range(100, 120))) == 20
    whole(engine)
    assert len(content(engine)["subscriber"]) == 26


def test_one_at_a_time(engine: Engine) -> None:
    database = str(engine.url.database)
    with exchange.alone(database), pytest.raises(ConfigError, match="another import is under way"):
        load(engine, device(1))
    assert load(engine, device(1)) == 1


def test_a_file_with_other_tables_is_left_alone(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP INDEX ix_external_id_imsi")
        connection.exec_driver_sql("CREATE INDEX [of mine] ON external_id (imsi)")
    with pytest.raises(exchange.ExchangeError, match="of mine was not made by this program"):
        load(engine, device(1))
    assert content(engine)["subscriber"] == []
