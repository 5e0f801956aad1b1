"""Imports: all of a file or nothing of it, new subscribers and old ones, every row at fault named."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, func, select

from diameter.errors import ConfigError
from nfs.common.aka import Seal
from nfs.common.cards import Card
from nfs.common.database import database_url, open_engine
from nfs.hss import cards, importing, jsonform, provisioning, registrations, staging, tables
from nfs.hss.groups.tables import GROUP
from nfs.hss.logic import ExternalId, Service, Subscriber, UserId
from nfs.hss.provisioning import Fault, Placed
from nfs.hss.registrations import Registration

SEAL = Seal(bytes(32))
CARD = Card(k=bytes(16), top=bytes(16))


@pytest.fixture
def engine(database: str, tmp_path: Path) -> Iterator[Engine]:
    engine = open_engine(database_url(database, tmp_path), migrations="nfs.hss:migrations", name="hss")
    yield engine
    engine.dispose()


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[Engine]:
    engine = open_engine(database_url("one.db", tmp_path), migrations="nfs.hss:migrations", name="hss")
    yield engine
    engine.dispose()


def rows(start: int, end: int, *, msisdn: int = 0) -> list[Placed | Fault]:
    return [
        Placed(
            number + 2,
            Subscriber(
                imsi=f"00101{number:010}",
                msisdn=f"1555{number + msisdn:09}",
                external_ids=(ExternalId(identifier=f"m{number}@customer.example"),),
                services=frozenset(Service),
                rights=frozenset({("15550001", Service.DEVICE_TRIGGER)}),
                profile="meter",
            ),
            CARD if number % 2 else None,
        )
        for number in range(start, end)
    ]


def load(engine: Engine, records: list[Placed | Fault], progress: Callable[[int, int], None] | None = None) -> int:
    given = importing.Records(records, lambda: SEAL)
    return importing.load(engine, given, "f.csv", *([] if progress is None else [progress]))


def refused(engine: Engine, records: list[Placed | Fault]) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(engine, records)
    return list(caught.value.lines)


def everybody(engine: Engine) -> list[Subscriber]:
    with engine.connect() as connection:
        return list(tables.every(connection))


def subscribers(records: list[Placed | Fault]) -> list[Subscriber]:
    return [each.subscriber for each in records if isinstance(each, Placed)]


def test_new_ones_and_old_ones_in_several_parts(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Registrations and the offset of SEQ are not of the file, and stay; so do keys where the row has none."""
    monkeypatch.setattr(importing, "AT_ONCE", 4)
    many = rows(0, 11)
    assert load(engine, many[5:9]) == 4
    seen = Registration(kind="mme", host="mme.example", realm="example", plmn="00101", rat=1004)
    with engine.begin() as connection:
        cards.move(connection, "001010000000007", 0, 77)
        registrations.put(connection, "001010000000007", seen, None)
        old = Card(k=bytes(range(16)), top=bytes(16))
        cards.save(connection, "001010000000008", old, SEAL)
    done: list[tuple[int, int]] = []
    assert load(engine, many, lambda *step: done.append(step)) == 11
    assert done[-1] == (66, 66)
    assert everybody(engine) == subscribers(many)
    with engine.connect() as connection:
        kept = [cards.find(connection, f"00101000000000{number}", SEAL) for number in (5, 6, 7, 8)]
        assert kept == [CARD, None, Card(k=bytes(16), top=bytes(16), offset=77), old]
        assert registrations.of(connection, "001010000000007") == {"mme": seen}


def test_identities_may_move_on_within_a_file(engine: Engine) -> None:
    load(engine, rows(0, 3))
    load(engine, rows(0, 3, msisdn=1))
    with engine.connect() as connection:
        found = tables.find(connection, UserId(msisdn="1555000000002"))
        assert found is not None
        assert found.imsi == "001010000000001"


def test_what_is_repeated_and_what_is_anothers_is_named_by_line_and_column(engine: Engine) -> None:
    load(engine, rows(50, 52))
    with engine.begin() as connection:
        connection.execute(GROUP.insert(), {"external_id": "m7@customer.example", "local_id": None})
    taken = rows(50, 52)
    records: list[Placed | Fault] = [
        *rows(0, 3),
        Placed(5, Subscriber(imsi="001010000000000")),
        Placed(5, Subscriber(imsi="001010000000000")),
        Placed(6, Subscriber(imsi="001010000000006", msisdn="1555000000001")),
        Fault(7, "sms: yes or no expected"),
        Placed(8, Subscriber(imsi="001010000000060", msisdn="1555000000050")),
        Placed(9, Subscriber(imsi="001010000000061", external_ids=subscribers(taken)[1].external_ids)),
        Placed(10, Subscriber(imsi="001010000000062", external_ids=(ExternalId(identifier="m7@customer.example"),))),
        Placed(11, Subscriber(imsi="001010000000063", external_ids=(ExternalId(identifier="m2@customer.example"),))),
    ]
    assert refused(engine, records) == [
        "f.csv:5: imsi: also at line 2",
        "f.csv:5: imsi: also at line 2",
        "f.csv:6: msisdn: also at line 3",
        "f.csv:7: sms: yes or no expected",
        "f.csv:8: msisdn: belongs to another subscriber",
        "f.csv:9: external_ids: belongs to another subscriber",
        "f.csv:10: external_ids: m7@customer.example is the name of a group",
        "f.csv:11: external_ids: also at line 4",
    ]
    assert everybody(engine) == subscribers(taken)


def test_one_bad_row_at_the_end_and_nothing_is_changed(sqlite: Engine) -> None:
    assert refused(sqlite, [*rows(0, 5000), Fault(5002, "imsi: field required")]) == [
        "f.csv:5002: imsi: field required"
    ]
    with sqlite.connect() as connection:
        assert connection.execute(select(func.count()).select_from(tables.SUBSCRIBER)).scalar() == 0


def test_of_many_faults_a_hundred_are_named_and_the_others_counted(sqlite: Engine) -> None:
    lines = refused(sqlite, [Fault(line, "wrong") for line in range(2, 300)])
    assert (len(lines), lines[0]) == (importing.MOST_FAULTS + 1, "f.csv:2: wrong")
    assert lines[-1] == "f.csv: more is wrong, 198 faults at least"
    assert len(refused(sqlite, [*rows(0, 300), *rows(0, 300)])) == importing.MOST_FAULTS + 1


def test_keys_are_under_seal_before_they_come_to_the_database(sqlite: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even the rows that wait beside the tables have a key."""
    seen: list[Any] = []
    insert = staging.Staging._insert

    def watched(self: staging.Staging, table: Any, values: list[tuple[Any, ...]]) -> None:
        seen.extend(values)
        insert(self, table, values)

    monkeypatch.setattr(staging.Staging, "_insert", watched)
    card = Card(k=b"0123456789abcdef", top=b"fedcba9876543210")
    load(sqlite, [Placed(2, Subscriber(imsi="001010000000001"), card)])
    octets = [value for row in seen for value in row if isinstance(value, bytes)]
    assert len(octets) == 1
    assert b"0123" not in octets[0]
    with sqlite.connect() as connection:
        assert cards.find(connection, "001010000000001", SEAL) == card


def test_who_is_quicker_wins_and_nothing_of_the_file_is_kept(sqlite: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the comparison and the transaction somebody takes a number; the row is named as if it had been there."""
    apply = staging.Staging.apply

    def late(self: staging.Staging, progress: Callable[[int], None]) -> None:
        with sqlite.begin() as connection:
            tables.save(connection, Subscriber(imsi="001019999999999", msisdn="1555000000001"))
        apply(self, progress)

    monkeypatch.setattr(staging.Staging, "apply", late)
    assert refused(sqlite, rows(0, 3)) == ["f.csv:3: msisdn: belongs to another subscriber"]
    assert [each.imsi for each in everybody(sqlite)] == ["001019999999999"]


def test_a_file_is_read_piece_by_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    """However small the pieces, the records are the same; and no more is read than is needed for the next one."""
    monkeypatch.setattr(jsonform, "CHUNK", 7)
    many = subscribers(rows(0, 40))
    for write in (provisioning.write_json, provisioning.write_lines, provisioning.write_csv):
        stream = io.StringIO("".join(write(many)), newline="")
        records = provisioning.records(stream, "f")
        first = next(records)
        assert isinstance(first, Placed)
        assert (first.subscriber, stream.tell() < 1000) == (many[0], True)
        assert [first.subscriber, *subscribers(list(records))] == many


def test_a_value_without_end_is_not_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jsonform, "CHUNK", 16)
    monkeypatch.setattr(jsonform, "MOST", 100)
    for text, place in (('[{"imsi": "' + "1" * 1000, 1), ('{"imsi": "1"}\n{"imsi": "' + "1" * 1000, 2)):
        stream = io.StringIO(text)
        with pytest.raises(ConfigError, match=f"^f:{place}: not JSON: a (value|line) of more than 100 characters"):
            list(provisioning.records(stream, "f"))
        assert stream.tell() < 300
