"""The book: what entered with a transaction is in the files once, whenever the process ends."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, delete, func, insert, select, update
from sqlalchemy.pool import StaticPool

from diameter.errors import ConfigError
from diameter.testing import run
from helpers.inline import InlineReactor, InlineThreads
from nfs.common.charging import book as module
from nfs.common.charging.config import ChargingTable
from nfs.common.charging.events import Event, Kind
from nfs.common.charging.files import CdrFiles
from nfs.common.charging.headers import read_file_header
from nfs.common.charging.reader import records
from nfs.common.charging.service import FULL, Charging, ChargingFull
from nfs.common.charging.standing import Shown
from nfs.common.charging.tables import METADATA, RECORD, STATE
from nfs.common.database import database_url, open_engine
from nfs.common.store import Store

NODE = "sms-sc.example.org"
NOW = 1_795_316_640.0


class Killed(BaseException):
    """The process ends here."""


class Rig:
    """A store that outlives processes, and the charging of one process after the other."""

    def __init__(self, database: str, folder: Path, **table: object) -> None:
        self.folder = folder
        self.said: list[str] = []
        self.clock = InlineReactor()
        self.clock.rightNow = NOW
        if "://" in database:
            self.engine = open_engine(database_url(database, Path()), migrations="nfs.sms_sc:migrations", name="sms-sc")
        else:  # a database in memory, without the time that migrations take
            self.engine = create_engine("sqlite://", poolclass=StaticPool)
            METADATA.create_all(self.engine)
        self.store = Store(self.engine, self.clock, InlineThreads())
        self.table = ChargingTable.model_validate({"folder": folder, "number": "15550000200", **table})
        self.charging = self.process()

    def process(self) -> Charging:
        self.charging = Charging(self.table, NODE, "15550000200", self.store, clock=self.clock, say=self.said.append)
        with self.engine.begin() as connection:
            self.charging.book.begin(connection)
        return self.charging

    def enter(self, *references: int) -> None:
        with self.engine.begin() as connection:
            for reference in references:
                self.charging.enter(connection, event(reference))

    def bring(self) -> None:
        more = True
        while more:
            with self.engine.begin() as connection:
                more = self.charging.book.bring(connection, self.clock.seconds())

    def waiting(self) -> int:
        with self.engine.connect() as connection:
            return connection.execute(select(func.count()).select_from(RECORD)).scalar_one()

    def written(self) -> list[tuple[int, int]]:
        """(localSequenceNumber, reference) of everything in the files, in their order."""
        found = []
        for path in sorted(self.folder.iterdir()):
            octets = path.read_bytes()
            for each in records(octets, read_file_header(octets).header_length, strict=False):
                _, members = each.record()
                found.append(
                    (members["localSequenceNumber"], members["sMDeviceTriggerInformation"]["sMDTReferenceNumber"])
                )
        return found


def event(reference: int) -> Event:
    return Event(kind=Kind.TRIGGER, at=NOW, reference=reference)


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(str(tmp_path / "store.db"), tmp_path / "cdr")
    yield rig
    rig.charging.book.files.leave()
    _ = rig.store.close()


def test_events_are_numbered_in_the_order_in_which_they_were_committed(database: str, tmp_path: Path) -> None:
    rig = Rig(database, tmp_path / "cdr")
    rig.enter(11, 12)
    rig.enter(13)
    rig.bring()
    assert rig.written() == [(1, 11), (2, 12), (3, 13)]
    assert (rig.waiting(), rig.charging.book.waiting, rig.charging.book.figures.records) == (0, 0, 3)
    run(rig.charging.stop(), rig.clock)
    rig.process()
    rig.enter(14)
    rig.bring()
    assert rig.written()[3:] == [(4, 14)]
    run(rig.charging.stop(), rig.clock)
    _ = rig.store.close()


def test_what_is_rolled_back_is_not_charged(rig: Rig) -> None:
    with rig.engine.connect() as connection, connection.begin() as transaction:
        rig.charging.enter(connection, event(1))
        transaction.rollback()
    rig.enter(2)
    rig.bring()
    assert rig.written() == [(1, 2)]


def test_what_is_rolled_back_does_not_wait_for_ever(rig: Rig) -> None:
    """Work that a store does again for somebody else's failure enters its event again."""
    for number in range(3):
        with rig.engine.connect() as connection, connection.begin() as transaction:
            rig.charging.enter(connection, event(number))
            transaction.rollback()
    rig.enter(4)
    rig.bring()  # there is always something, so it never comes to nothing
    assert (rig.waiting(), rig.charging.book.waiting) == (0, 0)


@pytest.mark.parametrize("point", ["before the file", "after the file", "after the rows", "before the commit"])
def test_a_kill_loses_nothing_and_repeats_nothing(rig: Rig, monkeypatch: pytest.MonkeyPatch, point: str) -> None:
    rig.enter(1)
    rig.bring()
    rig.enter(2, 3, 4)
    append, settle = CdrFiles.append, module.Book._settle

    def killed(*args: object, **kwargs: object) -> None:
        if point == "after the file":
            append(*args)  # type: ignore[arg-type]
        elif point == "before the commit":
            settle(*args, **kwargs)  # type: ignore[arg-type]
        raise Killed

    where: tuple[Any, str] = (CdrFiles, "append") if "file" in point else (module.Book, "_settle")
    monkeypatch.setattr(*where, killed)
    with pytest.raises(Killed):
        rig.bring()
    monkeypatch.undo()
    rig.charging.book.files.leave()
    rig.process()
    rig.enter(5)
    rig.bring()
    assert rig.written() == [(1, 1), (2, 2), (3, 3), (4, 4), (5, 5)]
    assert rig.charging.book.figures.passed_over == (0 if point == "before the file" else 3)


@pytest.mark.parametrize("old", [False, True])
def test_a_kill_repeats_nothing_where_the_store_is_new_or_old(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, old: bool
) -> None:
    before = []
    if old:
        rig.enter(1)
        rig.bring()
        before = rig.written()
        with rig.engine.begin() as connection:  # brought back from a copy
            connection.execute(update(STATE).values(number=1 - 1000))
    rig.enter(2, 3)

    def killed(*_: object) -> None:
        append(*_)  # type: ignore[arg-type]
        raise Killed

    append = CdrFiles.append
    monkeypatch.setattr(CdrFiles, "append", killed)
    with pytest.raises(Killed):
        rig.bring()
    monkeypatch.undo()
    rig.charging.book.files.leave()
    rig.process()
    rig.bring()
    first = len(before) + 1
    assert rig.written() == [*before, (first, 2), (first + 1, 3)]


def test_an_event_of_another_release_is_lost_alone(rig: Rig) -> None:
    with rig.engine.begin() as connection:
        for text in (
            '{"kind":"trigger","at":1,"newer":2}',
            '{"at":1}',
            "[]",
            '{"kind":"trigger","at":1,"indicator":9}',
        ):
            connection.execute(insert(RECORD), {"node": NODE, "event": text})
    rig.enter(1)
    rig.bring()
    assert (rig.written(), rig.charging.book.figures.lost) == ([(1, 1)], 4)


def test_the_same_process_goes_on_after_a_transaction_that_failed(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    rig.enter(1, 2)

    def failed(*_: object, **__: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(module.Book, "_settle", failed)
    with pytest.raises(OSError, match="Input/output"):
        rig.bring()
    monkeypatch.undo()
    rig.enter(3)
    rig.bring()
    assert rig.written() == [(1, 1), (2, 2), (3, 3)]


def test_files_are_closed_by_number_of_records_and_none_is_torn_apart(tmp_path: Path) -> None:
    rig = Rig(str(tmp_path / "store.db"), tmp_path / "cdr", rotate_records=3)
    rig.enter(*range(8))
    rig.bring()
    run(rig.charging.stop(), rig.clock)
    headers = [read_file_header(path.read_bytes()) for path in sorted(rig.folder.iterdir())]
    assert [(header.number, header.records, header.closure) for header in headers] == [(1, 3, 3), (2, 3, 3), (3, 2, 0)]
    assert [number for number, _ in rig.written()] == list(range(1, 9))
    _ = rig.store.close()


def test_files_are_closed_by_size(tmp_path: Path) -> None:
    rig = Rig(str(tmp_path / "store.db"), tmp_path / "cdr", rotate_octets=1000)
    rig.enter(*range(100))
    rig.bring()
    sizes = [path.stat().st_size for path in sorted(rig.folder.iterdir())]
    assert len(sizes) > 3
    assert max(sizes) < 1000 + 50  # it is closed once it has reached its size
    run(rig.charging.stop(), rig.clock)
    _ = rig.store.close()


def test_a_store_that_is_new_or_old_does_not_number_anew(rig: Rig) -> None:
    rig.enter(1, 2)
    rig.bring()
    with rig.engine.begin() as connection:
        connection.execute(delete(STATE))
    rig.enter(3)
    rig.bring()
    with rig.engine.begin() as connection:  # brought back from a copy, much older
        connection.execute(update(STATE).values(number=3 - 1000))
    rig.enter(4)
    rig.bring()
    assert rig.written() == [(1, 1), (2, 2), (3, 3), (4, 4)]


def test_what_makes_no_record_is_lost_alone(rig: Rig) -> None:
    with rig.engine.begin() as connection:
        rig.charging.enter(connection, event(1))
        rig.charging.enter(connection, Event(kind=Kind.MO, at=NOW, originator="x" * 70_000, originator_type=5))
        rig.charging.enter(connection, Event(kind=Kind.TRIGGER, at=NOW, msisdn="no number", reference=2))
        rig.charging.enter(connection, event(3))
    rig.bring()
    assert (rig.written(), rig.charging.book.figures.lost) == ([(1, 1), (2, 3)], 2)
    run(rig.charging.stop(), rig.clock)
    (path,) = rig.folder.iterdir()
    assert read_file_header(path.read_bytes()).lost == 2


def test_text_that_is_not_ascii_makes_a_record(rig: Rig) -> None:
    with rig.engine.begin() as connection:
        rig.charging.enter(connection, Event(kind=Kind.MO, at=NOW, originator="Zähler Ω", originator_type=5))
    rig.bring()
    assert rig.charging.book.figures.lost == 0


def test_beyond_what_is_kept_events_are_lost_and_counted(tmp_path: Path) -> None:
    rig = Rig(str(tmp_path / "store.db"), tmp_path / "cdr", waiting=2)
    rig.enter(1, 2, 3)
    rig.charging.check()  # goes on
    assert (rig.waiting(), rig.charging.book.figures.lost, rig.charging.refusing) == (2, 1, False)
    assert shown(rig.charging)[1] == ["charging-full", "charging-lost"]
    rig.charging.renew(rig.table.model_copy(update={"full": "refuse"}))
    with pytest.raises(ChargingFull, match=FULL):
        rig.charging.check()
    rig.bring()
    rig.charging.check()
    rig.charging.renew(None)
    run(rig.charging.stop(), rig.clock)
    _ = rig.store.close()


def test_the_round_brings_events_and_says_what_keeps_it(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    charging, clock = rig.charging, rig.clock
    charging.start(lambda coroutine: run(coroutine, clock))
    assert shown(charging) == ([0], [], [0, 0, 0])
    rig.enter(1)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(CdrFiles, "append", full)
    clock.advance(1)
    clock.advance(2)
    assert rig.said == ["charging records cannot be written: No space left on device"]
    assert charging.trouble == "No space left on device"
    assert (rig.written(), rig.waiting()) == ([], 1)
    assert shown(charging) == ([1], ["charging-held"], [0, 0, 0])
    monkeypatch.undo()
    clock.advance(10)
    assert rig.said[1:] == ["charging records go on"]
    assert rig.written() == [(1, 1)]
    rig.enter(2)
    run(charging.stop(), clock)
    assert rig.written() == [(1, 1), (2, 2)]
    assert [path.suffix for path in rig.folder.iterdir()] == [".cdr"]
    assert not clock.getDelayedCalls()


def shown(charging: Charging | None) -> tuple[list[int], list[str], list[int]]:
    """Lengths of queues, names of alarms, values of counters."""
    found = Shown(charging)
    queues, alarms, counts = found.queues(), found.alarms(), found.counts()
    return [each.length for each in queues], [each.name for each in alarms], [each.value for each in counts]


def test_what_does_not_charge_shows_nothing() -> None:
    assert shown(None) == ([], [], [])


def test_a_stop_on_a_full_disk_leaves_everything_for_the_next_process(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    rig.enter(1)
    monkeypatch.setattr(CdrFiles, "append", full)
    run(rig.charging.stop(), rig.clock)
    monkeypatch.undo()
    assert rig.said == ["charging: No space left on device"]
    rig.process()
    rig.bring()
    assert rig.written() == [(1, 1)]


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "cdr").touch()
    with pytest.raises(ConfigError, match=r"charging\.folder: .*cdr: File exists"):
        Rig(str(tmp_path / "store.db"), tmp_path / "cdr")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / f"{NODE}-00000001.cdr.open").write_bytes(b"x" * 100)
    with pytest.raises(ConfigError, match="move it away"):
        Rig(str(tmp_path / "store.db"), tmp_path / "other")


def test_records_must_go_somewhere() -> None:
    with pytest.raises(ValueError, match="folder"):
        ChargingTable.model_validate({})
    with pytest.raises(ValueError, match="address"):
        ChargingTable.model_validate({"folder": "x", "address": "nowhere"})
